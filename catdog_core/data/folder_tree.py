"""A dataset's folders and files by their true names, read from a disk, a list or an archive.

Folders beside each other whose names mean the same (`class_names.class_key`) are one folder, at
every level. Files of one name stay as many as there are.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base.files import open_regular
from ..imaging import photo_formats
from . import class_names

_JUNK = {
    *("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "#recycle"),
    *("$recycle.bin", "recycler", "system volume information", "lost+found", "__pycache__"),
}
# Links to folders are followed near the top alone, and never within a folder that was itself
# reached by one: links in a circle, or many to one another, would name endlessly many paths.
_LINKS = 6  # levels of folders
_NAMED = 5  # levels at which an empty folder can be a class or a split


@dataclass(frozen=True, slots=True)
class File:
    """A file: true path from the tree's root, size in bytes, position in its archive if any.

    `mark` is equal for files of equal content and None where the content is not known. `group` is
    equal for photos that belong on one side of a split and None where nothing says so.
    """

    path: PurePosixPath
    size: int
    number: int = -1
    mark: Hashable = None
    group: Hashable = None

    @property
    def is_photo(self) -> bool:
        """Whether it is a photo by its name."""
        return photo_formats.is_photo_name(self.path)


class Folder:
    """A folder: its spellings in the order they came up, what is inside."""

    __slots__ = ("files", "folders", "spellings")

    def __init__(self) -> None:
        self.spellings: dict[str, None] = {}
        self.folders: dict[str, Folder] = {}
        self.files: list[File] = []

    @property
    def name(self) -> str:
        """The plainest of its spellings; empty for the root."""
        if len(self.spellings) > 1:
            return class_names.plainest_spelling(self.spellings)
        return next(iter(self.spellings), "")

    def walk(self) -> Iterator[tuple[tuple[str, ...], Folder]]:
        """Yield this folder and all below, each with the names that lead to it from here."""
        waiting: list[tuple[tuple[str, ...], Folder]] = [((), self)]
        while waiting:
            names, folder = waiting.pop()
            yield names, folder
            waiting += [((*names, inner.name), inner) for inner in folder.folders.values()]

    @property
    def has_photos(self) -> bool:
        """Whether photos are directly in it."""
        return any(file.is_photo for file in self.files)


class Tree:
    """All folders and files below a root.

    `unreadable` are what could not be listed or opened, each with the reason; `links_out` are
    links that lead out of the allowed folders; `special` counts pipes and devices. `count` is the
    number of folders. `disk` is the folder on the disk, None for an archive, whose `texts` hold
    the content of its tables.
    """

    def __init__(self, name: str, disk: Path | None = None) -> None:
        self.name, self.disk = name, disk
        self.texts: dict[PurePosixPath, bytes] = {}
        self.root = Folder()
        self.count = 0
        self.unreadable: list[tuple[PurePosixPath, str]] = []
        self.links_out: list[PurePosixPath] = []
        self.special = 0

    def folder(self, path: PurePosixPath) -> Folder:
        """Return the folder of a path, made with all above it where it is new."""
        here = self.root
        for part in path.parts:
            here = self.subfolder(here, part)
        return here

    def empty_folder(self, path: PurePosixPath) -> Folder:
        """Return a folder that may be empty: of its path, only levels that can be classes."""
        return self.folder(PurePosixPath(*path.parts[:_NAMED]))

    def subfolder(self, folder: Folder, name: str) -> Folder:
        """Return the folder of a name within another, made where it is new."""
        key = class_names.class_key(name)
        inner = folder.folders.get(key)
        if inner is None:
            inner = folder.folders[key] = Folder()
            self.count += 1
        inner.spellings.setdefault(name)
        return inner

    def read_text(self, path: PurePosixPath, limit: int) -> bytes:
        """Return what a file of the tree holds, at most one byte more than `limit`.

        Raises:
            OSError: it cannot be read, or its archive did not keep it.
        """
        if self.disk is None:
            if path not in self.texts:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return self.texts[path]
        with open_regular(self.disk / path) as file:
            return file.read(limit + 1)

    def add(self, file: File) -> None:
        """Add a file, with the folders it is in."""
        self.folder(file.path.parent).files.append(file)


def is_junk(name: str) -> bool:
    """Tell whether a file or folder was left by an operating system, or is hidden."""
    return name[:1] == "." or name.lower() in _JUNK


def scan_folder_tree(folder: Path, allowed: Sequence[Path] | None = ()) -> Tree:
    """Read the tree of a folder on the disk. What cannot be read is noted and left out.

    Links are followed where they stay within the folder or lead into an allowed one, links to
    folders only near its top and never from a folder that was itself reached by a link.

    Args:
        folder: on the disk.
        allowed: resolved folders that links may lead into; None where they may lead anywhere.

    Raises:
        OSError: the folder itself cannot be listed.
    """
    next(folder.iterdir(), None)
    root = folder.resolve()
    tree = Tree(root.name, root)
    within = None if allowed is None else (root, *allowed)
    waiting = [(str(root), PurePosixPath(), tree.root, False)]
    while waiting:
        path, inner, here, linked = waiting.pop()
        entries: list[os.DirEntry[str]] = []
        try:
            with os.scandir(path) as inside:
                for entry in inside:  # what came before an error is kept
                    entries.append(entry)
        except OSError as error:
            if not inner.parts:
                raise
            tree.unreadable.append((inner, _describe_error(error)))
        for entry in sorted(entries, key=lambda each: each.name):
            name = inner / entry.name
            if is_junk(entry.name):
                continue
            try:
                is_link = entry.is_symlink()
                if is_link and not _is_within(entry.path, within):
                    tree.links_out.append(name)  # nothing is asked of what it leads to
                    continue
                status = entry.stat()
                if stat.S_ISDIR(status.st_mode):
                    if not is_link:
                        waiting.append((entry.path, name, tree.subfolder(here, entry.name), linked))
                    elif not linked and len(name.parts) <= _LINKS and not _is_above(entry.path):
                        waiting.append((entry.path, name, tree.subfolder(here, entry.name), True))
                    else:
                        tree.unreadable.append((name, "link"))
                elif stat.S_ISREG(status.st_mode):
                    file = File(name, status.st_size)
                    if file.is_photo and file.size:
                        _check_readable(entry.path)
                    here.files.append(file)
                else:  # a pipe or device named like a photo would make its reader wait for ever
                    tree.special += 1
                    tree.unreadable.append((name, "no file"))
            except OSError as error:
                tree.unreadable.append((name, _describe_error(error)))
    return tree


def _check_readable(path: str) -> None:
    """Raises OSError where a file cannot be read."""
    with open_regular(path, buffering=0) as file:
        file.read(1)


def _is_within(path: str, folders: Sequence[Path] | None) -> bool:
    if folders is None:
        return True
    target = Path(os.path.realpath(path))
    return any(target.is_relative_to(folder) for folder in folders)


def _is_above(path: str) -> bool:
    """Whether a link leads to a folder that it is in."""
    target = Path(os.path.realpath(path))
    return Path(os.path.realpath(Path(path).parent)).is_relative_to(target)


def _describe_error(error: OSError) -> str:
    return error.strerror or type(error).__name__
