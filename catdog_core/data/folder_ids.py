"""Which dataset a folder is: one of the workspace's own, or named by where it lies. Light."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..base import files
from .dataset_record import datasets_folder


def workspace_dataset_id(folder: Path) -> str | None:
    """The dataset whose record or photos a folder of the workspace holds."""
    place = Path(folder).resolve()
    for path in (place, place.parent):
        inside = path == place or place.name == "photos"
        if (
            path.parent == datasets_folder().resolve()
            and inside
            and (path / "dataset.json").is_file()
        ):
            return path.name
    return None


def folder_dataset_id(folder: Path) -> str:
    """The id of a folder's dataset: its name and a digest of where it lies."""
    digest = hashlib.sha256(os.fsencode(str(folder))).hexdigest()
    return f"{files.slugify(folder.name, 24)}-{digest[:8]}"
