"""A run's about.json, changed by one page or shell at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import access, files, locks
from ..base.errors import RunError
from .run_folder import FORMAT, load_run

_LOCK_TIMEOUT = 5.0  # seconds; whoever has it writes one small file


def update_metadata(run_dir: Path, values: dict[str, Any]) -> None:
    """Change what pages and shells keep of a run.

    Raises:
        AccessError: it is the run of somebody else.
        CatDogError: as `write_metadata`.
    """
    access.check_permission("manage run", load_run(run_dir).owner)
    with lock_run(run_dir) as folder:
        write_metadata(folder, values)


def write_initial_metadata(folder: Path, name: str) -> None:
    """Write the first about.json of a new run, with whose it is where several share the lab."""
    about = {"format": FORMAT, "name": name, "note": ""}
    owner = access.current_visitor().name
    files.write_json(folder / "about.json", {**about, "owner": owner} if owner else about)


def write_metadata(folder: Path, values: dict[str, Any]) -> None:
    """Change about.json; the caller is `lock_run`.

    Raises:
        CatDogError: it cannot be written, or was made by a newer program.
    """
    path = folder / "about.json"
    known = files.read_json_object(path)
    files.check_format_version(path, known, FORMAT)
    if path.is_dir():
        files.remove_if_exists(path)
    whole = {"format": FORMAT, "name": folder.name, "note": "", **known, **values}
    files.write_json(path, whole)


@contextmanager
def lock_run(run_dir: Path) -> Iterator[Path]:
    """Be the only page or shell that changes, starts or deletes a run; gives its folder.

    Raises:
        RunError: there is no such run, or another one is at it for seconds.
        CatDogError: the disk is full or not writable.
    """
    folder = load_run(run_dir).folder
    end = time.monotonic() + _LOCK_TIMEOUT

    def waiting() -> None:
        if time.monotonic() > end:
            raise RunError(
                "Run '{name}' is being changed by another page or command. Try again.",
                name=folder.name,
            )

    with files.wrap_os_errors(folder), locks.hold_path_lock(folder, waiting):
        yield folder
