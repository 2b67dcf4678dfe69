"""Keras's own two files: the archive of Keras 3, and the notes' HDF5."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py

from ..base import files
from ..models import keras_models, untrusted_models
from ..runs import model_registry


def keras(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as a `.keras` archive."""
    _write_model(source, out, ".keras")


def h5(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as an `.h5` file."""
    _write_model(source, out, ".h5")


def _write_model(source: Path, out: Path, kind: str) -> None:
    """The model alone: what an optimizer remembers doubles a file and tells of the training."""
    path = model_registry.find_model_file(source)
    if untrusted_models.inspect_model_file(path) == kind and _is_inference_only(path, kind):
        files.write_bytes(out, path.read_bytes())
    else:
        keras_models.save_model(
            keras_models.load_model(path), out, keras_models.read_metadata(path), optimizer=False
        )


def _is_inference_only(path: Path, kind: str) -> bool:
    """Whether a file that was inspected holds nothing of a training."""
    if kind == ".h5":
        with h5py.File(path) as file:
            return "training_config" not in file.attrs and "optimizer_weights" not in file
    with zipfile.ZipFile(path) as archive:
        if set(archive.namelist()) - _MEMBERS:
            return False
        return not json.loads(archive.read("config.json")).get("compile_config")


_MEMBERS = {"config.json", "metadata.json", "model.weights.h5", keras_models.METADATA_MEMBER}
