"""Write what Keras converts itself: SavedModel, ONNX, LiteRT.

Other runtimes get the model as float32, without training, ending in probabilities.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..analysis import predict
from ..analysis.predict import Predictor
from ..base import files
from . import parity_photos

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
    model, predictor = load_inference_model(source)
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
    model: Any = load_inference_model(source)[0]
    model.export(str(out), format=kind, verbose=False)


def load_inference_model(source: Path) -> tuple[Any, Predictor]:
    """The network to convert, and the predictor that says how it is asked.

    It gives what the predictor gives: scores of a last layer without an activation become
    probabilities inside. Input: (B, S, S, 3) float32, B any.

    Raises:
        ModelError: there is no usable model.
    """
    predictor = predict.load_predictor(source)
    model = _convert_to_float32(predictor.model)
    if predict.gives_raw_scores(model):
        last = "sigmoid" if model.output_shape[-1] == 1 else "softmax"
        model = keras.Sequential([model, keras.layers.Activation(last)])
    # Keras converts to ONNX only what has been called once.
    model(np.zeros((1, predictor.size, predictor.size, 3), np.float32), training=False)
    return model, predictor


def _convert_to_float32(model: Any) -> Any:
    """The same network where it was trained in mixed precision, which other runtimes lack."""
    config = model.get_config()
    if not _replace_mixed_precision(config):
        return model
    plain = type(model).from_config(config)
    plain.set_weights(model.get_weights())
    return plain


def _replace_mixed_precision(config: Any) -> bool:
    """Turn mixed precision into float32 within a configuration; whether there was any."""
    replaced = False
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = value.get("name")
            if set(value) == {"name"} and isinstance(name, str) and name.startswith("mixed_"):
                value["name"] = "float32"
                replaced = True
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return replaced
