"""A loaded model's answers: one photo, its heat map, and a pass over 1,000 photos, beside Keras."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catdog_core.base import library_output
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode

from .measure import console, drawn, report, table

_ROUNDS = 40
_PASSES = 3
_PHOTOS = 1000
_SIZES = {"notes": 150, "transfer": 256}
_TARGETS = {"notes": 25, "transfer": 40}


def inference(folder: Path | None) -> None:
    """Time one photo with the model loaded, a heat map, and an evaluation, beside Keras."""
    library_output.import_tensorflow()
    import keras

    from catdog_core.analysis import predict
    from catdog_core.models import keras_models

    with tempfile.TemporaryDirectory() as directory:
        dataset = datasets.scan_folder(folder or drawn(Path(directory)))
        for name, size in _SIZES.items():
            keras.utils.set_random_seed(0)  # weights do not matter for the time it takes
            path = Path(directory) / f"{name}.keras"
            keras_models.save_model(
                keras_models.build_model(name, size), path, {"classes": list(dataset.classes)}
            )
            predictor = predict.load_predictor(path)
            _one_photo(name, predictor, dataset)
            _heat_map(name, predictor, dataset)
            _evaluation(name, predictor, dataset)


def _one_photo(name: str, predictor: Any, dataset: Dataset) -> None:
    """Time a photo's bytes to its probabilities: as the page does it, and as Keras does."""
    import keras

    from catdog_core.analysis import predict

    path = dataset.items()[0].path
    data = path.read_bytes()

    def loaded() -> NDArray[np.float32]:
        photo = keras.utils.load_img(path, target_size=predictor.size)
        return np.asarray(keras.utils.img_to_array(photo)[None], dtype=np.float32)

    rows = _in_turns(
        {
            "this lab": lambda: predict.predict_photos(predictor, [(path.name, data)]),
            "load_img and model(x)": lambda: predictor.model(loaded(), training=False),
            "load_img and model.predict": lambda: predictor.model.predict(loaded(), verbose=0),
        }
    )
    report(f"{name}, {predictor.size[0]} px: predict one photo, model loaded", rows)
    console.print(f"Target: median of {_TARGETS[name]} ms.\n")


def _heat_map(name: str, predictor: Any, dataset: Dataset) -> None:
    """Time a heat map of a fitted photo, beside Grad-CAM as Keras's own example has it."""
    from catdog_core.analysis import gradcam

    photo = decode.decode_and_fit(dataset.items()[0].path.read_bytes(), predictor.size)[None]
    rows = _in_turns(
        {
            "this lab": lambda: gradcam.heat_maps(predictor, photo, 1),
            "Keras example, model built once": _example(predictor, photo),
        }
    )
    report(f"{name}, {predictor.size[0]} px: heat map of one photo", rows)
    console.print("Target: median of 150 ms.\n")


def _example(predictor: Any, photo: NDArray[np.uint8]) -> Callable[[], object]:
    """Return Grad-CAM of a sigmoid unit, step by step as keras.io/examples/vision/grad_cam."""
    import tensorflow as tf

    from catdog_core.analysis import model_graph

    graph = model_graph.build_model_graph(predictor.model, predictor.size)
    assert graph.last_feature_map is not None
    both = graph.submodel([graph.last_feature_map, graph.output_indices[0]])
    batch = tf.constant(photo.astype(np.float32))

    def run() -> object:
        with tf.GradientTape() as tape:
            maps, answer = both(batch, training=False)
            score = answer[:, 0]
        weights = tf.reduce_mean(tape.gradient(score, maps), axis=(0, 1, 2))
        heat = tf.maximum(tf.squeeze(maps[0] @ weights[..., tf.newaxis]), 0)
        heat = tf.image.resize(heat[..., tf.newaxis], predictor.size)
        return (heat / tf.maximum(tf.reduce_max(heat), 1e-9)).numpy()

    return run


def _evaluation(name: str, predictor: Any, dataset: Dataset) -> None:
    """Time files to probabilities for up to 1,000 photos, beside the network alone."""
    import tensorflow as tf

    from catdog_core.analysis import evaluate
    from catdog_core.models import memory

    split = "validation" if len(dataset.items("validation")) >= _PHOTOS else None
    items = dataset.items(split)[:_PHOTOS]
    known = {item.file for item in dataset.items(split)} - {item.file for item in items}
    photos = np.stack(
        [decode.decode_and_fit(item.path.read_bytes(), predictor.size) for item in items]
    )
    forward = tf.function(
        lambda batch: predictor.model(tf.cast(batch, tf.float32), training=False),
        input_signature=[tf.TensorSpec((None, *photos.shape[1:]), tf.uint8)],
    )

    def bare() -> None:
        for start in range(0, len(photos), memory.MAX_BATCH):
            forward(tf.constant(photos[start : start + memory.MAX_BATCH])).numpy()

    match = evaluate.match_dataset(predictor, dataset)
    rows = _in_turns(
        {
            "forward pass only, photos in memory": bare,
            "this lab, from files": lambda: evaluate.predict_split(
                predictor, dataset, match, split, known=known
            ),
            "model.predict, photos in memory": lambda: predictor.model.predict(
                photos.astype(np.float32), batch_size=memory.MAX_BATCH, verbose=0
            ),
        },
        _PASSES,
    )
    middles = {who: statistics.median(times) for who, times in rows.items()}
    first = next(iter(middles.values()))
    title = f"{name}, {predictor.size[0]} px: evaluate {len(items):,} photos"
    sheet = table(title, "s", "median", "fastest", "slowest", "ratio")
    for who, times in rows.items():
        numbers = [f"{value:.2f}" for value in (middles[who], min(times), max(times))]
        sheet.add_row(who, *numbers, f"{middles[who] / first:.2f}")
    console.print(sheet)
    console.print("Target: a ratio of 1.3 for this lab.\n")


def _in_turns(
    peers: Mapping[str, Callable[[], object]], rounds: int = _ROUNDS
) -> dict[str, list[float]]:
    """Return seconds of each call; peers take turns, and the first round is a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + 1):
        for name, run in peers.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return seconds
