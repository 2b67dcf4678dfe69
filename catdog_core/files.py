"""Writing so that nothing is ever half written, and reading what may be half written.

A stored file has one writer. It is either replaced whole (written beside, fsynced, renamed) or
append-only, read tolerant of a torn last line.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BufferedReader
from pathlib import Path, PureWindowsPath
from typing import Any, cast
from uuid import uuid4

from .errors import CatDogError

PROJECT = Path(__file__).resolve().parent.parent


def workspace() -> Path:
    """The folder everything the lab writes lives under; ``CATDOG_WORKSPACE`` moves it."""
    return Path(os.environ.get("CATDOG_WORKSPACE") or PROJECT / "workspace").absolute()


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
    if not stat.S_ISREG(told.st_mode) or told.st_dev in _made_up():
        raise SpecialFileError(path)


@lru_cache(maxsize=1)
def _made_up() -> frozenset[int]:
    """The devices of file systems whose files the system makes up while they are read."""
    found = set()
    for folder in ("/proc", "/sys") if sys.platform == "linux" else ():
        # Where it is a folder like others, as in some containers, it says nothing.
        if os.path.ismount(folder):
            with suppress(OSError):
                found.add(Path(folder).stat().st_dev)
    return frozenset(found)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it becomes `path`.

    The temporary name keeps the extension, because Keras, LiteRT and matplotlib choose the format
    by it. When the block fails, the temporary file goes and an earlier `path` stays as it was.

    Raises:
        CatDogError: the disk is full or the folder may not be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:40]}-{uuid4().hex[:8]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        _rename(temporary, path)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Give a folder to fill beside `folder`; when the block ends well, it becomes `folder`, whole.

    Args:
        folder: not there yet, or empty.

    Raises:
        CatDogError: the disk is full or the place may not be written.
    """
    folder = Path(folder).absolute()
    building = folder.with_name(f".{folder.name[:40]}-{uuid4().hex[:8]}")
    try:
        with telling(folder):
            building.mkdir(parents=True)
        yield building
        with telling(folder):
            if folder.is_dir():
                rename_all([(path, folder / path.name) for path in building.iterdir()])
            else:
                _rename(building, folder)
    finally:
        remove_tree(building)


def rename_all(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Rename all, or none: what was moved before one that cannot be goes back. Raises OSError.

    Args:
        pairs: of a path and the one it gets; the two on one disk.
    """
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in pairs:
            _rename(source, target)
            done.append((source, target))
    except OSError:
        for source, target in done:
            with suppress(OSError):
                os.replace(target, source)
        raise


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what the system says of a change on the disk into a sentence.

    Raises:
        CatDogError: an OSError came up in the block.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path | str, error: OSError) -> CatDogError:
    """The sentence that tells why `path` could not be written, or moved, and what to do."""
    return CatDogError(
        "{path} could not be written: {reason}. Earlier files are intact. Free some disk space"
        " or choose a folder you may write to, then try again.",
        path=path,
        reason=_reason(error),
    )


def _reason(error: OSError) -> str:
    # HDF5 wraps what the system said into a paragraph of its own.
    said = re.search(r"error message = '([^']+)'", str(error))
    return said[1] if said else error.strerror or str(error)[:200]


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` whole with `data`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` whole with `value` as readable JSON."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: Path, known: int | None = None) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        known: the newest format this program knows, where the file tells its own.

    Raises:
        CatDogError: the file is missing, unreadable, no JSON, or made by a newer program.
    """
    try:
        found = json.loads(read_regular(path).decode("utf-8"))
    except FileNotFoundError as error:
        raise CatDogError("{path} does not exist.", path=path) from error
    except SpecialFileError as error:
        raise CatDogError(
            "{path} could not be read: {reason}. Choose an ordinary file.",
            path=path,
            reason=error.strerror,
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CatDogError(
            "{path} is damaged: expected JSON. Restore it from a copy, or delete the folder it"
            " belongs to.",
            path=path,
        ) from error
    if known is not None:
        refuse_newer(path, found, known)
    return found


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, empty when the file is missing, damaged or something else."""
    with suppress(CatDogError):
        found = read_json(path)
        if isinstance(found, dict):
            return found
    return {}


def refuse_newer(path: Path, found: Any, known: int) -> None:
    """Raise CatDogError when what a file holds is of a format this program does not know yet."""
    version = found.get("format") if isinstance(found, dict) else None
    if isinstance(version, int) and version > known:
        raise CatDogError(
            "{path} was made by a newer program: its format is {received}, and this one knows"
            " formats up to {known}. Update the lab.",
            path=path,
            received=version,
            known=known,
        )


def append_line(path: Path, value: Any) -> None:
    """Append one JSON line. A torn last line left by a killed writer is closed off first.

    Raises:
        CatDogError: the disk is full or the file may not be written; it is as it was before.
    """
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    with telling(path), open(path, "ab+", buffering=0) as file:
        end = file.tell()
        if end > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        try:
            while line:  # a full disk takes a part first, and then nothing
                line = line[file.write(line) :]
        except OSError:
            with suppress(OSError):
                file.truncate(end)
            raise


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; lines that are torn or no object are left out, a missing file is empty."""
    try:
        text = read_regular(path).decode("utf-8", errors="replace")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                rows.append(row)
    return rows


def is_taken(folder: Path) -> bool:
    """Whether a place is no new or empty folder: nothing may be made there."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def discard(path: Path) -> None:
    """Remove a file that marks something, whatever lies under its name; never raises."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if path.is_dir():
        remove_tree(path)


def number(value: Any, default: float = 0.0) -> float:
    """A number out of a file that may hold anything; what is no finite number is the default."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return float(value) if abs(value) < 1e300 else default  # NaN is not below anything


def free_name(path: Path) -> Path:
    """A path nothing has yet: `path` itself, or with a number after its stem."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; what is gone meanwhile counts nothing."""
    total = 0
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with suppress(OSError):
            if not each.is_dir():
                total += each.stat().st_size
    return total


def remove_tree(folder: Path) -> None:
    """Remove a folder of the lab's own making; one that is not there is no error."""
    shutil.rmtree(folder, ignore_errors=True)


def slug(name: str, limit: int = 40) -> str:
    """A file name made of lower-case letters, digits and dashes; never empty, never a path."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words[:limit].strip("-") or "untitled"


def shown(name: str, limit: int = 80) -> str:
    """A stranger's file name made safe to print: control characters escaped, length bounded.

    Bidirectional overrides count as control characters, since they turn ``gpj.exe`` around.
    """
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    return safe if len(safe) <= limit else f"{safe[: limit - 12]}…{safe[-11:]}"


def _sync(path: Path) -> None:
    if path.is_dir():
        return
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _rename(source: Path, target: Path) -> None:
    # On Windows a reader or a virus scanner that has the target open makes the rename fail for
    # a moment; POSIX never does.
    for attempt in range(20 if os.name == "nt" else 1):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if attempt == 19 or os.name != "nt":
                raise
            time.sleep(0.05)
