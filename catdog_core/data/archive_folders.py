"""Decide in which folder the entries of an inner archive are, by its name and what it holds.

kaggle.zip   train.zip (train/cat.0.jpg), test1.zip (test1/1.jpg)     train/…, test1/…
two zips     cats.zip (1.jpg), dogs.zip (images/1.jpg)                cats/1.jpg, dogs/images/1.jpg
two parts    pets-001.zip (cats/, dogs/), pets-002.zip (cats/, dogs/) cats/…, dogs/…
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ..imaging import photo_formats
from . import class_names, folder_names

_COPY_NUMBER = re.compile(r"\s*\([0-9]+\)$")  # browsers add it to a second download
_DRIVE_PART = re.compile(r"-[0-9]{8}T[0-9]{6}Z(-[0-9]+)*$")  # Google Drive adds it to each part
_SUFFIX = re.compile(r"(\.tar)?\.[a-z0-9]+$", re.IGNORECASE)


@dataclass
class InnerArchive:
    """An archive within another, or beside others: its path there, and where its photos are.

    `tops` are the outermost folders of its photos, each with whether photos are directly in it.
    `is_loose` tells whether photos are in no folder.
    """

    path: PurePosixPath
    tops: dict[str, bool] = field(default_factory=dict)
    is_loose: bool = False

    def add(self, path: PurePosixPath) -> None:
        """Take note of a file in it."""
        if not photo_formats.is_photo_name(path):
            return
        if len(path.parts) == 1:
            self.is_loose = True
        else:
            key = class_names.class_key(path.parts[0])
            self.tops[key] = self.tops.get(key, False) or len(path.parts) == 2

    @property
    def title(self) -> str:
        """Its name without the ending, and without what browsers and Google Drive add to it."""
        name = _COPY_NUMBER.sub("", _SUFFIX.sub("", self.path.name))
        return _DRIVE_PART.sub("", name) or self.path.name


def find_folders(archives: Mapping[int, InnerArchive]) -> dict[int, PurePosixPath]:
    """Return the folder in which the entries of each archive are, by its number."""
    shared = Counter((one.path.parent, top) for one in archives.values() for top in one.tops)
    siblings = Counter(one.path.parent for one in archives.values())
    folders = {}
    for number, one in archives.items():
        parent = one.path.parent
        is_shared = any(shared[parent, top] > 1 for top in one.tops)
        stays = _names_the_classes(one, is_shared, siblings[parent], shared)
        folders[number] = parent if stays else parent / one.title
    return folders


def _names_the_classes(
    one: InnerArchive,
    is_shared: bool,
    siblings: int,
    shared: Mapping[tuple[PurePosixPath, str], int],
) -> bool:
    """Whether the folders in an archive say what its photos are, and its own name adds nothing."""
    if one.is_loose or not one.tops:
        return False
    if class_names.class_key(one.title) in one.tops and len(one.tops) == 1:
        return True  # cats.zip (cats/1.jpg)
    if folder_names.split_from_name(one.title):
        return False
    if is_shared and folder_names.split_and_rest(one.title):
        return False  # validation-pets.zip (cats/, dogs/) beside pets.zip (cats/, dogs/)
    if len(one.tops) > 1:
        return is_shared
    ((top, holds_photos),) = one.tops.items()
    if not holds_photos:
        return (
            is_shared  # parts of one folder: pets-001.zip (pets/cats/), pets-002.zip (pets/dogs/)
        )
    # Not of cats.zip (images/1.jpg), dogs.zip (images/1.jpg).
    return shared[one.path.parent, top] < siblings and not folder_names.is_container(top)
