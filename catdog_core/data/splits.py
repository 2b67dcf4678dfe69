"""Split photos into training, validation and test: stratified, seeded, like photos together.

A photo's place follows from a hash of the seed and its name. So the same photos are divided alike
everywhere, and one photo more changes no other's side but at the border.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

from ..base.errors import DatasetError
from ..base.files import truncate_for_display

PhotoRows = list[tuple[str, int, str]]
"""(file relative to the root, label, split) of each photo, sorted by file."""


class SplitSettings(TypedDict):
    """What the lab divided a dataset's photos by: the seed, and the parts of each class, 0..1."""

    seed: int
    validation_fraction: float
    test_fraction: NotRequired[float]


SUBSET_SIZES = (100, 250, 500, 1000, 2000)
"""Training sizes of the small-data experiments, photos."""


def stratified_split(
    photos: PhotoRows,
    names: Sequence[str],
    seed: int,
    validation: float,
    test: float = 0.0,
    together: Iterable[Sequence[str]] = (),
) -> PhotoRows:
    """Divide the photos that train or validate anew; those of a test split stay there.

    Validation takes its part from the front of the seeded order, test from its end: with a test
    split or without, validation is the same.

    Args:
        photos: in any order.
        names: class names in label order.
        seed: another one, another split.
        validation: part of each class to validate, 0..1.
        test: part of each class to test, 0..1; together with `validation` below 1.
        together: files that show the same picture, a group at a time. A group stays on one side,
            whatever its labels, as long as its class has others for each side.

    Raises:
        DatasetError: the parts are none, or a class has too few photos for all sides.
    """
    _refuse_parts(validation, test)
    pool = {file: label for file, label, split in photos if split != "test"}
    parts = {"validation": validation} | ({"test": test} if test else {})
    units = _seeded_units(pool, names, together, seed, needed=len(parts) + 1)
    sides = dict.fromkeys(pool, "train")
    for label in range(len(names)):
        class_units = [unit for unit in units if pool[unit[0]] == label]
        _assign_sides(class_units, parts, {file for file in pool if pool[file] == label}, sides)
    return [(file, label, sides.get(file, split)) for file, label, split in photos]


def nested_subset(photos: PhotoRows, count: int, seed: int, classes: int) -> set[str]:
    """Choose training photos for a small-data experiment: 100 lie within 250, 250 within 500.

    Classes keep their proportions, and each has a photo.

    Args:
        photos: those of the training split count, others are passed over.
        count: how many to choose.
        seed: another one, other photos.
        classes: number of classes.

    Returns:
        The names of the chosen photos.

    Raises:
        DatasetError: there are fewer than `count` training photos, or `count` is below `classes`.
    """
    candidates: list[tuple[float, int, str]] = []
    for label in range(classes):
        files = [file for file, number, split in photos if (number, split) == (label, "train")]
        files.sort(key=lambda file: _seeded_rank(f"subset {seed}", file))
        # Evenly spread over the line from 0 to 1, the first of each class before all others.
        positions = [(i + 0.5) / len(files) if i else 0.0 for i in range(len(files))]
        candidates += zip(positions, [label] * len(files), files, strict=True)
    if not classes <= count <= len(candidates):
        raise DatasetError(
            "You asked for {count} training photos. Choose {least} to {most} (all there are).",
            count=count,
            least=classes,
            most=len(candidates),
        )
    return {file for _, _, file in sorted(candidates)[:count]}


def _seeded_units(
    pool: dict[str, int],
    names: Sequence[str],
    together: Iterable[Sequence[str]],
    seed: int,
    needed: int,
) -> list[list[str]]:
    """Groups and single photos in the seeded order, each with its first file in front.

    Where a class has too few of them for `needed` sides, its groups are dissolved.
    """
    rank = {file: _seeded_rank(str(seed), file) for file in pool}
    alone = dict.fromkeys(pool)
    inside = ([file for file in group if file in pool] for group in together)
    units = [sorted(group, key=lambda file: rank[file]) for group in inside if group]
    for file in (file for unit in units for file in unit):
        alone.pop(file, None)
    units += [[file] for file in alone]
    for label, name in enumerate(names):
        if sum(pool[unit[0]] == label for unit in units) < needed:
            count = sum(1 for file in pool if pool[file] == label)
            if count < needed:
                raise _too_few_error(name, count, needed)
            mixed = [any(pool[file] == label for file in unit) for unit in units]
            loose = [file for unit, here in zip(units, mixed, strict=True) if here for file in unit]
            units = [unit for unit, here in zip(units, mixed, strict=True) if not here]
            units += [[file] for file in loose]
    return sorted(units, key=lambda unit: rank[unit[0]])


def _assign_sides(
    units: list[list[str]], parts: dict[str, float], own: set[str], sides: dict[str, str]
) -> None:
    """Move parts of one class out of training, in `sides`.

    Args:
        units: groups and single photos of the class in the seeded order.
        parts: by side, the part it takes, 0..1.
        own: files of the class; a group may hold others, too.
        sides: side of each file; changed.
    """
    count = sum(len(own.intersection(unit)) for unit in units)
    left = len(units)
    for number, (side, part) in enumerate(parts.items(), start=1):
        others = len(parts) - number + 1  # sides still to be filled, training among them
        wanted, taken = max(1, round(count * part)), 0
        free = [unit for unit in units if sides[unit[0]] == "train"]
        order = free if side == "validation" else free[::-1]
        smallest = min(order, key=lambda unit: len(own.intersection(unit)))
        for unit in order:
            size = len(own.intersection(unit))
            fits = taken + size <= wanted or (not taken and unit is smallest)
            if fits and left > others:
                sides |= dict.fromkeys(unit, side)
                taken += size
                left -= 1


def _seeded_rank(seed: str, file: str) -> bytes:
    # macOS stores é as two characters: the same photos are to be split alike everywhere.
    name = unicodedata.normalize("NFC", file)
    text = f"{seed}\0{name}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()


def _refuse_parts(validation: float, test: float) -> None:
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise DatasetError(
            "Validation {validation} and test {test} don't work. Choose fractions of at least 0 "
            "that add up to less than 1.",
            validation=validation,
            test=test,
        )


def _too_few_error(name: str, count: int, needed: int) -> DatasetError:
    if needed == 2:
        return DatasetError(
            "Class {name} has only {count} photo. Add photos until it has at least 2, one for "
            "training and one for validation.",
            name=truncate_for_display(name),
            count=count,
        )
    return DatasetError(
        "Class {name} has only {count} photos. Add photos until it has at least 3, one each for "
        "training, validation and testing.",
        name=truncate_for_display(name),
        count=count,
    )
