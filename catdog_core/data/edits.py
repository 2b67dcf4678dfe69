"""The edits of a dataset's photos: a history of changes that can be undone.

Changes never touch a file. They are kept in the dataset's record as events, only ever added to;
an undo is an event, too. So every state the dataset ever had can be told again by its fingerprint,
and with it what a run of last week was trained on. An event is one of

    {"at", "fingerprint", "choices": [[file, action, to], …]}
    {"at", "fingerprint", "division": {"seed", "validation_fraction", "test_fraction", "together"}}
    {"at", "fingerprint", "order": [class, …]}
    {"at", "fingerprint", "undo": true}

where `at` is the time, seconds since 1970, and `fingerprint` that of the dataset afterwards. The
first may have "ids", one for each choice: of the `decisions.Decision` it comes from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from ..base.errors import N_, DatasetError, Term
from ..base.files import truncate_for_display
from . import splits
from .splits import PhotoRows

ACTIONS = ("exclude", "move", "relabel", "keep", "restore")
SPLITS = (N_("train"), N_("validation"), N_("test"))


@dataclass(frozen=True)
class PhotoEdit:
    """One decision about one photo.

    Actions: "exclude" it from everything; "move" it to the split `to`; "relabel" it as the class
    `to`; "keep" it as it is, so that the health check tells no more of a finding of the kind `to`,
    or of any when that is empty; "restore" it to how it lies in its folder.
    """

    file: str
    action: str
    to: str = ""


@dataclass(frozen=True)
class Division:
    """A new split: what `splits.stratified_split` gets. `together` are groups of like photos."""

    seed: int
    validation_fraction: float
    test_fraction: float
    together: tuple[tuple[str, ...], ...] = ()


class StoredDivision(TypedDict):
    """A `Division` as an event stores it."""

    seed: int
    validation_fraction: float
    test_fraction: float
    together: Sequence[Sequence[str]]


class EditEvent(TypedDict):
    """An entry of a dataset's history, as its record stores it; see the head of this module."""

    at: float
    fingerprint: str
    choices: NotRequired[Sequence[tuple[str, str, str]]]
    ids: NotRequired[Sequence[str]]
    division: NotRequired[StoredDivision]
    order: NotRequired[Sequence[str]]
    undo: NotRequired[Literal[True]]


@dataclass(frozen=True)
class DatasetEdit:
    """What was decided at once, and is undone at once: one of the last three.

    `at` is the time, seconds since 1970, `fingerprint` that of the dataset afterwards,
    `order` the class names in the order of their numbers. `ids` holds the decision that each
    choice comes from, where it came from one.
    """

    at: float
    fingerprint: str
    choices: tuple[PhotoEdit, ...] = ()
    division: Division | None = None
    order: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def to_event(self) -> EditEvent:
        """Return the event that stands for this edit in the dataset's record."""
        event: EditEvent = {"at": self.at, "fingerprint": self.fingerprint}
        if self.division:
            division = self.division
            event["division"] = {
                "seed": division.seed,
                "validation_fraction": division.validation_fraction,
                "test_fraction": division.test_fraction,
                "together": division.together,
            }
        elif self.order:
            event["order"] = self.order
        else:
            event["choices"] = [(c.file, c.action, c.to) for c in self.choices]
            if self.ids:
                event["ids"] = self.ids
        return event


@dataclass(frozen=True)
class EditOutcome:
    """A dataset after some edits.

    Attributes:
        photos: sorted by file, with labels that count in `classes`.
        classes: class names in label order.
        excluded: the files that were left out.
        dismissed_findings: kinds of finding that the audit no longer reports, by file.
        division: the last one, where there is any.
    """

    photos: PhotoRows
    classes: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    dismissed_findings: dict[str, frozenset[str]] = field(default_factory=dict)
    division: Division | None = None


def active_edits(events: Iterable[EditEvent]) -> tuple[DatasetEdit, ...]:
    """Return the edits that a history leaves in force, the oldest first.

    Args:
        events: as they were read; whether they are sound shows here.

    Raises:
        IndexError, KeyError, TypeError, ValueError: they are not.
    """
    changes: list[DatasetEdit] = []
    for event in events:
        if event.get("undo"):
            changes.pop()
            continue
        division = event.get("division")
        changes.append(
            DatasetEdit(
                float(event["at"]),
                str(event["fingerprint"]),
                tuple(PhotoEdit(*map(str, choice)) for choice in event.get("choices", ())),
                _parse_division(division) if division else None,
                tuple(map(str, event.get("order", ()))),
                tuple(map(str, event.get("ids", ()))),
            )
        )
    return tuple(changes)


def _parse_division(stored: StoredDivision) -> Division:
    together = tuple(tuple(group) for group in stored["together"])
    parts = stored["validation_fraction"], stored["test_fraction"]
    return Division(stored["seed"], *parts, together)


def replay_edits(
    photos: PhotoRows, classes: Sequence[str], changes: Iterable[DatasetEdit]
) -> EditOutcome:
    """Apply edits to a dataset as its folders say. Files that are gone are passed over."""
    now = {file: (label, split) for file, label, split in photos}
    laid, test_files = dict(now), {file for file, _, split in photos if split == "test"}
    dismissed: dict[str, frozenset[str]] = {}
    last, order = None, tuple(classes)
    for change in changes:
        for choice in change.choices:
            if choice.file in laid:
                _apply_edit(choice, classes, now, laid, dismissed)
        if change.division:
            last = change.division
            with suppress(DatasetError):  # the folder has lost photos since: they stay as they are
                for file, side in _split_sides(now, test_files, classes, last).items():
                    now[file] = (now[file][0], side)
                    laid[file] = (laid[file][0], side)
        if change.order:  # classes may have come and gone since
            stayed = [name for name in change.order if name in classes]
            order = (*stayed, *(name for name in classes if name not in stayed))
    rows = [(file, label, split) for file, (label, split) in sorted(now.items())]
    excluded = tuple(sorted(file for file in laid if file not in now))
    return EditOutcome(renumber_labels(rows, classes, order), order, excluded, dismissed, last)


def renumber_labels(
    photos: Iterable[tuple[str, int, str]], classes: Sequence[str], order: Sequence[str]
) -> PhotoRows:
    """Return photos whose labels count in `classes` with labels that count in `order`."""
    if tuple(order) == tuple(classes):  # also where two folders are shown by the same name
        return list(photos)
    number = [order.index(name) for name in classes]
    return [(file, number[label], split) for file, label, split in photos]


def fingerprint_edits(
    content: str, before: PhotoRows, after: PhotoRows, classes: Sequence[str], order: Sequence[str]
) -> str:
    """Name a dataset's state: the fingerprint of its content, if the changes come to nothing.

    Args:
        content: that fingerprint.
        before: the photos as their folders say, with labels that count in `classes`.
        after: the photos now, with labels that count in `order`.
        classes: class names as the folders say.
        order: the same in the order of today.
    """
    if tuple(order) != tuple(classes):
        content = _digest_json([content, "order", *order])
        after = renumber_labels(after, order, classes)
    known = {file: (label, split) for file, label, split in before}
    changed = [row for row in after if known.pop(row[0], None) != row[1:]]
    if not changed and not known:
        return content
    return _digest_json([content, sorted(changed), sorted(known)])


def refuse_class_order(order: Sequence[str], classes: Sequence[str]) -> None:
    """Raise DatasetError unless `order` names each of the classes once."""
    if len(order) != len(set(order)) or sorted(order) != sorted(classes):
        raise DatasetError(
            "The class order {order} isn't valid. List each class once: {classes}.",
            order=truncate_for_display(", ".join(order), 200),
            classes=truncate_for_display(", ".join(classes), 200),
        )


def refuse_unusable_edits(
    chosen: Iterable[PhotoEdit], before: PhotoRows, after: PhotoRows, classes: Sequence[str]
) -> None:
    """Raise DatasetError for choices that cannot be, or that leave a split without a class."""
    known = {file for file, _, _ in before}
    targets = {"move": SPLITS, "relabel": classes}
    for choice in chosen:
        if choice.file not in known:
            raise DatasetError(
                "There's no photo '{file}' in the dataset. Choose one of its files.",
                file=truncate_for_display(choice.file, 120),
            )
        if choice.action not in ACTIONS or choice.to not in targets.get(
            choice.action, (choice.to,)
        ):
            raise DatasetError(
                "The edit {action} '{to}' isn't possible. Use one of {actions}, with a split for "
                "move and a class of the dataset for relabel.",
                action=truncate_for_display(choice.action),
                to=truncate_for_display(choice.to),
                actions=", ".join(ACTIONS),
            )
    filled = {(label, split) for _, label, split in after}
    for label, split in sorted({(x, s) for _, x, s in before if s != "test"} - filled):
        raise DatasetError(
            "{split} would have no photos of {name} left, but training and validation need one"
            " per class. Keep one, or add photos.",
            name=truncate_for_display(classes[label]),
            split=Term(split),
        )


def refuse_division(
    before: Iterable[tuple[str, int, str]],
    now: Iterable[tuple[str, int, str]],
    classes: Sequence[str],
    values: Division,
) -> None:
    """Raise DatasetError when photos `now` cannot be divided so; `before` are those as they lie."""
    test_files = {file for file, _, split in before if split == "test"}
    _split_sides({file: (label, split) for file, label, split in now}, test_files, classes, values)


def _digest_json(value: list[object]) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=20).hexdigest()


def _apply_edit(
    choice: PhotoEdit,
    classes: Sequence[str],
    now: dict[str, tuple[int, str]],
    laid: dict[str, tuple[int, str]],
    dismissed: dict[str, frozenset[str]],
) -> None:
    file = choice.file
    label, split = now.get(file, laid[file])
    if choice.action == "exclude":
        now.pop(file, None)
    elif choice.action == "move":
        now[file] = (label, choice.to)
    elif choice.action == "relabel" and choice.to in classes:
        now[file] = (classes.index(choice.to), split)
    elif choice.action == "restore":
        now[file] = laid[file]
        dismissed.pop(file, None)
    elif choice.action == "keep":
        dismissed[file] = dismissed.get(file, frozenset()) | {choice.to}


def _split_sides(
    now: dict[str, tuple[int, str]], test_files: set[str], classes: Sequence[str], values: Division
) -> dict[str, str]:
    """Sides by file; photos that lie in a test folder of the user's stay there."""
    rows = [(f, label, "test" if f in test_files else "train") for f, (label, _) in now.items()]
    divided = splits.stratified_split(
        rows,
        classes,
        values.seed,
        values.validation_fraction,
        values.test_fraction,
        values.together,
    )
    return {file: side for file, _, side in divided}
