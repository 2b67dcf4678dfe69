"""Remove what a killed process of the lab left behind, at the next start.

Temporary files and folders tell in their names which process made them (`processes.maker_tag`).
Those of a process that lives are never touched, nor those of another user. Where nothing tells the
maker, as in names of earlier versions, or where it ran on another machine, their age decides.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from . import files, processes

STALE_SECONDS = 86_400.0
"""Seconds without a change after which what tells no maker that can be looked up is removed."""
RECORDING_SECONDS = 7 * 86_400.0
"""Seconds after which a recording of the camera that nobody goes on with is removed."""
MAKER_FILE = "maker"
"""A file that tells the maker of a folder whose name must be short."""
_SHORT = re.compile(r"catdog-[a-z0-9_]{8}")
_OWN = re.compile(r"catdog-[a-z]+-p\d+-")
_EARLIER = re.compile(r"catdog-(model|check)-[a-z0-9_]{8}")
# In the workspace: `.NAME-<hex>` of earlier versions; a lock is none.
_EARLIER_HIDDEN = re.compile(r"\..+-[0-9a-f]{6,8}(\.[a-z0-9]+)?")
_SCAN_DEPTH = 3  # folders below the workspace: runs/<id>/ has the last ones
_PHOTO_FOLDERS = {"photos", "photo"}


@cache
def remove_leftovers_once() -> None:
    """Call `remove_leftovers` at the first call in this process; for starts of the pages."""
    remove_leftovers()


def remove_leftovers() -> int:
    """Remove what killed processes left among the system's temporary files and in the workspace.

    Returns:
        How many files and folders went.
    """
    leftovers = [path for path in _iter_system_temporaries() if _is_leftover(path)]
    leftovers += [
        path
        for path in _iter_hidden_temporaries(files.workspace_folder(), _SCAN_DEPTH)
        if _is_leftover(path)
    ]
    for path in leftovers:
        files.remove_if_exists(path)
    leftovers += _remove_old_recordings()
    return sum(not os.path.lexists(path) for path in leftovers) + _remove_unfinished_packings()


def _iter_system_temporaries() -> Iterator[Path]:
    for entry in _list_entries(Path(tempfile.gettempdir())):
        short = _SHORT.fullmatch(entry.name) and _read_maker(Path(entry.path))
        if short or _OWN.match(entry.name) or _EARLIER.fullmatch(entry.name):
            yield Path(entry.path)


def _iter_hidden_temporaries(folder: Path, deep: int) -> Iterator[Path]:
    """Files and folders whose names say that they are temporary, down to a depth."""
    for entry in _list_entries(folder):
        if entry.name[0] == "." and not entry.name.endswith(".lock"):
            if processes.maker_state(entry.name) or _EARLIER_HIDDEN.fullmatch(entry.name):
                yield Path(entry.path)
                continue
            if not entry.name.endswith(".packing"):
                continue
        if deep > 1 and entry.name not in _PHOTO_FOLDERS and entry.is_dir(follow_symlinks=False):
            yield from _iter_hidden_temporaries(Path(entry.path), deep - 1)


def _is_leftover(path: Path) -> bool:
    try:
        seen = path.lstat()
    except OSError:
        return False
    if hasattr(os, "getuid") and seen.st_uid != os.getuid():
        return False
    state = processes.maker_state(path.name) or processes.maker_state(_read_maker(path))
    if state in ("alive", "dead"):
        return state == "dead"
    return time.time() - seen.st_mtime > STALE_SECONDS


def _read_maker(folder: Path) -> str:
    """The maker a folder tells in a file, empty where there is none."""
    if folder.is_symlink():
        return ""
    with suppress(OSError, ValueError):
        return (folder / MAKER_FILE).read_text()[:100]
    return ""


def _remove_old_recordings() -> list[Path]:
    """Remove old recordings of `data.recording`, and return their folders."""
    folder = files.workspace_folder() / "recordings"
    old = []
    for entry in _list_entries(folder):
        with suppress(OSError):
            age = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if entry.name[0] != "." and age > RECORDING_SECONDS:
                old.append(Path(entry.path))
    for path in old:
        files.remove_if_exists(path)
        files.remove_if_exists(path.with_name(f".{path.name}.lock"))
    return old


def _remove_unfinished_packings() -> int:
    """Remove packings in the cache that broke off before a shard was whole; others go on later."""
    from filelock import FileLock, Timeout

    removed = 0
    for entry in _list_entries(files.workspace_folder() / "cache"):
        path = Path(entry.path)
        if not entry.name.endswith(".packing") or any(path.glob("[!.]*.json")):
            continue
        lock = FileLock(path.with_name(f"{path.name.removesuffix('.packing')}.lock"))
        with suppress(OSError, Timeout), lock.acquire(timeout=0):
            files.remove_tree(path)
            removed += 1
            with suppress(OSError):
                Path(lock.lock_file).unlink()
    return removed


def _list_entries(folder: Path) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []
