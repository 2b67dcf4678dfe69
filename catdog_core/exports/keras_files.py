"""Keras's own two files: the archive of Keras 3, and the notes' HDF5."""

from __future__ import annotations

from pathlib import Path

from .. import files, models
from ..insight import model_file
from ..networks import strangers


def keras(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as a `.keras` archive."""
    _write(source, out, ".keras")


def h5(source: Path, out: Path) -> None:
    """Write a run's best model, or a model file, as an `.h5` file."""
    _write(source, out, ".h5")


def _write(source: Path, out: Path, kind: str) -> None:
    path = model_file.find(source)
    if strangers.inspect(path) == kind:
        files.write_bytes(out, path.read_bytes())
    else:
        models.save(models.load(path, compiled=True), out, models.about(path))
