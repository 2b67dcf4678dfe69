"""Which photos of a dataset can't be read, so that every count names what it leaves out.

workspace/datasets/<id>/unreadable.json    writer: this module; a cache, safe to delete

A small dataset is checked when it is first counted. A larger one is known after its data check.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..base import files
from ..base.errors import N_, CatDogError
from ..base.messages import Message
from . import photo_scan
from .dataset_record import Dataset, datasets_folder

FORMAT = 1
CHECKED_AT_ONCE = 300
"""Photos of a dataset, at most, that are read when they are counted."""


@dataclass(frozen=True)
class PhotoCount:
    """How many photos there are to learn from, and how many more can't be read."""

    readable: int
    unreadable: int

    def describe(self) -> Message:
        """Return both numbers as a sentence: "30 photos, 1 can't be read"."""
        if not self.unreadable:
            return Message(N_("{n:,} photos"), {"n": self.readable})
        numbers = {"n": self.readable, "left_out": self.unreadable}
        return Message(N_("{n:,} photos, {left_out:,} can't be read"), numbers)


def count_photos(dataset: Dataset, split: str | None = None) -> PhotoCount:
    """Count the photos of a split, or of all of them: those that can be read, and the others."""
    left_out = list_unreadable(dataset)
    names = [item.file for item in dataset.items(split)]
    unreadable = sum(name in left_out for name in names) if left_out else 0
    return PhotoCount(len(names) - unreadable, unreadable)


def count_readable(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return photos by split and class name, as `Dataset.counts`, without those unreadable."""
    counts = dataset.counts()
    left_out = list_unreadable(dataset)
    for item in dataset.items() if left_out else ():
        if item.file in left_out:
            counts[item.split][dataset.classes[item.label]] -= 1
    return counts


def list_unreadable(dataset: Dataset) -> frozenset[str]:
    """Return the photos of a dataset that can't be read, as far as that is known."""
    fingerprint, known = _read_known(dataset)
    if fingerprint == dataset.fingerprint or "subset" in dataset.note:
        return known
    names = [item.file for item in dataset.items()]
    if dataset.source == "demo" or len(names) > CHECKED_AT_ONCE:
        return known.intersection(names)
    seen = photo_scan.scan_photos(dataset.root, names, datasets_folder() / dataset.id)
    return remember_scan(dataset, names, seen)


def remember_scan(
    dataset: Dataset,
    names: Sequence[str],
    seen: Sequence[photo_scan.PhotoInfo | photo_scan.UnusablePhoto],
) -> frozenset[str]:
    """Remember which photos a scan of all of a dataset couldn't read, and return them.

    Args:
        dataset: as it is now.
        names: its photo files.
        seen: what the scan saw of each.
    """
    unreadable = frozenset(
        name
        for name, photo in zip(names, seen, strict=True)
        if isinstance(photo, photo_scan.UnusablePhoto)
    )
    folder = datasets_folder() / dataset.id
    if (folder / "dataset.json").is_file() and "subset" not in dataset.note:
        content = {"fingerprint": dataset.fingerprint, "files": sorted(unreadable)}
        with suppress(CatDogError):  # a full disk costs the cache, not the answer
            files.write_json(folder / "unreadable.json", {"format": FORMAT, **content})
    return unreadable


def _read_known(dataset: Dataset) -> tuple[str, frozenset[str]]:
    """The fingerprint of the dataset that was scanned last, and what couldn't be read of it."""
    path = datasets_folder() / dataset.id / "unreadable.json"
    with suppress(CatDogError, OSError):
        if path.is_file():
            content = files.read_json_object(path)
            return str(content.get("fingerprint")), frozenset(map(str, content.get("files", ())))
    return "", frozenset()
