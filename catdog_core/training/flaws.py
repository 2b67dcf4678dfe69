"""What is wrong with the files of a run folder, told before anybody trips over it. Light.

A folder comes to harm by a disk, a copy that broke off, or a hand. One look at a file's end tells
whether an archive is whole; nothing large is read.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import CatDogError, RunError


@dataclass(frozen=True)
class Flaw:
    """What is wrong, and whether going on with the run mends it or at least can be tried."""

    error: CatDogError
    mends: bool


def find(folder: Path, epochs: list[dict[str, Any]], known: int) -> Flaw | None:
    """The first thing wrong with a run whose settings are sound; None where all is well.

    Args:
        folder: a run folder.
        epochs: the rows of its metrics that could be read.
        known: the newest format of its files this program knows.
    """
    try:
        for name in ("about.json", "state.json"):
            files.refuse_newer(folder / name, files.read_object(folder / name), known)
        _archive(folder, "backup.keras")
    except CatDogError as error:
        return Flaw(error, mends=False)
    try:
        _objects(folder, epochs)
        _metrics(folder, epochs)
        _archive(folder, "best.keras")
        if not (folder / "best.keras").exists() and (folder / "backup.keras").exists():
            raise _lost("best.keras")
    except CatDogError as error:
        return Flaw(error, mends=True)
    return None


def _objects(folder: Path, epochs: list[dict[str, Any]]) -> None:
    for name, needed in (
        ("about.json", True),
        ("state.json", bool(epochs) or (folder / "backup.keras").exists()),
    ):
        path = folder / name
        if not path.exists() and not needed:
            continue
        if not path.exists():
            raise _lost(name)
        try:
            found = files.read_json(path)
        except CatDogError as error:
            raise _lost(name) from error
        if not isinstance(found, dict):
            raise _lost(name)


def _metrics(folder: Path, epochs: list[dict[str, Any]]) -> None:
    kept = files.read_object(folder / "backup.json").get("epoch")
    there = {row["epoch"] for row in epochs}
    if isinstance(kept, int) and not there.issuperset(range(min(kept + 1, 100_000))):
        raise _lost("metrics.jsonl")


def _archive(folder: Path, name: str) -> None:
    path = folder / name
    # Its table of contents stands at the end: what was cut off or overwritten has none.
    if path.exists() and not (path.is_file() and zipfile.is_zipfile(path)):
        raise _lost(name)


def _lost(name: str) -> RunError:
    match name:
        case "about.json":
            return RunError(
                "its about.json is missing or damaged, and with it its name and note. Give it a"
                " name again, or restore the file."
            )
        case "state.json":
            return RunError(
                "its state.json is missing or damaged. Resume makes a new one and goes on after"
                " the last whole epoch, or restore the file."
            )
        case "metrics.jsonl":
            return RunError(
                "its metrics.jsonl lacks epochs that were trained, so its curves have gaps."
                " Restore the file, or go on as it is; its models are not touched."
            )
        case "best.keras":
            return RunError(
                "its best.keras is missing or damaged, so it cannot predict. Restore the file, or"
                " go on with it: the next better epoch makes a new one."
            )
        case _:
            return RunError(
                "its backup.keras is damaged, so it cannot be resumed. Restore the file, or start a"
                " new run; its best model is not touched."
            )
