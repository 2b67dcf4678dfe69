"""What all archives have in common: limits, entries, and names that are never trusted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from .. import files, limits
from ..errors import N_, DatasetError
from ..images import EXTENSIONS
from ..photos import left_out
from . import text_encoding
from .tree import File, Tree, is_junk

FREE = 50_000_000
"""Bytes any archive may unpack to, whatever its ratio."""
MAX_DEPTH = 30
MAX_NAME = 10_000
"""Bytes of an entry's path with its folders; systems store 4,096 at most."""
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_CHUNK = 1 << 20
_FOLDERS = 4  # times as many folders as entries may be named by the paths of all entries
_MAX_LETTERS = 50_000_000  # of all names together
_UNSURE = N_(
    "The archive does not say how its names are encoded, so {names} is read as {encoding}. If that"
    " looks wrong, pack it again with UTF-8 names."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of an archive.

    `size` is what it claims, in bytes. `open` gives the content; for some archives only until the
    next entry is asked for. `raw` is the name as bytes where the archive does not declare its
    encoding; then `path` is a first guess, and `survey` decides for all names together. `mark` is
    equal for entries of equal content, where the archive tells. `split` and `label` are set where
    the source knows the class of a photo, whatever the names of its folders.
    """

    path: PurePosixPath
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]]
    raw: bytes | None = None
    mark: Hashable = None
    split: str = ""
    label: int | None = None

    @property
    def is_photo(self) -> bool:
        """Whether it is a photo by its name."""
        return not self.is_folder and self.path.suffix.lower() in EXTENSIONS

    @property
    def is_junk(self) -> bool:
        """Whether it was left there by an operating system, and is not worth a word."""
        return any(map(is_junk, self.path.parts))


@dataclass
class Surveyed:
    """What an archive holds: its tree by true names, what else is to be said of it.

    `labelled` are photos whose source knows their split and label; `ignored` counts the others of
    such a source.
    """

    tree: Tree
    warnings: left_out.Warnings = field(default_factory=list)
    labelled: list[tuple[File, str, int]] = field(default_factory=list)
    ignored: int = 0


class _Seen(NamedTuple):
    """What is kept of an entry: an `Entry` may hold on to its archive's buffers."""

    path: PurePosixPath
    raw: bytes | None
    size: int
    is_folder: bool
    mark: Hashable
    split: str
    label: int | None


def survey(source: Iterable[Entry], name: str) -> Surveyed:
    """Look at all entries before any is unpacked, and decide how their names are encoded.

    Args:
        source: iterated once. Photos without a mark are read, to find those of equal content.
        name: of the dataset.

    Raises:
        DatasetError: an entry leads out of its folder or is an archive itself, or they are too
            many or too large.
    """
    listed: list[_Seen] = []
    total, letters, allowed = 0, 0, limits.current()
    for entry in source:
        total, letters = total + entry.size, letters + len(str(entry.path))
        if len(listed) >= allowed.archive_entries:
            raise too_many(len(listed) + 1)
        if total > allowed.archive_bytes:
            raise too_large(total)
        if letters > _MAX_LETTERS:
            raise DatasetError(
                "The archive's names take {letters:,} characters or more, and {limit:,} are"
                " allowed. Give its folders shorter names.",
                letters=letters,
                limit=_MAX_LETTERS,
            )
        mark = entry.mark
        fits = 0 < entry.size <= allowed.photo_bytes
        if mark is None and fits and entry.is_photo and not entry.is_junk:
            mark = _digest(entry)
        split_label = (entry.split, entry.label)
        listed.append(_Seen(entry.path, entry.raw, entry.size, entry.is_folder, mark, *split_label))
    if not listed:
        raise DatasetError("The archive is empty. Expected folders of photos, one a class.")
    found = Surveyed(Tree(name))
    paths = _true_paths(listed, found.warnings)
    for number, (seen, path) in enumerate(zip(listed, paths, strict=True)):
        _refuse_unsafe(path)
        if any(map(is_junk, path.parts)):
            continue
        _refuse_nested(path, seen.is_folder)
        file = File(path, seen.size, number, seen.mark)
        if seen.label is not None:
            if file.is_photo:
                _refuse_large(seen)
                found.labelled.append((file, seen.split, seen.label))
            else:
                found.ignored += 1
        elif seen.is_folder:
            found.tree.empty_folder(path)
        else:
            if file.is_photo:
                _refuse_large(seen)
            found.tree.add(file)
        if found.tree.count > _FOLDERS * allowed.archive_entries:
            raise DatasetError(
                "The archive's paths name {count:,} folders or more, and {limit:,} are allowed."
                " Pack it with fewer folders.",
                count=found.tree.count,
                limit=_FOLDERS * allowed.archive_entries,
            )
    return found


def _true_paths(listed: list[_Seen], warnings: left_out.Warnings) -> list[PurePosixPath]:
    """The paths of entries, all names without a declared encoding read in one."""
    unknown = [entry.raw for entry in listed if entry.raw is not None]
    if not unknown:
        return [entry.path for entry in listed]
    declared = [str(entry.path) for entry in listed if entry.raw is None]
    judged = text_encoding.judge(unknown, declared)

    def true(entry: _Seen) -> PurePosixPath:
        if entry.raw is None:
            return entry.path
        return PurePosixPath(*text_encoding.decoded([entry.raw], judged.encoding))

    paths = [true(entry) for entry in listed]
    if not judged.sure:
        pairs = zip(listed, paths, strict=True)
        odd = {
            part
            for entry, path in pairs
            if entry.raw is not None
            for part in (path.parts if entry.is_folder else path.parts[:-1])
            if not part.isascii()
        }
        if odd:
            names = files.shown(", ".join(sorted(odd)[:3]), 120)
            warnings.append((_UNSURE, {"names": names, "encoding": judged.encoding}))
    return paths


def _digest(entry: Entry) -> bytes:
    """What a photo holds, as a digest; no more is read than the entry claims."""
    total, left = hashlib.blake2b(digest_size=16), entry.size
    with entry.open() as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            total.update(chunk)
            left -= len(chunk)
    return total.digest()


def _refuse_large(seen: _Seen) -> None:
    most = limits.current().photo_bytes
    if seen.size > most:
        raise larger(seen.path, most)


def larger(path: PurePosixPath, most: int) -> DatasetError:
    """The error of a photo with more than `most` bytes, or more than the archive claims."""
    return DatasetError(
        "{name} is larger than allowed or than the archive claims. Expected photos of"
        " at most {limit:,} bytes.",
        name=files.shown(str(path)),
        limit=most,
    )


def too_many(count: int, most: int | None = None) -> DatasetError:
    """The error of an archive with more entries than `most`, by default those of the limits."""
    return DatasetError(
        "The archive has {count:,} entries or more. Expected at most {limit:,}.",
        count=count,
        limit=most or limits.current().archive_entries,
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


def _refuse_nested(path: PurePosixPath, is_folder: bool) -> None:
    if not is_folder and path.suffix.lower() in _ARCHIVES:
        raise DatasetError(
            "The archive holds another archive, {name}. Expected folders of photos. Unpack the"
            " inner one and pack its folders.",
            name=files.shown(str(path)),
        )
