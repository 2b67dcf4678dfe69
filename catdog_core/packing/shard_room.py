"""Room on the disk for shards that are streamed from elsewhere, and the threads that fill it.

The bound is `shard_cache_bytes` of `limits`, for all of the workspace together. Each shard counts
from the moment its fetching begins, under a lock that all processes take.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from .. import files, limits
from ..errors import CatDogError
from . import cache

MARK = "streamed.json"
_FETCHING = 3  # shards fetched at once, behind those who read
_GIVEN_UP = 3600.0  # seconds without a byte, after which nobody fetches a shard any more
_ended = threading.Event()
atexit.register(_ended.set)


class Fetched(Protocol):
    """A shard that can be fetched."""

    path: Path

    def fetch(self) -> bool:
        """Have it here, if there is room; whether it is here."""


def heed() -> None:
    """Raise CatDogError where the process ends: what is fetched is given up."""
    if _ended.is_set():
        raise CatDogError("The program ends.")


class Room:
    """The room for streamed shards on this disk, and the threads that fill it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted: deque[Fetched] = deque()
        self._asked: set[Path] = set()
        self._full = False
        self._guard = threading.Lock()
        self._threads = 0

    def later(self, shard: Fetched) -> None:
        """Fetch a shard behind those who read; asked for again, it is tried once more only if it
        failed."""
        with self._guard:
            if self._full or shard.path in self._asked:
                return
            self._asked.add(shard.path)
            self._wanted.append(shard)
            if self._threads < _FETCHING:
                self._threads += 1
                # Not waited for when the process ends: nothing is lost that is not fetched again.
                threading.Thread(target=self._work, name="shards", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._wanted or self._full or _ended.is_set():
                    self._wanted.clear()
                    self._threads -= 1
                    return
                shard = self._wanted.popleft()
            try:
                shard.fetch()
            except (CatDogError, OSError):  # whoever reads asks for records, and tells
                with self._guard:
                    self._asked.discard(shard.path)

    @contextmanager
    def take(self, path: Path, size: int) -> Iterator[Path | None]:
        """A file of `size` bytes beside `path`, to be filled and renamed; None: there is no room.

        It counts from now on, so that two who fetch at once do not take the same room.
        """
        with files.temporary_beside(path, ".tfrecord") as temporary:
            with FileLock(cache.root() / ".streamed.lock"):
                there = _make_room(self._folder, size)
                if there:
                    with files.telling(path), open(temporary, "wb") as file:
                        file.truncate(size)
            self._full = not there
            yield temporary if there else None


def taken() -> int:
    """Bytes of all streamed shards on this disk."""
    return sum(files.size(path) for mark in _marks() for path in _shards(mark.parent))


def _make_room(folder: Path, size: int) -> bool:
    """Whether there is room for `size` bytes more, once what nobody reads has made way."""
    bound = limits.current().shard_cache_bytes
    free = bound - taken()
    for other in [mark.parent for mark in _marks()]:
        # Of what is read now, only what is over a bound that was lowered.
        needed = 0 if other == folder or cache.is_used(other) else size
        for path in _shards(other):
            if free < needed:
                free += files.size(path)
                files.discard(path)
    return free >= size


def _marks() -> list[Path]:
    """The entries of shards elsewhere, the least recently used first."""
    return sorted(cache.root().glob(f"*/{MARK}"), key=_changed_at)


def _shards(folder: Path) -> list[Path]:
    """Its shards, and those that come; one whose process was killed meanwhile goes."""
    found = sorted(folder.glob("*.tfrecord"))
    for path in found:
        if path.name[0] == "." and _changed_at(path) < time.time() - _GIVEN_UP:
            files.discard(path)
    return found


def _changed_at(path: Path) -> float:
    with suppress(OSError):  # it goes meanwhile
        return path.stat().st_mtime
    return 0.0
