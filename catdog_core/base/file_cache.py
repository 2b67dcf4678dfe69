"""Cache what files were read as in memory, and arrays beside them on the disk.

Lists of runs and datasets are read anew several times a page and every few seconds while one
trains; with 500 runs, or a record of 100,000 photos, reading is what a page would wait for. A file
counts as the same by device, number, size and time of change, all of which a look at it tells: one
replaced by a rename has another number, one appended to another size.
"""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import files

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")
Signature = tuple[tuple[int, int, int, int] | None, ...]


class FileCache(Generic[T]):
    """Cache the last values made from files, or from none; the least recently used go first.

    Args:
        limit: how much is kept, in the unit of `weigh`. The latest value is kept in any case.
        weigh: how much a value counts; by default 1 each.
    """

    def __init__(self, limit: int, weigh: Callable[[T], int] = lambda _value: 1) -> None:
        self._limit, self._weigh = limit, weigh
        self._cached: OrderedDict[Hashable, tuple[Signature, T]] = OrderedDict()
        self._guard = threading.Lock()
        self.miss_count = 0
        """How often a value was made since the cache did not have it."""

    def __len__(self) -> int:
        return len(self._cached)

    def get(self, key: Hashable, paths: Sequence[Path | str], make: Callable[[], T]) -> T:
        """Return the value of `key`: the one made last, unless a file has changed since.

        Args:
            key: what is asked for.
            paths: the files it is made from; one that is missing may appear.
            make: reads it; what it raises is passed on, and nothing is kept.
        """
        now = file_signature(paths)  # before reading: a change in between is seen the next time
        with self._guard:
            known = self._cached.get(key)
            if known is not None and known[0] == now:
                self._cached.move_to_end(key)
                return known[1]
        value = make()
        with self._guard:
            self.miss_count += 1
            self._cached[key] = (now, value)
            self._cached.move_to_end(key)
            while len(self._cached) > 1 and self._weight() > self._limit:
                self._cached.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget every value."""
        with self._guard:
            self._cached.clear()

    def _weight(self) -> int:
        return sum(self._weigh(value) for _, value in self._cached.values())


def file_signature(paths: Sequence[Path | str]) -> Signature:
    """Return what tells files apart from later versions of them; None for one that is missing."""
    return tuple(map(_signature, paths))


def _signature(path: Path | str) -> tuple[int, int, int, int] | None:
    try:
        file_stat = os.stat(path)  # noqa: PTH116 - a path as text is what makes it quick
    except OSError:
        return None
    return file_stat.st_dev, file_stat.st_ino, file_stat.st_size, file_stat.st_mtime_ns


ARRAY_READ_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What `read_arrays`, and using what it gives, may raise where a file is missing or damaged."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of an ``.npz`` file by name. Raises one of `ARRAY_READ_ERRORS`."""
    import numpy as np

    # NumPy leaves a damaged file open that it has opened itself; Windows could not replace it.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def write_arrays(path: Path, *arrays: ArrayLike, **named: ArrayLike) -> None:
    """Replace an ``.npz`` file whole. Raises CatDogError where it cannot be written."""
    import numpy as np

    with files.atomic_replace(path) as temporary:
        np.savez(temporary, *arrays, **named)  # type: ignore[arg-type]
