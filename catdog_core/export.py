"""Runs and models as files for elsewhere. Light; what writes them is imported when it is asked."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

from . import files
from .errors import CatDogError
from .exports import formats
from .exports.exporter import Exporter
from .exports.formats import FORMATS

__all__ = ["FORMATS", "Exporter", "save"]


def save(model_or_run: Path, kind: str, out: Path) -> Path:
    """Write a run, or its best model, for elsewhere; `out` may have any extension.

    Args:
        model_or_run: a run folder, a model file, or "default".
        kind: a key of `FORMATS`.
        out: the file to write or replace; for a format that is a folder, a new or empty one.

    Raises:
        ModelError: there is no model yet.
        CatDogError: the format is unknown, needs a package, or the file cannot be written.
    """
    exporter = formats.of(kind)
    out = Path(out)
    with tempfile.TemporaryDirectory() as folder:
        # Converters choose the format by the extension, which the user's name need not have.
        made = Path(folder) / ("model" if exporter.is_folder else f"model{exporter.extension}")
        exporter.write(Path(model_or_run), made)
        if exporter.is_folder:
            _place_folder(made, out)
        else:
            with files.replacing(out) as temporary:
                shutil.copyfile(made, temporary)
    return out


def _place_folder(made: Path, out: Path) -> None:
    if files.is_taken(out):
        raise CatDogError(
            "{path} already holds something. Expected a new or empty folder. Name another.",
            path=out,
        )
    try:
        beside = out.with_name(f".{out.name[:40]}-{uuid4().hex[:8]}")
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copytree(made, beside)
            if out.exists():
                out.rmdir()  # an empty one
            os.replace(beside, out)
        finally:
            files.remove_tree(beside)
    except OSError as error:
        raise CatDogError(
            "{path} could not be written: {reason}. Earlier files are intact. Free some disk space"
            " or choose a folder you may write to, then try again.",
            path=out,
            reason=error.strerror or str(error),
        ) from error
