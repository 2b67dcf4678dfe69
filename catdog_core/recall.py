"""What files were read as, kept in memory as long as they stay the same.

Lists of runs and datasets are read anew several times a page and every few seconds while one
trains; with 500 runs, or a record of 100,000 photos, reading is what a page would wait for. A file
counts as the same by device, number, size and time of change, all of which a look at it tells: one
replaced by a rename has another number, one appended to another size.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Mark = tuple[tuple[int, int, int, int] | None, ...]


class Recall(Generic[T]):
    """The last values made from files; the ones not asked for longest go first.

    Args:
        limit: how much is kept, in the unit of `weigh`. The latest value is kept in any case.
        weigh: how much a value counts; by default 1 each.
    """

    def __init__(self, limit: int, weigh: Callable[[T], int] = lambda _value: 1) -> None:
        self._limit, self._weigh = limit, weigh
        self._kept: OrderedDict[Hashable, tuple[Mark, T]] = OrderedDict()
        self._guard = threading.Lock()
        self.made = 0
        """How often a value was made, not recalled."""

    def get(self, key: Hashable, paths: Sequence[Path | str], make: Callable[[], T]) -> T:
        """The value of `key`: the one made last, unless one of the files is another since.

        Args:
            key: what is asked for.
            paths: the files it is made from; one that is missing may appear.
            make: reads it; what it raises is passed on, and nothing is kept.
        """
        now = mark(paths)  # before reading: a change in between is seen the next time
        with self._guard:
            known = self._kept.get(key)
            if known is not None and known[0] == now:
                self._kept.move_to_end(key)
                return known[1]
        value = make()
        with self._guard:
            self.made += 1
            self._kept[key] = (now, value)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and self._weight() > self._limit:
                self._kept.popitem(last=False)
        return value

    def _weight(self) -> int:
        return sum(self._weigh(value) for _, value in self._kept.values())


def mark(paths: Sequence[Path | str]) -> Mark:
    """What tells files apart from later versions of them; None for one that is not there."""
    return tuple(map(_mark, paths))


def _mark(path: Path | str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a path as text is what makes it quick
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
