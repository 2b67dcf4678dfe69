"""Datasets: photos in class folders, understood, split and remembered, never changed.

A dataset is a record, ``workspace/datasets/<id>/dataset.json``; the photos may lie anywhere, also
read-only. Only the drawn demo set and unpacked archives lie beside their record, in ``photos/``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..base import access, files, trash
from ..base.errors import CatDogError, DatasetError
from ..base.names import unique_name
from . import (
    content_hashes,
    dataset_plan,
    dataset_record,
    edits,
    layout,
    photo_domain,
    synthetic,
)
from .archives import StoredPhotos
from .dataset_plan import DEFAULT_READING, FolderReading
from .dataset_record import DEMO_ID, Dataset, Item, datasets_folder, load_dataset
from .edit_log import (
    edit_photos,
    load_dataset_as_of,
    order_classes,
    refuse_second_test,
    resplit,
    undo_last_edit,
)
from .edits import PhotoEdit
from .label_tables import LabelChoice
from .photo_domain import Domain

__all__ = [
    "DEFAULT_READING",
    "DEMO_ID",
    "Dataset",
    "FolderReading",
    "Item",
    "LabelChoice",
    "PhotoEdit",
    "create_demo",
    "datasets_folder",
    "edit_photos",
    "list_damaged_datasets",
    "list_datasets",
    "load_dataset",
    "load_dataset_as_of",
    "make_demo",
    "open_folder",
    "order_classes",
    "read_folder",
    "recall_reading",
    "register_dataset",
    "remove_dataset",
    "resplit",
    "scan_folder",
    "undo_last_edit",
]

VALIDATION_FRACTION = 0.25
_MAX_NAME = 60  # characters
_RECORD_START = 4096  # bytes
_NAME_IN_RECORD = re.compile(rb'"name":\s*("(?:[^"\\]|\\.)*")')

Progress = Callable[[int, int], None]
make_demo = synthetic.make_demo


def scan_folder(
    folder: Path,
    classes: tuple[str, ...] | None = None,
    seed: int = 0,
    validation_fraction: float = VALIDATION_FRACTION,
    known_digests: content_hashes.KnownDigests | None = None,
    test_fraction: float = 0.0,
    reading: FolderReading = DEFAULT_READING,
) -> Dataset:
    """Read a folder of photos as a dataset, as it is: earlier edits of it are left aside.

    Nothing is written. Where the lab divides the photos, exact copies stay on one side; `resplit`
    keeps photos that are only alike together, too, which takes a look at each.

    Args:
        folder: holds ``train/<class>/`` and ``validation/<class>/``, or ``<class>/`` folders. See
            `layout.detect_layout` for the other layouts.
        classes: class names in label order; by default sorted.
        seed: of the split, where the folder has none.
        validation_fraction: part of each class kept for validation, 0..1, where it has none.
        known_digests: of an earlier scan, used where they hold and brought up to date.
        test_fraction: part of each class kept for a test, 0..1, where the lab divides it.
        reading: a table of labels, and whether odd classes are confirmed. What was chosen when the
            folder was opened still holds where this leaves it open.

    Raises:
        DatasetError: it is no folder, its layout is none of these, or its classes look odd.
    """
    root, plan = layout.plan_folder(Path(folder), reading, classes, recall_reading)
    plan.refuse_odd_classes()
    listed = [file for file, _, _ in plan.rows]
    digests = content_hashes.digest_files(
        root, listed, {} if known_digests is None else known_digests
    )
    if plan.layout != "split" and test_fraction:
        refuse_second_test(plan.rows)
    same = content_hashes.group_copies(listed, digests)
    plan = dataset_plan.split_plan(plan, same, seed, validation_fraction, test_fraction)
    note = plan.note()
    unusable = [*plan.empty, *plan.unreadable]
    if unusable:
        note["unusable"] = unusable
    if plan.unlabeled:
        note["unlabeled"] = [photo.name for photo in plan.unlabeled]
    return Dataset(
        id=folder_dataset_id(root),
        name=files.truncate_for_display(root.name, 60),
        root=root,
        classes=plan.classes,
        source="folder",
        fingerprint=content_hashes.fingerprint_content(plan.rows, plan.folders, digests),
        note=note,
        photos=tuple(plan.rows),
        domain=_detect_domain(root, listed, digests),
    )


def open_folder(folder: Path, reading: FolderReading = DEFAULT_READING) -> Dataset:
    """Read a folder as a dataset and remember it in the workspace; the folder is not changed.

    What was decided about its photos earlier is still in force. The photos of a dataset that lie
    in the workspace are that dataset, and no other.

    Args:
        folder: of photos.
        reading: as for `scan_folder`.

    Raises:
        DatasetError: as `scan_folder`.
    """
    if own := workspace_dataset_id(folder):
        return load_dataset(own)
    access.check_permission("change data")
    folder = Path(folder).absolute()
    # The true root, known after the scan, is nearly always the folder given.
    earlier = content_hashes.read_digests(datasets_folder() / folder_dataset_id(folder))
    dataset = scan_folder(folder, known_digests=earlier, reading=reading)
    with dataset_record.lock_dataset_folder(dataset.id) as record_folder:
        events = dataset_record.read_edit_history(record_folder)
        dataset = replace(dataset, name=_unused_name(dataset.name, dataset.id))
        dataset_record.quarantine_record(record_folder)
        dataset_record.write_dataset_record(record_folder, dataset, events)
        content_hashes.write_digests(record_folder, earlier)
    return dataset_record.apply_edits(dataset, edits.active_edits(events))


def read_folder(
    folder: Path, order: Sequence[str] = (), reading: FolderReading = DEFAULT_READING
) -> Dataset:
    """Read a folder as a dataset, with the edits made of it in this workspace, if any.

    As `open_folder`, but nothing is written.

    Args:
        folder: of photos by class, or a dataset's own in the workspace.
        order: all class names in another order, for this once.
        reading: as for `scan_folder`.

    Raises:
        DatasetError: as `scan_folder`, or `order` is not one of its classes.
    """
    if own := workspace_dataset_id(folder):
        load_dataset(own)  # tells when the photos are gone
        dataset, events = dataset_record.read_dataset_record(datasets_folder() / own)
    else:
        absolute_folder = Path(folder).absolute()
        dataset = scan_folder(
            absolute_folder,
            known_digests=content_hashes.read_digests(
                datasets_folder() / folder_dataset_id(absolute_folder)
            ),
            reading=reading,
        )
        events = dataset_record.read_edit_history(datasets_folder() / dataset.id)
    changes = edits.active_edits(events)
    if order:
        edits.refuse_class_order(order, dataset.classes)
        changes = (*changes, edits.DatasetEdit(time.time(), "", order=tuple(order)))
    return dataset_record.apply_edits(dataset, changes)


def create_demo(progress: Progress | None = None) -> Dataset:
    """Return the demo set of 400 training and 200 validation photos; the first call draws it."""
    with suppress(CatDogError):
        return load_dataset(DEMO_ID)
    return register_dataset(
        DEMO_ID, "Demo", "demo", lambda folder: synthetic.make_demo(folder, progress=progress)
    )


def list_datasets() -> list[Dataset]:
    """List the datasets of the workspace, the newest first; damaged ones are left out."""
    return [
        dataset for dataset in map(_try_load, _record_folders()) if isinstance(dataset, Dataset)
    ]


def list_damaged_datasets() -> list[tuple[str, CatDogError]]:
    """List the records that cannot be used, each with the reason."""
    loaded = ((folder.name, _try_load(folder)) for folder in _record_folders())
    return [(name, error) for name, error in loaded if isinstance(error, CatDogError)]


def remove_dataset(dataset_id: str) -> str:
    """Move a dataset's record to the trash and return the id of its entry there.

    Photos of a user's folder stay where they are; those in the workspace go with the record.
    `runs.remove_unused_dataset` asks first whether a training uses it.

    Raises:
        DatasetError: there is none.
        AccessError: the visitor may not change data.
        CatDogError: it cannot be moved.
    """
    access.check_permission("change data")
    folder = datasets_folder() / dataset_id
    if files.slugify(dataset_id, 80) != dataset_id or not folder.is_dir():
        raise DatasetError(
            "There's no dataset '{id}' to delete. It might already be deleted.",
            id=files.truncate_for_display(dataset_id),
        )
    name = files.read_json_object(folder / "dataset.json").get("name")
    return trash.move_to_trash("dataset", str(name or dataset_id), [folder])


def register_dataset(
    dataset_id: str, name: str, source: str, fill: Callable[[Path], Any]
) -> Dataset:
    """Make a dataset whose photos lie in the workspace; it appears whole or not at all."""
    access.check_permission("change data")
    folder = datasets_folder() / dataset_id
    with files.temporary_beside(folder) as building:
        return _build_dataset(dataset_id, name, source, fill, building)


def _build_dataset(
    dataset_id: str, name: str, source: str, fill: Callable[[Path], Any], building: Path
) -> Dataset:
    folder = datasets_folder() / dataset_id
    try:
        building.mkdir(parents=True)
        stored = fill(building / "photos")
        if isinstance(stored, StoredPhotos):
            dataset, known = _dataset_from_stored(stored, building / "photos"), stored.digests
        else:
            dataset, known = _dataset_from_folder(building / "photos", name)
        name = _unused_name(name, dataset_id)
        dataset = replace(dataset, id=dataset_id, name=name, root=folder / "photos", source=source)
        dataset_record.write_dataset_record(building, dataset, [])
        content_hashes.write_digests(building, known)
        if folder.exists():  # a record that cannot be used, perhaps of a newer program
            trash.move_to_trash("dataset", name, [folder])
        os.replace(building, folder)
    except OSError as error:
        raise DatasetError(
            "The dataset couldn't be saved: {reason}. Free some disk space, or move the workspace "
            "with CATDOG_WORKSPACE, then try again.",
            reason=error.strerror or str(error),
        ) from error
    return dataset


def _unused_name(name: str, dataset_id: str) -> str:
    """The name of a dataset: what its record has, or a new one, with a number where it is taken."""
    names = {path.name: _stored_name(path) for path in _record_folders()}
    own = names.pop(dataset_id, "") or name
    return unique_name(own, names.values(), _MAX_NAME)


def _stored_name(folder: Path) -> str:
    """The name in a record, empty where there is none. It stands before the list of photos."""
    try:
        with files.open_regular(folder / "dataset.json") as file:
            found = _NAME_IN_RECORD.search(file.read(_RECORD_START))
        return str(json.loads(found[1])) if found else ""
    except (OSError, ValueError):
        return ""


def _dataset_from_stored(stored: StoredPhotos, folder: Path) -> Dataset:
    """The dataset of photos that were stored by a plan, which is not understood a second time."""
    inner = [
        (PurePosixPath(file).relative_to(stored.root).as_posix(), label, split)
        for file, label, split in stored.photos
    ]
    digests = [stored.digests[file][2] for file, _, _ in stored.photos]
    note = stored.plan.note()
    if stored.unlabeled:
        note["unlabeled"] = stored.unlabeled
    if stored.groups:
        note["groups"] = stored.groups
    return Dataset(
        id="",
        name="",
        root=Path(),
        classes=stored.plan.classes,
        source="",
        fingerprint=content_hashes.fingerprint_content(inner, stored.classes, digests),
        note=note,
        photos=tuple(stored.photos),
        names=stored.names,
        domain=_detect_domain(folder, [file for file, _, _ in stored.photos], digests),
    )


def _detect_domain(root: Path, names: Sequence[str], digests: Sequence[str]) -> Domain:
    return photo_domain.detect_domain(root, names, digests, datasets_folder() / DEMO_ID)


def _dataset_from_folder(folder: Path, name: str) -> tuple[Dataset, content_hashes.KnownDigests]:
    """The dataset of a folder of the lab's own making, with files named from that folder."""
    known: content_hashes.KnownDigests = {}
    try:
        dataset = scan_folder(folder, known_digests=known)
    except DatasetError as error:  # it names the folder as it is here, not as the user knows it
        params = {k: name if str(v) == "photos" else v for k, v in error.params.items()}
        raise DatasetError(error.message, **params) from error
    inside = dataset.root.relative_to(folder.resolve())
    photos = tuple(((inside / f).as_posix(), label, part) for f, label, part in dataset.photos)
    return replace(dataset, photos=photos), {(inside / f).as_posix(): known[f] for f in known}


def _record_folders() -> list[Path]:
    if not datasets_folder().is_dir():
        return []
    folders = [
        path for path in datasets_folder().iterdir() if path.is_dir() and path.name[0] != "."
    ]
    return sorted(folders, key=lambda path: (-_record_mtime(path), path.name))


def _record_mtime(folder: Path) -> float:
    # Caches beside the record come and go; only the record tells when a dataset was touched.
    with suppress(OSError):
        return (folder / "dataset.json").stat().st_mtime
    return 0.0


def _try_load(folder: Path) -> Dataset | CatDogError:
    try:
        return load_dataset(folder.name)
    except CatDogError as error:
        return error


def workspace_dataset_id(folder: Path) -> str | None:
    """Return the id of the dataset whose record or photos a folder of the workspace holds."""
    resolved = Path(folder).resolve()
    for path in (resolved, resolved.parent):
        inside = path == resolved or resolved.name == "photos"
        if (
            path.parent == datasets_folder().resolve()
            and inside
            and (path / "dataset.json").is_file()
        ):
            return path.name
    return None


def recall_reading(root: Path) -> FolderReading:
    """Return how the dataset of a folder was read when it was opened; the default if it wasn't."""
    try:
        dataset, _ = dataset_record.read_dataset_record(datasets_folder() / folder_dataset_id(root))
    except CatDogError:
        return DEFAULT_READING
    labels = dataset.note.get("labels")
    return FolderReading(
        None
        if labels is None
        else LabelChoice(Path(labels[0]) if labels[0] else None, *labels[1:]),
        dataset.note.get("confirmed", False),
        classes=dataset.classes,
    )


def folder_dataset_id(folder: Path) -> str:
    """Return the id of a folder's dataset: its name and a digest of where it lies."""
    digest = hashlib.sha256(os.fsencode(str(folder))).hexdigest()
    return f"{files.slugify(folder.name, 24)}-{digest[:8]}"
