"""A history from elsewhere: read from CSV, JSON or a pickle, and kept as a run without a model.

The three ways in which a learner keeps ``history.history``: Keras's `CSVLogger`, `json.dump`,
`pickle.dump`. Which one a file is, its content tells.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from .. import access, files, runs
from ..errors import RunError
from ..settings import Training
from . import histories, pickled

MOST_EPOCHS = 1000
MOST_CLASSES = 200
_MOST = 5_000_000  # bytes of a JSON file


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a history, an epoch each, in their order.

    Raises:
        RunError: the file cannot be read, or is no history.
    """
    try:
        with files.open_regular(path) as file:
            start = file.read(1)
            data = start + file.read(_MOST) if start in (b"{", b"[", b"\x80", b"(") else b""
    except OSError as error:
        raise RunError(
            "{file} could not be read: {reason}. Expected the history of a training.",
            file=path,
            reason=error.strerror or str(error),
        ) from error
    if not data:
        rows = histories.read_csv(path)
    else:
        rows = _of_columns(path, _from_json(path, data) if start in b"{[" else _from_pickle(path))
    if not 0 < len(rows) <= MOST_EPOCHS:
        raise RunError(
            "{file} holds {n:,} epochs. Expected 1 to {most:,}.",
            file=path,
            n=len(rows),
            most=MOST_EPOCHS,
        )
    return rows


def bring(
    path: Path,
    name: str = "",
    classes: int = 2,
    validation_photos: int | None = None,
    file_name: str = "",
) -> Path:
    """Keep a history as a run folder of the workspace, for Compare, its verdict and its report.

    Args:
        path: as for `read`.
        name: shown in lists; by default the file's.
        classes: how many there were; it fixes what guessing gives.
        validation_photos: photos each validation measured, where that is known.
        file_name: the file's name where it came from, if that is another one.

    Raises:
        RunError: as `read`, or a number is out of its range.
        CatDogError: the workspace cannot be written, or is full for this user.
    """
    if not 2 <= classes <= MOST_CLASSES or not 0 <= (validation_photos or 0) <= 10**9:
        raise RunError(
            "{classes} classes and {photos} validation photos. Expected 2 to {most} classes, and"
            " photos that can be counted.",
            classes=classes,
            photos=validation_photos or 0,
            most=MOST_CLASSES,
        )
    rows = read(path)
    access.check_quota(runs.listing)
    now, said = time.time(), files.shown(file_name or path.name)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    folder = runs.root() / f"{stamp}-history-{uuid4().hex[:4]}"
    building = folder.with_name(f".{folder.name}")
    photos = {"train": 0, "validation": validation_photos or 0}
    dataset = {"id": "", "name": said, "folder": "", "fingerprint": "", **photos}
    settings = {
        "format": runs.FORMAT,
        "origin": "history",
        "created": now,
        "training": Training(epochs=len(rows)).model_dump(),
        "augmentation": None,
        "classes": [str(number) for number in range(classes)] if classes > 2 else [],
        "dataset": dataset,
        "parent": None,
        "versions": {},
    }
    about = {"name": name.strip()[:80] or said, "note": "", "owner": access.visitor().name}
    state = {"status": "done", "beat": 0, "time": now}
    lines = "".join(json.dumps({**row, "epoch": n}) + "\n" for n, row in enumerate(rows))
    # It appears whole or not at all.
    files.write_bytes(building / "metrics.jsonl", lines.encode())
    for file, values in (("settings", settings), ("about", about), ("state", state)):
        files.write_json(building / f"{file}.json", {"format": runs.FORMAT, **values})
    os.replace(building, folder)
    return folder


def _from_json(path: Path, data: bytes) -> Any:
    try:
        if len(data) > _MOST:
            raise ValueError(f"more than {_MOST:,} bytes")
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _no_history(path, "JSON", str(error)) from error


def _from_pickle(path: Path) -> Any:
    try:
        if path.stat().st_size > pickled.MOST:
            raise ValueError(f"more than {pickled.MOST:,} bytes")
        return pickled.load(files.read_regular(path, pickled.MOST))
    except (ValueError, OSError) as error:
        raise _no_history(path, "pickle", str(error)) from error


def _no_history(path: Path, kind: str, reason: str) -> RunError:
    return RunError(
        "{file} is no {kind} of a history: {reason}. Expected history.history, a dict with a list"
        " a metric, and nothing else in it.",
        file=path,
        kind=kind,
        reason=files.shown(reason, 120),
    )


def _of_columns(path: Path, found: Any) -> list[dict[str, Any]]:
    """The rows of a dict of lists, or of a list of dicts."""
    if isinstance(found, Mapping) and isinstance(found.get("history"), Mapping):
        found = found["history"]  # a History object written down whole
    if isinstance(found, list) and all(isinstance(row, Mapping) for row in found):
        names = list(found[0]) if found else []
        return histories.checked(path, names, found[: MOST_EPOCHS + 1])
    if not isinstance(found, Mapping):
        raise _no_history(path, "file", f"it holds a {type(found).__name__}")
    columns = {str(k): v for k, v in found.items() if isinstance(v, (list, tuple))}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise _no_history(path, "file", f"its lists have {min(lengths)} to {max(lengths)} entries")
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return histories.checked(path, list(columns), rows[: MOST_EPOCHS + 1])
