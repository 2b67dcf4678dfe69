"""What photo files hold, as digests, remembered by size and time so that a second look is quick.

workspace/datasets/<id>/contents.json    writer: `datasets`; a cache, safe to delete
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from .. import files
from ..errors import CatDogError

FORMAT = 1
Known = dict[str, tuple[int, int, str]]
"""By file relative to the root: size in bytes, time of change in ns, digest."""
_UNREADABLE = "unreadable"


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


def digests(root: Path, names: Sequence[str], known: Known) -> list[str]:
    """The digests of files.

    Args:
        root: folder of the photos.
        names: files relative to it.
        known: digests from an earlier look, used where they hold and brought up to date.
    """

    def look(name: str) -> tuple[int, int, str]:
        path = root / name
        try:
            stamp = path.stat()
            size, changed, digest = known.get(name, (-1, -1, ""))
            if (size, changed) != (stamp.st_size, stamp.st_mtime_ns):
                digest = _digest(path)
            return stamp.st_size, stamp.st_mtime_ns, digest
        except OSError:
            return -1, -1, _UNREADABLE

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(names, pool.map(look, names), strict=True))
    known.clear()
    known.update(found)
    return [digest for _, _, digest in found.values()]


def copies(names: Sequence[str], found: Sequence[str]) -> list[list[str]]:
    """Groups of two or more files with the same digest."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, digest in zip(names, found, strict=True):
        if digest != _UNREADABLE:
            groups[digest].append(name)
    return [group for group in groups.values() if len(group) > 1]


def unchanged(path: Path, stamp: tuple[int, int, str] | None) -> str:
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


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names that are no UTF-8 are still names
