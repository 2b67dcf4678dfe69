"""Writers of what Keras converts itself: SavedModel, ONNX, LiteRT."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ..base import files
from . import inference, parity_photos

CALIBRATION_PHOTOS = 100
"""Training photos that tell int8 the range of every layer's values."""


def saved_model(source: Path, out: Path) -> None:
    """Write the folder of a SavedModel, whose endpoint `serve` takes (B, S, S, 3) float32."""
    _export_keras_model(source, out, "tf_saved_model")


def onnx(source: Path, out: Path) -> None:
    """Write an ONNX file."""
    with warnings.catch_warnings():
        # Keras looks for NumPy's old np.object there, on purpose.
        warnings.simplefilter("ignore", FutureWarning)
        _export_keras_model(source, out, "onnx")


def litert(source: Path, out: Path) -> None:
    """Write a LiteRT file in float32."""
    _export_keras_model(source, out, "litert")


def litert_int8(source: Path, out: Path) -> None:
    """Write a LiteRT file whose weights and steps are 8-bit integers.

    Input and output stay float32: it is asked like `litert`, and its answer is one of 256 steps.
    """
    model, predictor = inference.load_inference_model(source)
    photos = parity_photos.load_parity_photos(
        source, predictor.classes, predictor.size, "train", CALIBRATION_PHOTOS
    ).photos
    values = predictor.values(photos)
    with files.temporary_folder("export") as folder:
        model.export(str(folder), format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([value[np.newaxis]] for value in values)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        out.write_bytes(converter.convert())


def _export_keras_model(source: Path, out: Path, kind: str) -> None:
    model: Any = inference.load_inference_model(source)[0]
    model.export(str(out), format=kind, verbose=False)
