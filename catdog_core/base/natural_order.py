"""Sort names as people count: photo 2 before photo 10."""

from __future__ import annotations

import re
from typing import TypeAlias

NaturalKey: TypeAlias = tuple[object, ...]
_DIGITS = re.compile(r"(\d+)")


def natural_key(path: str) -> NaturalKey:
    """Return what to sort file names or relative paths by, folder by folder.

    Numbers are compared by their value, letters without regard to case. Folders are separated by
    either slash.
    """
    return tuple(_part_key(part) for part in path.replace("\\", "/").split("/"))


def _part_key(part: str) -> NaturalKey:
    stem, dot, ending = part.rpartition(".")
    # The ending comes after the whole name, else a1.jpg would precede a.jpg.
    return (_text_key(stem if dot else part), ending.casefold(), part)


def _text_key(text: str) -> NaturalKey:
    pieces = _DIGITS.split(text.casefold())  # text and digits in turn
    numbers = [number.lstrip("0") for number in pieces[1::2]] + [""]
    # More digits are a larger number: no name is too long to compare.
    return tuple((word, len(n), n) for word, n in zip(pieces[::2], numbers, strict=True))
