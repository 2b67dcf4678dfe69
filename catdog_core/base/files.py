"""Write files so that none is ever half written, and read what may be half written.

A stored file has one writer. It is either replaced whole (written beside, fsynced, renamed) or
append-only, read tolerant of a torn last line.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from . import bounded_readers, processes
from .bounded_readers import SpecialFileError as SpecialFileError
from .bounded_readers import is_windows_device as is_windows_device
from .bounded_readers import open_regular as open_regular
from .bounded_readers import read_regular as read_regular
from .errors import CatDogError, SettingsError

_CHECKOUT = Path(__file__).resolve().parents[2]
_IS_CHECKOUT = (_CHECKOUT / "streamlit_app.py").is_file()
PROJECT = _CHECKOUT if _IS_CHECKOUT else Path(__file__).resolve().parents[1] / "project"
"""The folder of the pages and of `assets`: the checkout, or within the installed package."""
ASSETS = PROJECT / "assets"
DEFAULT_MODEL = ASSETS / "models" / "default"
"""The finished run that comes with the lab."""
WORKSPACE = "CATDOG_WORKSPACE"
"""The environment variable that names the workspace."""
_temporaries: dict[Path, int] = {}  # and the process that made each
_unfinished: dict[Path, tuple[int, str]] = {}  # and a pattern of what is worth keeping in each
MAX_LINES_BYTES = 200_000_000
"""Bytes of JSON lines that are read of a file; a run of 1,000 epochs writes 20 million at most."""


def workspace_folder() -> Path:
    """Return the folder that everything the lab writes is in; ``CATDOG_WORKSPACE`` moves it.

    Raises:
        SettingsError: the variable names no folder.
    """
    named = os.environ.get(WORKSPACE)
    if named is None:
        return _default_workspace()
    folder = Path(named)
    return folder if folder.is_absolute() else resolve_workspace()


def _default_workspace() -> Path:
    """A folder of the checkout; an installed package may not be written to, so one at home then."""
    return PROJECT / "workspace" if _IS_CHECKOUT else Path.home() / "catdog_workspace"


def runs_folder() -> Path:
    """Return the folder of this workspace's runs, one folder each."""
    return workspace_folder() / "runs"


def cache_folder() -> Path:
    """Return the folder of what can be made or downloaded again."""
    return workspace_folder() / "cache"


def resolve_workspace() -> Path:
    """Return the workspace, checked; ``CATDOG_WORKSPACE`` gets its absolute path.

    Called when a process starts: a relative path counts from the folder the process was started
    in, ``~`` is the home folder, and every process started from here finds the same workspace,
    whatever folder it works in.

    Raises:
        SettingsError: the variable is empty, or names what is no folder and cannot become one.
    """
    named = os.environ.get(WORKSPACE)
    if named is None:
        return _default_workspace()
    if not named.strip():
        raise SettingsError("CATDOG_WORKSPACE is empty. Set it to a folder, or unset it.")
    try:
        folder = Path(named).expanduser().absolute()
        fault = _explain_unusable_folder(folder)
        if not (fault or Path(named).is_absolute()):
            folder = folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, an unknown ~user
        folder, fault = Path(named), str(getattr(error, "strerror", None) or error).rstrip(".")
    if fault:
        raise SettingsError(
            "CATDOG_WORKSPACE is {path}, which can't be the workspace: {reason}. Set it to a "
            "folder you can write to, or unset it.",
            path=truncate_for_display(str(folder), 200),
            reason=fault,
        )
    os.environ[WORKSPACE] = str(folder)
    return folder


def _explain_unusable_folder(path: Path) -> str:
    """Why nothing can be kept in a folder; empty where it can. A folder may be missing yet."""
    if path.is_dir():
        return ""  # one that may only be read can be looked at
    if path.is_symlink() and not path.exists():
        return "it is a link to nothing"
    if os.path.lexists(path):
        return "it is no folder"
    parent = next(each for each in path.parents if os.path.lexists(each))
    if not parent.is_dir():
        return f"{truncate_for_display(str(parent), 200)} is no folder"
    return "" if os.access(parent, os.W_OK | os.X_OK) else "it can't be made"


@contextmanager
def atomic_replace(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, it becomes `path`.

    The temporary name keeps the extension, because Keras, LiteRT and matplotlib choose the format
    by it. When the block fails, the temporary file goes and an earlier `path` stays as it was.

    Raises:
        CatDogError: the disk is full or the folder may not be written.
    """
    path = Path(path)
    with temporary_beside(path, path.suffix) as temporary:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _sync(temporary)
            _rename(temporary, path)
        except OSError as error:
            raise write_error(path, error) from error


@contextmanager
def temporary_beside(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give a hidden name beside `path` for a file or folder; what lies there goes with the block.

    The name tells which process made it, so that `stale_files` removes it where that was killed.

    Args:
        path: what the file or folder may become.
        suffix: what the name ends in, with the dot.
    """
    suffix = suffix if len(suffix) < 20 else ""
    stem = path.stem if suffix else path.name
    name = f".{stem.lstrip('.')[:40]}-{processes.maker_tag()}-{uuid4().hex[:8]}{suffix}"
    temporary = path.with_name(name)
    _temporaries[temporary.absolute()] = os.getpid()
    try:
        yield temporary
    finally:
        _remove_temporary(temporary.absolute())


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Give an empty folder among the system's temporary files; it goes with the block.

    Args:
        purpose: a word that says what it is for; a part of its name, ``catdog-<purpose>-…``.

    Raises:
        CatDogError: the folder cannot be made.
    """
    name = f"catdog-{purpose}-{processes.maker_tag()}-{uuid4().hex[:8]}"
    folder = Path(tempfile.gettempdir()).absolute() / name
    _temporaries[folder] = os.getpid()
    try:
        with wrap_os_errors(folder):
            folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove_temporary(folder)


@contextmanager
def remove_if_interrupted(folder: Path, keep_pattern: str = "") -> Iterator[None]:
    """Have a folder that is made in this block go where the process is ended meanwhile.

    Args:
        folder: what is made.
        keep_pattern: such as ``[!.]*.json``: the folder stays where files inside are called so;
            by default it goes whatever it holds.
    """
    _unfinished[folder.absolute()] = os.getpid(), keep_pattern
    try:
        yield
    finally:
        _unfinished.pop(folder.absolute(), None)


def remove_temporaries() -> None:
    """Remove all temporary files and folders this process still has; for its end."""
    for path, pid in list(_temporaries.items()):
        if pid == os.getpid():  # else a parent of this process made it
            _remove_temporary(path)
    for path, (pid, keep_pattern) in list(_unfinished.items()):
        if pid == os.getpid() and not (keep_pattern and any(path.glob(keep_pattern))):
            remove_tree(path)


def _remove_temporary(path: Path) -> None:
    remove_if_exists(path)
    if not os.path.lexists(path):  # else it is tried again at the end of the process
        _temporaries.pop(path, None)


atexit.register(remove_temporaries)


@contextmanager
def atomic_directory(folder: Path) -> Iterator[Path]:
    """Give a folder to fill beside `folder`; when the block ends well, it becomes `folder`, whole.

    Args:
        folder: not there yet, or empty.

    Raises:
        CatDogError: the disk is full or the place may not be written.
    """
    folder = Path(folder).absolute()
    with temporary_beside(folder) as building:
        with wrap_os_errors(folder):
            building.mkdir(parents=True)
        yield building
        with wrap_os_errors(folder):
            if folder.is_dir():
                rename_all([(path, folder / path.name) for path in building.iterdir()])
            else:
                _rename(building, folder)


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
def wrap_os_errors(path: Path) -> Iterator[None]:
    """Turn what the system says of a change on the disk into a sentence.

    Raises:
        CatDogError: an OSError came up in the block.
    """
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path | str, error: OSError) -> CatDogError:
    """Return the error that says why `path` could not be written, or moved, and what to do."""
    return CatDogError(
        "{path} couldn't be written, but earlier files are intact: {reason}. Free some disk space "
        "or choose a folder you can write to, then try again.",
        path=path,
        reason=_reason(error),
    )


def _reason(error: OSError) -> str:
    # HDF5 wraps what the system said into a paragraph of its own.
    match = re.search(r"error message = '([^']+)'", str(error))
    return match[1] if match else error.strerror or str(error)[:200]


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` whole with `data`."""
    with atomic_replace(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` whole with `value` as readable JSON."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: Path, newest_format: int | None = None, max_bytes: int | None = None) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        newest_format: the newest this program knows, where the file tells its own.
        max_bytes: bytes it may have, for a file that the lab did not write itself.

    Raises:
        CatDogError: the file is missing, unreadable, no JSON, too large, or made by a newer
            program.
    """
    try:
        if max_bytes is None:
            content = json.loads(read_regular(path).decode("utf-8"))
        else:
            content = bounded_readers.read_bounded_json(Path(path), max_bytes)
    except bounded_readers.BoundError as error:
        raise CatDogError(
            "{path} takes too much work to read: {reason}. Restore it from a copy, or delete it.",
            path=path,
            reason=error,
        ) from error
    except FileNotFoundError as error:
        raise CatDogError("{path} doesn't exist. Check the path.", path=path) from error
    except SpecialFileError as error:
        raise CatDogError(
            "{path} couldn't be read: {reason}. Choose a regular file.",
            path=path,
            reason=error.strerror,
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CatDogError(
            "{path} is damaged and isn't valid JSON. Restore it from a copy, or delete the folder "
            "it belongs to.",
            path=path,
        ) from error
    if newest_format is not None:
        check_format_version(path, content, newest_format)
    return content


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where the file is missing, damaged or something else."""
    with suppress(CatDogError):
        content = read_json(path)
        if isinstance(content, dict):
            return content
    return {}


def check_format_version(path: Path, content: Any, newest_format: int) -> None:
    """Raise CatDogError when what a file holds is of a format this program does not know yet."""
    version = content.get("format") if isinstance(content, dict) else None
    if isinstance(version, int) and version > newest_format:
        raise CatDogError(
            "{path} is from a newer version of CatDog Lab. Its format is {received}, but this"
            " version reads up to {known}. Update CatDog Lab.",
            path=path,
            received=version,
            known=newest_format,
        )


def append_json_line(path: Path, value: Any) -> None:
    """Append one JSON line. A torn last line left by a killed writer is closed off first.

    Raises:
        CatDogError: the disk is full or the file may not be written; it is as it was before.
    """
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    with wrap_os_errors(path), open(path, "ab+", buffering=0) as file:
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


def read_json_lines(path: Path, max_rows: int | None = None) -> list[dict[str, Any]]:
    """Read JSON lines; lines that are torn or no object are left out, a missing file is empty.

    Args:
        path: the file.
        max_rows: rows that are read, of a file that the lab did not write itself.
    """
    rows: list[dict[str, Any]] = []
    left = MAX_LINES_BYTES
    with suppress(OSError), open_regular(path) as file:
        while (
            left > 0 and len(rows) != max_rows and (line := file.readline(left))
        ):  # one at a time: not all of it twice
            left -= len(line)
            with suppress(ValueError, RecursionError):
                row = json.loads(line.decode("utf-8", "replace"))
                if isinstance(row, dict):
                    rows.append(row)
    return rows


def exists_nonempty(folder: Path) -> bool:
    """Tell whether a path exists and is no empty folder, so that nothing may be made there."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def remove_if_exists(path: Path) -> None:
    """Remove a file that marks something, whatever lies under its name; never raises."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if path.is_dir():
        remove_tree(path)


def float_or_default(value: Any, default: float = 0.0) -> float:
    """Return a number read from a file; the default for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return float(value) if abs(value) < 1e300 else default  # NaN is not below anything


def free_name(path: Path) -> Path:
    """Return a path that does not exist: `path` itself, or with a number after its stem."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def disk_usage(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; vanished ones count nothing."""
    total = 0
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with suppress(OSError):
            if not each.is_dir():
                total += each.stat().st_size
    return total


def remove_tree(folder: Path) -> None:
    """Remove a folder of the lab's own making; one that is not there is no error."""
    shutil.rmtree(folder, ignore_errors=True)


def slugify(name: str, limit: int = 40) -> str:
    """Turn a name into a file name of lower-case letters, digits and dashes; never empty."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words[:limit].strip("-") or "untitled"


def truncate_for_display(name: str, limit: int = 80) -> str:
    """Make an untrusted name safe to print: control characters escaped, length bounded.

    Bidirectional overrides count as control characters, since they turn ``gpj.exe`` around.
    """
    if len(name) > 2 * limit + 24:  # of more, nothing in the middle is shown
        name = name[: limit + 12] + name[-limit - 12 :]
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
