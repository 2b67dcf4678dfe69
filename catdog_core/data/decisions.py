"""Decisions about single photos, made one after the other as in a review and sent in batches.

A browser that got no answer sends a decision again, perhaps from another window or to a server that
was restarted. So each has an id, which is kept beside its choice in the dataset's history: one that
is known is not applied twice, and the history alone says which photos were reviewed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..base import access
from ..base.errors import CatDogError, DatasetError
from ..base.files import truncate_for_display
from . import dataset_record, edit_log, edits
from .dataset_record import Dataset
from .edits import DatasetEdit, EditOutcome, PhotoEdit

MAX_BATCH = 100
"""Decisions sent at once at most."""
ACTIONS = ("keep", "relabel", "exclude", "undo")
CONFIRMED = "wrong_label"
"""The kind of finding that a kept photo is no longer suspected of: a person has seen its label."""
_ID = re.compile(r"[0-9A-Za-z-]{8,40}")
_UNDO = "~"  # before the id of a decision: the id of what takes it back


@dataclass(frozen=True)
class Decision:
    """What a person decided about a photo.

    Attributes:
        id: chosen by whoever sends it, no two alike: 8 to 40 letters, digits and dashes.
        file: of the photo, within the dataset.
        action: "keep", "exclude", "relabel" as the class `to`, or "undo" the decision of the id
            `to`, which was about the same photo.
        to: see there.
        guess: name of the class that was shown as a guess; empty for none.
    """

    id: str
    file: str
    action: str
    to: str = ""
    guess: str = ""


@dataclass(frozen=True)
class DecisionOutcome:
    """What became of decisions.

    Attributes:
        dataset: after them.
        applied: ids of those in its history now, whenever they came.
        refused: why another one was not applied, by id.
    """

    dataset: Dataset
    applied: tuple[str, ...]
    refused: Mapping[str, CatDogError]


_Pending = list[tuple[str, PhotoEdit]]
"""Choices to come, each with the id that is kept beside it."""


def parse_decisions(value: object) -> list[Decision]:
    """Return decisions that came from outside, as a list of objects.

    Raises:
        DatasetError: they are no such list, or too many.
    """
    rows = value if isinstance(value, list) else [None]
    if len(rows) > MAX_BATCH:
        raise DatasetError(
            "You sent {n} decisions at once. Send at most {most}.", n=len(rows), most=MAX_BATCH
        )
    decisions = []
    for row in rows:
        fields = row if isinstance(row, dict) else {}
        texts = [fields.get(name, "") for name in ("id", "file", "action", "to", "guess")]
        if not all(isinstance(text, str) for text in texts) or not _ID.fullmatch(texts[0]):
            raise DatasetError("A decision couldn't be read. Reload the page and decide again.")
        if texts[2] not in ACTIONS:
            raise DatasetError(
                "There's no decision '{action}'. Use one of {actions}.",
                action=truncate_for_display(texts[2]),
                actions=", ".join(ACTIONS),
            )
        decisions.append(Decision(*texts))
    return decisions


def apply_decisions(dataset_id: str, decisions: Sequence[Decision]) -> DecisionOutcome:
    """Apply decisions that are not in a dataset's history yet, as one edit of it.

    One that cannot be is left out and the others count, since they were made one by one.

    Raises:
        AccessError: the visitor may not change data.
        CatDogError: there is no such dataset, or it cannot be written.
    """
    access.check_permission("change data")
    dataset_record.load_dataset(dataset_id)
    with dataset_record.lock_dataset_folder(dataset_id) as folder:
        content, events = dataset_record.read_dataset_record(folder)
        known = {id_ for event in events for id_ in event.get("ids", ())}
        fresh = {_stored_id(each): each for each in reversed(decisions)}  # the first of equal ids
        fresh = {id_: fresh[id_] for id_ in map(_stored_id, decisions) if id_ not in known}
        before = edits.active_edits(events)
        refused: dict[str, CatDogError] = {}
        try:
            pending = _add_decisions(content, before, [], fresh)
        except DatasetError:  # of one: each has its own answer
            pending = []
            for id_, decision in fresh.items():
                try:
                    pending = _add_decisions(content, before, pending, {id_: decision})
                except DatasetError as error:
                    refused[decision.id] = error
        if pending:
            dataset = edit_log.append_edit(folder, content, events, _to_edit(pending))
        else:
            dataset = dataset_record.apply_edits(content, before)
    applied = tuple(each.id for each in decisions if each.id not in refused)
    return DecisionOutcome(dataset, applied, refused)


def reviewed_files(changes: Iterable[DatasetEdit]) -> set[str]:
    """Return the photos that have a decision in force, of a dataset's `changes`."""
    stacks: dict[str, list[str]] = {}
    for change in changes:
        for id_, choice in zip(change.ids, change.choices, strict=False):
            _follow(stacks.setdefault(choice.file, []), id_)
    return {file for file, stack in stacks.items() if stack}


def _stored_id(decision: Decision) -> str:
    return _UNDO + decision.to if decision.action == "undo" else decision.id


def _to_edit(pending: _Pending) -> DatasetEdit:
    ids, choices = zip(*pending, strict=True)
    return DatasetEdit(time.time(), "", choices=choices, ids=ids)


def _add_decisions(
    content: Dataset,
    before: Sequence[DatasetEdit],
    pending: _Pending,
    more: Mapping[str, Decision],
) -> _Pending:
    """Return the choices that came before and those of more decisions, by id.

    Raises:
        DatasetError: one of them cannot be.
    """
    pending = list(pending)
    for id_, decision in more.items():
        if decision.action == "undo":
            changes = [*before, _to_edit(pending)] if pending else list(before)
            choices = _choices_back(content, changes, decision)
        else:
            to = {"keep": CONFIRMED, "relabel": decision.to}.get(decision.action, "")
            choices = [PhotoEdit(decision.file, decision.action, to)]
        pending += [(id_, choice) for choice in choices]
    if pending:
        after = _replay(content, [*before, _to_edit(pending)])
        photos = edits.renumber_labels(after.photos, after.classes, content.classes)
        chosen = [choice for _, choice in pending]
        edits.refuse_unusable_edits(chosen, list(content.photos), photos, content.classes)
    return pending


def _choices_back(
    content: Dataset, changes: Sequence[DatasetEdit], decision: Decision
) -> list[PhotoEdit]:
    """Return the choices after which a photo is as before a decision about it."""
    file = decision.file
    stack: list[str] = []
    place = 0, 0
    for number, change in enumerate(changes):
        for index, choice in enumerate(change.choices):
            if choice.file == file:
                id_ = change.ids[index] if change.ids else ""
                _follow(stack, id_)
                place = (number, index) if id_ == decision.to else place
    if not stack or stack[-1] != decision.to:
        raise DatasetError("This photo has changed since then, so it stays as it is.")
    number, index = place
    step = changes[number]
    earlier = [*changes[:number], replace(step, choices=step.choices[:index])]
    then = _state_of(_replay(content, earlier), file)
    if not then.label:
        return [PhotoEdit(file, "exclude")]
    back = PhotoEdit(file, "restore")
    at = DatasetEdit(0.0, "", choices=(back,))
    now = _state_of(_replay(content, [*changes, at]), file)
    choices = [back]
    if now.label != then.label:
        choices.append(PhotoEdit(file, "relabel", then.label))
    # A division since then has put it where it belongs, moved before or not.
    if now.split != then.split and not any(each.division for each in changes[number:]):
        choices.append(PhotoEdit(file, "move", then.split))
    return choices + [PhotoEdit(file, "keep", kind) for kind in sorted(then.dismissed)]


class _PhotoState(NamedTuple):
    label: str
    """The name of its class; empty where the photo is excluded."""
    split: str
    dismissed: frozenset[str]


def _state_of(outcome: EditOutcome, file: str) -> _PhotoState:
    found = [(label, split) for name, label, split in outcome.photos if name == file]
    label, split = (outcome.classes[found[0][0]], found[0][1]) if found else ("", "")
    return _PhotoState(label, split, outcome.dismissed_findings.get(file, frozenset()))


def _replay(content: Dataset, changes: Sequence[DatasetEdit]) -> EditOutcome:
    return edits.replay_edits(list(content.photos), content.classes, changes)


def _follow(stack: list[str], id_: str) -> None:
    """Follow what happens to one photo: an undo takes its decision off again."""
    if not id_.startswith(_UNDO):
        stack.append(id_)
    elif stack and stack[-1] == id_.removeprefix(_UNDO):
        stack.pop()
