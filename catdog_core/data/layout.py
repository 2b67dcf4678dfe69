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
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, TypedDict

from ..base.errors import N_, DatasetError
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..imaging import decode_errors
from . import class_names, folder_tree
from .folder_tree import File, Folder, Tree
from .splits import PhotoRows, SplitSettings, stratified_split

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
_SPLIT_WORDS = {
    "train": "train(ing)?|학습|훈련",
    "validation": "val(id(ation|ate)?)?|dev(elopment)?|검증",
    "test": "test(ing)?|테스트|시험",
}
_SET_WORDS = "용|sets?|data|split|images?|imgs?|photos?|pictures?|데이터|세트|셋|이미지|사진"
_SPLIT_NAME = {
    split: re.compile(f"({words})({_SET_WORDS})*[0-9]*") for split, words in _SPLIT_WORDS.items()
}
_CONTAINERS = {"images", "image", "imgs", "img", "photos", "pictures", "data", "jpegs", "jpg"}
MAX_CLASSES = 200
_WRAPPERS = 3  # folders around the dataset that are looked through
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
_LINKS_OUT = N_("{n} links lead out of the folder and are skipped: {names}.")
_STRAY = N_("{n} photos are in no class folder and are skipped: {names}.")


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
        warnings: what else is to be said.
        split: the seed and fractions the lab divided the photos by, where it did.
        unusable: photo files of an opened folder that are left out since they are empty or cannot
            be read.
        subset: where this is a part of another dataset, which one.
    """

    layout: LayoutName
    ignored: int
    warnings: list[Message]
    split: SplitSettings
    unusable: list[str]
    subset: SubsetNote


@dataclass
class DatasetPlan:
    """What a tree means.

    `root` is the dataset's folder within the tree, `wrapper` the same as text. `classes` are
    displayed, no two alike; `folders` are their true names. `layout` is as in a `Dataset`'s note,
    as are `ignored` and `warnings`. `split` holds seed and fractions once the photos are divided.
    `empty` are the names of empty photo files, from the dataset's root.
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

    @property
    def wrapper(self) -> str:
        """The folders around the dataset, empty where there are none."""
        return "" if self.root == PurePosixPath() else str(self.root)

    @property
    def size(self) -> int:
        """Bytes of all photos."""
        return sum(photo.file.size for photo in self.photos)

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
        if self.split is not None:
            note["split"] = self.split
        return note


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
        return folder_tree.scan_folder_tree(folder)
    except OSError as error:
        raise DatasetError(
            "{folder} can't be read: {reason}. Check that you have permission to read it and that "
            "its disk is connected.",
            folder=truncate_for_display(str(folder), 200),
            reason=error.strerror or str(error),
        ) from error


def detect_layout(tree: Tree, order: tuple[str, ...] | None = None) -> DatasetPlan:
    """Find wrappers, splits and classes in a tree of true names.

    Args:
        tree: the tree.
        order: class names in label order; by default sorted. They may be some of them.

    Returns:
        A plan that is not divided yet: without a validation folder its photos are all training.

    Raises:
        DatasetError: the layout is none that is known, or could mean several things.
    """
    path, above, root = _unwrap_folder(tree.root)
    splits = _find_split_folders(root)
    reading = _ClassAssignment(tree, (*path.parts, *above))
    if splits:
        names = reading.splits(splits, order)
    else:
        _refuse_unnamed_splits(root)
        names, folders = _order_classes(_sorted_subfolders(root), order)
        reading.classes(folders, names, (), "train", root)
    title = path.name or tree.name
    shown_names, alike = class_names.display_names(names)
    _check_classes(title, tree, reading, shown_names, names)
    is_split = any(photo.split == "validation" for photo in reading.photos)
    layout: LayoutName = "split" if is_split else "train-divided" if splits else "seeded"
    plan = DatasetPlan(path, tuple(shown_names), tuple(names), reading.photos, layout)
    reading.account(root, plan)
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
    reading = _ClassAssignment(Tree(name), ())
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


def split_from_name(name: str) -> str | None:
    """Return the split a folder's name stands for: "train", "validation", "test", or None.

    Words such as training, val, dev, test, 학습, 검증 and 시험 count, also with set, data or images
    behind them and with a number: training_set, Test-Data, val2017.
    """
    text = re.sub(r"[\s_\-.()\[\]]+", "", class_names.class_key(name))
    return next((split for split, known in _SPLIT_NAME.items() if known.fullmatch(text)), None)


class _ClassAssignment:
    """Photos as they are assigned to classes, and what is left over."""

    def __init__(self, tree: Tree, wrappers: tuple[str, ...]) -> None:
        self.tree, self.wrappers = tree, wrappers
        self.photos: list[PlannedPhoto] = []
        self.empty: list[File] = []
        self.seen: set[int] = set()  # folders of classes
        self.spelled: list[tuple[str, str]] = []

    def take(self, file: File, folders: tuple[str, ...], label: int, split: str) -> None:
        """Assign one photo; an empty file is noted and left out."""
        if file.size == 0:
            self.empty.append(file)
        else:
            self.photos.append(PlannedPhoto(file, folders, label, split))

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
        for other in parent.folders.values():
            if id(other) not in chosen:  # a class left out by the order
                self.seen |= {id(inner) for _, inner in other.walk()}
        for label, (folder, name) in enumerate(zip(folders, names, strict=True)):
            for spelling in folder.spellings:
                if spelling != name:
                    self.spelled.append(("/".join((*above[-1:], spelling)), name))
            for inner, each in folder.walk():
                self.seen.add(id(each))
                path_parts = (*self.wrappers, *above, name, *inner)
                for file in each.files:
                    if file.is_photo:
                        self.take(file, path_parts, label, split)

    def splits(self, split_folders: dict[str, Folder], order: tuple[str, ...] | None) -> list[str]:
        """Assign the photos of split folders; the names of their classes."""
        above, train = _inside_split(split_folders["train"], "train")
        names, folders = _order_classes(_sorted_subfolders(train), order)
        keys = [class_names.class_key(folder.name) for folder in folders]
        for split, top in split_folders.items():
            above, parent = _inside_split(top, split)
            here = _sorted_subfolders(parent)
            known = {class_names.class_key(folder.name): folder for folder in here}
            lacking = any(key not in known for key in keys)
            if here and (lacking or (order is None and len(here) > len(keys))):
                everything, _ = class_names.display_names(
                    list(dict.fromkeys([*(f.name for f in here), *names]))
                )
                named = dict(
                    zip(dict.fromkeys([*(f.name for f in here), *names]), everything, strict=True)
                )
                raise DatasetError(
                    "{split} has the classes {here}, but train has {train}. Rename or add folders "
                    "so that both match.",
                    split=truncate_for_display(top.name),
                    here=truncate_for_display(
                        ", ".join(named[f.name] for f in here) or "none", 200
                    ),
                    train=truncate_for_display(
                        ", ".join(named[name] for name in names) or "none", 200
                    ),
                )
            if here:
                self.classes([known[key] for key in keys], names, above, split, parent)
        return names

    def account(self, root: Folder, plan: DatasetPlan) -> None:
        """Count and name all that is in no class, or cannot be used."""
        foreign, stray = [], []
        for _, folder in self.tree.root.walk():
            for file in folder.files:
                if file.is_photo:
                    stray += [file.path] * (id(folder) not in self.seen)
                else:
                    plan.ignored += 1
                    foreign += [file.path] * decode_errors.is_unsupported_picture(file.path)
        plan.ignored += self.tree.special
        plan.warnings += self._spellings()
        plan.warnings += decode_errors.unsupported_format_warnings(foreign)
        empty = sorted(file.path for file in self.empty)
        plan.empty = [str(path.relative_to(plan.root)) for path in empty]
        plan.warnings += _paths_warning(_EMPTY, empty)
        unreadable = sorted(path for path, _ in self.tree.unreadable)
        plan.unreadable = [
            str(path.relative_to(plan.root))
            for path in unreadable
            if path.is_relative_to(plan.root) and File(path, 0).is_photo
        ]
        plan.warnings += _paths_warning(_UNREADABLE, unreadable)
        plan.warnings += _paths_warning(_LINKS_OUT, self.tree.links_out)
        plan.warnings += _paths_warning(_STRAY, stray)

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
    if not paths:
        return []
    names = ", ".join(str(path) for path in sorted(paths)[:3])
    return [Message(message, {"n": str(len(paths)), "names": truncate_for_display(names, 200)})]


def _alike_warnings(pairs: Sequence[tuple[str, str]]) -> list[Message]:
    return [Message(_LOOK_ALIKE, {"first": first, "second": second}) for first, second in pairs[:3]]


def _name_photos(plan: DatasetPlan) -> None:
    """Give each photo its name, no two the same."""
    taken: Counter[str] = Counter()
    for photo in plan.photos:
        name = str(photo.file.path.relative_to(plan.root))
        taken[name] += 1
        photo.name = name if taken[name] == 1 else f"{name}\0{taken[name]}"


def _find_split_folders(root: Folder) -> dict[str, Folder]:
    """The folders that stand for splits; none where the folders are classes."""
    split_folders: dict[str, Folder] = {}
    for folder in _sorted_subfolders(root):
        split = _split_of_folder(folder)
        if split is None:
            continue
        if split in split_folders:
            raise DatasetError(
                "{first} and {second} both stand for {split}. Merge them, or rename one.",
                first=truncate_for_display(split_folders[split].name),
                second=truncate_for_display(folder.name),
                split=split,
            )
        split_folders[split] = folder
    if split_folders and "train" not in split_folders:
        raise DatasetError(
            "There are folders {found}, but none for training. Add train/ next to them, or open "
            "a folder that contains only class folders.",
            found=truncate_for_display(", ".join(folder.name for folder in split_folders.values())),
        )
    if split_folders:
        _refuse_odd_sibling(root, split_folders)
    return split_folders


def _refuse_odd_sibling(root: Folder, splits: dict[str, Folder]) -> None:
    """A folder that holds the classes of train under a name that is no split's."""
    train = set(_inside_split(splits["train"], "train")[1].folders)
    for folder in _sorted_subfolders(root):
        if folder not in splits.values() and len(train & set(folder.folders)) >= 2:
            raise DatasetError(
                "{odd} has the same classes as {train}, but its name doesn't stand for a split. "
                "Rename it to validation or test, or remove it.",
                odd=truncate_for_display(folder.name),
                train=truncate_for_display(splits["train"].name),
            )


def _refuse_unnamed_splits(root: Folder) -> None:
    """Folders beside each other that hold the same folders are splits, whatever their names."""
    here = [
        each for each in _sorted_subfolders(root) if len(each.folders) >= 2 and not each.has_photos
    ]
    for number, first in enumerate(here[:MAX_CLASSES]):
        for second in here[number + 1 : MAX_CLASSES]:
            common = [key for key in first.folders if key in second.folders]
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
                    "{first} and {second} both contain {folders}, so the splits are inside the "
                    "classes. Put the classes inside the splits, such as train/{first}.",
                    **inside,
                    folders=names,
                )
            raise DatasetError(
                "{first} and {second} both contain {folders}, so they look like splits. Rename "
                "them to train and validation, or rename the folders inside.",
                **inside,
                folders=names,
            )


def _check_classes(
    title: str, tree: Tree, reading: _ClassAssignment, names: Sequence[str], true: Sequence[str]
) -> None:
    if not names or all(split_from_name(name) for name in true):
        raise DatasetError(
            "{folder} has no class folders. Add one photo folder per class, such as cats/ and "
            "dogs/, optionally inside train/ and validation/.",
            folder=truncate_for_display(title),
        )
    if len(names) == 1:
        raise DatasetError(
            "There is only one class, {name}. Add another, so that you have at least two photo "
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


def _unwrap_folder(root: Folder) -> tuple[PurePosixPath, tuple[str, ...], Folder]:
    """Look through folders that hold nothing but one folder of folders.

    Returns:
        The path of the dataset's folder, further names to the classes where a wrapper is there in
        several spellings and so is no one folder, and the folder of the classes or splits.
    """
    path, above = PurePosixPath(), list[str]()
    for _ in range(_WRAPPERS):
        inner = _sorted_subfolders(root)
        if len(inner) != 1 or root.has_photos or not inner[0].folders:
            break
        if _split_of_folder(inner[0]) and not _holds_train(inner[0]):
            break
        root = inner[0]
        if above or len(root.spellings) > 1:
            above.append(root.name)
        else:
            path /= root.name
    return path, tuple(above), root


def _holds_train(folder: Folder) -> bool:
    """Whether a folder named like a split holds splits itself, one of them for training."""
    inside = [_split_of_folder(inner) for inner in folder.folders.values()]
    return "train" in inside and len(inside) > 1


def _inside_split(folder: Folder, split: str) -> tuple[tuple[str, ...], Folder]:
    """The folder that holds a split's classes, and the names that lead there: splits come doubled,
    training_set/training_set/cats, and with a folder for images inside."""
    names = [folder.name]
    for _ in range(_WRAPPERS):
        inner = _sorted_subfolders(folder)
        if len(inner) != 1 or folder.has_photos or not inner[0].folders:
            break
        key = class_names.class_key(inner[0].name)
        if split_from_name(inner[0].name) != split and key not in _CONTAINERS:
            break
        folder = inner[0]
        names.append(folder.name)
    return tuple(names), folder


def _sorted_subfolders(folder: Folder) -> list[Folder]:
    return sorted(folder.folders.values(), key=lambda each: each.name)


def _split_of_folder(folder: Folder) -> str | None:
    """The split of a folder named like one that holds folders; trains may also be a class, beside
    planes."""
    if folder.folders or not folder.files:
        return split_from_name(folder.name)
    return None
