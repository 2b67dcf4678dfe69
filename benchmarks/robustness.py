"""A robustness curve of 1,000 photos at nine strengths, beside the bare forward passes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from catdog_core.augmentation.photo_changes import CHANGES, ChangeName
from catdog_core.base import library_output
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset

from .measure import console, drawn, table

_PHOTOS = 1000
_SIZES = (64, 150)
_CHANGES: tuple[ChangeName, ...] = ("rotation", "brightness", "noise", "jpeg")
_ROUNDS = 2


def robustness(folder: Path | None) -> None:
    """Time changed photos to answers, decoded before, beside the network alone."""
    library_output.import_tensorflow()
    import keras

    from catdog_core.analysis import predict
    from catdog_core.models import keras_models

    with tempfile.TemporaryDirectory() as directory:
        dataset = datasets.scan_folder(folder or drawn(Path(directory)))
        for size in _SIZES:
            keras.utils.set_random_seed(0)  # weights do not matter for the time it takes
            path = Path(directory) / f"{size}.keras"
            keras_models.save_model(
                keras_models.build_model("notes", size), path, {"classes": list(dataset.classes)}
            )
            _measure_size(size, predict.load_predictor(path), dataset)
    console.print("Target: a ratio of 1.2.\n")


def _measure_size(size: int, predictor: Any, dataset: Dataset) -> None:
    """Let each strength of a curve and one bare pass take turns: a busy moment meets both."""
    from catdog_core.analysis import robustness as measured

    split = "validation" if len(dataset.items("validation")) >= _PHOTOS else None
    subject = measured.make_subject(predictor, dataset)
    start = time.perf_counter()
    photos = measured.load_photos(dataset, split, {predictor.size}, _PHOTOS)[predictor.size][0]
    reading = time.perf_counter() - start
    bare = _compile_bare_pass(predictor, photos)
    bare()
    sheet = table(
        f"notes, {size} px: {len(photos):,} photos at 9 strengths, s",
        *("change", "curve", "forward passes only", "ratio", "lowest", "highest"),
    )
    for change in _CHANGES:
        curve_times, bare_times = [], []
        for _ in range(_ROUNDS):
            curve, alone = 0.0, 0.0
            steps = measured.measure_robustness([subject], dataset, split, change)
            next(steps)  # the curve without any strength
            for _ in CHANGES[change].strengths:
                start = time.perf_counter()
                next(steps)
                middle = time.perf_counter()
                bare()
                curve += middle - start
                alone += time.perf_counter() - middle
            curve_times.append(curve)
            bare_times.append(alone)
        ratios = [a / b for a, b in zip(curve_times, bare_times, strict=True)]
        middles = map(statistics.median, (curve_times, bare_times, ratios))
        numbers = [f"{value:.2f}" for value in (*middles, min(ratios), max(ratios))]
        sheet.add_row(change, *numbers)
    console.print(sheet)
    console.print(f"Reading the photos, once for all models and changes: {reading:.2f} s.")


def _compile_bare_pass(predictor: Any, photos: np.ndarray[Any, Any]) -> Callable[[], None]:
    """Return one pass of the network over photos in memory, and nothing else."""
    import tensorflow as tf

    from catdog_core.models import memory

    forward = tf.function(
        lambda batch: predictor.model(tf.cast(batch, tf.float32), training=False),
        input_signature=[tf.TensorSpec((None, *photos.shape[1:]), tf.uint8)],
    )

    def bare() -> None:
        for start in range(0, len(photos), memory.MAX_BATCH):
            forward(tf.constant(photos[start : start + memory.MAX_BATCH])).numpy()

    return bare
