"""Tell from the names of photo files which class they show, and which are masks of others."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from . import class_names, folder_names
from .folder_tree import File

MIN_NAMED = 0.95
"""Part of the photos whose names have to name a class, before names are taken for labels."""
_SEPARATORS = " _-.\t"
_DIGITS = "0123456789"
_GENERIC = re.compile(
    "img|image|images|pic|pics|picture|photo|photos|dsc|dscn|dscf|dcp|pxl|mvi|vid|sam|gopr|gp|dji|"
    "pano|burst|frame|frames|file|scan|scanned|capture|snapshot|screenshot|screen shot|screen|"
    "p|c|x|untitled|unnamed|download|downloads|received|fb img|whatsapp image|wp|"
    "kakaotalk|kakaotalk photo|insta|instagram|snow|b612|"
    "이미지|사진|그림|캡처|화면 캡처|스크린샷|다운로드|제목 없음"
)
_SEPARATED = re.compile(r"[ _\-.]+")
_COPY = re.compile(
    r"(?:[ _]?\(\d{1,3}\)| ?-? ?(?:copy|kopie|copie|복사본)(?: ?\(?\d{1,3}\)?)?)$", re.IGNORECASE
)
_ROBOFLOW = re.compile(r"_(?:jpe?g|png|webp|bmp)\.rf\.[0-9a-zA-Z]{6,40}$", re.IGNORECASE)
_SECOND_ENDING = re.compile(r"\.(?:jpe?g|png|webp|bmp|gif)$", re.IGNORECASE)
_HASH_END = re.compile(
    r"[ _\-.]([0-9a-f]{6,40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", re.IGNORECASE
)
_NUMBER_FIRST = re.compile(r"\d{1,7}[ _\-.]+(?P<label>[^\W\d_][^\d]{0,40})")
_MASK_WORDS = (
    *("mask", "masks", "seg", "segmentation", "gt", "groundtruth", "ground truth", "ground_truth"),
    *("trimap", "label", "labels", "annotation", "annotations", "matte"),
)


def label_from_name(stem: str) -> str | None:
    """Return the class a file's name begins with, such as cat in ``cat.0``; None where it has none.

    Names that cameras and programs give, such as IMG_0001, and names of splits are no classes.

    Args:
        stem: the file's name without its ending.
    """
    name = unicodedata.normalize("NFC", stem).strip().removesuffix(")")
    label = name.rstrip(_DIGITS)
    if label == name:
        return None
    label = label.strip("(" + _SEPARATORS)
    plain = re.sub(r"[\s_\-.]+", " ", class_names.class_key(label)).strip()
    if not any(letter.isalpha() for letter in plain) or re.search(r"\d{3}", plain):
        return None  # a date or a second counter: trip 2023-12, not a class
    if _GENERIC.fullmatch(plain) or folder_names.split_from_name(label):
        return None
    return label


def label_from_other_name(stem: str) -> str | None:
    """Return the class in a name of another usual form, such as 0001_cat, 1.cat or cat_3f2a9c1b.

    Copies, such as cat.1 (2) and cat.1 - Copy, and names with two endings, such as cat.1.jpg, have
    the class of the name without these.

    Args:
        stem: the file's name without its ending.
    """
    name = _COPY.sub("", _ROBOFLOW.sub("", unicodedata.normalize("NFC", stem).strip()))
    name = _SECOND_ENDING.sub("", name)
    if (found := _HASH_END.search(name)) and any(map(str.isdigit, found[1])):
        return label_from_name(f"{name[: found.start()]}_0")
    if label := label_from_name(name):
        return label
    if found := _NUMBER_FIRST.fullmatch(name):
        return label_from_name(f"{found['label']}_0")
    return None


def labels_from_names(photos: Sequence[File], known: Collection[str] = ()) -> dict[int, str] | None:
    """Read the classes of photos from their names, if that is unambiguous.

    Args:
        photos: of one folder, or of one split.
        known: classes that stay as they are written, since a dataset has them already.

    Returns:
        The class by the position of the photo; None where fewer than two classes have at least
        two photos each, or too many names name none.
    """
    labels = _labels_by_form(photos, label_from_name)
    if labels is None:
        labels = _labels_by_form(photos, label_from_other_name)
        if labels and folder_names.odd_class_names(sorted(set(labels.values()))):
            return None  # 1_original, 1_augmented
    return labels and _without_shared_word(labels, known)


def _without_shared_word(labels: dict[int, str], known: Collection[str]) -> dict[int, str]:
    """Labels without a word that all begin with and that says nothing: IMG_cat, train_dog."""
    words = {_SEPARATED.split(label, maxsplit=1)[0].casefold() for label in labels.values()}
    word = words.pop()
    says_nothing = _GENERIC.fullmatch(word) or folder_names.split_from_name(word)
    if words or not says_nothing or set(labels.values()) & set(known):
        return labels
    shorter = {n: _SEPARATED.split(label, maxsplit=1)[-1] for n, label in labels.items()}
    are_labels = all(label_from_name(f"{label}_0") for label in shorter.values())
    return shorter if are_labels else labels


def _labels_by_form(
    photos: Sequence[File], read: Callable[[str], str | None]
) -> dict[int, str] | None:
    """The class of each photo whose name has one in a form, as `labels_from_names` returns them."""
    labels = {
        number: label for number, file in enumerate(photos) if (label := read(file.path.stem))
    }
    spelled: dict[str, Counter[str]] = {}
    for label in labels.values():
        spelled.setdefault(class_names.class_key(label), Counter())[label] += 1
    if len(labels) < MIN_NAMED * len(photos) or len(spelled) < 2:
        return None
    if any(count.total() < 2 for count in spelled.values()):
        return None
    chosen = {key: class_names.plainest_spelling(count) for key, count in spelled.items()}
    return {number: chosen[class_names.class_key(label)] for number, label in labels.items()}


def mask_base(stem: str) -> str | None:
    """Return the name of the photo that a mask's name belongs to: a for ``a_mask``; else None."""
    name = stem.casefold()
    for plain in (name, name.rstrip(_DIGITS).rstrip(_SEPARATORS)):
        if not plain.endswith(_MASK_WORDS):
            continue
        for word in _MASK_WORDS:
            base = plain.removesuffix(word)
            if base != plain and base[-1:] and base[-1] in _SEPARATORS:
                return base.rstrip(_SEPARATORS)
    return None


def find_masks(files: Iterable[File]) -> set[int]:
    """Return the `id` of each photo of a folder that is a mask of another: ``a_mask.png``.

    Args:
        files: of one folder. A photo counts as a mask only if the photo it belongs to is there.
    """
    photos = [file for file in files if file.is_photo]
    bases = {id(file): mask_base(file.path.stem) for file in photos}
    if not any(bases.values()):
        return set()
    stems = {file.path.stem.casefold() for file in photos if not bases[id(file)]}
    return {number for number, base in bases.items() if base in stems}


def are_masks_of(masks: Sequence[File], photos: Iterable[File]) -> bool:
    """Tell whether most photos of a folder have the names of other photos, as masks have."""
    stems = {file.path.stem.casefold() for file in photos}
    same = sum(
        file.path.stem.casefold() in stems or mask_base(file.path.stem) in stems for file in masks
    )
    return bool(masks) and same >= len(masks) / 2
