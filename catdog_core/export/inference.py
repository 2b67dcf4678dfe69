"""The model as other runtimes get it: float32, without training, ending in probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..analysis import predict
from ..analysis.predict import Predictor


def load_inference_model(source: Path) -> tuple[Any, Predictor]:
    """The network to convert, and the predictor that says how it is asked.

    It gives what the predictor gives: scores of a last layer without an activation become
    probabilities inside. Input: (B, S, S, 3) float32, B any.

    Raises:
        ModelError: there is no usable model.
    """
    predictor = predict.load_predictor(source)
    found = _convert_to_float32(predictor.model)
    if predict.gives_raw_scores(found):
        last = "sigmoid" if found.output_shape[-1] == 1 else "softmax"
        found = keras.Sequential([found, keras.layers.Activation(last)])
    # Keras converts to ONNX only what has been called once.
    found(np.zeros((1, predictor.size, predictor.size, 3), np.float32), training=False)
    return found, predictor


def _convert_to_float32(found: Any) -> Any:
    """The same network where it was trained in mixed precision, which other runtimes lack."""
    config = found.get_config()
    if not _replace_mixed_precision(config):
        return found
    plain = type(found).from_config(config)
    plain.set_weights(found.get_weights())
    return plain


def _replace_mixed_precision(config: Any) -> bool:
    """Turn mixed precision into float32 within a configuration; whether there was any."""
    found = False
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            name = value.get("name")
            if set(value) == {"name"} and isinstance(name, str) and name.startswith("mixed_"):
                value["name"] = "float32"
                found = True
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
    return found
