"""A run's model as files for elsewhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal, get_args

from . import files, models, predict
from .errors import CatDogError
from .networks import strangers

Format = Literal["keras", "h5"]


def save(model_or_run: Path, kind: Format, out: Path) -> Path:
    """Write a run's best model for elsewhere; `out` may have any extension.

    Args:
        model_or_run: a run folder or a model file.
        kind: "keras" for Keras 3's own archive, "h5" for the notes' HDF5 file.
        out: the file to write or replace.

    Raises:
        ModelError: there is no model yet.
        CatDogError: the format is unknown, or the file cannot be written.
    """
    if kind not in get_args(Format):
        raise CatDogError(
            "There is no export format '{kind}'. Expected one of: {kinds}.",
            kind=kind,
            kinds=", ".join(get_args(Format)),
        )
    source = predict.find(model_or_run)
    if strangers.inspect(source) == f".{kind}":
        files.write_bytes(out, source.read_bytes())
        return out
    model = models.load(source, compiled=True)
    with tempfile.TemporaryDirectory() as folder:
        # Keras chooses the format by the extension, which the user's name need not have.
        made = Path(folder) / f"model.{kind}"
        models.save(model, made, models.about(source))
        files.write_bytes(out, made.read_bytes())
    return out
