"""Describe what a folder or archive would become, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files
from ..base.errors import N_
from ..base.messages import Message
from . import content_hashes, dataset_plan, layout
from .dataset_plan import DEFAULT_READING, DatasetPlan, FolderReading
from .text_encoding import NameEncoding

DEFAULT_SEED, DEFAULT_VALIDATION_FRACTION = 0, 0.25
LAYOUT_MESSAGES = {
    "split": N_(
        "The folders or tables define which photos are for training and which for validation."
    ),
    "seeded": N_(
        "The folders aren't split, so the lab uses a quarter of each class for validation, always "
        "the same photos."
    ),
    "train-divided": N_(
        "There's no validation folder, so the lab uses a quarter of each class for validation, "
        "always the same photos."
    ),
    "redivided": N_(
        "The photos were split again on request. Similar photos are in the same split."
    ),
}


@dataclass(frozen=True)
class Preview:
    """A dataset as it would become.

    `counts` are the photos by split and class name, `wrapper` the folders around the dataset that
    are looked through, `layout`, `ignored` and `left_out` as in a `Dataset`'s note, `size` the
    bytes of the photos, None where they stay in their folder, `warnings` what else is to be said.
    `explanations` say where the classes come from, `odd` why a person has to confirm them.
    `label_columns` are those of a table that could hold the label, with the one that does first.
    `encodings` are the ways an archive's names can be read, where more than one is likely.
    """

    name: str
    counts: dict[str, dict[str, int]]
    wrapper: str
    layout: str
    ignored: int
    left_out: str
    size: int | None
    warnings: list[Message] = field(default_factory=list)
    explanations: list[Message] = field(default_factory=list)
    odd: list[Message] = field(default_factory=list)
    label_columns: list[str] = field(default_factory=list)
    encodings: tuple[NameEncoding, ...] = ()

    @property
    def total(self) -> int:
        """Photos in all."""
        return sum(sum(row.values()) for row in self.counts.values())

    def sentences(self) -> list[Message]:
        """Return what was understood, a sentence each."""
        classes = next(iter(self.counts.values()))
        messages = [
            Message(N_("{n:,} photos in {k} classes."), {"n": self.total, "k": len(classes)})
        ]
        if self.wrapper:
            messages.append(
                Message(N_("The outer folder {wrapper} is skipped."), {"wrapper": self.wrapper})
            )
        messages += self.explanations
        messages.append(Message(LAYOUT_MESSAGES[self.layout]))
        messages += ignored_sentences(self.ignored, self.left_out)
        return messages + self.warnings


def ignored_sentences(ignored: int, left_out: str) -> list[Message]:
    """Return what to say of the other files of a dataset; nothing where there are none.

    Args:
        ignored, left_out: as in a `Dataset`'s note.
    """
    if not ignored:
        return []
    if not left_out:  # a record of an earlier version
        return [Message(N_("Other files skipped: {n:,}."), {"n": ignored})]
    message = N_("Other files skipped: {n:,} ({endings}).")
    return [Message(message, {"n": ignored, "endings": left_out})]


def preview_plan(plan: DatasetPlan, name: str, size: int | None = -1) -> Preview:
    """Describe the dataset that a plan makes of its photos.

    Args:
        plan: divided.
        name: what the dataset would be called.
        size: bytes; by default those of the photos.
    """
    return Preview(
        name=name,
        counts=plan.counts(),
        wrapper=files.truncate_for_display(plan.wrapper),
        layout=plan.layout,
        ignored=plan.ignored,
        left_out=plan.left_out,
        size=plan.size if size == -1 else size,
        warnings=plan.warnings,
        explanations=plan.explanations,
        odd=plan.odd,
        label_columns=_list_label_columns(plan),
        encodings=plan.encodings,
    )


def _list_label_columns(plan: DatasetPlan) -> list[str]:
    table = plan.table
    if table is None or not table.label_column:
        return []
    return list(dict.fromkeys([table.label_column, *table.choices]))


def preview_folder(
    folder: Path,
    reading: FolderReading = DEFAULT_READING,
    recall: Callable[[Path], FolderReading] = lambda root: DEFAULT_READING,
) -> Preview:
    """Describe the dataset a folder would become; arguments as for `layout.plan_folder`.

    Raises:
        DatasetError: it is none.
    """
    root, plan = layout.plan_folder(folder, reading, recall=recall)
    if plan.layout != "split":
        files_ = [(photo.name, photo.file.size) for photo in plan.photos]
        same = content_hashes.find_equal_files(root, files_)
        plan = dataset_plan.split_plan(plan, same, DEFAULT_SEED, DEFAULT_VALIDATION_FRACTION)
    return preview_plan(plan, files.truncate_for_display(root.name, 60), None)
