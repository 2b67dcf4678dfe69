"""What a tree of photos means as a dataset: every photo with its class and split.

A `DatasetPlan` is made by `layout` and divided by `split_plan`. Whoever shows a dataset, checks it,
opens it or unpacks it goes by its plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, TypedDict

from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from ..base.messages import Message
from .folder_tree import File
from .label_tables import LabelChoice, TableMatch
from .splits import PhotoRows, SplitSettings, stratified_split
from .text_encoding import NameEncoding

SPLITS = ("train", "validation", "test")
_ENDINGS = 5  # of files left out that are counted one by one
_ENDING = 20  # letters of one that are shown


class OddClassesError(DatasetError):
    """The class folders look like something else, so that a person has to confirm them."""


@dataclass(slots=True)
class PlannedPhoto:
    """A photo of a plan: its file, the folders it belongs into, label number and split.

    `folders` lead from the tree's root, in the plainest spelling of each and the class's own.
    """

    file: File
    folders: tuple[str, ...]
    label: int
    split: str
    name: str = ""
    """Path from the dataset's root; photos of one name in an archive get a number."""


@dataclass(frozen=True)
class FolderReading:
    """How a person wants a folder to be read.

    Attributes:
        labels: a table of labels to go by instead of folders and names.
        is_confirmed: whether oddly named folders are classes all the same.
        forgets_labels: whether a table that was chosen earlier no longer counts.
        classes: those of the dataset it was read as earlier, which need no confirmation.
        needs_training: whether a dataset without training photos is refused; to evaluate, folders
            for validation and test are enough.
    """

    labels: LabelChoice | None = None
    is_confirmed: bool = False
    forgets_labels: bool = False
    classes: tuple[str, ...] = ()
    needs_training: bool = True


DEFAULT_READING = FolderReading()
LayoutName = Literal["split", "seeded", "train-divided", "redivided"]


class SubsetNote(TypedDict):
    """Which training photos a `Dataset.subset` holds: how many, and the seed they were drawn by."""

    count: int
    seed: int


class DatasetNote(TypedDict, total=False):
    """How a dataset's folders were understood, as its record stores it.

    Attributes:
        layout: "split" (there are folders for train and validation), "seeded" (the lab divided the
            photos), "train-divided" (it divided the train folder) or "redivided" (anew, on
            request).
        ignored: how many other files there are.
        left_out: their commonest endings, each with its number.
        warnings: what else is to be said.
        split: the seed and fractions the lab divided the photos by, where it did.
        explanations: where the classes come from, if not from class folders.
        unusable: photo files of an opened folder that are left out since they are empty or cannot
            be read.
        unlabeled: photo files nobody knows the class of, for predictions.
        is_partial: whether the folders of the photos also hold photos that are left out.
        labels: the table of labels that was chosen, and its columns: path, file and label column.
        confirmed: whether a person confirmed that oddly named folders are classes.
        subset: where this is a part of another dataset, which one.
        groups: photo files that a split keeps on one side, such as the frames of one hold of the
            camera's button.
    """

    layout: LayoutName
    ignored: int
    left_out: str
    warnings: list[Message]
    explanations: list[Message]
    split: SplitSettings
    unusable: list[str]
    unlabeled: list[str]
    is_partial: bool
    labels: list[str]
    confirmed: bool
    subset: SubsetNote
    groups: list[list[str]]


@dataclass
class DatasetPlan:
    """What a tree means.

    `root` is the dataset's folder within the tree, `wrapper` the same as text. `classes` are
    displayed, no two alike; `folders` are their true names. `layout` is as in a `Dataset`'s note,
    as are `ignored`, `left_out` and `warnings`. `split` holds seed and fractions once the photos
    are divided. `empty` are the names of empty photo files, from the dataset's root.
    `explanations` say where the classes come from, `odd` why the class folders might be none.
    `unlabeled` are photos set aside for predictions; their label is -1. `table` is the table the
    labels come from, if any, `reading` how the folder was to be read. `is_partial` tells that
    folders of the photos hold others as well, which are left out. `encodings` are the ways an
    archive's names can be read, where more than one is likely.
    """

    root: PurePosixPath
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    photos: list[PlannedPhoto]
    layout: LayoutName
    ignored: int = 0
    warnings: list[Message] = field(default_factory=list)
    split: SplitSettings | None = None
    empty: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    explanations: list[Message] = field(default_factory=list)
    odd: list[Message] = field(default_factory=list)
    unlabeled: list[PlannedPhoto] = field(default_factory=list)
    table: TableMatch | None = None
    reading: FolderReading = DEFAULT_READING
    is_partial: bool = False
    encodings: tuple[NameEncoding, ...] = ()
    left_out: str = ""

    @property
    def wrapper(self) -> str:
        """The folders around the dataset, empty where there are none."""
        return "" if self.root == PurePosixPath() else str(self.root)

    @property
    def size(self) -> int:
        """Bytes of all photos, those without a label among them."""
        return sum(photo.file.size for photo in (*self.photos, *self.unlabeled))

    @property
    def rows(self) -> PhotoRows:
        """(name, label, split) of each photo, sorted by name."""
        return sorted((photo.name, photo.label, photo.split) for photo in self.photos)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return photos by split and displayed class; splits without photos are left out."""
        counts: dict[str, dict[str, int]] = {}
        for (label, split), count in Counter((p.label, p.split) for p in self.photos).items():
            counts.setdefault(split, dict.fromkeys(self.classes, 0))[self.classes[label]] += count
        return {split: counts[split] for split in SPLITS if split in counts}

    def note(self) -> DatasetNote:
        """Return what a `Dataset` remembers of how its folders were understood."""
        note: DatasetNote = {
            "layout": self.layout,
            "ignored": self.ignored,
            "warnings": self.warnings,
        }
        if self.is_partial:
            note["is_partial"] = True
        if self.reading.is_confirmed:
            note["confirmed"] = True
        if labels := self.reading.labels:
            path = "" if labels.path is None else str(labels.path.absolute())
            note["labels"] = [path, labels.file_column, labels.label_column]
        if self.explanations:
            note["explanations"] = self.explanations
        if self.left_out:
            note["left_out"] = self.left_out
        if self.split is not None:
            note["split"] = self.split
        return note

    def refuse_odd_classes(self) -> None:
        """Raise DatasetError where the class folders look like something else."""
        if self.odd:
            raise OddClassesError(
                "The folders {names} don't look like classes. If they are, confirm it on the Data "
                "page or with --as-classes.",
                names=self.odd[0].params["names"],
            )


def split_plan(
    plan: DatasetPlan,
    same: Iterable[Sequence[str]],
    seed: int,
    validation_fraction: float,
    test_fraction: float = 0.0,
) -> DatasetPlan:
    """Give a plan its validation part, and a test part if asked for; exact copies on one side.

    Args:
        plan: changed where its layout is not "split".
        same: names of photos with the same content, or bound together, a group at a time.
        seed, validation_fraction, test_fraction: as `splits.stratified_split`.

    Raises:
        DatasetError: a class has too few photos.
    """
    if plan.layout == "split":
        return plan
    plan.split = {"seed": seed, "validation_fraction": validation_fraction}
    if test_fraction:
        plan.split["test_fraction"] = test_fraction
    rows = stratified_split(
        plan.rows, plan.classes, seed, validation_fraction, test_fraction, together=same
    )
    sides = {name: split for name, _, split in rows}
    for photo in plan.photos:
        photo.split = sides[photo.name]
    return plan


def group_equal_photos(photos: Iterable[PlannedPhoto]) -> list[list[PlannedPhoto]]:
    """Group photos of equal content, by the marks of their files."""
    return _group_photos(photos, lambda file: file.mark)


def group_bound_photos(photos: Iterable[PlannedPhoto]) -> list[list[PlannedPhoto]]:
    """Group photos that their source wants on one side of a split."""
    return _group_photos(photos, lambda file: file.group)


def _group_photos(
    photos: Iterable[PlannedPhoto], key: Callable[[File], Hashable]
) -> list[list[PlannedPhoto]]:
    groups: dict[Hashable, list[PlannedPhoto]] = {}
    for photo in photos:
        if key(photo.file) is not None:
            groups.setdefault(key(photo.file), []).append(photo)
    return [group for group in groups.values() if len(group) > 1]


def count_endings(paths: Iterable[PurePosixPath]) -> str:
    """Return the commonest endings of files, each with its number, such as "16 × .csv, 2 × .mov".

    Files without an ending stand by their name.
    """
    counts = Counter((path.suffix or path.name).lower()[:_ENDING] for path in paths)
    common = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:_ENDINGS]
    shown = [f"{count:,} × {truncate_for_display(end)}" for end, count in common]
    return ", ".join([*shown, *["…"] * (len(counts) > _ENDINGS)])


def name_photos(plan: DatasetPlan) -> None:
    """Give each photo its name, no two the same."""
    taken: Counter[str] = Counter()
    for photo in (*plan.photos, *plan.unlabeled):
        name = str(photo.file.path.relative_to(plan.root))
        taken[name] += 1
        photo.name = name if taken[name] == 1 else f"{name}\0{taken[name]}"
