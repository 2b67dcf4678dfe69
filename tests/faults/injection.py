"""Faults put in on purpose: the n-th write that fails, a disk that is full or only for reading."""

from __future__ import annotations

import builtins
import errno
import io
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_PRIMITIVES = ("replace", "rename", "mkdir", "sendfile", "fsync")


class DiskCallCounter:
    """Counts what changes a disk, and lets the `number`-th such call fail; 0 lets all pass.

    Counted are opening for writing, each write, fsync, rename and making a folder, by whatever
    Python code, under one folder. What C code writes by itself (HDF5, TFRecord) is not: for that
    there are disks that are really full.
    """

    def __init__(self, under: Path, number: int, code: int) -> None:
        self.under, self.number, self.code = str(under), number, code
        self.count = 0
        self.hit = ""
        self._one = threading.Lock()

    def tick(self, what: str, path: Any = None) -> None:
        """Count one call; raise when it is the one."""
        if path is not None and not str(path).startswith(self.under):
            return
        with self._one:  # archives are unpacked and sets drawn by several threads
            self.count += 1
            hit = self.count == self.number
        if hit:
            self.hit = f"{what} {path or ''}"
            raise OSError(self.code, os.strerror(self.code), str(path) if path else None)


class _File:
    """A file whose writes are counted."""

    def __init__(self, file: Any, counter: DiskCallCounter, path: Any) -> None:
        self._file, self._counter, self._path = file, counter, path

    def write(self, data: Any) -> Any:
        try:
            self._counter.tick("write", self._path)
        except OSError:
            self._file.write(data[: len(data) // 2])  # as a disk does that fills up: a part first
            raise
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __enter__(self) -> _File:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._file.__exit__(*error)


@contextmanager
def fail_disk_call(under: Path, number: int, code: int = errno.ENOSPC) -> Iterator[DiskCallCounter]:
    """Let the `number`-th change of the disk under a folder fail while the block runs."""
    counter = DiskCallCounter(under, number, code)
    real_open, real_os_open = builtins.open, os.open

    def opened(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if not isinstance(file, int) and set(mode) & set("wax+"):
            counter.tick("open", file)
            return _File(real_open(file, mode, *rest, **more), counter, file)
        return real_open(file, mode, *rest, **more)

    def os_opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        # Opened on a folder it makes a nameless file, by which filelock only tries something out.
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not Path(path).is_dir():
            counter.tick("os.open", path)
        return real_os_open(path, flags, *rest, **more)

    def counted(name: str) -> Any:
        real = getattr(os, name)

        def call(*args: Any, **more: Any) -> Any:
            target = args[-1] if name in ("replace", "rename") else args[0]
            if name == "fsync":
                target = _path_of(target)
            if name != "mkdir" or not Path(target).is_dir():  # else it changes nothing
                counter.tick(name, None if isinstance(target, int) else target)
            return real(*args, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for module in (builtins, io):
            patch.setattr(module, "open", opened)
        patch.setattr(os, "open", os_opened)
        for name in _PRIMITIVES:
            if hasattr(os, name):
                patch.setattr(os, name, counted(name))
        yield counter


def _path_of(descriptor: int) -> Any:
    try:
        return Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:  # not Linux: whoever syncs while the block runs is meant
        return descriptor


def snapshot_folder(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for locks and caches, which hold nothing of anybody's."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name not in ("lock", "contents.json")
    }


def find_leftovers(folder: Path) -> list[str]:
    """Temporary files and folders somebody has left behind."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob(".*")
        if not path.name.endswith(".lock")
    ]


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A real file system of `size` bytes at `folder`; skips where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def read_only_folder(folder: Path) -> Iterator[Path]:
    """Make a folder read only, for root as well; skips where that cannot be mounted."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


def fill_disk(folder: Path, leave: int = 0) -> Path:
    """Fill the disk a folder lies on, but for `leave` bytes; gives the file that does."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        for block in (65_536, 4096, 512, 1):
            try:
                while True:
                    file.write(bytes(block))
            except OSError:
                continue
        if leave:
            file.truncate(max(file.tell() - leave, 0))
    return filler
