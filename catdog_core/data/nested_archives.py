"""Read archives that are in an archive, or beside each other: one level deep, under its limits.

What an inner archive unpacks to counts as if it were in the outer one, and so does the inner
archive itself: the same numbers of entries and bytes, the same ratio to the bytes that came.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ..base import files, limits
from ..base.errors import DatasetError
from . import archive_safety, teachable_machine
from .archive_safety import ArchiveEntry, TarEntries, ZipEntries

_MAX_INNER = 1000  # archives in one
_IN_MEMORY = 32_000_000  # bytes of an inner archive up to which it isn't written to the disk
_CHUNK = 1 << 20


def is_archive_name(name: str) -> bool:
    """Tell whether a file is an archive that can be read, by its name."""
    return name.lower().endswith(archive_safety.ARCHIVE_SUFFIXES)


def read_entries(file: IO[bytes], name: str, most: int | None = None) -> Iterable[ArchiveEntry]:
    """Return the entries of one archive.

    Args:
        file: the archive.
        name: its file name, whose end tells zip from tar.
        most: bytes a tar may unpack to; by default as the limits say.
    """
    if name.lower().endswith((".zip", ".tm")):
        return teachable_machine.rename_samples(ZipEntries(file), name)
    return TarEntries(file, most)


class NestedEntries:
    """The entries of an archive, those of the archives in it after each of them.

    Raises, on iteration:
        DatasetError: an inner archive is damaged, or they unpack to too much.
    """

    def __init__(self, outer: Iterable[ArchiveEntry], packed: int) -> None:
        """Read nothing yet.

        Args:
            outer: entries of the archive, iterated once for each iteration.
            packed: bytes of its file.
        """
        self._outer, self._packed = outer, packed

    def __iter__(self) -> Iterator[ArchiveEntry]:
        budget, opened = _Budget(self._packed), 0
        for entry in self._outer:
            budget.take(entry.size)
            if entry.is_folder or entry.is_junk or not is_archive_name(entry.path.name):
                yield entry
                continue
            opened += 1
            if opened > _MAX_INNER:
                raise DatasetError(
                    "The archive contains more than {limit} archives. Unpack them and pack their "
                    "photo folders.",
                    limit=_MAX_INNER,
                )
            yield replace(entry, opens=opened)
            with _copy_inner(entry) as file:
                yield from _inner_entries(file, entry.path.name, opened, budget)


class SeveralArchives:
    """The entries of archives beside each other, as if they were in one."""

    def __init__(self, archives: Sequence[tuple[IO[bytes], str]]) -> None:
        """Read nothing yet.

        Args:
            archives: file and file name of each.
        """
        self._archives = archives

    def __iter__(self) -> Iterator[ArchiveEntry]:
        sizes = [file.seek(0, 2) for file, _ in self._archives]
        budget = _Budget(sum(sizes))
        for number, (file, name) in enumerate(self._archives, 1):
            path = PurePosixPath(name.replace("\\", "/").rsplit("/", 1)[-1])
            yield ArchiveEntry(path, 0, False, partial(_same, file), opens=number)
            yield from _inner_entries(file, path.name, number, budget)


class _Budget:
    """What archives in an archive may still unpack to."""

    def __init__(self, packed: int) -> None:
        allowed = limits.current_limits()
        self._packed, self._done = packed, 0
        self._by_ratio = archive_safety.FREE_BYTES + allowed.archive_ratio * packed
        self._most = allowed.archive_bytes

    def take(self, size: int) -> None:
        """Count bytes. Raises DatasetError where they are too many."""
        self._done += size
        if self._done > self._most:
            raise archive_safety.archive_too_large_error(self._done)
        if self._done > self._by_ratio:
            raise archive_safety.archive_too_large_error(self._done, self._packed)

    @property
    def left(self) -> int:
        """Bytes that may still come."""
        return min(self._by_ratio, 2 * self._most) - self._done


def _same(file: IO[bytes]) -> IO[bytes]:
    return file


def _inner_entries(
    file: IO[bytes], name: str, number: int, budget: _Budget
) -> Iterator[ArchiveEntry]:
    try:
        for entry in read_entries(file, name, budget.left):
            budget.take(entry.size)
            yield replace(entry, archive=number)
    except DatasetError:
        raise
    except Exception as error:  # what zipfile, tarfile and the decompressors raise
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise DatasetError(
            "{name} isn't a complete archive ({reason}). Pack its photo folders again.",
            name=files.truncate_for_display(name),
            reason=files.truncate_for_display(str(error) or type(error).__name__),
        ) from error


def _copy_inner(entry: ArchiveEntry) -> IO[bytes]:
    """A copy of an inner archive that can be read at any place; it goes when it is closed."""
    workspace = files.workspace_folder()
    folder = workspace if workspace.is_dir() else Path(tempfile.gettempdir())
    copy: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder))  # noqa: SIM115
    try:
        left = entry.size
        with entry.open() as source:
            while left > 0 and (chunk := source.read(min(_CHUNK, left))):
                left -= len(chunk)
                with files.wrap_os_errors(folder):
                    copy.write(chunk)
        copy.seek(0)
    except BaseException:
        copy.close()
        raise
    return copy
