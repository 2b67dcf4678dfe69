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
from ..base.metric_rows import EpochRow
from ..config import Training
from . import histories
from .histories import MAX_BYTES, MAX_EPOCHS

MAX_CLASSES = 200
JSON_EXPORT_LINE = (
    "json.dump({k: [float(x) for x in v] for k, v in history.history.items()},"
    ' open("history.json", "w"))'
)
"""The line of Python that writes a Keras history as a file this module reads."""
_ARCHIVE_MAGIC = (
    *(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\0\0", b'\x04"M\x18', b"PK"),  # gzip to zip, npz
    *(b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"ZF"),  # zlib, as joblib packs
    *(b"\x93NUMPY", b"\x89HDF"),
)
_PICKLE_START_BYTES = b"(])}cVSIFNKJMGXU"  # instructions that an old pickle can begin with
_PICKLE_OPCODES_READ = 50  # instructions of a pickle


def read_history(path: Path) -> list[EpochRow]:
    """Read the rows of a history, an epoch each, in their order.

    Raises:
        RunError: the file cannot be read, is a pickle, or is no history.
    """
    try:
        with files.open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RunError(
            "{file} couldn't be read: {reason}. Choose a training history file.",
            file=path,
            reason=error.strerror or str(error),
        ) from error
    _check_not_pickle(path, data)
    start = data.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")[:200].lstrip(b"\xff\xfe \t\r\n")
    if start[:1] in (b"{", b"["):
        rows = _rows_from_columns(path, _parse_json(path, data))
    else:
        rows = histories.parse_history_csv(path, data)
    if not rows:
        raise RunError(
            "{file} has no epochs. Train for at least one epoch, then save the history again.",
            file=path,
        )
    return rows


def _check_not_pickle(path: Path, data: bytes) -> None:
    """Refuse what can run code, or hides it, with the line that writes JSON. Nothing is loaded."""
    if is_pickle(data):
        raise RunError(
            "{file} is a pickle, which can run any program. Save the history as JSON instead: "
            "{line}",
            file=path,
            line=JSON_EXPORT_LINE,
        )
    if data.startswith(_ARCHIVE_MAGIC) and not _is_text(data):
        raise RunError(
            "{file} is compressed or binary, but the lab reads only plain text. Save the history "
            "as JSON instead: {line}",
            file=path,
            line=JSON_EXPORT_LINE,
        )


def is_pickle(data: bytes) -> bool:
    """Return whether bytes are a pickle of any protocol, by their content; nothing is loaded."""
    if data[:1] == b"\x80":  # protocols 2 to 5 say so; no text begins with this byte
        return True
    if data[:1] not in {bytes([one]) for one in _PICKLE_START_BYTES} or data.rstrip()[-1:] != b".":
        return False
    try:
        opcodes = list(itertools.islice(pickletools.genops(data), _PICKLE_OPCODES_READ))
    except Exception:  # text fails in as many ways as there are instructions
        return False
    return len(opcodes) > 1


def import_history(
    path: Path,
    name: str = "",
    classes: int = 2,
    validation_photos: int | None = None,
    file_name: str = "",
) -> Path:
    """Keep a history as a run folder of the workspace, for Compare, its verdict and its report.

    Args:
        path: as for `read_history`.
        name: shown in lists; by default the file's.
        classes: how many there were; it fixes what guessing gives.
        validation_photos: photos each validation measured, where that is known.
        file_name: the file's name where it came from, if that is another one.

    Raises:
        RunError: as `read_history`, or a number is out of its range.
        CatDogError: the workspace cannot be written, or is full for this user.
    """
    if not 2 <= classes <= MAX_CLASSES or not 0 <= (validation_photos or 0) <= 10**9:
        raise RunError(
            "You entered {classes} classes and {photos} validation photos. Enter 2 to {most} "
            "classes and a number of photos from 0 to one billion.",
            classes=classes,
            photos=validation_photos or 0,
            most=MAX_CLASSES,
        )
    access.check_quota(runs.list_runs)  # before any of the file is read
    rows = read_history(path)
    now, display_name = time.time(), files.truncate_for_display(file_name or path.name)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    folder = runs.runs_folder() / f"{stamp}-history-{uuid4().hex[:4]}"
    photos = {"train": 0, "validation": validation_photos or 0}
    dataset = {"id": "", "name": display_name, "folder": "", "fingerprint": "", **photos}
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
    about = {
        "name": name.strip()[:80] or display_name,
        "note": "",
        "owner": access.current_visitor().name,
    }
    state = {"status": "done", "beat": 0, "time": now}
    lines = "".join(json.dumps({**row, "epoch": n}) + "\n" for n, row in enumerate(rows))
    # It appears whole or not at all.
    with files.atomic_directory(folder) as building:
        files.write_bytes(building / "metrics.jsonl", lines.encode())
        for file, values in (("settings", settings), ("about", about), ("state", state)):
            files.write_json(building / f"{file}.json", {"format": runs.FORMAT, **values})
    return folder


def _is_text(data: bytes) -> bool:
    try:
        return b"\0" not in data and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _parse_json(path: Path, data: bytes) -> Any:
    try:
        return bounded_readers.parse_bounded_json(data, MAX_BYTES)
    except bounded_readers.BoundError as error:
        raise _history_error(path, "JSON", error) from error
    except ValueError as error:
        raise _history_error(path, "JSON", files.truncate_for_display(str(error), 120)) from error


def _history_error(path: Path, kind: str, reason: object) -> RunError:
    return RunError(
        "{file} isn't a valid {kind} history: {reason}. Save only history.history, a dict with "
        "one list per metric.",
        file=path,
        kind=kind,
        reason=reason,
    )


def _rows_from_columns(path: Path, history: Any) -> list[EpochRow]:
    """Return the rows of a dict of lists, or of a list of dicts."""
    if isinstance(history, Mapping) and isinstance(history.get("history"), Mapping):
        history = history["history"]  # a History object written down whole
    if isinstance(history, list) and all(isinstance(row, Mapping) for row in history):
        _check_limits(path, len(history), max(map(len, history), default=0))
        names = list(history[0]) if history else []
        return histories.validate_rows(path, names, history)
    if not isinstance(history, Mapping):
        raise _history_error(path, "file", f"it holds a {type(history).__name__}")
    columns = {str(k): v for k, v in history.items() if isinstance(v, (list, tuple))}
    lengths = {len(column) for column in columns.values()}
    _check_limits(path, max(lengths, default=0), len(columns))
    if len(lengths) > 1:
        raise _history_error(
            path, "file", f"its lists have {min(lengths)} to {max(lengths)} entries"
        )
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return histories.validate_rows(path, list(columns), rows)


def _check_limits(path: Path, epochs: int, columns: int) -> None:
    if epochs > MAX_EPOCHS or columns > histories.MAX_COLUMNS:
        raise RunError(
            "{file} has {epochs:,} epochs with {columns:,} numbers each. Keep at most {most:,} "
            "epochs with {widest:,} numbers.",
            file=path,
            epochs=epochs,
            columns=columns,
            most=MAX_EPOCHS,
            widest=histories.MAX_COLUMNS,
        )
