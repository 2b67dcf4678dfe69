"""List and empty the cache of packed photos and of downloads.

    workspace/cache/<fingerprint>-<size>/     a dataset as shards, made by `tfrecord.pack_to_cache`
    …/in-use-*.lock                           held by each process that reads them
    .<name>.packing/                          a packing that is going on or broke off
    downloads/                                see `download`; a file goes once it is unpacked
    tensorflow_datasets/                      what that package fetched; goes once it is imported
    exports/                                  see `export_cache`
    .<name>.lock                              held by whoever makes or removes <name>

All of it can be made again from the photos or fetched again. Imports no TensorFlow: pages
show and clear the cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from ..base import access, files, locks
from ..data import datasets, download, tfds

_NAME = re.compile(r"\.?([0-9a-f]{20})-(\d+)(\.packing|-[0-9a-f]{8})?")
_REMOVAL_PREFIX = ".going-"  # renamed so at the start of their removal


@dataclass(frozen=True)
class CacheEntry:
    """One dataset at one size in the cache, or something fetched.

    `bytes` is what it takes on the disk, `size` the side of the photos in pixels, `datasets` the
    names of the datasets it was made of, empty when none refers to it any more. An entry that is
    not `is_complete` is a packing that broke off, or goes on: then it is `in_use`.

    Of the `kind` "exports" are files made from runs and models. Of the `kind` "download" or "tfds"
    (what tensorflow_datasets fetched), `size` is 0; when not `is_complete`, the next try goes on
    from what is here, where that can be.
    """

    path: Path
    bytes: int
    size: int
    datasets: tuple[str, ...]
    is_complete: bool
    in_use: bool
    kind: str = "shards"


def cache_root() -> Path:
    """Return the folder of this workspace's cache."""
    return files.cache_folder()


def packed_folder(fingerprint: str, size: int) -> Path:
    """Return the folder in which a dataset's content is packed at a size, in pixels."""
    return cache_root() / f"{fingerprint[:20]}-{size}"


def exports_folder() -> Path:
    """Return the folder in which `export_cache` keeps exported runs and models."""
    return cache_root() / "exports"


def list_cache_entries() -> list[CacheEntry]:
    """List what the cache holds, the largest first."""
    names = _dataset_names()
    entries = [_describe_entry(path, names) for path in _entry_folders()] + _download_entries()
    return sorted(entries, key=lambda entry: (-entry.bytes, entry.path.name))


def clear_cache(include_partial: bool = False) -> int:
    """Remove every entry that nobody is using and return the bytes set free.

    Args:
        include_partial: also what a broken download would go on from.
    """
    access.check_permission("empty")
    freed = sum(_remove_entry(path) for path in _entry_folders())
    for entry in _download_entries():
        if include_partial or entry.is_complete:
            freed += (
                _remove_download(entry) if entry.kind == "download" else _remove_entry(entry.path)
            )
    return freed


def remove_unreferenced(in_use: Collection[str]) -> int:
    """Remove the entries that no dataset and no run refers to; return the bytes set free.

    Entries that a process reads stay until a later sweep.

    Args:
        in_use: the first 20 characters of the fingerprints that runs refer to.
    """
    wanted = {*_dataset_names(), *in_use}
    return sum(
        _remove_entry(path) for path in _entry_folders() if _entry_fingerprint(path) not in wanted
    )


def hold_entry(path: Path) -> FileLock | None:
    """Mark an entry as in use for as long as the value lives; call it inside
    `locks.hold_path_lock`.

    None for an entry on a disk that knows no locks or may not be written.
    """
    for old in path.glob("in-use-*.lock"):
        if not locks.is_locked(old):
            old.unlink(missing_ok=True)
    lock = FileLock(path / f"in-use-{os.getpid()}-{uuid4().hex[:8]}.lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except OSError:
        return None
    return lock


def is_cache_entry(path: Path) -> bool:
    """Tell whether a folder is an entry of this workspace's cache."""
    return path.parent == cache_root() and _NAME.fullmatch(path.name) is not None


def _entry_folders() -> list[Path]:
    if not cache_root().is_dir():
        return []
    inside = [path for path in cache_root().iterdir() if path.is_dir() and not path.is_symlink()]
    return [p for p in inside if _NAME.fullmatch(p.name) or p.name.startswith(_REMOVAL_PREFIX)]


def _entry_fingerprint(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return match[1] if match else ""


def _describe_entry(path: Path, names: dict[str, list[str]]) -> CacheEntry:
    match = _NAME.fullmatch(path.name)
    return CacheEntry(
        path=path,
        bytes=_folder_size(path),
        size=int(match[2]) if match else 0,
        datasets=tuple(names.get(match[1], ())) if match else (),
        is_complete=(path / "index.json").is_file() and path.name[0] != ".",
        in_use=is_entry_used(path) or locks.is_locked(_lock_path(path)),
    )


def _lock_path(path: Path) -> Path:
    """The lock of the entry a folder is, or is going to be."""
    return path.with_name(f".{_final_path(path).name}.lock")


def _final_path(path: Path) -> Path:
    return path.with_name(path.name.removeprefix(".").removesuffix(".packing"))


def is_entry_used(path: Path) -> bool:
    """Tell whether a process reads an entry now."""
    return any(locks.is_locked(lock) for lock in path.glob("in-use-*.lock"))


def _remove_entry(path: Path) -> int:
    """Remove an entry unless somebody uses it; the bytes set free."""

    def give_up() -> None:
        raise Timeout(str(path))

    freed = 0
    with suppress(Timeout, OSError), locks.hold_path_lock(_final_path(path), give_up):
        if not is_entry_used(path):
            size = _folder_size(path)
            # Gone from its place at once, so that nobody meets it half removed.
            with files.temporary_beside(cache_root() / _REMOVAL_PREFIX[1:-1]) as going:
                os.replace(path, going)
            freed = size
    return freed


def _download_entries() -> list[CacheEntry]:
    """Files that were, or are being, fetched."""
    entries = []
    ends = re.compile(r"\.(part|json|lock)$")
    inside = download.downloads_folder().iterdir() if download.downloads_folder().is_dir() else ()
    for name in sorted({ends.sub("", path.name) for path in inside}):
        path = download.downloads_folder() / name
        used = locks.is_locked(_sibling_path(path, "lock"))
        taken = sum(
            _file_size(each)
            for each in (path, _sibling_path(path, "part"), _sibling_path(path, "json"))
        )
        if taken or used:
            entries.append(CacheEntry(path, taken, 0, (), path.is_file(), used, "download"))
    if taken := _folder_size(tfds.tfds_folder()):
        used = locks.is_locked(_lock_path(tfds.tfds_folder()))
        entries.append(CacheEntry(tfds.tfds_folder(), taken, 0, (), False, used, "tfds"))
    if taken := _folder_size(exports_folder()):
        made_now = any(exports_folder().glob(".making-*"))
        entries.append(
            CacheEntry(exports_folder(), taken, 0, (), not made_now, made_now, "exports")
        )
    return entries


def _remove_download(entry: CacheEntry) -> int:
    with suppress(Timeout, OSError), FileLock(_sibling_path(entry.path, "lock"), timeout=0):
        for path in (
            entry.path,
            _sibling_path(entry.path, "part"),
            _sibling_path(entry.path, "json"),
        ):
            path.unlink(missing_ok=True)
        return entry.bytes
    return 0


def _sibling_path(path: Path, end: str) -> Path:
    return path.with_name(f"{path.name}.{end}")


def _file_size(path: Path) -> int:
    with suppress(OSError):  # removed meanwhile, or never there
        return path.stat().st_size
    return 0


def _folder_size(folder: Path) -> int:
    return sum(_file_size(path) for path in folder.rglob("*") if not path.is_dir())


def _dataset_names() -> dict[str, list[str]]:
    """Names of the workspace's datasets by the first part of their fingerprints."""
    names: dict[str, list[str]] = {}
    for dataset in datasets.list_datasets():
        names.setdefault(dataset.fingerprint[:20], []).append(dataset.name)
    return names
