"""Understand folders of photos: wrappers, splits, classes. One plan for preview and import.

`detect_layout` reads a tree of true names and gives a `DatasetPlan`: every photo with its class and
split. `split_plan` gives it a validation part where the folders have none. Whoever shows a dataset,
checks it, opens it or unpacks it goes by that plan; nothing is understood a second time from names
that were made safe.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple, NoReturn, TypedDict

from ..base import bounded_readers
from ..base.errors import N_, DatasetError
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..imaging import decode_errors
from . import class_names, folder_names, folder_tree, label_tables, photo_names
from .folder_names import split_from_name
from .folder_tree import File, Folder, Tree
from .label_tables import LabelChoice, PhotoIndex, TableMatch
from .root_settings import allowed_roots
from .splits import PhotoRows, SplitSettings, stratified_split
from .text_encoding import NameEncoding

SPLITS = ("train", "validation", "test")
MAX_CLASSES = 200
_WRAPPERS = 10  # folders around the dataset that are looked through
_LISTED_ABOVE = 2000  # files next to the folder among which tables are looked for
_TABLE_FOLDERS = 500  # folders in which tables are looked for
_COPIED_FOLDERS = 5  # folders of copies that are left out
_COMPARED = 40  # photos whose content is compared with that of their likely originals
_DOCUMENT = re.compile(
    r"\.(?:txt|md|rst|csv|tsv|jsonl?|xml|ya?ml|toml|ini|cfg|log|html?|css|js|py|ipynb|sh|bat|r|m|c|"
    r"cpp|h|java|pdf|docx?|pptx?|xlsx?|hwp|h5|hdf5|keras|pb|tflite|onnx|pth?|ckpt|pkl|np[yz]|mat|"
    r"parquet|tfrecord|zip|tar|gz)"
)
"""Endings of files that surely hold no single photo."""
_CONTAINERS = 5  # folders named data or images that are looked into
_FEW = 5  # times as many photos as beside it has a folder that surely is the dataset
_ENDINGS = 5  # of files left out that are counted one by one
_ENDING = 20  # letters of one that are shown
_SPELLINGS = 3  # classes written otherwise that get a sentence each

_WRITTEN_OTHERWISE = N_("{here} is treated as the class {train}, since only the spelling differs.")
_MANY_WRITTEN_OTHERWISE = N_(
    "{n} folders are treated as existing classes, since only the spelling differs: {names}."
)
_LOOK_ALIKE = N_(
    "The classes {first} and {second} look alike but use different characters. If both mean the "
    "same, rename one."
)
_EMPTY = N_("{n} empty files are skipped: {names}. Copy these photos again.")
_UNREADABLE = N_(
    "{n} unreadable files or folders are skipped: {names}. Check their permissions and links."
)
_LINKS_OUT = N_(
    "{n} links lead out of the allowed folders and are skipped: {names}. To use them, add their "
    "targets to CATDOG_ROOTS."
)
_STRAY = N_("{n} photos are in no class folder and are skipped: {names}.")
_COPIES = N_("{n} photos are copies of photos in the class folders and are skipped: {names}.")
_MASKS = N_("{n} masks and annotation images are skipped: {names}.")
_UNLABELED = N_("{n} photos without a label are set aside: {names}. You can predict them.")
_UNNAMED = N_("{n} photos are skipped, since their names don't start with a class: {names}.")
_FROM_NAMES = N_("The classes come from the file names, such as {name} for {file}.")
_FROM_COLUMN = N_("The labels come from {file}, column {column}.")
_FROM_COLUMNS = N_("The labels come from {file}, with one column per class.")
_OTHER_COLUMNS = N_("{file} has other columns you can choose as the label: {names}.")
_SPLIT_LISTS = N_("The split into training, validation and test photos comes from {names}.")
_SOME_SPLITS_INSIDE = N_("The folders in {names} look like splits, but other classes have none.")
_SPLITS_INSIDE = N_("Folders such as {name} name the class and the split.")
_ROWS_WITHOUT_FILE = N_("{n} rows of {file} match no photo: {names}.")
_ROWS_UNCLEAR = N_("{n} photos don't have exactly one label in {file} and are skipped: {names}.")
_PHOTOS_WITHOUT_ROW = N_("{n} photos have no row in {file} and are set aside: {names}.")


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


def read_folder_tree(folder: Path) -> Tree:
    """Read the tree of a folder.

    Raises:
        DatasetError: it is no folder, or cannot be read.
    """
    # Unlike Path.exists, this is false, no error, for a name that is too long.
    if not os.path.exists(folder):  # noqa: PTH110
        raise DatasetError(
            "{folder} doesn't exist. Choose a folder with one photo folder per class.",
            folder=truncate_for_display(str(folder), 200),
        )
    if not folder.is_dir():
        raise DatasetError(
            "{folder} is a file. Choose a folder with one photo folder per class.",
            folder=truncate_for_display(str(folder), 200),
        )
    try:
        return folder_tree.scan_folder_tree(folder, allowed_roots())
    except OSError as error:
        raise DatasetError(
            "{folder} can't be read: {reason}. Check its permissions and that its disk is "
            "connected.",
            folder=truncate_for_display(str(folder), 200),
            reason=error.strerror or str(error),
        ) from error


def plan_folder(
    folder: Path,
    reading: FolderReading = DEFAULT_READING,
    order: tuple[str, ...] | None = None,
    recall: Callable[[Path], FolderReading] = lambda root: DEFAULT_READING,
) -> tuple[Path, DatasetPlan]:
    """Plan the dataset of a folder on the disk.

    Args:
        folder: of photos.
        reading: how to read it.
        order: as for `detect_layout`.
        recall: gives how the dataset at a path was read earlier, which counts where `reading`
            leaves it open.

    Returns:
        The dataset's own folder, and a plan that is not divided yet.

    Raises:
        DatasetError: as `read_folder_tree` and `detect_layout`.
    """
    tree = read_folder_tree(folder)
    root = folder.resolve() / _unwrap_folder(tree.root)[0]
    earlier = recall(root)
    labels = reading.labels or (None if reading.forgets_labels else earlier.labels)
    is_confirmed = reading.is_confirmed or earlier.is_confirmed
    plan = detect_layout(tree, order, labels, earlier.classes, is_confirmed, reading.needs_training)
    plan.reading = FolderReading(labels, is_confirmed and bool(plan.odd))
    if is_confirmed or plan.classes == earlier.classes:
        plan.odd = []
    return root, plan


def detect_layout(
    tree: Tree,
    order: tuple[str, ...] | None = None,
    labels: LabelChoice | None = None,
    known: Collection[str] = (),
    is_confirmed: bool = False,
    needs_training: bool = True,
) -> DatasetPlan:
    """Find wrappers, splits and classes in a tree of true names.

    The classes are the folders of photos. Where there are none, a table beside the photos gives
    the labels, else the names of the photos, if they are unambiguous.

    Args:
        tree: the tree.
        order: class names in label order; by default sorted. They may be some of them.
        labels: a table of labels to go by instead.
        known: names of folders that were classes before, whatever else they could mean.
        is_confirmed, needs_training: as in a `FolderReading`.

    Returns:
        A plan that is not divided yet: without a validation folder its photos are all training.

    Raises:
        DatasetError: the layout is none that is known, or could mean several things.
    """
    path, above, root = _unwrap_folder(tree.root)
    reading = _ClassAssignment(tree, path, above, root)
    if labels is not None:
        names = reading.table(_find_parts(root, needs_training).parts, order, labels)
    else:
        keep = (*(order or ()), *known)
        reading.set_copies_aside(keep)
        found = _find_parts(reading.root, needs_training)
        names = reading.folders(found, order, keep, is_confirmed or bool(known))
    title = path.name or tree.name
    shown_names, alike = class_names.display_names(names)
    _check_classes(title, tree, reading, shown_names, names)
    splits = {photo.split for photo in reading.photos}
    has_splits = reading.has_splits or "test" in splits
    layout: LayoutName = "train-divided" if has_splits else "seeded"
    if "validation" in splits or "train" not in splits:
        layout = "split"
    plan = DatasetPlan(path, tuple(shown_names), tuple(names), reading.photos, layout)
    plan.explanations, plan.table = reading.explanations, reading.match
    plan.odd = reading.odd + (folder_names.odd_class_names(names) if reading.by_folder else [])
    reading.account(plan)
    plan.warnings += _alike_warnings(alike)
    _name_photos(plan)
    return plan


def plan_labelled_photos(
    photos: Iterable[tuple[File, str, int]], classes: Sequence[str], name: str, ignored: int
) -> DatasetPlan:
    """Plan a dataset of photos whose class and split are known, as records have them.

    Args:
        photos: file, split or nothing, and label number of each.
        classes: names in label order.
        name: of the dataset.
        ignored: files that are no photos.

    Raises:
        DatasetError: fewer than two classes, or one without photos.
    """
    shown_names, alike = class_names.display_names(classes)
    reading = _ClassAssignment(Tree(name), PurePosixPath(), (), Folder())
    for file, split, label in photos:
        reading.take(file, file.path.parent.parts, label, split or "train")
    _check_classes(name, reading.tree, reading, shown_names, classes)
    splits = {photo.split for photo in reading.photos}
    layout: LayoutName = (
        "split" if "validation" in splits else "train-divided" if "test" in splits else "seeded"
    )
    plan = DatasetPlan(PurePosixPath(), tuple(shown_names), tuple(classes), reading.photos, layout)
    plan.ignored = ignored
    plan.empty = sorted(str(file.path) for file in reading.empty)
    plan.warnings = _paths_warning(_EMPTY, [PurePosixPath(each) for each in plan.empty])
    plan.warnings += _alike_warnings(alike)
    _name_photos(plan)
    return plan


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
        same: names of photos with the same content, a group at a time.
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
    groups: dict[Hashable, list[PlannedPhoto]] = {}
    for photo in photos:
        if photo.file.mark is not None:
            groups.setdefault(photo.file.mark, []).append(photo)
    return [group for group in groups.values() if len(group) > 1]


def count_endings(paths: Iterable[PurePosixPath]) -> str:
    """Return the commonest endings of files, each with its number, such as "16 × .csv, 2 × .mov".

    Files without an ending stand by their name.
    """
    counts = Counter((path.suffix or path.name).lower()[:_ENDING] for path in paths)
    common = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:_ENDINGS]
    shown = [f"{count:,} × {truncate_for_display(end)}" for end, count in common]
    return ", ".join([*shown, *["…"] * (len(counts) > _ENDINGS)])


class _ClassAssignment:
    """Photos as they are assigned to classes, and what is left over."""

    def __init__(
        self, tree: Tree, path: PurePosixPath, above: tuple[str, ...], root: Folder
    ) -> None:
        self.tree, self.root, self.root_path = tree, root, path
        self.wrappers = (*path.parts, *above)
        self.photos: list[PlannedPhoto] = []
        self.unlabeled: list[File] = []
        self.masks: list[File] = []
        self.unnamed: list[File] = []
        self.copies: list[File] = []
        self.without_row: list[File] = []
        self.unclear: list[File] = []
        self.empty: list[File] = []
        self.seen: set[int] = set()  # files that are accounted for
        self.spelled: list[tuple[str, str]] = []
        self.explanations: list[Message] = []
        self.warnings: list[Message] = []
        self.odd: list[Message] = []
        self.match: TableMatch | None = None
        self.has_splits, self.by_folder = False, True

    def take(self, file: File, folders: tuple[str, ...], label: int, split: str) -> None:
        """Assign one photo; an empty file is noted and left out."""
        self.seen.add(id(file))
        if file.size == 0:
            self.empty.append(file)
        else:
            self.photos.append(PlannedPhoto(file, folders, label, split))

    def leave_out(self, folder: Folder, files: list[File]) -> None:
        """Add all photos below a folder to `files`, which is a list of those left out."""
        for _, inner in folder.walk():
            for file in inner.files:
                if file.is_photo and id(file) not in self.seen:
                    self.seen.add(id(file))
                    files.append(file)

    def photos_below(self, folder: Folder) -> Iterator[tuple[tuple[str, ...], File]]:
        """Yield the photos below a folder with the folders between; masks are left out."""
        waiting: list[tuple[tuple[str, ...], Folder]] = [((), folder)]
        while waiting:
            names, here = waiting.pop()
            masks = photo_names.find_masks(here.files)
            for file in here.files:
                if id(file) in masks:
                    if id(file) not in self.seen:
                        self.seen.add(id(file))
                        self.masks.append(file)
                elif file.is_photo:
                    yield names, file
            for inner in here.folders.values():
                if _is_set_aside(inner, here):
                    self.leave_out(inner, self.masks)
                else:
                    waiting.append(((*names, inner.name), inner))

    def set_copies_aside(self, keep: Collection[str]) -> None:
        """Leave out folders that hold the classes beside them once more, as many downloads do.

        Args:
            keep: names of folders that are classes whatever they hold.

        Raises:
            DatasetError: such a folder holds other photos, so that it could be a split.
        """
        beside = self.root.folders
        kept = {class_names.class_key(name) for name in keep}
        copies: list[Folder] = []
        for key, folder in beside.items():
            inside = _look_through(folder).folders
            both = [each for each in inside.keys() & beside.keys() if _holds_photos(beside[each])]
            common = sorted(each for each in both if each != key)
            if key in kept or len(common) < 2 or _has_a_meaning(folder, self.root):
                continue
            if len(copies) >= _COPIED_FOLDERS or not self._are_copies(inside, beside, common):
                _refuse_same_classes(folder, [beside[each].name for each in common])
            copies.append(folder)
        for folder in copies:
            self.leave_out(folder, self.copies)
        if copies:
            others = [folder for folder in beside.values() if folder not in copies]
            self.root = _folder_of(others, self.root)

    def _are_copies(
        self, folders: Mapping[str, Folder], classes: Mapping[str, Folder], common: Sequence[str]
    ) -> bool:
        """Whether each photo of some folders is in a class of the same name, too.

        All are compared by name and size, and some of them by their content.
        """
        originals = {
            (key, file.path.name, file.size): file
            for key in common
            for file in _photos_in(classes[key])
        }
        copies = [(key, file) for key, each in folders.items() for file in _photos_in(each)]
        pairs = [
            (file, originals[key, file.path.name, file.size])
            for key, file in copies
            if (key, file.path.name, file.size) in originals
        ]
        some = pairs[:: max(1, len(pairs) // _COMPARED)]
        return len(pairs) == len(copies) and all(self._is_same_content(*pair) for pair in some)

    def _is_same_content(self, file: File, other: File) -> bool:
        if file.mark is not None:
            return file.mark == other.mark
        try:
            return self.tree.read_text(file.path, file.size) == self.tree.read_text(
                other.path, file.size
            )
        except OSError:
            return False

    def folders(
        self,
        found: _FoundParts,
        order: tuple[str, ...] | None,
        keep: Collection[str],
        is_confirmed: bool,
    ) -> list[str]:
        """Assign photos by the folders they are in, else by a table or by their names.

        Args:
            found: where to look for classes.
            order: names of the classes in label order, if given.
            keep: names of classes, whatever else they could mean.
            is_confirmed: whether folders are classes even if their names look odd.
        """
        self.has_splits = found.has_splits
        if found.by_class:
            return self._class_first(found.by_class, order)
        train = found.parts[0] if found.train is None else found.train
        folders = _class_folders(train.folder, keep)
        if not found.is_flat and sum(map(_holds_photos, folders)) > 1:
            if found.has_splits:
                names = self.splits(train, found.parts, order, keep)
            else:
                _refuse_unnamed_splits(self.root)
                names = [folder.name for folder in folders]
                is_odd = bool(folder_names.odd_class_names(names)) and not is_confirmed
                # Parts of a download, such as images_part_1, are no classes if a table has these.
                if is_odd and (labelled := self._from_tables(found.parts, order, None)):
                    return labelled
                names, folders = _order_classes(folders, order)
                self.classes(folders, names, (), "train", train.folder)
                self._find_hidden_splits(folders)
        else:
            names = self._from_tables(found.parts, order, None)
            names = names or self._from_names(found.parts, order, keep)
            names = names or self._from_tables(found.parts, order, None, is_above=True)
            if not names:
                return self._other_folders(found, order)
        for folder in found.unlabeled:
            self.leave_out(folder, self.unlabeled)
        for folder in found.masks:
            self.leave_out(folder, self.masks)
        return names

    def _find_hidden_splits(self, folders: Sequence[Folder]) -> None:
        """Note splits among the classes: in some of them, or beside a folder of classes."""
        hold = [
            folder.name
            for folder in folders
            if len({_split_of(each) for each in folder.folders.values()} - {None}) > 1
        ]
        if hold:
            names = truncate_for_display(", ".join(hold), 200)
            self.odd.append(Message(_SOME_SPLITS_INSIDE, {"names": names}))
        found = {folder.name: folder_names.split_and_rest(folder.name) for folder in folders}
        splits = [name for name, word in found.items() if word and word[0] != "train"]
        others = [folder for folder in folders if folder.name not in splits]
        if splits and others and all(map(_holds_several, others)):
            names = truncate_for_display(", ".join(splits), 200)
            self.odd.append(Message(folder_names.LOOKS_LIKE_SPLITS, {"names": names}))

    def _other_folders(self, found: _FoundParts, order: tuple[str, ...] | None) -> list[str]:
        """Assign photos to folders that hardly are classes: an error, or a person confirms it."""
        self.masks.clear()
        self.seen.clear()
        if found.has_splits and not found.is_flat:
            train = found.parts[0] if found.train is None else found.train
            return self.splits(train, found.parts, order, order or ())
        _refuse_unnamed_splits(self.root)
        holding = [
            folder
            for folder in _sorted_subfolders(self.root)
            if _holds_photos(folder) or not folder_names.is_annotations(folder.name)
        ]
        names, folders = _order_classes(holding, order)
        self.classes(folders, names, (), "train", self.root)
        return names

    def classes(
        self,
        folders: Sequence[Folder],
        names: Sequence[str],
        above: tuple[str, ...],
        split: str,
        parent: Folder,
    ) -> None:
        """Assign the photos below class folders, in label order."""
        chosen = {id(folder) for folder in folders}
        for label, (folder, name) in enumerate(zip(folders, names, strict=True)):
            for spelling in folder.spellings:
                if spelling != name:
                    self.spelled.append(("/".join((*above[-1:], spelling)), name))
            for inner, file in self.photos_below(folder):
                self.take(file, (*self.wrappers, *above, name, *inner), label, split)
        for other in parent.folders.values():
            if id(other) not in chosen:  # a class left out by the order, or no class
                self._leave_out_beside(other, parent)

    def _leave_out_beside(self, folder: Folder, parent: Folder) -> None:
        if _is_set_aside(folder, parent):
            self.leave_out(folder, self.masks)
        elif folder_names.is_unlabeled(folder.name):
            self.leave_out(folder, self.unlabeled)
        else:
            self.leave_out(folder, [])

    def splits(
        self,
        train: _Part,
        parts: Sequence[_Part],
        order: tuple[str, ...] | None,
        known: Collection[str],
    ) -> list[str]:
        """Assign the photos of split folders, whose classes are those of `train`; their names."""
        keep = set(known)
        for part in parts:  # what both training and another part have is a class, whatever its name
            if part is not train:
                keep |= {
                    part.folder.folders[key].name
                    for key in train.folder.folders.keys() & part.folder.folders
                }
        names, folders = _order_classes(_class_folders(train.folder, keep), order)
        keys = [class_names.class_key(folder.name) for folder in folders]
        for part in parts:
            here = _class_folders(part.folder, keep)
            known = {class_names.class_key(folder.name): folder for folder in here}
            if len(here) == 1 and part is not train and _is_hollow(here[0], keys):
                # A folder that loaders want around photos nobody knows the classes of.
                self.leave_out(here[0], self.unlabeled)
                continue
            lacking = any(key not in known for key in keys)
            if here and (lacking or (order is None and len(here) > len(keys))):
                self._refuse_other_classes(part, here, names)
            if here:
                chosen = [known[key] for key in keys]
                self.classes(chosen, names, part.above, part.split, part.folder)
        return names

    def _refuse_other_classes(
        self, part: _Part, here: Sequence[Folder], names: Sequence[str]
    ) -> None:
        everything = list(dict.fromkeys([*(f.name for f in here), *names]))
        named = dict(zip(everything, class_names.display_names(everything)[0], strict=True))
        raise DatasetError(
            "{split} has the classes {here}, but train has {train}. Rename or add folders so that "
            "both match.",
            split=truncate_for_display(part.name),
            here=truncate_for_display(", ".join(named[f.name] for f in here) or "none", 200),
            train=truncate_for_display(", ".join(named[name] for name in names) or "none", 200),
        )

    def _class_first(
        self, by_class: dict[str, list[_Part]], order: tuple[str, ...] | None
    ) -> list[str]:
        """Assign the photos of splits that are inside the classes."""
        names = _order_names(list(by_class), order)
        for label, name in enumerate(names):
            for part in by_class[name]:
                for inner, file in self.photos_below(part.folder):
                    path = (*self.wrappers, name, *part.above, *inner)
                    self.take(file, path, label, part.split)
        inside = next((photo for photo in self.photos if photo.split != "train"), None)
        if inside is not None:
            self._explain(_SPLITS_INSIDE, name=str(inside.file.path.parent))
        for name, parts in by_class.items():
            if name not in names:
                for part in parts:
                    self.leave_out(part.folder, [])
        return names

    def table(
        self, parts: Sequence[_Part], order: tuple[str, ...] | None, labels: LabelChoice
    ) -> list[str]:
        """Assign photos by a table that a person chose."""
        names = self._from_tables(parts, order, labels)
        if not names and labels.path is None:
            names = self._from_tables(parts, order, labels, is_above=True)
        if names:
            return names
        folder = truncate_for_display(self.root_path.name or self.tree.name)
        if labels.path is None:
            raise DatasetError(
                "No table in {folder} has the columns {columns}. Name the table with --labels.",
                folder=folder,
                columns=truncate_for_display(
                    ", ".join(filter(None, (labels.file_column, labels.label_column)))
                ),
            )
        raise DatasetError(
            "{file} names none of the photos in {folder}. Choose the table that belongs to them, "
            "or its file column.",
            file=truncate_for_display(labels.path.name),
            folder=folder,
        )

    def _from_tables(
        self,
        parts: Sequence[_Part],
        order: tuple[str, ...] | None,
        chosen: LabelChoice | None,
        is_above: bool = False,
    ) -> list[str]:
        """Assign photos by tables beside them, or by the chosen one; no names where none is.

        Args:
            parts: where the photos are.
            order: names of the classes in label order, if given.
            chosen: a table, or columns, that a person chose.
            is_above: whether to look next to the folder instead of inside.
        """
        tables = self._find_tables_above() if is_above else self._find_tables()
        if not tables and chosen is None:
            return []
        rows = [
            _PartPhoto(part, names, file)
            for part in parts
            for names, file in self.photos_below(part.folder)
        ]
        index = PhotoIndex(row.file for row in rows)
        matches = [match for file in tables if (match := self._match(file, index))]
        labelled = [match for match in matches if match.labels or len(match.choices) > 1]
        # JSON beside a table repeats it, or says something else, such as a caption.
        labelled = [match for match in labelled if not match.table.is_json] or labelled
        if chosen is not None and chosen.path is None:
            columns = chosen.file_column, chosen.label_column
            found = (self._match(file, index, *columns) for file in tables)
            labelled = [match for match in found if match and match.labels]
        elif chosen is not None and chosen.path is not None:
            own = _match_table_file(chosen.path, chosen, index)
            labelled = [own] if own else []
        if not labelled:
            return []
        labelled.sort(key=lambda match: not match.table.header)  # those that name their columns
        _refuse_several_columns(labelled)
        labels: dict[PurePosixPath, str] = {}
        unclear: dict[PurePosixPath, None] = {}
        for match in labelled:
            for path, label in match.labels.items():
                if labels.setdefault(path, label) != label:
                    unclear.setdefault(path)
        if len(unclear) > len(labels) / 10:
            raise DatasetError(
                "{first} and {second} give photos different labels. Choose one table with "
                "--labels.",
                first=truncate_for_display(labelled[0].table.name),
                second=truncate_for_display(labelled[1].table.name),
            )
        splits: dict[PurePosixPath, str] = {}
        for match in matches if chosen is None else [*labelled, *matches]:
            for path, split in match.splits.items():
                splits.setdefault(path, split)
        for path in unclear:
            labels.pop(path, None)
        names = self._assign_labels(rows, labels, splits, order)
        self._describe_tables(labelled, matches, rows, labels)
        return names

    def _assign_labels(
        self,
        rows: Sequence[_PartPhoto],
        labels: dict[PurePosixPath, str],
        splits: dict[PurePosixPath, str],
        order: tuple[str, ...] | None,
    ) -> list[str]:
        """Take each photo that has a label, in the split of its folder or of the table."""
        spelled: dict[str, Counter[str]] = {}
        for spelling, count in Counter(labels.values()).items():
            spelled.setdefault(class_names.class_key(spelling), Counter())[spelling] = count
        names = _order_names([each.most_common(1)[0][0] for each in spelled.values()], order)
        numbers = {class_names.class_key(name): n for n, name in enumerate(names)}
        for part, inner, file in rows:
            label = labels.get(file.path)
            number = None if label is None else numbers.get(class_names.class_key(label))
            if label is not None and number is None:
                self.seen.add(id(file))  # a class left out by the order
            elif number is not None:
                split = part.split or splits.get(file.path, "train")
                folders = (*self.wrappers, *part.above, names[number], *inner)
                self.take(file, folders, number, split)
        self.by_folder = False
        return names

    def _describe_tables(
        self,
        labelled: Sequence[TableMatch],
        matches: Sequence[TableMatch],
        rows: Sequence[_PartPhoto],
        labels: dict[PurePosixPath, str],
    ) -> None:
        """Say which tables were used, and what they leave open."""
        self.match = first = labelled[0]
        names = truncate_for_display(", ".join(match.table.name for match in labelled[:3]), 120)
        table = truncate_for_display(first.table.name)
        if first.from_names:
            path, label = next(iter(labels.items()))
            self._explain(_FROM_NAMES, name=label, file=path.name)
        elif first.label_column:
            self._explain(_FROM_COLUMN, file=names, column=first.label_column)
        else:
            self._explain(_FROM_COLUMNS, file=names)
        others = [name for name in first.choices if name != first.label_column]
        if others:
            self._explain(_OTHER_COLUMNS, file=table, names=", ".join(others))
        lists = [match.table.name for match in matches if match.splits]
        if lists and any(not part.split for part, _, _ in rows):
            self._explain(_SPLIT_LISTS, names=", ".join(lists[:4]))
        for match in labelled:
            file = truncate_for_display(match.table.name)
            self.warnings += _names_warning(_ROWS_WITHOUT_FILE, match.missing, file)
            self.warnings += _names_warning(_ROWS_UNCLEAR, match.unclear, file)
        unclear = {path for match in labelled for path in match.unclear}
        for row in rows:
            if row.file.path not in labels:
                self.seen.add(id(row.file))
                is_unclear = str(row.file.path) in unclear
                (self.unclear if is_unclear else self.without_row).append(row.file)
        listed = [str(each.path) for each in self.without_row]
        self.warnings += _names_warning(_PHOTOS_WITHOUT_ROW, listed, names)

    def _explain(self, text: str, **params: str) -> None:
        shown = {key: truncate_for_display(value, 120) for key, value in params.items()}
        self.explanations.append(Message(text, shown))

    def _find_tables(self) -> list[File]:
        """Files that may be tables: around the dataset, in its folder and in two levels below."""
        folders = [self.tree.root]
        for name in self.wrappers:
            folders.append(next(f for f in folders[-1].folders.values() if name in f.spellings))
        below = list(folders[-1].folders.values())
        folders += below
        folders += [inner for folder in below for inner in folder.folders.values()]
        found = [
            file
            for folder in folders[:_TABLE_FOLDERS]
            for file in folder.files
            if label_tables.is_table(file.path) and 0 < file.size <= label_tables.MAX_BYTES
        ]
        if len(found) > label_tables.MAX_TABLES:
            # A text for each photo, such as boxes in YOLO's format, is no table of a dataset.
            one_each = (".txt", *label_tables.JSON_SUFFIXES)
            found = [file for file in found if file.path.suffix.lower() not in one_each]
        found.sort(key=lambda file: label_tables.is_json(file.path))
        total, some = 0, []
        for file in found[: label_tables.MAX_TABLES]:
            total += file.size
            some += [file] * (total <= 2 * label_tables.MAX_BYTES)
        return some

    def _find_tables_above(self) -> list[File]:
        """Tables next to the folder of photos, which people choose instead of the one above it."""
        folder, allowed = self.tree.disk, allowed_roots()
        if folder is None or folder.parent == folder:
            return []
        if allowed is not None and not any(map(folder.parent.is_relative_to, allowed)):
            return []
        tables = []
        with suppress(OSError), os.scandir(folder.parent) as entries:
            for entry in islice(entries, _LISTED_ABOVE):
                path = PurePosixPath("..", entry.name)
                if label_tables.is_table(path) and entry.is_file(follow_symlinks=False):
                    tables.append(File(path, entry.stat().st_size))
        tables.sort(key=lambda file: (label_tables.is_json(file.path), file.path))
        usable = [file for file in tables if 0 < file.size <= label_tables.MAX_BYTES // 4]
        return usable[: label_tables.MAX_TABLES // 2]

    def _match(
        self, file: File, index: PhotoIndex, file_column: str = "", label_column: str = ""
    ) -> TableMatch | None:
        """What a table beside the photos says; None where it is none, or lacks a column."""
        try:
            data = self.tree.read_text(file.path, label_tables.MAX_BYTES)
            table = label_tables.read_table(data, file.path)
            return label_tables.match_table(table, index, file_column, label_column)
        except (DatasetError, OSError):
            return None  # a text of another kind

    def _from_names(
        self, parts: Sequence[_Part], order: tuple[str, ...] | None, keep: Collection[str]
    ) -> list[str]:
        """Assign photos by classes in their names; no names where they are not unambiguous."""
        rows: list[_PartPhoto] = []
        labels: dict[PurePosixPath, str] = {}
        unlabeled: list[File] = []
        for part in sorted(parts, key=lambda each: each.split not in ("", "train")):
            here = [_PartPhoto(part, names, file) for names, file in self.photos_below(part.folder)]
            photos = [row.file for row in here]
            found = photo_names.labels_from_names(photos, keep)
            if found is None and part.split in ("", "train"):
                return []
            if found is None or (labels and not set(found.values()) <= set(labels.values())):
                unlabeled += photos
                continue
            rows += here
            labels |= {photos[number].path: label for number, label in found.items()}
        if not labels:
            return []
        names = self._assign_labels(rows, labels, {}, order)
        self.unlabeled += unlabeled
        self.unnamed = [row.file for row in rows if row.file.path not in labels]
        self.seen |= {id(file) for file in (*unlabeled, *self.unnamed)}
        path, label = next(iter(labels.items()))
        self._explain(_FROM_NAMES, name=label, file=path.name)
        return names

    def account(self, plan: DatasetPlan) -> None:
        """Count and name all that is in no class, or cannot be used."""
        foreign, stray = list[PurePosixPath](), list[File]()
        others = list[PurePosixPath]()
        for _, folder in self.tree.root.walk():
            for file in folder.files:
                if file.is_photo:
                    if id(file) not in self.seen:
                        (self.masks if _is_beside_masks(file) else stray).append(file)
                else:
                    plan.ignored += 1
                    others.append(file.path)
                    foreign += [file.path] * decode_errors.is_unsupported_picture(file.path)
        plan.ignored += self.tree.special
        plan.left_out = count_endings(others)
        plan.warnings += self._spellings()
        plan.warnings += self.warnings
        plan.warnings += decode_errors.unsupported_format_warnings(foreign)
        unlabeled = [file for file in self.unlabeled if file.size]
        empty = [*self.empty, *(file for file in self.unlabeled if not file.size)]
        empty_paths = sorted(file.path for file in empty)
        plan.empty = [str(path.relative_to(plan.root)) for path in empty_paths]
        plan.warnings += _paths_warning(_EMPTY, empty_paths)
        unreadable = sorted(path for path, _ in self.tree.unreadable)
        plan.unreadable = [
            str(path.relative_to(plan.root))
            for path in unreadable
            if path.is_relative_to(plan.root) and File(path, 0).is_photo
        ]
        plan.warnings += _paths_warning(_UNREADABLE, unreadable)
        plan.warnings += _paths_warning(_LINKS_OUT, self.tree.links_out)
        plan.warnings += _paths_warning(_MASKS, [file.path for file in self.masks])
        plan.warnings += _paths_warning(_UNNAMED, [file.path for file in self.unnamed])
        plan.warnings += _paths_warning(_UNLABELED, [file.path for file in unlabeled])
        plan.warnings += _paths_warning(_COPIES, [file.path for file in self.copies])
        plan.warnings += _paths_warning(_STRAY, [file.path for file in stray])
        used = {photo.file.path.parent for photo in self.photos}
        left_out = (*self.masks, *self.unnamed, *self.without_row, *self.unlabeled, *self.unclear)
        plan.is_partial = any(used & set(file.path.parents) for file in left_out)
        plan.unlabeled = [
            PlannedPhoto(file, (*plan.root.parts, "unlabeled"), -1, "")
            for file in (*unlabeled, *self.without_row)
            if file.size and file.path.is_relative_to(plan.root)
        ]

    def _spellings(self) -> list[Message]:
        spellings = list(dict.fromkeys(self.spelled))
        if len(spellings) <= _SPELLINGS:
            return [
                Message(
                    _WRITTEN_OTHERWISE,
                    {"here": truncate_for_display(here), "train": truncate_for_display(name)},
                )
                for here, name in spellings
            ]
        names = ", ".join(here for here, _ in spellings[:_SPELLINGS])
        return [
            Message(
                _MANY_WRITTEN_OTHERWISE,
                {"n": str(len(spellings)), "names": truncate_for_display(names, 200)},
            )
        ]


def _paths_warning(message: str, paths: Sequence[PurePosixPath]) -> list[Message]:
    return _names_warning(message, [str(path) for path in sorted(paths)])


def _names_warning(message: str, names: Sequence[str], file: str = "") -> list[Message]:
    """What to say of some names: how many there are, and the first of them."""
    if not names:
        return []
    shown = {"n": str(len(names)), "names": truncate_for_display(", ".join(names[:3]), 200)}
    return [Message(message, shown | ({"file": file} if file else {}))]


def _alike_warnings(pairs: Sequence[tuple[str, str]]) -> list[Message]:
    return [Message(_LOOK_ALIKE, {"first": first, "second": second}) for first, second in pairs[:3]]


def _name_photos(plan: DatasetPlan) -> None:
    """Give each photo its name, no two the same."""
    taken: Counter[str] = Counter()
    for photo in (*plan.photos, *plan.unlabeled):
        name = str(photo.file.path.relative_to(plan.root))
        taken[name] += 1
        photo.name = name if taken[name] == 1 else f"{name}\0{taken[name]}"


@dataclass(frozen=True)
class _Part:
    """Photos of one split, or of none: the folder's name, the names from it to `folder`."""

    split: str
    name: str
    above: tuple[str, ...]
    folder: Folder


class _PartPhoto(NamedTuple):
    """A photo of a part, with the folders between."""

    part: _Part
    folders: tuple[str, ...]
    file: File


@dataclass
class _FoundParts:
    """Where to look for classes.

    `by_class` is filled where the splits are inside the classes. `is_flat` is true where no part
    holds class folders. `unlabeled` and `masks` are folders that belong to no part.
    """

    parts: list[_Part] = field(default_factory=list)
    by_class: dict[str, list[_Part]] = field(default_factory=dict)
    has_splits: bool = False
    is_flat: bool = False
    unlabeled: list[Folder] = field(default_factory=list)
    masks: list[Folder] = field(default_factory=list)

    @property
    def train(self) -> _Part | None:
        """The part whose classes count; None where no part is for training."""
        return next((part for part in self.parts if part.split in ("", "train")), None)


def _find_parts(root: Folder, needs_training: bool = True) -> _FoundParts:
    """Find the folders that stand for splits; the root itself where there are none."""
    if by_class := _find_splits_inside(root):
        return _FoundParts(by_class=by_class, has_splits=True)
    found = _FoundParts()
    parts = _find_named_splits(root)
    tops = {id(root.folders[class_names.class_key(part.name)]) for part in parts}
    others = [each for each in _class_folders(root) if id(each) not in tops and _holds_photos(each)]
    for folder in _sorted_subfolders(root):
        if id(folder) not in tops and _is_set_aside(folder, root):
            found.masks.append(folder)
        elif id(folder) not in tops and _is_unlabeled_beside(folder, bool(parts)):
            found.unlabeled += [folder] * (bool(parts) or folder not in others)
    divided = [part for part in parts if _is_divided(part.folder)]
    flat = [part for part in parts if part not in divided]
    flat_tops = [root.folders[class_names.class_key(part.name)] for part in flat]
    if divided:
        if by_class := _match_marked_classes(divided):
            return _FoundParts(by_class=by_class, has_splits=True)
        found.parts = _check_splits(root, divided, others, needs_training)
        found.has_splits = True
        found.unlabeled += flat_tops
    elif flat and not others:
        found.parts = flat if len(flat) > 1 else [replace(flat[0], split="")]
        found.has_splits, found.is_flat = len(flat) > 1, True
        if needs_training:
            _refuse_no_training(found.parts)
    elif len(others) > 1 and {part.split for part in flat} - {"train"}:
        found.parts = [_Part("", root.name, (), _folder_of(others))]
        found.unlabeled += flat_tops
    else:  # trains may also be a class, beside planes
        found.parts = [_Part("", root.name, (), root)]
    return found


def _find_named_splits(root: Folder) -> list[_Part]:
    """The folders named like splits that hold photos, or nothing at all."""
    folders = _sorted_subfolders(root)
    related = _related_splits(folders)
    parts = []
    for folder in folders:
        split = split_from_name(folder.name) or related.get(id(folder))
        if split is not None:
            above, inside = _inside_split(folder, split)
            parts.append(_Part(split, folder.name, above, inside))
    return parts


def _related_splits(folders: Sequence[Folder]) -> dict[int, str]:
    """Splits of folders whose names differ in nothing else, such as seg_train and seg_test."""
    words = {
        id(folder): found
        for folder in folders
        if (found := folder_names.split_and_rest(folder.name)) and found[1]
    }
    splits = {key: split for key, (split, _) in words.items()}
    are_alike = len(words) > 1 and len({rest.casefold() for _, rest in words.values()}) == 1
    if "train" in splits.values():
        return splits if are_alike else {}
    # rps-test-set and rps-validation beside rps/paper, rps/rock, or beside paper and rock.
    plain = [each for each in folders if id(each) not in words and _holds_photos(each)]
    classes = {class_names.class_key(each.name) for each in plain}
    if len(plain) == 1:
        classes = set(_look_through(plain[0]).folders)
    marked = [_look_through(each).folders for each in folders if id(each) in words]
    if any(len(classes & inside.keys()) > 1 for inside in marked):
        return splits | ({id(plain[0]): "train"} if len(plain) == 1 else {})
    return splits if are_alike else {}


def _is_divided(folder: Folder) -> bool:
    """Whether a split holds class folders, or no photo at all."""
    return any(map(_holds_photos, _class_folders(folder))) or not _holds_photos(folder)


def _match_marked_classes(parts: Sequence[_Part]) -> dict[str, list[_Part]]:
    """The classes of splits whose folders carry the split's name: train/train_cats, val/val_cats.

    Datasets of AI Hub have TS_cats for training and VS_cats for validation.
    """
    by_class: dict[str, list[_Part]] = {}
    splits = {part.split for part in parts}
    for part in parts:
        for folder in filter(_holds_photos, _class_folders(part.folder)):
            name = folder_names.strip_split(folder.name, part.split)
            above = (*part.above, folder.name)
            by_class.setdefault(name, []).append(_Part(part.split, folder.name, above, folder))
    is_marked = all(each.name != name for name, some in by_class.items() for each in some)
    is_complete = all(
        len(some) == len(parts) and {each.split for each in some} == splits
        for some in by_class.values()
    )
    is_used = len(parts) == len(splits) > 1 and len(by_class) > 1 and "train" in splits
    return by_class if is_used and is_marked and is_complete else {}


def _is_unlabeled_beside(folder: Folder, has_splits: bool) -> bool:
    """Whether a folder beside others holds photos without a label: seg_pred, test-multiple."""
    if folder_names.is_unlabeled(folder.name, has_splits):
        return True
    found = folder_names.split_and_rest(folder.name) if has_splits else None
    is_flat = not any(map(_holds_photos, _look_through(folder).folders.values()))
    return found is not None and found[0] != "train" and is_flat


def _check_splits(
    root: Folder, parts: list[_Part], others: Sequence[Folder], needs_training: bool
) -> list[_Part]:
    """The parts of splits with class folders, one of them for training if that is needed."""
    names: dict[str, str] = {}
    for part in parts:
        if part.split in names:
            raise DatasetError(
                "{first} and {second} both stand for {split}. Merge them, or rename one.",
                first=truncate_for_display(names[part.split]),
                second=truncate_for_display(part.name),
                split=part.split,
            )
        names[part.split] = part.name
    beside = {class_names.class_key(folder.name) for folder in others}
    if "train" not in names and len(beside) > 1:
        inside = [set(part.folder.folders) for part in parts if _holds_photos(part.folder)]
        if all(len(keys & beside) > 1 for keys in inside):  # cats, dogs and test/cats, test/dogs
            return [_Part("train", root.name, (), _folder_of(others)), *parts]
    if needs_training:
        _refuse_no_training(parts)
    _refuse_odd_sibling(root, parts)
    return parts


def _refuse_no_training(parts: Sequence[_Part]) -> None:
    if all(part.split not in ("", "train") for part in parts):
        raise DatasetError(
            "There are folders {found}, but none for training. Add train/ next to them, or open "
            "a folder that contains only class folders.",
            found=truncate_for_display(", ".join(part.name for part in parts)),
        )


def _refuse_odd_sibling(root: Folder, parts: Sequence[_Part]) -> None:
    """A folder that holds the classes of train under a name that is no split's."""
    names = {part.name for part in parts}
    train = next((part for part in parts if part.split == "train"), parts[0])
    for folder in _sorted_subfolders(root):
        if folder.name not in names and len(train.folder.folders.keys() & folder.folders) >= 2:
            raise DatasetError(
                "{odd} has the same classes as {train}, but its name doesn't stand for a split. "
                "Rename it to validation or test, or remove it.",
                odd=truncate_for_display(folder.name),
                train=truncate_for_display(train.name),
            )


def _find_splits_inside(root: Folder) -> dict[str, list[_Part]]:
    """The splits of each class where they are inside the classes: cats/train, cats/test.

    They also count as inside where one name says both: cats_train, cats_test, dogs_train, …
    """
    folders = [folder for folder in _class_folders(root) if _holds_photos(folder)]
    if len(folders) < 2 or any(split_from_name(folder.name) for folder in folders):
        return {}
    words = [folder_names.split_and_rest(folder.name) for folder in folders]
    by_class: dict[str, list[_Part]] = {}
    if all(found and found[1] for found in words) and not any(map(_is_divided, folders)):
        for folder, found in zip(folders, words, strict=True):
            assert found is not None
            part = _Part(found[0], folder.name, (folder.name,), folder)
            by_class.setdefault(found[1], []).append(part)
        sides = [{part.split for part in parts} for parts in by_class.values()]
        return by_class if len(sides) > 1 and max(map(len, sides)) > 1 else {}
    for folder in folders:
        parts = []
        for inner in filter(_holds_photos, _sorted_subfolders(folder)):
            split = split_from_name(inner.name)
            if split is None or sum(map(_holds_photos, _class_folders(inner))) > 1:
                return {}
            parts.append(_Part(split, inner.name, (inner.name,), inner))
        if folder.has_photos and all(part.split != "train" for part in parts):
            parts.append(_Part("train", folder.name, (), _folder_of([], folder)))
        if not any(part.above for part in parts):
            return {}
        by_class[folder.name] = parts
    kinds = {part.split for parts in by_class.values() for part in parts}
    return by_class if kinds - {"train"} else {}


def _class_folders(parent: Folder, keep: Collection[str] = ()) -> list[Folder]:
    """The folders that may be classes: no annotations and, beside two others, none unlabeled.

    Args:
        parent: holds them.
        keep: names of classes, whatever else they could mean.
    """
    kept = {class_names.class_key(name) for name in keep}
    folders = [
        folder
        for key, folder in sorted(parent.folders.items(), key=lambda each: each[1].name)
        if key in kept or not _is_set_aside(folder, parent)
    ]
    if sum(map(_holds_photos, folders)) > 1:  # code, models and notes beside them are no classes
        folders = [
            folder
            for folder in folders
            if class_names.class_key(folder.name) in kept or not _holds_documents_alone(folder)
        ]
    labelled = [
        folder
        for folder in folders
        if not folder_names.is_unlabeled(folder.name) or class_names.class_key(folder.name) in kept
    ]
    return labelled if sum(map(_holds_photos, labelled)) > 1 else folders


def _has_a_meaning(folder: Folder, parent: Folder) -> bool:
    """Whether a folder stands for a split, for annotations, or for photos without a label."""
    name = folder.name
    is_known = folder_names.split_and_rest(name) is not None or folder_names.is_unlabeled(name)
    return is_known or _is_set_aside(folder, parent)


def _is_set_aside(folder: Folder, parent: Folder) -> bool:
    """Whether a folder holds annotations of photos beside it."""
    if folder_names.is_annotations(folder.name):
        return True
    if not folder_names.may_be_masks(folder.name):
        return False
    siblings = [each for each in parent.folders.values() if each is not folder]
    if any("mask" in each.name.casefold() or "마스크" in each.name for each in siblings):
        return False  # a class, beside no_mask
    masks = list(_photos_in(folder))
    photos = [file for file in parent.files if file.is_photo]
    photos += [file for each in siblings for file in _photos_in(each)]
    names = {file.path.stem for file in photos}
    if len(names) <= len(photos) / 2 and not folder_names.are_surely_masks(folder.name):
        return False  # all folders number their photos alike, and a class may be called label
    return not masks or photo_names.are_masks_of(masks, photos)


def _holds_documents_alone(folder: Folder) -> bool:
    """Whether there is something in a folder, and nothing of it can be meant as a photo."""
    files = [file for _, inner in folder.walk() for file in inner.files]
    return bool(files) and all(_DOCUMENT.fullmatch(file.path.suffix.lower()) for file in files)


def _is_hollow(folder: Folder, keys: Sequence[str]) -> bool:
    """Whether a folder only wraps unlabeled photos: test/unknown, test/test, test/images."""
    name = folder.name
    if class_names.class_key(name) in keys:
        return False
    usual = folder_names.is_unlabeled(name) or folder_names.is_container(name)
    return usual or split_from_name(name) is not None


def _split_of(folder: Folder) -> str | None:
    return split_from_name(folder.name) if _holds_photos(folder) else None


def _is_part_of_class(name: str) -> bool:
    """Whether a folder within a class says only what is in it: photos, masks or annotations."""
    kinds = folder_names.is_container, folder_names.is_annotations, folder_names.may_be_masks
    return any(is_kind(name) for is_kind in kinds)


def _is_beside_masks(file: File) -> bool:
    return any(
        folder_names.is_annotations(name) or folder_names.may_be_masks(name)
        for name in file.path.parts[:-1]
    )


def _photos_in(folder: Folder) -> Iterator[File]:
    return (file for _, inner in folder.walk() for file in inner.files if file.is_photo)


def _holds_photos(folder: Folder) -> bool:
    return any(inner.has_photos for _, inner in folder.walk())


def _folder_of(folders: Sequence[Folder], like: Folder | None = None) -> Folder:
    """A folder that holds just these, with the files of another one if given."""
    parent = Folder()
    if like is not None:
        parent.spellings, parent.files = like.spellings, like.files
    parent.folders = {class_names.class_key(folder.name): folder for folder in folders}
    return parent


def _match_table_file(path: Path, choice: LabelChoice, index: PhotoIndex) -> TableMatch | None:
    """What a table that a person chose says. Raises DatasetError where it cannot be read."""
    try:
        data = bounded_readers.read_regular(path, label_tables.MAX_BYTES)
    except OSError as error:
        raise DatasetError(
            "{file} can't be read: {reason}. Choose a table of labels, such as labels.csv.",
            file=truncate_for_display(str(path), 200),
            reason=error.strerror or str(error),
        ) from error
    table = label_tables.read_table(data, PurePosixPath(path.name))
    return label_tables.match_table(table, index, choice.file_column, choice.label_column)


def _refuse_several_columns(matches: Sequence[TableMatch]) -> None:
    for match in matches:
        if match.labels:
            continue
        if match.choices:
            raise label_tables.LabelColumnError(
                "Several columns of {file} could be the label: {names}. Choose one "
                "(--label-column).",
                file=truncate_for_display(match.table.name),
                names=truncate_for_display(", ".join(match.choices), 200),
                columns=tuple(match.choices),
            )
        raise DatasetError(
            "{file} has no column of labels. Choose a table with one label per photo.",
            file=truncate_for_display(match.table.name),
        )


def _refuse_same_classes(folder: Folder, classes: Sequence[str]) -> NoReturn:
    raise DatasetError(
        "{odd} contains {folders}, too, but its name doesn't stand for a split. Rename it to "
        "validation or test, or merge the folders.",
        odd=truncate_for_display(folder.name, 60),
        folders=truncate_for_display(", ".join(sorted(classes)[:4]), 120),
    )


def _refuse_unnamed_splits(root: Folder) -> None:
    """Folders beside each other that hold the same folders are splits, whatever their names."""
    here = [
        each for each in _sorted_subfolders(root) if len(each.folders) >= 2 and not each.has_photos
    ]
    for number, first in enumerate(here[:MAX_CLASSES]):
        for second in here[number + 1 : MAX_CLASSES]:
            common = [
                key
                for key, folder in first.folders.items()
                if key in second.folders and not _is_part_of_class(folder.name)
            ]
            if len(common) < 2:
                continue
            inside = {
                "first": truncate_for_display(first.name, 60),
                "second": truncate_for_display(second.name, 60),
            }
            names = truncate_for_display(
                ", ".join(sorted(first.folders[key].name for key in common)[:4]), 120
            )
            if all(split_from_name(first.folders[key].name) for key in common):
                raise DatasetError(
                    "{first} and {second} both contain {folders}, with classes inside. Open one of "
                    "them, or merge them.",
                    **inside,
                    folders=names,
                )
            raise DatasetError(
                "{first} and {second} both contain {folders}, so they look like splits. Rename "
                "them to train and validation, open one of them, or merge them.",
                **inside,
                folders=names,
            )


def _check_classes(
    title: str, tree: Tree, reading: _ClassAssignment, names: Sequence[str], true: Sequence[str]
) -> None:
    hollow = [name for name in true if split_from_name(name) or folder_names.is_container(name)]
    filled_labels = {photo.label for photo in reading.photos}
    if tree.links_out and len(filled_labels) < max(2, len(names)):
        raise DatasetError(
            "{n} links lead out of the allowed folders: {names}. To use them, add their targets to "
            "CATDOG_ROOTS.",
            n=len(tree.links_out),
            names=truncate_for_display(", ".join(map(str, sorted(tree.links_out)[:3])), 200),
        )
    if len(names) < 2 and not any((tree.unreadable, tree.links_out, _holds_photos(tree.root))):
        raise DatasetError(
            "{folder} has no photos. Choose one with a photo folder per class, such as cats/ and "
            "dogs/.",
            folder=truncate_for_display(title),
        )
    if not names or all(map(split_from_name, true)) or (hollow and len(names) == 1):
        raise DatasetError(
            "{folder} has no class folders. Add one photo folder per class, such as cats/ and "
            "dogs/, or choose a table with the labels.",
            folder=truncate_for_display(title),
        )
    if len(names) == 1:
        raise DatasetError(
            "There's only one class, {name}. Add another, so that you have at least two photo "
            "folders, such as cats/ and dogs/.",
            name=truncate_for_display(names[0]),
        )
    if len(names) > MAX_CLASSES:
        raise DatasetError(
            "There are {count} class folders, but the limit is {limit}. Check that each folder "
            "is a class, not a single photo.",
            count=len(names),
            limit=MAX_CLASSES,
        )
    if not reading.photos and reading.empty:
        raise DatasetError(
            "All {n} photos are empty files. Copy them again from the original.",
            n=len(reading.empty),
        )
    for split in sorted({photo.split for photo in reading.photos} or {"train"}):
        filled = {photo.label for photo in reading.photos if photo.split == split}
        for label, name in enumerate(names):
            if label not in filled:
                _refuse_unreadable(tree, true[label])
                raise DatasetError(
                    "Class {name} has no photos in {split}. Add JPEG, PNG, WebP, BMP, GIF or TIFF "
                    "files, or remove the folder.",
                    name=truncate_for_display(name),
                    split=split,
                )


def _refuse_unreadable(tree: Tree, name: str) -> None:
    """A class without photos whose folder could not be read is no empty class."""
    for path, reason in tree.unreadable:
        if name in path.parts:
            raise DatasetError(
                "{folder} can't be read: {reason}. Check its permissions and that its disk is "
                "connected.",
                folder=truncate_for_display(str(path), 200),
                reason=reason,
            )


def _order_classes(
    folders: Sequence[Folder], order: tuple[str, ...] | None
) -> tuple[list[str], list[Folder]]:
    """The names of classes in label order, and their folders."""
    sorted_folders = sorted(folders, key=lambda each: unicodedata.normalize("NFC", each.name))
    if order is None:
        return [folder.name for folder in sorted_folders], sorted_folders
    known = {class_names.class_key(folder.name): folder for folder in sorted_folders}
    missing = sorted(name for name in set(order) if class_names.class_key(name) not in known)
    if missing:
        raise DatasetError(
            "There's no folder for class {names}. Choose from: {found}.",
            names=truncate_for_display(", ".join(missing)),
            found=truncate_for_display(", ".join(folder.name for folder in sorted_folders), 200),
        )
    chosen = [known[class_names.class_key(name)] for name in order]
    return [folder.name for folder in chosen], chosen


def _order_names(names: Sequence[str], order: tuple[str, ...] | None) -> list[str]:
    """Names of classes in label order, as `_order_classes` gives those of folders."""
    sorted_names = sorted(names, key=lambda name: unicodedata.normalize("NFC", name))
    if order is None:
        return sorted_names
    known = {class_names.class_key(name): name for name in sorted_names}
    missing = sorted(name for name in set(order) if class_names.class_key(name) not in known)
    if missing:
        raise DatasetError(
            "There's no class {names}. Choose from: {found}.",
            names=truncate_for_display(", ".join(missing)),
            found=truncate_for_display(", ".join(sorted_names), 200),
        )
    return [known[class_names.class_key(name)] for name in order]


def _unwrap_folder(root: Folder) -> tuple[PurePosixPath, tuple[str, ...], Folder]:
    """Look through folders that hold nothing but one folder of folders.

    Returns:
        The path of the dataset's folder, further names to the classes where a wrapper is there in
        several spellings and so is no one folder, and the folder of the classes or splits.
    """
    path, above = PurePosixPath(), list[str]()
    for _ in range(_WRAPPERS):
        inner = _only_subfolder(root)
        if inner is None or not inner.folders:
            break
        if root.has_photos and not _is_surely_inside(inner, root):
            break
        if split_from_name(inner.name) and not _holds_train(inner):
            break
        root = inner
        if above or len(root.spellings) > 1:
            above.append(root.name)
        else:
            path /= root.name
    return path, tuple(above), root


def _only_subfolder(folder: Folder) -> Folder | None:
    """The only folder within another, but for documents and annotations beside it."""
    inner = _sorted_subfolders(folder)
    if len(inner) > 1:
        inner = [
            each
            for each in inner
            if (_holds_photos(each) and not _is_set_aside(each, folder))
            or not any(within.files for _, within in each.walk())
        ]
        if len(inner) > 1:  # a project's folders: data/cats, data/dogs, beside docs/logo.png
            named = [each for each in inner if folder_names.is_container(each.name)]
            inner = [each for each in named[:_CONTAINERS] if _is_surely_inside(each, folder)]
        if len(inner) != 1 or not _holds_several(inner[0]):
            return None
    return inner[0] if len(inner) == 1 else None


def _is_surely_inside(folder: Folder, parent: Folder) -> bool:
    """Whether the dataset is in a folder named data or images, not in the little beside it."""
    beside = [each for each in parent.folders.values() if each is not folder]
    if not folder_names.is_container(folder.name) or not _holds_several(folder):
        return False
    if any(split_from_name(each.name) or _holds_several(each) for each in beside):
        return False
    others = [file for each in (*beside, _folder_of([], parent)) for file in _photos_in(each)]
    return len(others) * _FEW <= len(list(_photos_in(folder)))


def _holds_several(folder: Folder) -> bool:
    """Whether a folder, or the only one in it, holds several folders of photos."""
    return sum(map(_holds_photos, _look_through(folder).folders.values())) > 1


def _look_through(folder: Folder) -> Folder:
    """The folder itself, or the first below it that is not the only one beside no photo."""
    for _ in range(_WRAPPERS):
        if folder.has_photos or len(folder.folders) != 1:
            break
        folder = next(iter(folder.folders.values()))
    return folder


def _holds_train(folder: Folder) -> bool:
    """Whether a folder named like a split holds splits itself, one of them for training."""
    inside = [part.split for part in _find_named_splits(folder)]
    return "train" in inside and len(inside) > 1


def _inside_split(folder: Folder, split: str) -> tuple[tuple[str, ...], Folder]:
    """The folder that holds a split's classes, and the names that lead there: splits come doubled,
    training_set/training_set/cats, and with a folder for images inside."""
    top, names = folder, [folder.name]
    for _ in range(_WRAPPERS):
        inner = [each for each in _sorted_subfolders(folder) if not _is_set_aside(each, folder)]
        if len(inner) != 1 or folder.has_photos:
            break
        key = class_names.class_key(inner[0].name)
        same = split_from_name(inner[0].name) == split or key == class_names.class_key(top.name)
        holds_classes = sum(map(_holds_photos, inner[0].folders.values())) > 1
        if not (same or holds_classes or folder_names.is_container(inner[0].name)):
            break
        folder = inner[0]
        names.append(folder.name)
    return tuple(names), folder


def _sorted_subfolders(folder: Folder) -> list[Folder]:
    return sorted(folder.folders.values(), key=lambda each: each.name)
