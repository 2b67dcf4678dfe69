"""Datasets: photos in class folders, understood, split and remembered, never changed.

A dataset is a record, ``workspace/datasets/<id>/dataset.json``; the photos may lie anywhere, also
read-only. Only the drawn demo set and unpacked archives lie beside their record, in ``photos/``.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from . import contents, demo, files, layout
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

    `classes` gives the label numbers: the first is 0. `source` is "demo", "folder", or
    what it was imported from: "zip", "tar", "photos", "download", "tfds",
    "tfrecord".
    `fingerprint` names the content: other photos, labels or split give another one. `note` tells
    what was understood: "layout" is "split" (folders for train and validation), "seeded" (the lab
    divided them) or "train-divided" (it divided the train folder), "split" the seed and fraction
    it did so by, "ignored" counts other files, "warnings" are (message, params) pairs.
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
        return list(self._items if split is None else self._of_split.get(split, ()))

    @cached_property
    def _items(self) -> list[Item]:
        return [Item(self.root / file, file, label, split) for file, label, split in self.photos]

    @cached_property
    def _of_split(self) -> dict[str, list[Item]]:
        found: dict[str, list[Item]] = {}
        for item in self._items:
            found.setdefault(item.split, []).append(item)
        return found

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
    known: contents.Known | None = None,
) -> Dataset:
    """Understand a folder of photos. Nothing is written.

    Args:
        folder: holds ``train/<class>/`` and ``validation/<class>/``, or ``<class>/`` folders.
        classes: class names in label order; by default sorted.
        seed: of the split, where the folder has none.
        validation_fraction: part of each class kept for validation, 0..1, where it has none.
        known: digests from an earlier look, used where they hold and brought up to date.

    Raises:
        DatasetError: it is no folder, or its layout is none of these.
    """
    root, found, note = layout.understand(Path(folder), classes, seed, validation_fraction)
    names = note.pop("classes")
    return Dataset(
        id=_folder_id(root),
        name=files.shown(root.name, 60),
        root=root,
        classes=tuple(files.shown(name, 100) for name in names),
        source="folder",
        fingerprint=contents.fingerprint(root, found, names, known if known is not None else {}),
        note=note,
        photos=tuple(found),
    )


def open_folder(folder: Path) -> Dataset:
    """Understand a folder and remember it in the workspace; the folder itself stays untouched."""
    # The true root, known after the scan, is nearly always the folder given.
    earlier = contents.read(root() / _folder_id(Path(folder).absolute()))
    dataset = scan(folder, known=earlier)
    _write_record(root() / dataset.id, dataset)
    contents.write(root() / dataset.id, earlier)
    return dataset


def create_demo(progress: Progress | None = None) -> Dataset:
    """The drawn demo set of 400 training and 200 validation photos, drawn at the first call."""
    with suppress(CatDogError):
        return load(DEMO_ID)
    return adopt(DEMO_ID, "Demo", "demo", lambda folder: demo.make_demo(folder, progress=progress))


def listing() -> list[Dataset]:
    """The datasets of the workspace, the newest first; damaged ones are left out."""
    return [dataset for dataset in map(_try_load, _records()) if isinstance(dataset, Dataset)]


def damaged() -> list[tuple[str, CatDogError]]:
    """The records that cannot be used, each with the reason."""
    found = ((folder.name, _try_load(folder)) for folder in _records())
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
    """Move a dataset's record to the trash; photos of a user's folder stay where they are.

    What the cache holds of it goes, unless a training uses it or may go on with it.
    """
    folder = root() / dataset_id
    if files.slug(dataset_id, 80) != dataset_id or not folder.is_dir():
        raise DatasetError("There is no dataset '{id}' to delete.", id=files.shown(dataset_id))
    target = files.workspace() / "trash" / f"{dataset_id}-{uuid4().hex[:6]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, target)
    from . import cache  # it asks this room which datasets there are

    cache.sweep()
    return target


def root() -> Path:
    """Where the records of this workspace lie."""
    return files.workspace() / "datasets"


def adopt(dataset_id: str, name: str, source: str, fill: Callable[[Path], Any]) -> Dataset:
    """Make a dataset whose photos lie in the workspace; it appears whole or not at all."""
    folder, building = root() / dataset_id, root() / f".{dataset_id}-{uuid4().hex[:6]}"
    try:
        building.mkdir(parents=True)
        notes = fill(building / "photos") or {}
        names = notes.get("names", {})
        found = _scan_under_true_names(building / "photos", {"photos": name, **names})
        inside = found.root.relative_to(building / "photos")
        dataset = replace(
            found,
            id=dataset_id,
            name=name,
            root=folder / "photos",
            classes=tuple(names.get(c, c) for c in found.classes),
            source=source,
            note={
                **found.note,
                "ignored": found.note["ignored"] + notes.get("ignored", 0),
                "warnings": found.note["warnings"] + notes.get("warnings", []),
            },
            photos=tuple(((inside / f).as_posix(), label, part) for f, label, part in found.photos),
        )
        _write_record(building, dataset)
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


def _scan_under_true_names(folder: Path, names: dict[str, str]) -> Dataset:
    try:
        return scan(folder)
    except DatasetError as error:  # it names folders as they lie here, not as the user knows them
        params = {key: names.get(str(value), value) for key, value in error.params.items()}
        raise DatasetError(error.message, **params) from error


def _record(dataset: Dataset) -> dict[str, Any]:
    inside = dataset.source != "folder"
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
        "exclusions": [],
        "relabels": {},
        "subset": None,
        "photos": [list(photo) for photo in dataset.photos],
    }


def _write_record(folder: Path, dataset: Dataset) -> None:
    # Escaped, since a file's name may hold bytes that are no UTF-8; compact, since often read.
    text = json.dumps(_record(dataset), separators=(",", ":"))
    files.write_bytes(folder / "dataset.json", text.encode())


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


def _folder_id(folder: Path) -> str:
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return f"{files.slug(folder.name, 24)}-{digest[:8]}"
