"""Which dataset a folder is: one of the workspace's own, or named by where it lies. Light."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .. import files
from .dataset_record import root
from .places import Place, Remote


def own(folder: Place) -> str | None:
    """The dataset whose record or photos a folder of the workspace holds."""
    if isinstance(folder, Remote):
        return None
    place = Path(folder).resolve()
    for path in (place, place.parent):
        inside = path == place or place.name == "photos"
        if path.parent == root().resolve() and inside and (path / "dataset.json").is_file():
            return path.name
    return None


def absolute(folder: Place) -> Place:
    """A folder by its whole path; one elsewhere as it is."""
    return folder if isinstance(folder, Remote) else Path(folder).absolute()


def of(folder: Place) -> str:
    """The id of a folder's dataset: its name and a digest of where it lies."""
    digest = hashlib.sha256(os.fsencode(str(folder))).hexdigest()
    return f"{files.slug(folder.name, 24)}-{digest[:8]}"
