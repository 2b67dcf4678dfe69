"""Exported models run as others would run them, to compare their answers with Keras's."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Ask = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Batches (B, S, S, 3) to the model's outputs, (B, units)."""


def opened(kind: str, path: Path) -> tuple[str, Ask] | None:
    """The runtime's name and version, and the model in it; None where it is not installed.

    Args:
        kind: the format.
        path: the file or folder in that format.
    """
    if kind in ("keras", "h5"):
        return _named("keras"), _keras(path)
    if kind == "saved_model":
        return _named("tensorflow"), _saved_model(path)
    if kind in ("litert", "litert_int8") and _is_here("ai_edge_litert"):
        return _named("ai-edge-litert"), _litert(path)
    if kind == "onnx" and _is_here("onnxruntime"):
        return _named("onnxruntime"), _onnx(path)
    return None


def _is_here(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _named(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def _keras(path: Path) -> Ask:
    model = keras.models.load_model(path, compile=False)
    return lambda batch: np.asarray(model(batch, training=False))


def _saved_model(path: Path) -> Ask:
    model = tf.saved_model.load(str(path))
    return lambda batch: np.asarray(model.serve(tf.constant(batch)))


def _onnx(path: Path) -> Ask:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def _litert(path: Path) -> Ask:
    from ai_edge_litert.interpreter import Interpreter

    model: Any = Interpreter(str(path))
    place, result = (d()[0]["index"] for d in (model.get_input_details, model.get_output_details))

    def ask(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        model.resize_tensor_input(place, batch.shape)
        model.allocate_tensors()
        model.set_tensor(place, batch)
        model.invoke()
        return np.asarray(model.get_tensor(result))

    return ask
