"""Exported models run as others would run them, to compare their answers with Keras's."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..analysis import model_graph, model_outputs
from ..models import keras_models
from . import web_page

PredictFunction = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Batches (B, S, S, 3) to the model's probabilities, (B, units)."""


def load_in_runtime(kind: str, path: Path) -> tuple[str, PredictFunction] | None:
    """Load a model in its runtime: name and version, and a function; None if not installed.

    Args:
        kind: the format.
        path: the file or folder in that format.
    """
    if kind in ("keras", "h5"):
        return _name_with_version("keras"), _load_keras(path)
    if kind == "saved_model":
        return _name_with_version("tensorflow"), _load_saved_model(path)
    if kind in ("litert", "litert_int8", "web"):
        package = "ai-edge-litert" if _is_installed("ai_edge_litert") else "tensorflow"
        model = web_page.read_model(path) if kind == "web" else path.read_bytes()
        ask = _load_litert(model)
        return _name_with_version(package), _ask_one_by_one(ask) if kind == "web" else ask
    if kind == "onnx" and _is_installed("onnxruntime"):
        return _name_with_version("onnxruntime"), _load_onnx(path)
    return None


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _name_with_version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def _load_keras(path: Path) -> PredictFunction:
    model = keras_models.load_checked_model(path, path.name)
    graph = model_graph.build_model_graph(model, model_graph.photo_size(model))
    kind = model_outputs.find_output_kind(graph, path.name)

    def predict(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = model(batch, training=False)
        return np.asarray(model_outputs.convert_outputs(kind, outputs))

    return predict


def _load_saved_model(path: Path) -> PredictFunction:
    model = tf.saved_model.load(str(path))
    return lambda batch: np.asarray(model.serve(tf.constant(batch)))


def _load_onnx(path: Path) -> PredictFunction:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch})[0])


def _ask_one_by_one(ask: PredictFunction) -> PredictFunction:
    return lambda batch: np.concatenate([ask(photo[np.newaxis]) for photo in batch])


def _load_litert(content: bytes) -> PredictFunction:
    if _is_installed("ai_edge_litert"):
        from ai_edge_litert.interpreter import Interpreter

        model: Any = Interpreter(model_content=content)
    else:
        with warnings.catch_warnings():  # says that a later TensorFlow lacks it
            warnings.simplefilter("ignore", UserWarning)
            model = tf.lite.Interpreter(model_content=content)
    input_index, result = (
        d()[0]["index"] for d in (model.get_input_details, model.get_output_details)
    )

    def predict(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        model.resize_tensor_input(input_index, batch.shape)
        model.allocate_tensors()
        model.set_tensor(input_index, batch)
        model.invoke()
        return np.asarray(model.get_tensor(result))

    return predict
