"""Write a model in each of its formats: Keras's own files, SavedModel, ONNX, LiteRT.

Keras's files go out as they were saved. Other runtimes get the model as float32, without what only
training needs, ending in probabilities.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from ..analysis import model_graph, model_outputs, predict
from ..analysis.predict import Predictor
from ..base import files
from ..base.errors import ModelError
from ..models import keras_models, model_sandbox, untrusted_models
from ..models.keras_models import ModelMetadata
from ..runs import model_registry
from . import keras2_h5, parity_photos

CALIBRATION_PHOTOS = 100
"""Training photos that tell int8 the range of every layer's values."""
_INFERENCE_MEMBERS = {
    "config.json",
    "metadata.json",
    "model.weights.h5",
    keras_models.METADATA_MEMBER,
}
"""What a `.keras` archive holds that answers photos; anything more is of its training."""


def write_keras(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as a `.keras` archive."""
    path = model_registry.find_model_file(source)
    with model_sandbox.checked_model_file(path) as safe:
        config = untrusted_models.read_model_config(safe, path.name)
        is_current = config.translated == config.saved
        is_imported = model_registry.find_imported_model(path.parent) is not None
        is_plain = safe.suffix == ".keras" and not is_imported
        if is_plain and is_current and _is_inference_only(safe):
            files.write_bytes(out, safe.read_bytes())
            return
    _save_inference_model(path, out)


def write_h5(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as an `.h5` file that Keras 2 reads, too."""
    path = model_registry.find_model_file(source)
    is_keras2 = False
    with model_sandbox.checked_model_file(path) as safe:
        if safe.suffix == ".h5":
            version = untrusted_models.read_model_config(safe, path.name).keras_version
            is_keras2 = version.partition(".")[0] in ("1", "2")
            metadata = _read_export_metadata(path)
            is_final = is_keras2 or keras2_h5.is_for_keras2(safe)
            if is_final and _is_inference_only_h5(safe, metadata):
                files.write_bytes(out, safe.read_bytes())
                return
            with files.atomic_replace(out) as temporary:
                _copy_inference_h5(safe, temporary, metadata)
        else:
            _save_inference_model(path, out)
    if not is_keras2:
        keras2_h5.rewrite_for_keras2(out)
        model_sandbox.remember_own_model(out)


def _save_inference_model(path: Path, out: Path) -> None:
    """Save the model alone: an optimizer's state doubles a file and tells of the training."""
    keras_models.save_model(
        keras_models.load_model(path), out, _read_export_metadata(path), optimizer=False
    )


def _read_export_metadata(path: Path) -> ModelMetadata:
    """Return the metadata of a model file, with classes and scale an imported one came with."""
    metadata = keras_models.read_metadata(path)
    imported = model_registry.find_imported_model(path.parent)
    if imported is not None:
        metadata |= {"format": 1, "classes": list(imported.classes), "scale": imported.scale}
        metadata.pop("labels_file", None)  # it doubts the scale, which is known now
    return metadata


def _is_inference_only_h5(path: Path, metadata: ModelMetadata) -> bool:
    """Return whether a checked `.h5` file holds its metadata, and nothing of a training."""
    with h5py.File(path, "r") as file:
        if "training_config" in file.attrs or "optimizer_weights" in file:
            return False
        stored = file.attrs.get(keras_models.METADATA_MEMBER)
        return (json.loads(stored) if stored else {}) == metadata


def _copy_inference_h5(path: Path, out: Path, metadata: ModelMetadata) -> None:
    """Copy an `.h5` file that was checked, without what it holds of a training."""
    with h5py.File(path, "r") as source, h5py.File(out, "w") as target:
        for key in ("model_config", "keras_version", "backend"):
            if key in source.attrs:
                target.attrs[key] = source.attrs[key]
        if metadata:
            target.attrs[keras_models.METADATA_MEMBER] = json.dumps(metadata, ensure_ascii=False)
        _copy_weights(source["model_weights"], target.create_group("model_weights"), set())


def _copy_weights(source: h5py.Group, target: h5py.Group, copied: set[int]) -> None:
    """Copy a group of arrays with the attributes that Keras reads, each group once."""
    copied.add(h5py.h5o.get_info(source.id).addr)
    for key in source.attrs:
        if key.startswith(("layer_names", "weight_names")) or key in ("keras_version", "backend"):
            target.attrs[key] = source.attrs[key]
    for key, item in source.items():
        if isinstance(item, h5py.Dataset):
            target.create_dataset(key, data=item[()])
        elif h5py.h5o.get_info(item.id).addr not in copied:
            _copy_weights(item, target.create_group(key), copied)


def _is_inference_only(path: Path) -> bool:
    """Return whether a `.keras` file that was checked holds nothing of a training."""
    with zipfile.ZipFile(path) as archive:
        if set(archive.namelist()) - _INFERENCE_MEMBERS:
            return False
        return not json.loads(archive.read("config.json")).get("compile_config")


def write_saved_model(source: Path, out: Path) -> None:
    """Write the folder of a SavedModel, whose endpoint `serve` takes (B, S, S, 3) float32."""
    _export_keras_model(source, out, "tf_saved_model")


def write_onnx(source: Path, out: Path) -> None:
    """Write an ONNX file."""
    with warnings.catch_warnings():
        # Keras looks for NumPy's old np.object there, on purpose.
        warnings.simplefilter("ignore", FutureWarning)
        _export_keras_model(source, out, "onnx")


def write_litert(source: Path, out: Path) -> None:
    """Write a LiteRT file in float32."""
    _export_keras_model(source, out, "litert")


def write_litert_for_one(source: Path, out: Path) -> Predictor:
    """Write a LiteRT file that takes one photo at a time; return how it is used.

    Runtimes for browsers need the number of photos to be fixed.
    """
    model, predictor = load_inference_model(source)
    shape = (1, *predictor.input_shape)[: len(model.inputs[0].shape)]  # grey ones may lack a side
    with files.temporary_folder("export") as folder:
        signature = [keras.InputSpec(dtype="float32", shape=shape)]
        model.export(str(folder), format="tf_saved_model", verbose=False, input_signature=signature)
        out.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())
    return predictor


def write_litert_int8(source: Path, out: Path) -> None:
    """Write a LiteRT file whose weights and steps are 8-bit integers.

    Input and output stay float32: photos go in as to `write_litert`, and its answer is one of
    256 steps.
    """
    model, predictor = load_inference_model(source)
    if predictor.input_scale is None:
        raise ModelError(
            "The file doesn't say which input values the model expects, but 8-bit numbers depend "
            "on them. Import it on the Evaluate page and choose them there."
        )
    photos = parity_photos.load_parity_photos(
        source, predictor.classes, predictor.size, "train", CALIBRATION_PHOTOS
    ).photos
    values = predictor.scale_photos(photos)
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
    """Load the network to convert, and the predictor that says how it is used.

    It gives what the predictor gives: outputs that aren't probabilities become some inside.
    Input: (B, H, W, C) float32, B any.

    Raises:
        ModelError: there is no usable model.
    """
    predictor = predict.load_predictor(source)
    model = _convert_to_float32(predictor.model)
    graph = model_graph.build_model_graph(model, predictor.size)
    outputs = model_outputs.convert_outputs(model_outputs.find_output_kind(graph), model.outputs[0])
    if outputs is not model.outputs[0]:
        model = keras.Model(model.inputs[0], outputs)
    # Keras converts to ONNX only what has been called once.
    model(np.zeros((1, *predictor.input_shape), np.float32), training=False)
    return model, predictor


def _convert_to_float32(model: Any) -> Any:
    """Return a network of mixed precision, which other runtimes lack, as float32."""
    config = model.get_config()
    if not _replace_mixed_precision(config):
        return model
    plain = type(model).from_config(config)
    plain.set_weights(model.get_weights())
    return plain


def _replace_mixed_precision(config: Any) -> bool:
    """Replace mixed precision by float32 within a configuration; return whether there was any."""
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
