"""How far an exported model's answers are from the Keras model's, on the same photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..analysis import model_outputs, predict
from ..analysis.predict import Predictor
from ..models import untrusted_models
from ..runs import model_registry
from . import parity_photos, runtimes
from .formats import NetworkInput, Parity
from .runtimes import PredictFunction

PHOTOS = 50
"""Validation photos that both are asked about."""
_ACCURACY_PHOTOS = 1000  # photos, at most, whose labels int8 and float are measured by
_RUNTIMES = {"onnx": "onnxruntime"}  # those that the lab does without


def measure_parity(source: Path, kind: str, path: Path) -> Parity:
    """Predict photos with the Keras model and with its export, and compare the probabilities.

    A converter may get a layer wrong without a word, so every export of a model is measured.
    Differences of 1e-6 are rounding, as sums are taken in another order; int8 moves probabilities
    by some hundredths, so its accuracy is counted as well.

    Args:
        source: the run folder or model file that was exported.
        kind: the format, a key of `FORMATS`.
        path: the exported file or folder.
    """
    predictor = predict.load_predictor(source)  # first: it refuses an untrusted model
    loaded = runtimes.load_in_runtime(kind, path)
    if loaded is None:
        return {"missing": _RUNTIMES.get(kind, "")}
    runtime, exported = loaded
    counts = kind == "litert_int8"
    number = _ACCURACY_PHOTOS if counts else PHOTOS
    sample = parity_photos.load_parity_photos(
        source, predictor.classes, predictor.size, "validation", number
    )
    photos = sample.photos
    if counts:  # the same photos as other formats are compared by
        indices = np.unique(np.linspace(0, len(photos) - 1, PHOTOS).round().astype(int))
        few = photos[indices]
    else:
        few = photos
    ours, theirs = predictor.predict(few), _predict_probabilities(predictor, exported, few)
    measurements: Parity = {
        "photos": len(few),
        "dataset": sample.dataset,
        "difference": float(np.abs(ours - theirs).max()),
        "labels": int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()),
        "runtime": runtime,
    }
    if counts and sample.labels is None:
        measurements["accuracy"] = []
    elif counts and sample.labels is not None:
        measurements["counted"] = len(photos)
        measurements["accuracy"] = [
            float((scores.argmax(axis=1) == sample.labels).mean())
            for scores in (
                predictor.predict(photos),
                _predict_probabilities(predictor, exported, photos),
            )
        ]
    return measurements


def describe_network(source: Path, kind: str, path: Path) -> NetworkInput:
    """Return how an exported model is used; arguments as for `measure_parity`.

    Keras's own files go out as they came. Other formats end in probabilities.
    """
    predictor = predict.load_predictor(source)
    version = ""
    if kind == "h5":
        version = untrusted_models.read_model_config(path, path.name).keras_version
    is_logits = model_outputs.OUTPUT_WARNINGS["logits"] in predictor.warnings
    imported = model_registry.find_imported_model(source)
    return {
        "shape": list(predictor.input_shape),
        "gives_scores": is_logits and kind in ("keras", "h5"),
        "is_keras2": imported is not None and version[:2] in ("1.", "2."),
    }


def _predict_probabilities(
    predictor: Predictor, exported: PredictFunction, photos: NDArray[np.uint8]
) -> NDArray[np.float64]:
    parts = [
        exported(predictor.scale_photos(photos[start : start + predictor.batch]))
        for start in range(0, len(photos), predictor.batch)
    ]
    scores = np.concatenate(parts).astype(np.float64)
    return np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores
