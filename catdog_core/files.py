"""Writing so that nothing is ever half written, and reading what may be half written.

A stored file has one writer. It is either replaced whole (written beside, fsynced, renamed) or
append-only, read tolerant of a torn last line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from .errors import CatDogError

PROJECT = Path(__file__).resolve().parent.parent


def workspace() -> Path:
    """The folder everything the lab writes lives under; ``CATDOG_WORKSPACE`` moves it."""
    return Path(os.environ.get("CATDOG_WORKSPACE") or PROJECT / "workspace").absolute()


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
        raise CatDogError(
            "{path} could not be written: {reason}. Earlier files are intact. Free some disk space"
            " or choose a folder you may write to, then try again.",
            path=path,
            reason=error.strerror or str(error),
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` whole with `data`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` whole with `value` as readable JSON."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        CatDogError: the file is missing, unreadable or no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CatDogError("{path} does not exist.", path=path) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CatDogError(
            "{path} is damaged: expected JSON. Restore it from a copy, or delete the folder it"
            " belongs to.",
            path=path,
        ) from error


def append_line(path: Path, value: Any) -> None:
    """Append one JSON line. A torn last line left by a killed writer is closed off first."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    with open(path, "ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = b"\n" + line
        file.write(line)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; lines that are torn or no object are left out, a missing file is empty."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
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
