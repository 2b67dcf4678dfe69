"""A run's about.json, changed by one page or shell at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..base import access, files, locks
from ..base.errors import RunError
from .run_folder import FORMAT, load

_PATIENCE = 5.0  # seconds; whoever has it writes one small file


def change(run_dir: Path, values: dict[str, Any]) -> None:
    """Change what pages and shells keep of a run.

    Raises:
        AccessError: it is the run of somebody else.
        CatDogError: as `write`.
    """
    access.check("manage run", load(run_dir).owner)
    with alone(run_dir) as folder:
        write(folder, values)


def begin(folder: Path, name: str) -> None:
    """Write the first about.json of a new run, with whose it is where several share the lab."""
    about = {"format": FORMAT, "name": name, "note": ""}
    owner = access.visitor().name
    files.write_json(folder / "about.json", {**about, "owner": owner} if owner else about)


def write(folder: Path, values: dict[str, Any]) -> None:
    """Change about.json; the caller is `alone`.

    Raises:
        CatDogError: it cannot be written, or was made by a newer program.
    """
    path = folder / "about.json"
    known = files.read_object(path)
    files.refuse_newer(path, known, FORMAT)
    if path.is_dir():
        files.discard(path)
    whole = {"format": FORMAT, "name": folder.name, "note": "", **known, **values}
    files.write_json(path, whole)


@contextmanager
def alone(run_dir: Path) -> Iterator[Path]:
    """Be the only page or shell that changes, starts or deletes a run; gives its folder.

    Raises:
        RunError: there is no such run, or another one is at it for seconds.
        CatDogError: the disk is full or not writable.
    """
    folder = load(run_dir).folder
    end = time.monotonic() + _PATIENCE

    def waiting() -> None:
        if time.monotonic() > end:
            raise RunError(
                "Run '{name}' is being changed by another page or command. Try again.",
                name=folder.name,
            )

    with files.telling(folder), locks.exclusive(folder, waiting):
        yield folder
