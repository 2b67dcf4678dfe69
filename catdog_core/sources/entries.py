"""What all archives have in common: limits, entries, and names that are never trusted."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from .. import files, limits
from ..errors import DatasetError
from ..images import EXTENSIONS
from ..photos import left_out

FREE = 50_000_000
"""Bytes any archive may unpack to, whatever its ratio."""
MAX_DEPTH = 30
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,80}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # Windows devices


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of an archive, its name read as it was meant.

    `size` is what it claims, in bytes. `open` gives the content; for some archives only until the
    next entry is asked for.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]

    @property
    def is_photo(self) -> bool:
        """Whether it is to be unpacked."""
        return not self.is_folder and self.path.suffix.lower() in EXTENSIONS

    @property
    def is_junk(self) -> bool:
        """Whether it was left there by an operating system, and is not worth a word."""
        return any(part[:1] == "." or part == "__MACOSX" for part in self.path.parts)


@dataclass
class Judged:
    """What an archive holds: its photos, all its folders, other files, bytes of the photos.

    `foreign` are pictures among the others.
    """

    photos: list[PurePosixPath] = field(default_factory=list)
    folders: set[PurePosixPath] = field(default_factory=set)
    ignored: int = 0
    foreign: list[PurePosixPath] = field(default_factory=list)
    size: int = 0


def judge(source: Iterable[Entry]) -> Judged:
    """Look at all entries before any is unpacked.

    Raises:
        DatasetError: one leads out of its folder or is an archive itself, or they are too many or
            too large.
    """
    found, count, total, allowed = Judged(), 0, 0, limits.current()
    for entry in source:
        count, total = count + 1, total + entry.size
        if count > allowed.archive_entries:
            raise too_many(count)
        if total > allowed.archive_bytes:
            raise too_large(total)
        _refuse_unsafe(entry.path)
        if entry.is_junk:
            continue
        _refuse_nested(entry)
        found.folders.add(entry.path if entry.is_folder else entry.path.parent)
        if entry.is_photo:
            found.photos.append(entry.path)
            found.size += entry.size
        elif not entry.is_folder:
            found.ignored += 1
            found.foreign += [entry.path] * left_out.is_foreign(entry.path)
    if not count:
        raise DatasetError("The archive is empty. Expected folders of photos, one a class.")
    return found


def too_many(count: int) -> DatasetError:
    """The error of an archive with more entries than allowed."""
    return DatasetError(
        "The archive has {count:,} entries or more. Expected at most {limit:,}.",
        count=count,
        limit=limits.current().archive_entries,
    )


def too_large(total: int, packed: int | None = None) -> DatasetError:
    """The error of an archive that would fill the disk, from `packed` bytes where it shrinks."""
    if packed is None:
        return DatasetError(
            "The archive unpacks to {total:,} bytes or more. Expected at most {limit:,}.",
            total=total,
            limit=limits.current().archive_bytes,
        )
    return DatasetError(
        "The archive unpacks from {packed:,} to {total:,} bytes or more. Expected photos, which"
        " hardly shrink, of at most {limit:,} bytes in all.",
        packed=packed,
        total=total,
        limit=limits.current().archive_bytes,
    )


def special(name: str) -> DatasetError:
    """The error of an entry that is neither file nor folder."""
    return DatasetError(
        "The archive holds a link or device, {name}. Expected plain files only.",
        name=files.shown(name),
    )


def _refuse_unsafe(path: PurePosixPath) -> None:
    if path.is_absolute() or re.match("[A-Za-z]:", str(path)) or ".." in path.parts:
        raise DatasetError(
            "The archive holds the unsafe path {name}, which leads out of its folder. Expected"
            " plain folders of photos.",
            name=files.shown(str(path)),
        )
    if len(path.parts) > MAX_DEPTH:
        raise DatasetError(
            "The archive holds {name}, {depth} folders deep. Expected at most {limit}.",
            name=files.shown(str(path)),
            depth=len(path.parts),
            limit=MAX_DEPTH,
        )


def _refuse_nested(entry: Entry) -> None:
    if not entry.is_folder and entry.path.suffix.lower() in _ARCHIVES:
        raise DatasetError(
            "The archive holds another archive, {name}. Expected folders of photos. Unpack the"
            " inner one and pack its folders.",
            name=files.shown(str(entry.path)),
        )


class Places:
    """Safe places for an archive's files and folders; `names` keeps the true names of folders."""

    def __init__(self, root: Path, folders: Iterable[PurePosixPath]) -> None:
        self.names: dict[str, str] = {}
        self._places = {PurePosixPath("."): root}
        self._taken: dict[PurePosixPath, set[str]] = {}
        parts = {part for folder in folders for part in folder.parts}
        spellings = Counter(name.casefold() for name in parts)
        # "Cats" and "cats" would become one folder on Windows and macOS.
        self._twins = {name for name in parts if spellings[name.casefold()] > 1}

    def folder(self, path: PurePosixPath) -> Path:
        """The folder to write to, made when it is new."""
        if path not in self._places:
            self._places[path] = self.folder(path.parent) / self._safe(path.name)
            self._places[path].mkdir(exist_ok=True)
        return self._places[path]

    def file(self, path: PurePosixPath, number: int) -> Path:
        """The file to write: under its own name where that is plain and free, else its number."""
        taken, name = self._taken.setdefault(path.parent, set()), path.name
        if not _PLAIN_FILE.fullmatch(name) or _RESERVED.match(name) or name.lower() in taken:
            name = f"{number:06d}{path.suffix.lower()}"
        while name.lower() in taken:
            name = f"_{name}"
        taken.add(name.lower())
        return self.folder(path.parent) / name

    def _safe(self, name: str) -> str:
        plain = _PLAIN.fullmatch(name) and not _RESERVED.match(name)
        if plain and name not in self._twins:
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        safe = f"{files.slug(name, 24)}-{digest[:6]}"
        self.names[safe] = files.shown(name, 60)
        return safe
