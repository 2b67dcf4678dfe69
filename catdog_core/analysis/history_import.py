"""A history from elsewhere: read from CSV or JSON, and kept as a run without a model.

Two ways in which a learner keeps ``history.history``: Keras's `CSVLogger` and `json.dump`. Which
one a file is, its content tells. The third way, `pickle.dump`, makes a program that may do anything
to who loads it: it is refused, with the line that writes JSON instead.
"""

from __future__ import annotations

import itertools
import json
import pickletools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from .. import runs
from ..base import access, bounded_readers, files
from ..base.errors import RunError
from ..config import Training
from . import histories
from .histories import MOST_BYTES, MOST_EPOCHS

MOST_CLASSES = 200
AS_JSON = (
    "json.dump({k: [float(x) for x in v] for k, v in history.history.items()},"
    ' open("history.json", "w"))'
)
"""The line of Python that writes a Keras history as a file this module reads."""
_PACKED = (
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\0\0", b'\x04"M\x18', b"PK"),  # gzip to zip, npz
    *(b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"ZF"),  # zlib, as joblib packs
    *(b"\x93NUMPY", b"\x89HDF"),
)
_FIRST = b"(])}cVSIFNKJMGXU"  # instructions that an old pickle can begin with
_LOOKED_AT = 50  # instructions of a pickle


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a history, an epoch each, in their order.

    Raises:
        RunError: the file cannot be read, is a pickle, or is no history.
    """
    try:
        with files.open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RunError(
            "{file} could not be read: {reason}. Expected the history of a training.",
            file=path,
            reason=error.strerror or str(error),
        ) from error
    _refuse_pickle(path, data)
    start = data.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")[:200].lstrip(b"\xff\xfe \t\r\n")
    if start[:1] in (b"{", b"["):
        rows = _of_columns(path, _from_json(path, data))
    else:
        rows = histories.rows_of_csv(path, data)
    if not rows:
        raise RunError(
            "{file} holds no epoch. Train for one epoch at least, then save the history again.",
            file=path,
        )
    return rows


def _refuse_pickle(path: Path, data: bytes) -> None:
    """Refuse what can run code, or hides it, with the line that writes JSON. Nothing is loaded."""
    if is_pickle(data):
        raise RunError(
            "{file} is a pickle, which can run any program. Write the history as JSON instead:"
            " {line}",
            file=path,
            line=AS_JSON,
        )
    if data.startswith(_PACKED) and not _is_text(data):
        raise RunError(
            "{file} is packed or binary, and the lab reads plain text only. Write the history as"
            " JSON instead: {line}",
            file=path,
            line=AS_JSON,
        )


def is_pickle(data: bytes) -> bool:
    """Whether bytes are a pickle of any protocol, by their content; nothing is loaded."""
    if data[:1] == b"\x80":  # protocols 2 to 5 say so; no text begins with this byte
        return True
    if data[:1] not in {bytes([one]) for one in _FIRST} or data.rstrip()[-1:] != b".":
        return False
    try:
        found = list(itertools.islice(pickletools.genops(data), _LOOKED_AT))
    except Exception:  # text fails in as many ways as there are instructions
        return False
    return len(found) > 1


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
    access.check_quota(runs.listing)  # before any of the file is read
    rows = read(path)
    now, said = time.time(), files.shown(file_name or path.name)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    folder = runs.root() / f"{stamp}-history-{uuid4().hex[:4]}"
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
    with files.making(folder) as building:
        files.write_bytes(building / "metrics.jsonl", lines.encode())
        for file, values in (("settings", settings), ("about", about), ("state", state)):
            files.write_json(building / f"{file}.json", {"format": runs.FORMAT, **values})
    return folder


def _is_text(data: bytes) -> bool:
    try:
        return b"\0" not in data and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _from_json(path: Path, data: bytes) -> Any:
    try:
        return bounded_readers.json_value(data, MOST_BYTES)
    except bounded_readers.BoundError as error:
        raise _no_history(path, "JSON", error) from error
    except ValueError as error:
        raise _no_history(path, "JSON", files.shown(str(error), 120)) from error


def _no_history(path: Path, kind: str, reason: object) -> RunError:
    return RunError(
        "{file} is no {kind} of a history: {reason}. Expected history.history, a dict with a list"
        " a metric, and nothing else in it.",
        file=path,
        kind=kind,
        reason=reason,
    )


def _of_columns(path: Path, found: Any) -> list[dict[str, Any]]:
    """The rows of a dict of lists, or of a list of dicts."""
    if isinstance(found, Mapping) and isinstance(found.get("history"), Mapping):
        found = found["history"]  # a History object written down whole
    if isinstance(found, list) and all(isinstance(row, Mapping) for row in found):
        _refuse_many(path, len(found), max(map(len, found), default=0))
        names = list(found[0]) if found else []
        return histories.checked(path, names, found)
    if not isinstance(found, Mapping):
        raise _no_history(path, "file", f"it holds a {type(found).__name__}")
    columns = {str(k): v for k, v in found.items() if isinstance(v, (list, tuple))}
    lengths = {len(column) for column in columns.values()}
    _refuse_many(path, max(lengths, default=0), len(columns))
    if len(lengths) > 1:
        raise _no_history(path, "file", f"its lists have {min(lengths)} to {max(lengths)} entries")
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return histories.checked(path, list(columns), rows)


def _refuse_many(path: Path, epochs: int, columns: int) -> None:
    if epochs > MOST_EPOCHS or columns > histories.MOST_COLUMNS:
        raise RunError(
            "{file} holds {epochs:,} epochs of {columns:,} numbers each. Keep at most {most:,}"
            " epochs of {widest:,} numbers.",
            file=path,
            epochs=epochs,
            columns=columns,
            most=MOST_EPOCHS,
            widest=histories.MOST_COLUMNS,
        )
