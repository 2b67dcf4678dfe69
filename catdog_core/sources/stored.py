"""How an archive's photos are stored: under safe names, with a record of the true ones."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .. import files
from . import contents
from .layout import Photos, Plan

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,80}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # Windows devices


@dataclass
class Stored:
    """Photos written by a plan.

    `photos` are (file, label, split), files relative to the folder written to; `root` is the
    dataset's own folder within it, `classes` the names of its class folders there. `names` maps
    each stored path that had to be renamed to its true last name. `known` are the digests.
    """

    plan: Plan
    root: PurePosixPath
    classes: tuple[str, ...]
    photos: Photos = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    known: contents.Known = field(default_factory=dict)


class SafeNames:
    """Safe places below a folder for files and folders of any names.

    Folders are made when the first file in them is asked for. `names` keeps the true last name of
    each path that was renamed, by its path from the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names: dict[str, str] = {}
        self._folders: dict[tuple[str, ...], PurePosixPath] = {(): PurePosixPath()}
        self._taken: dict[PurePosixPath, set[str]] = {}
        self._made: set[PurePosixPath] = set()

    def folder(self, names: tuple[str, ...]) -> PurePosixPath:
        """The stored path of a folder, from the root; it is not made."""
        if names not in self._folders:
            parent = self.folder(names[:-1])
            self._folders[names] = self._take(parent, names[-1], self._safe(names[-1]))
        return self._folders[names]

    def file(self, folders: tuple[str, ...], name: str, number: int) -> PurePosixPath:
        """The stored path of a file: its own name where that is plain and free, else its number.

        The folder is made.
        """
        parent = self.folder(folders)
        if parent not in self._made:
            (self.root / parent).mkdir(parents=True, exist_ok=True)
            self._made.add(parent)
        safe = name
        taken = self._taken.get(parent, ())
        if not _PLAIN_FILE.fullmatch(name) or _RESERVED.match(name) or name.lower() in taken:
            safe = f"{number:06d}{PurePosixPath(name).suffix.lower()}"
        return self._take(parent, name, safe)

    def _take(self, parent: PurePosixPath, name: str, safe: str) -> PurePosixPath:
        taken = self._taken.setdefault(parent, set())
        while safe.lower() in taken:
            safe = f"_{safe}"
        taken.add(safe.lower())
        if safe != name:
            self.names[str(parent / safe)] = name
        return parent / safe

    def _safe(self, name: str) -> str:
        if _PLAIN.fullmatch(name) and not _RESERVED.match(name):
            return name
        return f"{files.slug(name, 24)}-{_short(name)}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
