"""Folders known by their names only, so that an archive is understood before it is unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath


class Listed:
    """A file or folder of a list of names, with as much of `pathlib.Path` as `layout` asks for.

    Two files of one name in one folder, which an archive may hold, stay two.

    Args:
        path: from the root of the list; the root itself is ".".
    """

    __slots__ = ("_files", "_folders", "path")

    def __init__(self, path: PurePosixPath | str = ".", is_folder: bool = True) -> None:
        self.path = PurePosixPath(path)
        self._folders: dict[str, Listed] | None = {} if is_folder else None
        self._files: list[str] = []

    @classmethod
    def of(cls, files: Iterable[PurePosixPath], folders: Iterable[PurePosixPath] = ()) -> Listed:
        """The root of a tree of these files, and of folders that may be empty."""
        root = cls()
        for folder in folders:
            root._folder(folder)
        for file in files:
            root._folder(file.parent)._files.append(file.name)
        return root

    def _folder(self, path: PurePosixPath) -> Listed:
        here = self
        for part in path.parts:
            assert here._folders is not None
            if part not in here._folders:
                here._folders[part] = Listed(here.path / part)
            here = here._folders[part]
        return here

    @property
    def name(self) -> str:
        """The last part of the path; empty for the root."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on."""
        return self.path.suffix

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self._folders is not None

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self._folders is None

    def is_symlink(self) -> bool:
        """Never: archives with links are refused before."""
        return False

    def iterdir(self) -> Iterator[Listed]:
        """What the folder holds."""
        yield from (self._folders or {}).values()
        for name in self._files:
            yield self / name

    def walk(self) -> Iterator[tuple[Listed, list[str], list[str]]]:
        """As `os.walk`: each folder with the names inside; names taken out are not entered."""
        inner = self._folders or {}
        names = list(inner)
        yield self, names, list(self._files)
        for name in names:
            yield from inner[name].walk()

    def relative_to(self, root: Listed) -> PurePosixPath:
        """The path from another folder of the list."""
        return self.path.relative_to(root.path)

    def __truediv__(self, name: str) -> Listed:
        return (self._folders or {}).get(name) or Listed(self.path / name, is_folder=False)

    def __lt__(self, other: Listed) -> bool:
        return self.path < other.path
