"""Find the folders of splits and classes in a tree: what is around them, beside and inside them.

`unwrap_folder` looks through what is around a dataset, `find_parts` finds its splits, and
`class_folders` the classes of one. Nothing here assigns a photo; `layout` does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from . import class_names, folder_names, photo_names
from .folder_names import split_from_name
from .folder_tree import File, Folder

MAX_CLASSES = 200
_WRAPPERS = 10  # folders around the dataset that are looked through
_DOCUMENT = re.compile(
    r"\.(?:txt|md|rst|csv|tsv|jsonl?|xml|ya?ml|toml|ini|cfg|log|html?|css|js|py|ipynb|sh|bat|r|m|c|"
    r"cpp|h|java|pdf|docx?|pptx?|xlsx?|hwp|h5|hdf5|keras|pb|tflite|onnx|pth?|ckpt|pkl|np[yz]|mat|"
    r"parquet|tfrecord|zip|tar|gz)"
)
"""Endings of files that surely hold no single photo."""
_CONTAINERS = 5  # folders named data or images that are looked into
_FEW = 5  # times as many photos as beside it has a folder that surely is the dataset


@dataclass(frozen=True)
class Part:
    """Photos of one split, or of none: the folder's name, the names from it to `folder`."""

    split: str
    name: str
    above: tuple[str, ...]
    folder: Folder


@dataclass
class FoundParts:
    """Where to look for classes.

    `by_class` is filled where the splits are inside the classes. `is_flat` is true where no part
    holds class folders. `unlabeled` and `masks` are folders that belong to no part.
    """

    parts: list[Part] = field(default_factory=list)
    by_class: dict[str, list[Part]] = field(default_factory=dict)
    has_splits: bool = False
    is_flat: bool = False
    unlabeled: list[Folder] = field(default_factory=list)
    masks: list[Folder] = field(default_factory=list)

    @property
    def train(self) -> Part | None:
        """The part whose classes count; None where no part is for training."""
        return next((part for part in self.parts if part.split in ("", "train")), None)


def find_parts(root: Folder, needs_training: bool = True) -> FoundParts:
    """Find the folders that stand for splits; the root itself where there are none."""
    if by_class := _find_splits_inside(root):
        return FoundParts(by_class=by_class, has_splits=True)
    found = FoundParts()
    parts = _find_named_splits(root)
    tops = {id(root.folders[class_names.class_key(part.name)]) for part in parts}
    others = [each for each in class_folders(root) if id(each) not in tops and holds_photos(each)]
    for folder in sorted_subfolders(root):
        if id(folder) not in tops and is_set_aside(folder, root):
            found.masks.append(folder)
        elif id(folder) not in tops and _is_unlabeled_beside(folder, bool(parts)):
            found.unlabeled += [folder] * (bool(parts) or folder not in others)
    divided = [part for part in parts if _is_divided(part.folder)]
    flat = [part for part in parts if part not in divided]
    flat_tops = [root.folders[class_names.class_key(part.name)] for part in flat]
    if divided:
        if by_class := _match_marked_classes(divided):
            return FoundParts(by_class=by_class, has_splits=True)
        found.parts = _check_splits(root, divided, others, needs_training)
        found.has_splits = True
        found.unlabeled += flat_tops
    elif flat and not others:
        found.parts = flat if len(flat) > 1 else [replace(flat[0], split="")]
        found.has_splits, found.is_flat = len(flat) > 1, True
        if needs_training:
            _refuse_no_training(found.parts)
    elif len(others) > 1 and {part.split for part in flat} - {"train"}:
        found.parts = [Part("", root.name, (), folder_of(others))]
        found.unlabeled += flat_tops
    else:  # trains may also be a class, beside planes
        found.parts = [Part("", root.name, (), root)]
    return found


def _find_splits_inside(root: Folder) -> dict[str, list[Part]]:
    """The splits of each class where they are inside the classes: cats/train, cats/test.

    They also count as inside where one name says both: cats_train, cats_test, dogs_train, …
    """
    folders = [folder for folder in class_folders(root) if holds_photos(folder)]
    if len(folders) < 2 or any(split_from_name(folder.name) for folder in folders):
        return {}
    words = [folder_names.split_and_rest(folder.name) for folder in folders]
    by_class: dict[str, list[Part]] = {}
    if all(found and found[1] for found in words) and not any(map(_is_divided, folders)):
        for folder, found in zip(folders, words, strict=True):
            assert found is not None
            part = Part(found[0], folder.name, (folder.name,), folder)
            by_class.setdefault(found[1], []).append(part)
        sides = [{part.split for part in parts} for parts in by_class.values()]
        return by_class if len(sides) > 1 and max(map(len, sides)) > 1 else {}
    for folder in folders:
        parts = []
        for inner in filter(holds_photos, sorted_subfolders(folder)):
            split = split_from_name(inner.name)
            if split is None or sum(map(holds_photos, class_folders(inner))) > 1:
                return {}
            parts.append(Part(split, inner.name, (inner.name,), inner))
        if folder.has_photos and all(part.split != "train" for part in parts):
            parts.append(Part("train", folder.name, (), folder_of([], folder)))
        if not any(part.above for part in parts):
            return {}
        by_class[folder.name] = parts
    kinds = {part.split for parts in by_class.values() for part in parts}
    return by_class if kinds - {"train"} else {}


def _match_marked_classes(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """The classes of splits whose folders carry the split's name: train/train_cats, val/val_cats.

    Datasets of AI Hub have TS_cats for training and VS_cats for validation.
    """
    by_class: dict[str, list[Part]] = {}
    splits = {part.split for part in parts}
    for part in parts:
        for folder in filter(holds_photos, class_folders(part.folder)):
            name = folder_names.strip_split(folder.name, part.split)
            above = (*part.above, folder.name)
            by_class.setdefault(name, []).append(Part(part.split, folder.name, above, folder))
    is_marked = all(each.name != name for name, some in by_class.items() for each in some)
    is_complete = all(
        len(some) == len(parts) and {each.split for each in some} == splits
        for some in by_class.values()
    )
    is_used = len(parts) == len(splits) > 1 and len(by_class) > 1 and "train" in splits
    return by_class if is_used and is_marked and is_complete else {}


def _find_named_splits(root: Folder) -> list[Part]:
    """The folders named like splits that hold photos, or nothing at all."""
    folders = sorted_subfolders(root)
    related = _related_splits(folders)
    parts = []
    for folder in folders:
        split = split_from_name(folder.name) or related.get(id(folder))
        if split is not None:
            above, inside = _inside_split(folder, split)
            parts.append(Part(split, folder.name, above, inside))
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
    plain = [each for each in folders if id(each) not in words and holds_photos(each)]
    classes = {class_names.class_key(each.name) for each in plain}
    if len(plain) == 1:
        classes = set(look_through(plain[0]).folders)
    marked = [look_through(each).folders for each in folders if id(each) in words]
    if any(len(classes & inside.keys()) > 1 for inside in marked):
        return splits | ({id(plain[0]): "train"} if len(plain) == 1 else {})
    return splits if are_alike else {}


def _inside_split(folder: Folder, split: str) -> tuple[tuple[str, ...], Folder]:
    """The folder that holds a split's classes, and the names that lead there: splits come doubled,
    training_set/training_set/cats, and with a folder for images inside."""
    top, names = folder, [folder.name]
    for _ in range(_WRAPPERS):
        inner = [each for each in sorted_subfolders(folder) if not is_set_aside(each, folder)]
        if len(inner) != 1 or folder.has_photos:
            break
        key = class_names.class_key(inner[0].name)
        same = split_from_name(inner[0].name) == split or key == class_names.class_key(top.name)
        holds_classes = sum(map(holds_photos, inner[0].folders.values())) > 1
        if not (same or holds_classes or folder_names.is_container(inner[0].name)):
            break
        folder = inner[0]
        names.append(folder.name)
    return tuple(names), folder


def _is_divided(folder: Folder) -> bool:
    """Whether a split holds class folders, or no photo at all."""
    return any(map(holds_photos, class_folders(folder))) or not holds_photos(folder)


def _is_unlabeled_beside(folder: Folder, has_splits: bool) -> bool:
    """Whether a folder beside others holds photos without a label: seg_pred, test-multiple."""
    if folder_names.is_unlabeled(folder.name, has_splits):
        return True
    found = folder_names.split_and_rest(folder.name) if has_splits else None
    is_flat = not any(map(holds_photos, look_through(folder).folders.values()))
    return found is not None and found[0] != "train" and is_flat


def _check_splits(
    root: Folder, parts: list[Part], others: Sequence[Folder], needs_training: bool
) -> list[Part]:
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
        inside = [set(part.folder.folders) for part in parts if holds_photos(part.folder)]
        if all(len(keys & beside) > 1 for keys in inside):  # cats, dogs and test/cats, test/dogs
            return [Part("train", root.name, (), folder_of(others)), *parts]
    if needs_training:
        _refuse_no_training(parts)
    _refuse_odd_sibling(root, parts)
    return parts


def _refuse_no_training(parts: Sequence[Part]) -> None:
    if all(part.split not in ("", "train") for part in parts):
        raise DatasetError(
            "There are folders {found}, but none for training. Add train/ next to them, or open "
            "a folder that contains only class folders.",
            found=truncate_for_display(", ".join(part.name for part in parts)),
        )


def _refuse_odd_sibling(root: Folder, parts: Sequence[Part]) -> None:
    """A folder that holds the classes of train under a name that is no split's."""
    names = {part.name for part in parts}
    train = next((part for part in parts if part.split == "train"), parts[0])
    for folder in sorted_subfolders(root):
        if folder.name not in names and len(train.folder.folders.keys() & folder.folders) >= 2:
            raise DatasetError(
                "{odd} has the same classes as {train}, but its name doesn't stand for a split. "
                "Rename it to validation or test, or remove it.",
                odd=truncate_for_display(folder.name),
                train=truncate_for_display(train.name),
            )


def refuse_unnamed_splits(root: Folder) -> None:
    """Folders beside each other that hold the same folders are splits, whatever their names."""
    here = [
        each for each in sorted_subfolders(root) if len(each.folders) >= 2 and not each.has_photos
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


def unwrap_folder(root: Folder) -> tuple[PurePosixPath, tuple[str, ...], Folder]:
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
    inner = sorted_subfolders(folder)
    if len(inner) > 1:
        inner = [
            each
            for each in inner
            if (holds_photos(each) and not is_set_aside(each, folder))
            or not any(within.files for _, within in each.walk())
        ]
        if len(inner) > 1:  # a project's folders: data/cats, data/dogs, beside docs/logo.png
            named = [each for each in inner if folder_names.is_container(each.name)]
            inner = [each for each in named[:_CONTAINERS] if _is_surely_inside(each, folder)]
        if len(inner) != 1 or not holds_several(inner[0]):
            return None
    return inner[0] if len(inner) == 1 else None


def _is_surely_inside(folder: Folder, parent: Folder) -> bool:
    """Whether the dataset is in a folder named data or images, not in the little beside it."""
    beside = [each for each in parent.folders.values() if each is not folder]
    if not folder_names.is_container(folder.name) or not holds_several(folder):
        return False
    if any(split_from_name(each.name) or holds_several(each) for each in beside):
        return False
    others = [file for each in (*beside, folder_of([], parent)) for file in photos_in(each)]
    return len(others) * _FEW <= len(list(photos_in(folder)))


def _holds_train(folder: Folder) -> bool:
    """Whether a folder named like a split holds splits itself, one of them for training."""
    inside = [part.split for part in _find_named_splits(folder)]
    return "train" in inside and len(inside) > 1


def class_folders(parent: Folder, keep: Collection[str] = ()) -> list[Folder]:
    """The folders that may be classes: no annotations and, beside two others, none unlabeled.

    Args:
        parent: holds them.
        keep: names of classes, whatever else they could mean.
    """
    kept = {class_names.class_key(name) for name in keep}
    folders = [
        folder
        for key, folder in sorted(parent.folders.items(), key=lambda each: each[1].name)
        if key in kept or not is_set_aside(folder, parent)
    ]
    if sum(map(holds_photos, folders)) > 1:  # code, models and notes beside them are no classes
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
    return labelled if sum(map(holds_photos, labelled)) > 1 else folders


def has_a_meaning(folder: Folder, parent: Folder) -> bool:
    """Whether a folder stands for a split, for annotations, or for photos without a label."""
    name = folder.name
    is_known = folder_names.split_and_rest(name) is not None or folder_names.is_unlabeled(name)
    return is_known or is_set_aside(folder, parent)


def is_set_aside(folder: Folder, parent: Folder) -> bool:
    """Whether a folder holds annotations of photos beside it."""
    if folder_names.is_annotations(folder.name):
        return True
    if not folder_names.may_be_masks(folder.name):
        return False
    siblings = [each for each in parent.folders.values() if each is not folder]
    if any("mask" in each.name.casefold() or "마스크" in each.name for each in siblings):
        return False  # a class, beside no_mask
    masks = list(photos_in(folder))
    photos = [file for file in parent.files if file.is_photo]
    photos += [file for each in siblings for file in photos_in(each)]
    names = {file.path.stem for file in photos}
    if len(names) <= len(photos) / 2 and not folder_names.are_surely_masks(folder.name):
        return False  # all folders number their photos alike, and a class may be called label
    return not masks or photo_names.are_masks_of(masks, photos)


def _holds_documents_alone(folder: Folder) -> bool:
    """Whether there is something in a folder, and nothing of it can be meant as a photo."""
    files = [file for _, inner in folder.walk() for file in inner.files]
    return bool(files) and all(_DOCUMENT.fullmatch(file.path.suffix.lower()) for file in files)


def is_hollow(folder: Folder, keys: Sequence[str]) -> bool:
    """Whether a folder only wraps unlabeled photos: test/unknown, test/test, test/images."""
    name = folder.name
    if class_names.class_key(name) in keys:
        return False
    usual = folder_names.is_unlabeled(name) or folder_names.is_container(name)
    return usual or split_from_name(name) is not None


def _is_part_of_class(name: str) -> bool:
    """Whether a folder within a class says only what is in it: photos, masks or annotations."""
    kinds = folder_names.is_container, folder_names.is_annotations, folder_names.may_be_masks
    return any(is_kind(name) for is_kind in kinds)


def is_beside_masks(file: File) -> bool:
    return any(
        folder_names.is_annotations(name) or folder_names.may_be_masks(name)
        for name in file.path.parts[:-1]
    )


def holds_several(folder: Folder) -> bool:
    """Whether a folder, or the only one in it, holds several folders of photos."""
    return sum(map(holds_photos, look_through(folder).folders.values())) > 1


def look_through(folder: Folder) -> Folder:
    """The folder itself, or the first below it that is not the only one beside no photo."""
    for _ in range(_WRAPPERS):
        if folder.has_photos or len(folder.folders) != 1:
            break
        folder = next(iter(folder.folders.values()))
    return folder


def split_of(folder: Folder) -> str | None:
    return split_from_name(folder.name) if holds_photos(folder) else None


def holds_photos(folder: Folder) -> bool:
    return any(inner.has_photos for _, inner in folder.walk())


def photos_in(folder: Folder) -> Iterator[File]:
    return (file for _, inner in folder.walk() for file in inner.files if file.is_photo)


def sorted_subfolders(folder: Folder) -> list[Folder]:
    return sorted(folder.folders.values(), key=lambda each: each.name)


def folder_of(folders: Sequence[Folder], like: Folder | None = None) -> Folder:
    """A folder that holds just these, with the files of another one if given."""
    parent = Folder()
    if like is not None:
        parent.spellings, parent.files = like.spellings, like.files
    parent.folders = {class_names.class_key(folder.name): folder for folder in folders}
    return parent
