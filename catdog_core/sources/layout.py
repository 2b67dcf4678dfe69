"""What a folder of photos means: wrappers, splits, classes; and a split where there is none."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast

from ..curation import division
from ..errors import N_, DatasetError
from ..files import shown
from ..images import EXTENSIONS
from ..photos import left_out
from .listed import Listed
from .places import Place, Remote

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
MAX_CLASSES = 200
_JUNK = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"}
_WRAPPERS = 3  # folders around the dataset that are looked through

Photos = division.Photos


def understand(
    folder: Place, order: tuple[str, ...] | None, seed: int, validation_fraction: float
) -> tuple[Place, Photos, dict[str, Any]]:
    """Find the dataset in a folder: its true root, its photos, and a note of what was understood.

    Raises:
        DatasetError: see `datasets.scan`.
    """
    if isinstance(folder, Remote):
        return _understand_remote(folder, order, seed, validation_fraction)
    # Unlike Path.exists, this is false, no error, for a name that is too long.
    if not os.path.exists(folder):  # noqa: PTH110
        raise DatasetError(
            "{folder} does not exist. Expected a folder with one folder of photos a class.",
            folder=shown(str(folder), 200),
        )
    if not folder.is_dir():
        raise DatasetError(
            "{folder} is a file. Expected a folder with one folder of photos a class.",
            folder=shown(str(folder), 200),
        )
    try:
        return _read(_unwrapped(folder.resolve()), order, seed, validation_fraction)
    except OSError as error:
        raise DatasetError(
            "{folder} cannot be read: {reason}. Expected a folder you may read. Check its"
            " permissions and that its disk is connected.",
            folder=shown(str(folder), 200),
            reason=error.strerror or str(error),
        ) from error


def understand_names(
    root: Listed, seed: int, validation_fraction: float, order: tuple[str, ...] | None = None
) -> tuple[Listed, Photos, dict[str, Any]]:
    """As `understand`, for names alone. Raises DatasetError as that does."""
    inner, photos, note = _read(_unwrapped(cast(Path, root)), order, seed, validation_fraction)
    return cast(Listed, inner), photos, note


def _understand_remote(
    folder: Remote, order: tuple[str, ...] | None, seed: int, validation_fraction: float
) -> tuple[Place, Photos, dict[str, Any]]:
    tree = Listed.of([PurePosixPath(name) for name in folder.listing])
    if not folder.listing and folder.protocol in ("http", "https"):
        raise DatasetError(
            "{url} shows no links to files. Give the address of a page that lists a folder of"
            " photos by class.",
            url=shown(str(folder), 200),
        )
    if not folder.listing:
        raise DatasetError(
            "There is nothing in {folder}. Expected one folder of photos a class, or a folder of"
            " shards. Check the address.",
            folder=shown(str(folder), 200),
        )
    try:
        inner, photos, note = understand_names(tree, seed, validation_fraction, order)
    except DatasetError as error:  # the root of a list has no name
        params = {k: shown(folder.name) if v == "" else v for k, v in error.params.items()}
        raise DatasetError(error.message, **params) from error
    return folder / inner.relative_to(tree), photos, note


def _read(
    root: Path, order: tuple[str, ...] | None, seed: int, validation_fraction: float
) -> tuple[Path, Photos, dict[str, Any]]:
    note: dict[str, Any] = {"layout": "split", "ignored": 0, "warnings": [], "foreign": []}
    splits = _splits(root)
    if splits:
        photos, names = _read_splits(root, splits, order, note)
    else:
        note["layout"] = "seeded"
        names = _ordered([p.name for p in _folders(root)], order)
        photos = _read_classes(root, [root / name for name in names], note, "train")
    note["warnings"] += left_out.warnings(note.pop("foreign"))
    _check(root, photos, names)
    if not any(split == "validation" for _, _, split in photos):
        note["layout"] = "train-divided" if splits else "seeded"
        note["split"] = {"seed": seed, "validation_fraction": validation_fraction}
        photos = division.divide(photos, names, seed, validation_fraction)
    note["classes"] = names
    return root, sorted(photos), note


def _splits(root: Path) -> dict[str, Path]:
    """The folders that stand for splits; none where the folders are classes."""
    found: dict[str, Path] = {}
    for place in (p for p in _folders(root) if _is_split(p)):
        split = SPLIT_NAMES[place.name.lower()]
        if split in found:
            raise DatasetError(
                "{first} and {second} both stand for {split}. Expected one folder for each split."
                " Join the two, or rename one.",
                first=shown(found[split].name),
                second=shown(place.name),
                split=split,
            )
        found[split] = place
    if found and "train" not in found:
        raise DatasetError(
            "Found the folders {found}, but none for training. Expected train/ beside them. Add it,"
            " or open a folder that holds class folders only.",
            found=shown(", ".join(p.name for p in found.values())),
        )
    return found


def _read_splits(
    root: Path, splits: dict[str, Path], order: tuple[str, ...] | None, note: dict[str, Any]
) -> tuple[Photos, list[str]]:
    names = _ordered([p.name for p in _folders(splits["train"])], order)
    photos: Photos = []
    for split, place in splits.items():
        here = [p.name for p in _folders(place)]
        meant = _meant(names, here)
        if here and (meant is None or (order is None and len(here) > len(names))):
            raise DatasetError(
                "{split} holds the classes {here}, train holds {train}. Expected the same in both."
                " Rename or add the missing folders.",
                split=shown(place.name),
                here=shown(", ".join(here) or "none", 200),
                train=shown(", ".join(names) or "none", 200),
            )
        if meant:
            photos += _read_classes(root, [place / name for name in meant], note, split)
            for name, other in zip(names, meant, strict=True):
                if name != other:
                    values = {"here": f"{place.name}/{other}", "train": name}
                    shown_values = {key: shown(value) for key, value in values.items()}
                    note["warnings"].append((_WRITTEN_OTHERWISE, shown_values))
    return photos, names


_WRITTEN_OTHERWISE = N_("{here} is taken for the class {train}, which is only written otherwise.")


def _meant(names: list[str], here: list[str]) -> list[str] | None:
    """For each class the folder of its name, or the only one that differs by case or by how its
    accents are stored; None where one has none."""
    found = []
    for name in names:
        like = [name] if name in here else [h for h in here if _alike(h) == _alike(name)]
        twins = [n for n in names if _alike(n) == _alike(name)]
        if len(like) != 1 or (like[0] != name and len(twins) > 1):
            return None
        found += like
    return found


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _read_classes(root: Path, folders: list[Path], note: dict[str, Any], split: str) -> Photos:
    photos: Photos = []
    for label, folder in enumerate(folders):
        for path in _files_below(folder):
            if path.suffix.lower() in EXTENSIONS and _is_photo_file(path, root):
                photos.append((path.relative_to(root).as_posix(), label, split))
            else:
                note["ignored"] += 1
                note["foreign"] += [path] * left_out.is_foreign(path)
    return photos


def _check(root: Path, photos: Photos, names: list[str]) -> None:
    if not names or all(name.lower() in SPLIT_NAMES for name in names):
        raise DatasetError(
            "{folder} holds no class folders. Expected one folder of photos a class, such as"
            " cats/ and dogs/, maybe inside train/ and validation/.",
            folder=shown(root.name),
        )
    if len(names) == 1:
        raise DatasetError(
            "There is only one class, {name}. Expected at least two folders of photos, such as"
            " cats/ and dogs/. Add another class.",
            name=shown(names[0]),
        )
    if len(names) > MAX_CLASSES:
        raise DatasetError(
            "There are {count} class folders. Expected at most {limit}. Check that folders are"
            " classes, not single photos.",
            count=len(names),
            limit=MAX_CLASSES,
        )
    for split in {split for _, _, split in photos} or {"train"}:
        filled = {label for _, label, part in photos if part == split}
        for label, name in enumerate(names):
            if label not in filled:
                raise DatasetError(
                    "Class {name} holds no photo in {split}. Expected JPEG, PNG, WebP, BMP, GIF or"
                    " TIFF files. Add some, or remove the folder.",
                    name=shown(name),
                    split=split,
                )


def _ordered(found: list[str], order: tuple[str, ...] | None) -> list[str]:
    if order is None:
        return sorted(found)
    if set(order) - set(found):
        raise DatasetError(
            "There is no folder for class {names}. Expected some of: {found}.",
            names=shown(", ".join(sorted(set(order) - set(found)))),
            found=shown(", ".join(sorted(found)), 200),
        )
    return list(order)


def _unwrapped(folder: Path) -> Path:
    """Look through folders that hold nothing but one folder of folders."""
    for _ in range(_WRAPPERS):
        inner = _folders(folder)
        lone = len(inner) == 1 and not _is_split(inner[0]) and _folders(inner[0])
        if not lone or any(p.suffix.lower() in EXTENSIONS for p in folder.iterdir()):
            break
        folder = inner[0]
    return folder


def _folders(place: Path) -> list[Path]:
    inside = [p for p in place.iterdir() if p.is_dir() and not _is_junk(p)]
    return sorted(p for p in inside if not _leads_out(p, place))


def _files_below(place: Path) -> list[Path]:
    found = []
    for folder, inner, names in _walk(place):
        inner[:] = sorted(name for name in inner if not _is_junk(Path(name)))
        paths = [folder / name for name in sorted(names)]
        found += [p for p in paths if not _is_junk(p)]
    return found


def _walk(place: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    if isinstance(place, Listed):
        yield from place.walk()
        return
    for folder, inner, names in os.walk(place):  # links to folders are not followed
        yield Path(folder), inner, names


def _is_photo_file(path: Path, root: Path) -> bool:
    # A pipe or device named like a photo would make its reader wait for ever.
    return path.is_file() and not _leads_out(path, root)


def _leads_out(path: Path, root: Path) -> bool:
    return path.is_symlink() and not path.resolve().is_relative_to(root.resolve())


def _is_split(path: Path) -> bool:
    """Named like a split and holding folders; trains may also be a class, beside planes."""
    return path.name.lower() in SPLIT_NAMES and (bool(_folders(path)) or not any(path.iterdir()))


def _is_junk(path: Path) -> bool:
    return path.name[0] == "." or path.name.lower() in _JUNK
