"""Names people give: one that nobody else has, and short forms that keep what differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from .files import truncate_for_display

_NUMBERED = re.compile(r"(.+) \((\d{1,6})\)")
_SEPARATOR = re.compile(r", | · ")


def unique_name(wanted: str, taken: Iterable[str], limit: int) -> str:
    """Return a name of at most `limit` characters that no other has: "pets", then "pets (2)".

    Names count as the same where people could not tell them apart: case and spaces aside.

    Args:
        wanted: what was asked for, not empty.
        taken: the names of the others.
        limit: the most characters.
    """
    name = shorten_middle(" ".join(wanted.split()), limit)
    known = {_fold(other) for other in taken}
    if _fold(name) not in known:
        return name
    numbered = _NUMBERED.fullmatch(name)
    stem, number = (numbered[1], int(numbered[2])) if numbered else (name, 1)
    while True:
        number += 1
        ending = f" ({number})"
        candidate = shorten_middle(stem, limit - len(ending)) + ending
        if _fold(candidate) not in known:
            return candidate


def shorten_middle(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters: its beginning and its end, with … between."""
    if len(name) <= limit:
        return name
    head = limit // 2
    return f"{name[:head].rstrip()}…{name[head + 1 - limit :].lstrip()}"


def shorten_names(names: Sequence[str], limit: int = 60) -> list[str]:
    """Return names that stand beside each other, safe to print, in at most `limit` characters each.

    Where one is too long, the parts between commas and dots that all have in common go first, then
    the middle. Where different names would look the same then, their common beginning goes, so
    that what differs is seen.
    """
    safe = [truncate_for_display(name, 400) for name in names]
    if all(len(name) <= limit for name in safe):
        return safe
    count = len(set(safe))
    if count > 1:
        safe = _drop_shared_parts(safe)
        if len({shorten_middle(name, limit) for name in safe}) < count:
            safe = _drop_shared_beginning(safe, limit // 4)
    shortened: dict[str, str] = {}
    for full, name in zip(names, safe, strict=True):
        if full not in shortened:
            shortened[full] = unique_name(name, shortened.values(), limit)
    return [shortened[name] for name in names]


def _drop_shared_parts(names: Sequence[str]) -> list[str]:
    parts = [_SEPARATOR.split(name) for name in names]
    shared = set(parts[0]).intersection(*parts[1:])
    kept = [[part for part in row if part not in shared] for row in parts]
    return [", ".join(row) or name for row, name in zip(kept, names, strict=True)]


def _drop_shared_beginning(names: Sequence[str], left: int) -> list[str]:
    pairs = zip(min(names), max(names), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = shared - left
    return [f"…{name[start:]}" for name in names] if start > 1 else list(names)


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()
