"""Digest photo files, and remember the digests by size and time so that a second scan is quick.

workspace/datasets/<id>/contents.json    writer: this module; a cache, safe to delete
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ..base import files
from ..base.errors import CatDogError

FORMAT = 1
KnownDigests = dict[str, tuple[int, int, str]]
"""By file relative to the root: size in bytes, time of change in ns, digest."""
UNREADABLE = "unreadable"
"""Stands for the digest of a file that cannot be read."""
EMPTY = hashlib.blake2b(digest_size=16).hexdigest()
"""The digest of an empty file."""
_NO_FILE = (-1, -1)
_NOTHING = (*_NO_FILE, "")
_END_BYTES = 4096  # bytes at the end of a photo in which photos of one size differ


def fingerprint_content(
    photos: Sequence[tuple[str, int, str]], classes: Sequence[str], digests: Sequence[str]
) -> str:
    """Name the content of a dataset: other photos, labels, classes or split, another name.

    Args:
        photos: (file, label, split) of each, sorted by file.
        classes: class names in label order.
        digests: the photos' digests.
    """
    total = hashlib.blake2b(_encode_name("\0".join(classes)), digest_size=20)
    for (file, label, split), digest in zip(photos, digests, strict=True):
        total.update(_encode_name(f"{file}\0{label}\0{split}\0{digest}\0"))
    return total.hexdigest()


def digest_files(root: Path, names: Sequence[str], known_digests: KnownDigests) -> list[str]:
    """Digest files, except those whose size and time are as they were.

    Args:
        root: folder of the photos.
        names: files relative to it.
        known_digests: from an earlier look, used where they hold and brought up to date.
    """

    def digest(name: str) -> tuple[int, int, str]:
        return _digest_if_changed(root / name, known_digests.get(name, _NOTHING))

    with ThreadPoolExecutor(2) as pool:
        digests_by_name = dict(zip(names, pool.map(digest, names), strict=True))
    known_digests.clear()
    known_digests.update(digests_by_name)
    return [digest for _, _, digest in digests_by_name.values()]


def find_equal_files(root: Path, photos: Sequence[tuple[str, int]]) -> list[list[str]]:
    """Find files with the same content without reading all of them.

    Only files of one size are looked at, of these the ends, and those that end alike are read.

    Args:
        root: folder of the photos.
        photos: (file relative to it, size in bytes) of each.

    Returns:
        The groups, as `group_copies` finds them.
    """
    for key in (lambda name, size: size, lambda name, size: (size, _read_end(root / name, size))):
        marks = [key(name, size) for name, size in photos]
        times = Counter(marks)
        photos = [row for row, mark in zip(photos, marks, strict=True) if times[mark] > 1]
    names = [name for name, _ in photos]
    return group_copies(names, digest_files(root, names, {}) if names else [])


def _read_end(path: Path, size: int) -> bytes:
    """The last bytes of a file; nothing where it cannot be read."""
    start = max(0, size - _END_BYTES)
    try:
        with files.open_regular(path) as file:
            file.seek(start)
            return file.read(_END_BYTES)
    except OSError:
        return b""


def digest_file(path: Path) -> str:
    """Return what a file holds, as 32 hexadecimal digits of BLAKE2b, or `UNREADABLE`."""
    try:
        with files.open_regular(path) as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return UNREADABLE


def group_copies(names: Sequence[str], digests: Sequence[str]) -> list[list[str]]:
    """Group files with the same digest; empty files are no copies of a photo."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, digest in zip(names, digests, strict=True):
        if digest not in (UNREADABLE, EMPTY):
            groups[digest].append(name)
    return [group for group in groups.values() if len(group) > 1]


def remembered_digest(path: Path, stamp: tuple[int, int, str] | None) -> str:
    """Return the digest remembered of a file that has not changed since; else nothing."""
    with suppress(OSError):
        now = path.stat()
        if stamp and stamp[:2] == (now.st_size, now.st_mtime_ns):
            return stamp[2]
    return ""


def read_digests(folder: Path) -> KnownDigests:
    """Read the digests remembered in a dataset's folder; none where there is no sound file."""
    with suppress(CatDogError, KeyError, TypeError, ValueError):
        record = files.read_json(folder / "contents.json")
        if record["format"] == FORMAT:
            return {
                str(name): (int(size), int(changed), str(digest))
                for name, (size, changed, digest) in record["files"].items()
            }
    return {}


def write_digests(folder: Path, known_digests: KnownDigests) -> None:
    """Remember digests in a dataset's folder."""
    text = json.dumps({"format": FORMAT, "files": known_digests}, separators=(",", ":"))
    files.write_bytes(folder / "contents.json", text.encode())


def _digest_if_changed(path: Path, known: tuple[int, int, str]) -> tuple[int, int, str]:
    with suppress(OSError):
        stamp = path.stat()
        size, changed, digest = known
        if (size, changed) != (stamp.st_size, stamp.st_mtime_ns):
            digest = digest_file(path)
        if digest != UNREADABLE:
            return stamp.st_size, stamp.st_mtime_ns, digest
    return *_NO_FILE, UNREADABLE  # tried again the next time


def _encode_name(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names that are no UTF-8 are still names
