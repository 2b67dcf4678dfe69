"""Open files that a user names: regular files only; no pipe or device is waited for. Light."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PureWindowsPath
from typing import cast


class SpecialFileError(OSError):
    """A path names a pipe, a socket, a device or a file the system makes up, such as in /proc."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(errno.EINVAL, "it is no regular file", str(path))


def open_regular(path: Path | str, buffering: int = -1) -> BufferedReader:
    """Open a regular file to be read; a link to one counts as one. Never waits for a writer.

    Args:
        path: as a user names it.
        buffering: as of `open`; 0 for none.

    Raises:
        SpecialFileError: it is a pipe, a socket, a device or a file the system makes up.
        OSError: it is missing, a folder, or cannot be opened.
    """
    if os.name == "nt" and is_windows_device(str(path)):
        raise SpecialFileError(path)
    # Asked before, since opening alone may do something to a device; and after, since what lies
    # there can change in between.
    _refuse_special(Path(path).stat(), path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        told = os.fstat(descriptor)
        _refuse_special(told, path)
        # A file of no bytes that gives some is made up while it is read, and may have no end.
        if not told.st_size and os.name != "nt" and os.pread(descriptor, 1, 0):
            raise SpecialFileError(path)
        return cast(BufferedReader, open(descriptor, "rb", buffering=buffering))
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path | str, limit: int | None = None) -> bytes:
    """Read a regular file, see `open_regular`.

    Args:
        path: as a user names it.
        limit: the most bytes there may be.

    Raises:
        OSError: as there, and where it has more bytes than the limit (`errno.EFBIG`).
    """
    with open_regular(path) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def is_windows_device(path: str) -> bool:
    """Whether Windows takes a path for a device, such as ``NUL``, ``con.txt`` or a pipe's."""
    if path.replace("/", "\\").startswith(("\\\\.\\", "\\\\?\\GLOBALROOT")):
        return True
    base = PureWindowsPath(path).name.partition(".")[0].partition(":")[0].rstrip(" ").upper()
    return base in _DEVICES


_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
_DEVICES |= {f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"}


def _refuse_special(told: os.stat_result, path: Path | str) -> None:
    if stat.S_ISDIR(told.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(told.st_mode) or told.st_dev in _virtual_filesystems():
        raise SpecialFileError(path)


@lru_cache(maxsize=1)
def _virtual_filesystems() -> frozenset[int]:
    """The devices of file systems whose files the system makes up while they are read."""
    found = set()
    for folder in ("/proc", "/sys") if sys.platform == "linux" else ():
        # Where it is a folder like others, as in some containers, it says nothing.
        if os.path.ismount(folder):
            with suppress(OSError):
                found.add(Path(folder).stat().st_dev)
    return frozenset(found)
