"""Edit a dataset and undo it: exclusions, labels, class order, splits. Files are never touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..base import access
from ..base.errors import CatDogError, DatasetError
from ..base.files import truncate_for_display
from . import dataset_record, edits, photo_scan
from .dataset_record import Dataset
from .edits import DatasetEdit, EditEvent, PhotoEdit

Progress = Callable[[int, int], None]


def edit_photos(dataset_id: str, chosen: Sequence[PhotoEdit]) -> Dataset:
    """Decide about some photos of a dataset; no file is touched, and `undo_last_edit` takes it
    back.

    Raises:
        DatasetError: there is no such dataset, photo, action, split or class, or a split would be
            left without a class.
    """
    dataset_record.load_dataset(dataset_id)
    with dataset_record.lock_dataset_folder(dataset_id) as folder:
        content, events = dataset_record.read_dataset_record(folder)
        edit = DatasetEdit(time.time(), "", choices=tuple(chosen))
        dataset = dataset_record.apply_edits(content, (*edits.active_edits(events), edit))
        after = edits.renumber_labels(dataset.photos, dataset.classes, content.classes)
        edits.refuse_unusable_edits(chosen, list(content.photos), after, content.classes)
        return append_edit(folder, content, events, edit)


def order_classes(dataset_id: str, names: Sequence[str]) -> Dataset:
    """Set which class has the number 0, which 1 and so on; `undo_last_edit` takes it back.

    By default they count in the order of their names. What a model of two classes tells is the
    probability of number 1. Runs keep the order they were made with, and models know their class
    names, so that neither is mistaken afterwards.

    Args:
        dataset_id: its photos are packed anew for the next training.
        names: all class names, in the order wanted.

    Raises:
        DatasetError: there is no such dataset, or the names are not those of its classes.
    """
    dataset_record.load_dataset(dataset_id)
    with dataset_record.lock_dataset_folder(dataset_id) as folder:
        content, events = dataset_record.read_dataset_record(folder)
        edits.refuse_class_order(names, content.classes)
        return append_edit(
            folder, content, events, DatasetEdit(time.time(), "", order=tuple(names))
        )


def resplit(
    dataset_id: str,
    seed: int = 0,
    validation_fraction: float = 0.25,
    test_fraction: float = 0.0,
    progress: Progress | None = None,
) -> Dataset:
    """Divide a dataset's photos anew, by class and seed; photos that are alike stay on one side.

    Of a dataset that says which photos belong together, such as the clips of a recording, those
    stay on one side instead: before one background, photos of all clips are alike.

    Photos of a test folder stay there; what was moved before is divided with the others.
    `undo_last_edit` takes it back.

    Args:
        dataset_id: its photos are looked at, unless the health check did already.
        seed: another one, another split.
        validation_fraction: part of each class to validate, 0..1.
        test_fraction: part of each class to test, 0..1.
        progress: called with (photos looked at, photos in all).

    Raises:
        DatasetError: there is no such dataset, the parts are none, a class has too few photos, or
            there is a test folder already and `test_fraction` is not 0.
    """
    now = dataset_record.load_dataset(dataset_id)
    together = tuple(map(tuple, now.note.get("groups", ())))
    if together:
        _refuse_few_groups(now, together, 3 if test_fraction else 2)
    else:
        together = _group_similar_photos(now, progress)
    values = edits.Division(seed, validation_fraction, test_fraction, together)
    with dataset_record.lock_dataset_folder(dataset_id) as folder:
        content, events = dataset_record.read_dataset_record(folder)
        if test_fraction:
            refuse_second_test(content.photos)
        edits.refuse_division(content.photos, now.photos, now.classes, values)
        edit = DatasetEdit(time.time(), "", division=values)
        return append_edit(folder, content, events, edit)


def _group_similar_photos(
    dataset: Dataset, progress: Progress | None
) -> tuple[tuple[str, ...], ...]:
    listed = [file for file, _, _ in dataset.photos]
    scanned_photos = photo_scan.scan_photos(
        dataset.root, listed, dataset_record.datasets_folder() / dataset.id, progress
    )
    return tuple(
        tuple(listed[i] for i in group) for group in photo_scan.group_similar_photos(scanned_photos)
    )


def _refuse_few_groups(dataset: Dataset, groups: Sequence[Sequence[str]], needed: int) -> None:
    """Raise DatasetError where a class has too few groups, which a split would tear apart."""
    group_of = {file: number for number, group in enumerate(groups) for file in group}
    for label, name in enumerate(dataset.classes):
        own = {group_of.get(file, file) for file, number, _ in dataset.photos if number == label}
        if len(own) < needed:
            raise DatasetError(
                "Class {name} has {count} clips, and the frames of a clip stay in one split. This "
                "split needs {needed} clips per class. Record more, or leave out the test set.",
                name=truncate_for_display(name),
                count=len(own),
                needed=needed,
            )


def undo_last_edit(dataset_id: str) -> Dataset:
    """Take back the last change, whatever it was. Raises DatasetError when there is none."""
    access.check_permission("change data")
    dataset_record.load_dataset(dataset_id)
    with dataset_record.lock_dataset_folder(dataset_id) as folder:
        content, events = dataset_record.read_dataset_record(folder)
        left = edits.active_edits(events)[:-1]
        if not edits.active_edits(events):
            raise DatasetError(
                "'{name}' has no changes to undo.",
                name=content.name,
            )
        dataset = dataset_record.apply_edits(content, left)
        event: EditEvent = {
            "at": time.time(),
            "fingerprint": dataset.fingerprint,
            "undo": True,
        }
        dataset_record.write_dataset_record(folder, content, [*events, event])
    return dataset


def load_dataset_as_of(dataset_id: str, fingerprint: str) -> Dataset:
    """Return a dataset in the state that had a fingerprint, such as the one a run trained on.

    Raises:
        DatasetError: it never had it, or photos of its folder have changed since.
    """
    now = dataset_record.load_dataset(dataset_id)
    content, events = dataset_record.read_dataset_record(
        dataset_record.datasets_folder() / dataset_id
    )
    steps = [n for n, event in enumerate(events, 1) if event["fingerprint"] == fingerprint]
    for step in [0, *steps]:
        then = dataset_record.apply_edits(content, edits.active_edits(events[:step]))
        if then.fingerprint == fingerprint:
            return then
    raise DatasetError(
        "The photos of '{name}' have changed since then. Open the dataset again and start a new "
        "run.",
        name=now.name,
    )


def refuse_second_test(photos: Sequence[tuple[str, int, str]]) -> None:
    """Raise DatasetError when photos of a test folder are there already."""
    if any(split == "test" for _, _, split in photos):
        raise DatasetError(
            "The dataset has a test folder, so you can't split off another test set. Leave this "
            "at 0, or move single photos."
        )


def append_edit(
    folder: Path, content: Dataset, events: Sequence[EditEvent], edit: DatasetEdit
) -> Dataset:
    """Add a change to the record in a locked folder; return the dataset after it.

    Raises:
        AccessError: the visitor may not change data.
    """
    access.check_permission("change data")
    before = edits.active_edits(events)
    fingerprint = dataset_record.apply_edits(content, (*before, edit)).fingerprint
    edit = replace(edit, fingerprint=fingerprint)
    dataset_record.write_dataset_record(folder, content, [*events, edit.to_event()])
    return dataset_record.apply_edits(content, (*before, edit))


def find_by_fingerprint(fingerprint: str, dataset_id: str = "") -> Dataset | None:
    """Find a dataset of this workspace by a fingerprint it once had; None where none had it.

    Args:
        fingerprint: of the photos, their labels and split.
        dataset_id: the dataset to look at first.
    """
    others = sorted(
        path.parent.name for path in dataset_record.datasets_folder().glob("*/dataset.json")
    )
    for one in dict.fromkeys([dataset_id, *others]):
        if one:
            with suppress(CatDogError):
                return load_dataset_as_of(one, fingerprint)
    return None
