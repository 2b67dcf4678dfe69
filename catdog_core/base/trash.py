"""Move deleted runs, datasets and presets to the workspace's trash, and restore them.

    workspace/trash/<time>-<hex>/entry.json    what it was, when and from where it came
    workspace/trash/<time>-<hex>/content/…     the folders or files themselves

Things come and go by a rename on the same disk: nothing is copied, and nothing is half moved. The
entry is written first, so that whatever lies in `content` is known; an entry without content is
none. What earlier versions put there, a bare folder or file, is known by what it holds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from . import access, files
from .errors import CatDogError

TrashKind = Literal["run", "dataset", "preset", "experiment", "model"]
FORMAT = 1
_ENTRY, _CONTENT = "entry.json", "content"
_FOLDERS: dict[str, str] = {
    "run": "runs",
    "experiment": "runs",
    "dataset": "datasets",
    "preset": "presets",
    "model": "guests",
}
_OLD = re.compile(r"(.+)-[0-9a-f]{6}(\.json)?")


@dataclass(frozen=True)
class TrashEntry:
    """Something in the trash.

    `at` is when it was deleted, seconds since 1970, `bytes` what it takes on the disk. `parts` are
    the folders or files, each with the name it goes back to; `home` is the folder they came from.
    """

    id: str
    kind: TrashKind
    name: str
    at: float
    bytes: int
    home: Path
    parts: tuple[tuple[Path, str], ...]


def trash_folder() -> Path:
    """Return the folder of this workspace's trash."""
    return files.workspace_folder() / "trash"


def move_to_trash(kind: TrashKind, name: str, paths: Sequence[Path]) -> str:
    """Move folders or files of the workspace to the trash, together; return the entry's id.

    Args:
        kind: what it is.
        name: what people call it.
        paths: from one folder; all of them become one entry.

    Raises:
        CatDogError: they cannot be moved; those that were are back.
    """
    key = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}"
    entry_path, home = trash_folder() / key, paths[0].parent
    try:
        files.write_json(
            entry_path / _ENTRY,
            {
                "format": FORMAT,
                "kind": kind,
                "name": name,
                "at": time.time(),
                "from": _portable_path(home),
            },
        )
        with files.wrap_os_errors(home):
            (entry_path / _CONTENT).mkdir()
            files.rename_all([(path, entry_path / _CONTENT / path.name) for path in paths])
    except CatDogError:
        files.remove_tree(entry_path)
        raise
    return key


def list_trash() -> list[TrashEntry]:
    """Return the entries of the trash, the latest first; unreadable ones are left out."""
    if not trash_folder().is_dir():
        return []
    entries = [_read_entry(path) for path in trash_folder().iterdir() if path.name[0] != "."]
    return sorted((e for e in entries if e), key=lambda entry: (entry.at, entry.id), reverse=True)


def get_trash_entry(key: str) -> TrashEntry:
    """Return an entry by its id. Raises CatDogError: there is none."""
    for entry in list_trash():
        if entry.id == key:
            return entry
    if files.slugify(key, 80) == key:  # no path that leads elsewhere
        path = trash_folder() / key / _ENTRY
        files.check_format_version(path, files.read_json_object(path), FORMAT)
    raise CatDogError(
        "There's no '{id}' in the trash. Choose an id that 'trash list' shows.",
        id=files.truncate_for_display(key),
    )


def restore_from_trash(key: str) -> TrashEntry:
    """Put an entry back to where it was.

    A preset whose file's name is taken by another one gets another file; nothing else may be there.

    Raises:
        CatDogError: there is no such entry, something of its name is there, or it cannot be moved.
    """
    access.check_permission("change data")
    entry = get_trash_entry(key)
    if entry.kind == "preset":
        _refuse_taken_preset_name(entry)
        names = [files.free_name(entry.home / name).name for _, name in entry.parts]
    else:
        names = [name for _, name in entry.parts]
    targets = [entry.home / name for name in names]
    for target in targets:
        if target.exists():
            raise CatDogError(
                "'{name}' can't be restored: {path} already exists ({kind}). Delete it first, "
                "then try again.",
                name=entry.name,
                kind=entry.kind,
                path=target,
            )
    with files.wrap_os_errors(entry.home):
        entry.home.mkdir(parents=True, exist_ok=True)
        parts = [part for part, _ in entry.parts]
        files.rename_all(list(zip(parts, targets, strict=True)))
    if (trash_folder() / key / _ENTRY).exists():
        files.remove_tree(trash_folder() / key)
    return entry


def empty_trash() -> int:
    """Remove all that is in the trash for good; the bytes set free.

    Raises:
        CatDogError: something cannot be removed.
    """
    access.check_permission("empty")
    freed = 0
    for path in list(trash_folder().iterdir()) if trash_folder().is_dir() else []:
        taken = files.disk_usage(path)
        files.remove_if_exists(path)
        if path.exists():
            raise CatDogError(
                "{path} couldn't be deleted from the trash. Check that you can write to it and "
                "that no other program has it open, then try again.",
                path=path,
            )
        freed += taken
    return freed


def _portable_path(home: Path) -> str:
    """A folder as it is remembered: within the workspace, so that this may be moved, else whole."""
    with suppress(ValueError):
        return home.absolute().relative_to(files.workspace_folder()).as_posix()
    return str(home.absolute())


def _read_entry(entry_path: Path) -> TrashEntry | None:
    if not (entry_path / _ENTRY).is_file():
        return _read_old_entry(entry_path)
    parts = tuple((part, part.name) for part in sorted((entry_path / _CONTENT).glob("*")))
    record = files.read_json_object(entry_path / _ENTRY)
    kind, version = record.get("kind"), record.get("format")
    if not parts or kind not in _FOLDERS or version != FORMAT:
        return None
    return TrashEntry(
        id=entry_path.name,
        kind=kind,
        name=str(record.get("name")),
        at=files.float_or_default(record.get("at")),
        bytes=files.disk_usage(entry_path),
        home=files.workspace_folder() / str(record.get("from", _FOLDERS[kind])),
        parts=parts,
    )


def _read_old_entry(entry_path: Path) -> TrashEntry | None:
    """What an earlier version put there, without an entry: known by what it holds."""
    match = _OLD.fullmatch(entry_path.name)
    kind: TrashKind
    if entry_path.is_file() and entry_path.suffix == ".json":
        kind, named = "preset", entry_path
    elif (entry_path / "settings.json").is_file():
        kind, named = "run", entry_path / "about.json"
    elif (entry_path / "dataset.json").is_file():
        kind, named = "dataset", entry_path / "dataset.json"
    else:
        return None
    if match is None:
        return None
    before = match[1] + (match[2] or "")
    return TrashEntry(
        id=entry_path.name,
        kind=kind,
        name=str(files.read_json_object(named).get("name") or match[1]),
        at=entry_path.stat().st_mtime,
        bytes=files.disk_usage(entry_path),
        home=files.workspace_folder() / _FOLDERS[kind],
        parts=((entry_path, before),),
    )


def _refuse_taken_preset_name(entry: TrashEntry) -> None:
    for path in sorted(entry.home.glob("*.json")):
        if files.read_json_object(path).get("name") == entry.name:
            raise CatDogError(
                "A preset named '{name}' already exists. Delete it or save it under another name, "
                "then restore this one.",
                name=entry.name,
            )
