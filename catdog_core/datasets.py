"""Datasets: photos in class folders, understood, split and remembered, never changed.

A dataset is a record, ``workspace/datasets/<id>/dataset.json``; the photos may lie anywhere, also
read-only. Only the drawn demo set and unpacked archives lie beside their record, in ``photos/``.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from . import archives, demo, files, layout
from .errors import CatDogError, DatasetError

FORMAT = 1
VALIDATION_FRACTION = 0.25
DEMO_ID = "demo"

Progress = Callable[[int, int], None]
make_demo = demo.make_demo


@dataclass(frozen=True)
class Item:
    """One photo: where it lies, its name within the dataset, label number and split."""

    path: Path
    file: str
    label: int
    split: str


@dataclass(frozen=True)
class Dataset:
    """Photos with labels and a split.

    `classes` gives the label numbers: the first is 0. `source` is "demo", "folder" or "zip".
    `fingerprint` names the content: other photos, labels or split give another one. `note` tells
    what was understood: "layout" is "split" (folders for train and validation) or "seeded" (the
    lab divided them), "ignored" counts other files, "warnings" are (message, params) pairs.
    """

    id: str
    name: str
    root: Path
    classes: tuple[str, ...]
    source: str
    fingerprint: str
    note: dict[str, Any] = field(default_factory=dict)
    photos: tuple[tuple[str, int, str], ...] = ()

    def items(self, split: str | None = None) -> list[Item]:
        """The photos of a split, or all of them, in the order of their names."""
        return [
            Item(self.root / file, file, label, part)
            for file, label, part in self.photos
            if split is None or part == split
        ]

    def counts(self) -> dict[str, dict[str, int]]:
        """Photos by split and class name; splits without photos are left out."""
        found: dict[str, dict[str, int]] = {}
        for _, label, split in self.photos:
            row = found.setdefault(split, dict.fromkeys(self.classes, 0))
            row[self.classes[label]] += 1
        return {split: found[split] for split in layout.SPLITS if split in found}


def scan(
    folder: Path,
    classes: tuple[str, ...] | None = None,
    seed: int = 0,
    validation_fraction: float = VALIDATION_FRACTION,
) -> Dataset:
    """Understand a folder of photos. Nothing is written.

    Args:
        folder: holds ``train/<class>/`` and ``validation/<class>/``, or ``<class>/`` folders.
        classes: class names in label order; by default sorted.
        seed: of the split, where the folder has none.
        validation_fraction: part of each class kept for validation, 0..1, where it has none.

    Raises:
        DatasetError: it is no folder, or its layout is none of these.
    """
    root, found, note = layout.understand(Path(folder), classes, seed, validation_fraction)
    names = note.pop("classes")
    return Dataset(
        id=f"{files.slug(root.name, 24)}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}",
        name=root.name,
        root=root,
        classes=tuple(names),
        source="folder",
        fingerprint=_fingerprint(root, found, names),
        note=note,
        photos=tuple(found),
    )


def open_folder(folder: Path) -> Dataset:
    """Understand a folder and remember it in the workspace; the folder itself stays untouched."""
    dataset = scan(folder)
    _remember(dataset)
    return dataset


def create_demo(progress: Progress | None = None) -> Dataset:
    """The drawn demo set of 400 training and 200 validation photos, drawn at the first call."""
    with suppress(CatDogError):
        return load(DEMO_ID)
    return _adopt(DEMO_ID, "Demo", "demo", lambda folder: demo.make_demo(folder, progress=progress))


def import_zip(file: IO[bytes] | Path, name: str, progress: Progress | None = None) -> Dataset:
    """Unpack a zip of photos into the workspace and remember it.

    Args:
        file: the archive.
        name: its file name, shown and made part of the dataset's id; never used as a path.
        progress: called with (bytes done, bytes in all).

    Raises:
        DatasetError: unsafe, damaged, too large, or no dataset inside.
    """
    title = files.shown(Path(name.replace("\\", "/")).stem or "zip", 60)
    dataset_id = f"{files.slug(title, 24)}-{uuid4().hex[:8]}"
    return _adopt(
        dataset_id, title, "zip", lambda folder: archives.unpack(file, folder, progress=progress)
    )


def listing() -> list[Dataset]:
    """The datasets of the workspace, the newest first; damaged ones are left out."""
    return [dataset for dataset in map(_try_load, _records()) if isinstance(dataset, Dataset)]


def damaged() -> list[tuple[str, CatDogError]]:
    """The records that cannot be used, each with the reason."""
    found = [(folder.name, _try_load(folder)) for folder in _records()]
    return [(name, error) for name, error in found if isinstance(error, CatDogError)]


def load(dataset_id: str) -> Dataset:
    """Read a dataset's record.

    Raises:
        DatasetError: there is none, it is damaged, or its photos are gone.
    """
    folder = root() / dataset_id
    if files.slug(dataset_id, 80) != dataset_id or not (folder / "dataset.json").is_file():
        raise DatasetError(
            "There is no dataset '{id}'. Expected one of the workspace. Choose or make one on the"
            " Data page.",
            id=files.shown(dataset_id),
        )
    record = files.read_json(folder / "dataset.json")
    try:
        place = folder / "photos" if record["root"] is None else Path(record["root"])
        dataset = Dataset(
            id=dataset_id,
            name=str(record["name"]),
            root=place,
            classes=tuple(map(str, record["classes"])),
            source=str(record["source"]),
            fingerprint=str(record["fingerprint"]),
            note=dict(record["note"]),
            photos=tuple((str(f), int(label), str(s)) for f, label, s in record["photos"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            "The record of dataset '{id}' is damaged. Delete the dataset and add it again; its"
            " photos are not touched.",
            id=dataset_id,
        ) from error
    if not place.is_dir():
        raise DatasetError(
            "The photos of '{name}' are gone from {folder}. Put them back, or delete the dataset.",
            name=dataset.name,
            folder=place,
        )
    return dataset


def remove(dataset_id: str) -> Path:
    """Move a dataset's record to the trash; photos of a user's folder stay where they are."""
    folder = root() / dataset_id
    if files.slug(dataset_id, 80) != dataset_id or not folder.is_dir():
        raise DatasetError("There is no dataset '{id}' to delete.", id=files.shown(dataset_id))
    target = files.workspace() / "trash" / f"{dataset_id}-{uuid4().hex[:6]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, target)
    return target


def root() -> Path:
    """Where the records of this workspace lie."""
    return files.workspace() / "datasets"


def _adopt(dataset_id: str, name: str, source: str, fill: Callable[[Path], Any]) -> Dataset:
    """Make a dataset whose photos lie in the workspace; it appears whole or not at all."""
    folder = root() / dataset_id
    building = root() / f".{dataset_id}-{uuid4().hex[:6]}"
    try:
        building.mkdir(parents=True)
        notes = fill(building / "photos") or {}
        found = scan(building / "photos")
        inside = found.root.relative_to(building / "photos").as_posix()
        photos = [
            (f if inside == "." else f"{inside}/{f}", label, split)
            for f, label, split in found.photos
        ]
        names = notes.get("names", {})
        dataset = Dataset(
            id=dataset_id,
            name=name,
            root=folder / "photos",
            classes=tuple(names.get(c, c) for c in found.classes),
            source=source,
            fingerprint=found.fingerprint,
            note={**found.note, "warnings": found.note["warnings"] + notes.get("warnings", [])},
            photos=tuple(photos),
        )
        files.write_json(building / "dataset.json", _record(dataset))
        files.remove_tree(folder)
        os.replace(building, folder)
    except OSError as error:
        raise DatasetError(
            "The dataset could not be written: {reason}. Free some disk space, or move the"
            " workspace by CATDOG_WORKSPACE, then try again.",
            reason=error.strerror or str(error),
        ) from error
    finally:
        files.remove_tree(building)
    return dataset


def _record(dataset: Dataset) -> dict[str, Any]:
    inside = dataset.source in ("demo", "zip")
    return {
        "format": FORMAT,
        "id": dataset.id,
        "name": dataset.name,
        "source": dataset.source,
        "created": time.time(),
        "root": None if inside else str(dataset.root),
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
        "note": dataset.note,
        "photos": [list(photo) for photo in dataset.photos],
    }


def _remember(dataset: Dataset) -> None:
    files.write_json(root() / dataset.id / "dataset.json", _record(dataset))


def _records() -> list[Path]:
    if not root().is_dir():
        return []
    folders = [path for path in root().iterdir() if path.is_dir() and path.name[0] != "."]
    return sorted(folders, key=lambda path: (-path.stat().st_mtime, path.name))


def _try_load(folder: Path) -> Dataset | CatDogError:
    try:
        return load(folder.name)
    except CatDogError as error:
        return error


def _fingerprint(root: Path, photos: list[tuple[str, int, str]], classes: list[str]) -> str:
    def digest(file: str) -> bytes:
        try:
            data = (root / file).read_bytes()
        except OSError:
            data = b"unreadable"
        return hashlib.blake2b(data, digest_size=16).digest()

    total = hashlib.blake2b("\0".join(classes).encode(), digest_size=20)
    with ThreadPoolExecutor(2) as pool:
        contents = pool.map(digest, (file for file, _, _ in photos))
        for (file, label, split), content in zip(photos, contents, strict=True):
            total.update(f"{file}\0{label}\0{split}\0".encode("utf-8", "surrogateescape") + content)
    return total.hexdigest()
