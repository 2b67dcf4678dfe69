"""Read files that someone else supplies with a bound on the work. Imports no TensorFlow.

Only regular files are opened: a pipe or a device would be waited for without end. And a small file
can ask for large work: a JSON array of empty objects takes 24 times its size in memory, a CSV row
is as wide as its header, and a number of 100,000 digits is read in quadratic time. So bytes,
values, depth, digits, columns and rows are counted before anything is built.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import stat
import sys
from contextlib import suppress
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PureWindowsPath
from typing import Any, cast

from .errors import CatDogError


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
        file_stat = os.fstat(descriptor)
        _refuse_special(file_stat, path)
        # A file of no bytes that gives some is made up while it is read, and may have no end.
        if not file_stat.st_size and os.name != "nt" and os.pread(descriptor, 1, 0):
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
    """Tell whether Windows takes a path for a device, such as ``NUL``, ``con.txt`` or a pipe's."""
    if path.replace("/", "\\").startswith(("\\\\.\\", "\\\\?\\GLOBALROOT")):
        return True
    base = PureWindowsPath(path).name.partition(".")[0].partition(":")[0].rstrip(" ").upper()
    return base in _DEVICES


_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
_DEVICES |= {f"{port}{number}" for port in ("COM", "LPT") for number in "123456789¹²³"}


def _refuse_special(file_stat: os.stat_result, path: Path | str) -> None:
    if stat.S_ISDIR(file_stat.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(file_stat.st_mode) or file_stat.st_dev in _virtual_filesystems():
        raise SpecialFileError(path)


@lru_cache(maxsize=1)
def _virtual_filesystems() -> frozenset[int]:
    """The devices of file systems whose files the system makes up while they are read."""
    devices = set()
    for folder in ("/proc", "/sys") if sys.platform == "linux" else ():
        # Where it is a folder like others, as in some containers, it says nothing.
        if os.path.ismount(folder):
            with suppress(OSError):
                devices.add(Path(folder).stat().st_dev)
    return frozenset(devices)


MOST_DEPTH = 60
"""Arrays and objects within each other; files of the lab have 4, a model of models has 20."""
MOST_DIGITS = 40
"""Digits in a row within a number; a float as Python writes it has 17."""
SMALL_BYTES = 200_000
"""Bytes of a file of settings, such as a preset, limits.json or a run's settings.json."""
_LONG_NUMBER = re.compile(rb"\d{%d}" % (MOST_DIGITS + 1))
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class BoundError(CatDogError, ValueError):
    """An input asks for more work than it may; its sentence says which bound it passes."""


def parse_bounded_json(
    data: str | bytes, most: int = SMALL_BYTES, values: int | None = None
) -> Any:
    """Read JSON of bounded size, depth and number of values.

    Args:
        data: the text, or its bytes in UTF-8, UTF-16 or UTF-32.
        most: bytes it may have.
        values: numbers, texts, arrays and objects it may hold; by default one for 8 of `most`.

    Raises:
        BoundError: it passes a bound.
        ValueError: it is no JSON.
    """
    if len(data) > most:
        raise BoundError("it has more than {most:,} bytes", most=most)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    elif (encoding := json.detect_encoding(data)) != "utf-8":
        data = data.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
    allowed = most // 8 if values is None else values
    # Each value but the first follows one of these; those within texts count as well.
    if sum(map(data.count, (b",", b"[", b"{"))) > allowed:
        raise BoundError("it holds more than {most:,} values", most=allowed)
    if _LONG_NUMBER.search(data) and _LONG_NUMBER.search(_STRING.sub(b"", data)):
        raise BoundError("it holds a number of more than {most} digits", most=MOST_DIGITS)
    try:
        parsed = json.loads(data)
    except RecursionError:
        raise _depth_error() from None
    if _is_deeper(parsed, MOST_DEPTH):
        raise _depth_error()
    return parsed


def read_bounded_json(path: Path, most: int = SMALL_BYTES, values: int | None = None) -> Any:
    """Read a JSON file as `parse_bounded_json`, and no more than `most` bytes of it.

    Raises:
        OSError: it cannot be read.
        ValueError: as `parse_bounded_json`.
    """
    with open_regular(path) as file:
        return parse_bounded_json(file.read(most + 1), most, values)


def parse_bounded_csv(
    text: str, columns: int, rows: int, delimiter: str = ","
) -> tuple[list[str], list[list[str]]]:
    """Read a CSV table of bounded width and length: its header, and the rows that aren't empty.

    Args:
        text: the table; the caller bounds its size.
        columns: cells a row may have.
        rows: rows it may have below the header.
        delimiter: the character between two cells.

    Raises:
        BoundError: it passes a bound.
        csv.Error: a cell has more than `csv.field_size_limit` characters.
    """
    header: list[str] | None = None
    records: list[list[str]] = []
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if not row:
            continue
        if len(row) > columns:
            raise BoundError("it has more than {most:,} columns", most=columns)
        if header is None:
            header = row
            continue
        if len(records) == rows:
            raise BoundError("it has more than {most:,} rows", most=rows)
        records.append(row)
    return header or [], records


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects lie within each other more than so many levels deep."""
    layer: list[Any] = [value] if isinstance(value, (dict, list)) else []
    for _ in range(levels):
        inner = (each.values() if isinstance(each, dict) else each for each in layer)
        layer = [v for part in inner for v in part if isinstance(v, (dict, list))]
        if not layer:
            return False
    return True


def _depth_error() -> BoundError:
    return BoundError("its values are nested more than {most} levels deep", most=MOST_DEPTH)
