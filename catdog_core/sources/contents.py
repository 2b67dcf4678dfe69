"""What photo files hold, as digests, remembered by size and time so that a second look is quick.

workspace/datasets/<id>/contents.json    writer: `datasets`; a cache, safe to delete
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from .. import files
from ..cluster.tasks import Hands, Progress, threads
from ..errors import CatDogError
from . import places
from .places import Place, Remote, Stamp

FORMAT = 1
Known = dict[str, tuple[int, int, str]]
"""By file relative to the root: size in bytes, time of change in ns, digest."""
UNREADABLE = "unreadable"
"""Stands for the digest of a file that cannot be read."""
EMPTY = hashlib.blake2b(digest_size=16).hexdigest()
"""The digest of an empty file."""
_NO_FILE = (-1, -1)
_NOTHING = (*_NO_FILE, "")
_WAITING = 8
"""Threads of a part that read photos elsewhere: they wait for the net more than they count."""
_END = 4096  # bytes at the end of a photo in which photos of one size differ
_REMOTE_TWINS = 2000  # photos elsewhere of which a part is read for a preview
_PART = 128  # photos a part: seconds of work, and nothing lost when it is done twice
T = TypeVar("T")
Reader = Callable[[Remote, Sequence[str]], Known]
"""Reads photos below a place elsewhere, and tells what is to be remembered of them."""


def fingerprint(
    photos: Sequence[tuple[str, int, str]], classes: Sequence[str], found: Sequence[str]
) -> str:
    """Name the content of a dataset: other photos, labels, classes or split, another name.

    Args:
        photos: (file, label, split) of each, sorted by file.
        classes: class names in label order.
        found: the photos' digests.
    """
    total = hashlib.blake2b(_bytes("\0".join(classes)), digest_size=20)
    for (file, label, split), digest in zip(photos, found, strict=True):
        total.update(_bytes(f"{file}\0{label}\0{split}\0{digest}\0"))
    return total.hexdigest()


def digests(
    root: Place, names: Sequence[str], known: Known, read: Reader | None = None
) -> list[str]:
    """The digests of files.

    Args:
        root: folder of the photos; one elsewhere is listed, not asked for each.
        names: files relative to it.
        known: digests from an earlier look, used where they hold and brought up to date.
        read: how photos elsewhere are read; by default `reader` with two threads.
    """

    def look(name: str) -> tuple[int, int, str]:
        return _look(root / name, known.get(name, _NOTHING))

    if isinstance(root, Remote):
        missing = [name for name in names if known.get(name, _NOTHING)[:2] != root.stamp(name)]
        known.update((read or reader(Hands()))(root, missing))
    with threads(2) as pool:
        found = dict(zip(names, pool.map(look, names), strict=True))
    known.clear()
    known.update(found)
    return [digest for _, _, digest in found.values()]


def twins(root: Place, photos: Sequence[tuple[str, int]]) -> tuple[list[list[str]], bool]:
    """Groups of files with the same content, found without reading all of them.

    Only files of one size are looked at, of these the ends, and those that end alike are read.

    Args:
        root: folder of the photos.
        photos: (file relative to it, size in bytes) of each.

    Returns:
        The groups, as `copies` finds them; false where so many would be read from another place
        that it was not done.
    """
    for look in (lambda name, size: size, lambda name, size: (size, _end(root / name, size))):
        marks = [look(name, size) for name, size in photos]
        times = Counter(marks)
        photos = [row for row, mark in zip(photos, marks, strict=True) if times[mark] > 1]
        if isinstance(root, Remote) and len(photos) > _REMOTE_TWINS:
            return [], False
    names = [name for name, _ in photos]
    return copies(names, digests(root, names, {}) if names else []), True


def _end(path: Place, size: int) -> bytes:
    """The last bytes of a file; nothing where it cannot be read."""
    start = max(0, size - _END)
    try:
        if isinstance(path, Remote):
            return path.read_part(start, size)
        with files.open_regular(path) as file:
            file.seek(start)
            return file.read(_END)
    except OSError:
        return b""


def parts(root: Remote, names: Sequence[str]) -> list[tuple[Remote, list[str], list[Stamp]]]:
    """Photos elsewhere in parts for `Hands.each`, each with the stamps they are listed with."""
    chunks = [list(names[start : start + _PART]) for start in range(0, len(names), _PART)]
    return [(root, part, [root.stamp(name) for name in part]) for part in chunks]


def in_parallel(look: Callable[[str], T], names: Sequence[str]) -> list[T]:
    """What `look` gives for each of a part's photos: elsewhere they are waited for side by side."""
    with threads(_WAITING) as pool:
        return list(pool.map(look, names))


def reader(hands: Hands, progress: Progress | None = None) -> Reader:
    """Reads photos elsewhere for `digests`, many at once.

    Args:
        hands: who does.
        progress: called with (photos done, photos in all).
    """

    def read(root: Remote, names: Sequence[str]) -> Known:
        work = parts(root, names)
        found = hands.each(read_part, work, [len(part) for _, part, _ in work], progress)
        return {name: row for rows in found for name, row in rows.items()}

    return read


def read_part(root: Remote, names: list[str], stamps: list[Stamp]) -> Known:
    """The digests of a part of the photos elsewhere; runs on any machine."""
    return rows(names, stamps, in_parallel(lambda name: digest(root / name), names))


def digest(path: Place) -> str:
    """The digest of a file, or `UNREADABLE`."""
    try:
        return places.digest(path)
    except OSError:
        return UNREADABLE


def rows(names: Sequence[str], stamps: Sequence[Stamp], digests: Sequence[str]) -> Known:
    """Digests as they are remembered; what could not be read is tried again the next time."""
    found = zip(names, stamps, digests, strict=True)
    return {n: (*(s if d != UNREADABLE else _NO_FILE), d) for n, s, d in found}


def copies(names: Sequence[str], found: Sequence[str]) -> list[list[str]]:
    """Groups of two or more files with the same digest; empty ones are no copies of a photo."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, digest in zip(names, found, strict=True):
        if digest not in (UNREADABLE, EMPTY):
            groups[digest].append(name)
    return [group for group in groups.values() if len(group) > 1]


def unchanged(path: Place, stamp: tuple[int, int, str] | None) -> str:
    """The digest remembered of a file, if it is as it was then; else nothing."""
    with suppress(OSError):
        now = path.stat()
        if stamp and stamp[:2] == (now.st_size, now.st_mtime_ns):
            return stamp[2]
    return ""


def read(folder: Path) -> Known:
    """The digests remembered in a dataset's folder; none where there is no sound file."""
    with suppress(CatDogError, KeyError, TypeError, ValueError):
        record = files.read_json(folder / "contents.json")
        if record["format"] == FORMAT:
            return {
                str(name): (int(size), int(changed), str(digest))
                for name, (size, changed, digest) in record["files"].items()
            }
    return {}


def write(folder: Path, known: Known) -> None:
    """Remember digests in a dataset's folder."""
    text = json.dumps({"format": FORMAT, "files": known}, separators=(",", ":"))
    files.write_bytes(folder / "contents.json", text.encode())


def _look(path: Place, known: tuple[int, int, str]) -> tuple[int, int, str]:
    try:
        stamp = path.stat()
        size, changed, digest = known
        if (size, changed) != (stamp.st_size, stamp.st_mtime_ns):
            digest = places.digest(path)
        return stamp.st_size, stamp.st_mtime_ns, digest
    except OSError:
        return *_NO_FILE, UNREADABLE


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names that are no UTF-8 are still names
