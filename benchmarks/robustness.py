"""A robustness curve of 1,000 photos at nine strengths, beside the bare forward passes."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from catdog_core.base import library_output
from catdog_core.data import datasets

from .measure import console, drawn, table

_PHOTOS = 1000
_SIZES = {"notes": (150, 64)}
_CHANGES = ("rotation", "brightness", "noise", "jpeg")
_ROUNDS = 3


def robustness(folder: Path | None) -> None:
    """Time changed photos to answers, photos decoded before, beside the network alone."""
    library_output.import_tensorflow()
    import keras
    import tensorflow as tf

    from catdog_core.analysis import predict
    from catdog_core.analysis import robustness as measured
    from catdog_core.models import keras_models, memory

    with tempfile.TemporaryDirectory() as directory:
        dataset = datasets.scan_folder(folder or drawn(Path(directory)))
        split = "validation" if len(dataset.items("validation")) >= _PHOTOS else None
        for name, sizes in _SIZES.items():
            for size in sizes:
                keras.utils.set_random_seed(0)  # weights do not matter for the time it takes
                path = Path(directory) / f"{name}-{size}.keras"
                keras_models.save_model(
                    keras_models.build_model(name, size), path, {"classes": list(dataset.classes)}
                )
                predictor = predict.load_predictor(path)
                subject = measured.make_subject(predictor, dataset)

                def curve(change: str, subject: measured.RobustnessSubject = subject) -> int:
                    for curves in measured.measure_robustness([subject], dataset, split, change):  # type: ignore[arg-type]
                        last = curves
                    return len(last[0]) * len(last[0].strengths)

                start = time.perf_counter()
                count = curve("horizontal_flip") // 2  # reads the photos
                first = time.perf_counter() - start
                photos = np.zeros((count, *predictor.size, 3), np.uint8)
                forward = tf.function(
                    lambda batch, model=predictor.model: model(
                        tf.cast(batch, tf.float32), training=False
                    ),
                    input_signature=[tf.TensorSpec((None, *photos.shape[1:]), tf.uint8)],
                )

                def bare(photos: object = photos, forward: object = forward) -> None:
                    for _ in range(9):
                        for at in range(0, len(photos), memory.MAX_BATCH):  # type: ignore[arg-type]
                            forward(tf.constant(photos[at : at + memory.MAX_BATCH])).numpy()  # type: ignore[operator, index]

                bare()
                seconds: dict[str, list[float]] = {"forward passes only": []}
                seconds |= {change: [] for change in _CHANGES}
                for _ in range(_ROUNDS):
                    for who, times in seconds.items():
                        start = time.perf_counter()
                        bare() if who not in _CHANGES else curve(who)
                        times.append(time.perf_counter() - start)
                middles = {who: statistics.median(times) for who, times in seconds.items()}
                base = middles["forward passes only"]
                title = f"{name}, {size} px: {count:,} photos at 9 strengths"
                sheet = table(title, "s", "median", "fastest", "slowest", "ratio")
                for who, times in seconds.items():
                    numbers = [f"{value:.2f}" for value in (middles[who], min(times), max(times))]
                    sheet.add_row(who, *numbers, f"{middles[who] / base:.2f}")
                console.print(sheet)
                console.print(f"Reading the photos and 2 strengths once: {first:.2f} s.")
    console.print("Target: a ratio of 1.2.\n")
