"""Import a training history from another program as a run without a model.

Keras's `CSVLogger` and `json.dump` of ``history.history``, and what fastai, Lightning, Ultralytics,
TensorBoard, Hugging Face and a terminal keep: see `history_formats`. A pickle can run any program:
it is refused, with the line that writes JSON instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from .. import runs
from ..base import access, files
from ..base.errors import RunError
from ..config import Training
from ..runs import run_names
from . import history_columns, history_formats
from .history_columns import ColumnNames, History
from .history_formats import HistoryFile

MAX_CLASSES = 200


def read_history_files(paths: Sequence[Path]) -> list[HistoryFile]:
    """Read the files of a history, each up to a bound. Raises RunError where one cannot be read."""
    found = []
    for path in paths:
        try:
            with files.open_regular(path) as file:
                found.append(HistoryFile(str(path), file.read(history_formats.MAX_BYTES + 1)))
        except OSError as error:
            raise RunError(
                "{file} couldn't be read: {reason}. Choose a training history file.",
                file=path,
                reason=error.strerror or str(error),
            ) from error
    return found


def read_history(
    source: Path | Sequence[HistoryFile], columns: ColumnNames | None = None
) -> History:
    """Read a history: one row per epoch, in order.

    Args:
        source: a file, or the content of several, such as TensorBoard's, one per metric.
        columns: which of its columns are which, where their names don't tell.

    Raises:
        history_columns.ColumnsError: a metric has no column that is sure.
        RunError: a file cannot be read, is a pickle, or is no history.
    """
    found = read_history_files([source]) if isinstance(source, Path) else source
    return history_columns.build_history(history_formats.read_table(found), columns)


def import_history(
    source: Path | History,
    name: str = "",
    classes: int = 2,
    validation_photos: int | None = None,
) -> Path:
    """Store a history as a run folder of the workspace, for Compare, its verdict and its report.

    Args:
        source: a file, or what `read_history` returned.
        name: shown in lists, with a number where another run has it; by default the file's.
        classes: how many there were; it fixes what guessing gives.
        validation_photos: photos each validation measured, where that is known.

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
    history = read_history(source) if isinstance(source, Path) else source
    rows = history.rows
    now, display_name = time.time(), files.truncate_for_display(Path(history.name).name)
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
    about = {"note": "", "owner": access.current_visitor().name}
    state = {"status": "done", "beat": 0, "time": now}
    lines = "".join(json.dumps({**row, "epoch": n}) + "\n" for n, row in enumerate(rows))
    # It appears whole or not at all.
    with (
        run_names.choose_unique_name(name.strip() or display_name, folder) as unique,
        files.atomic_directory(folder) as building,
    ):
        about["name"] = unique
        files.write_bytes(building / "metrics.jsonl", lines.encode())
        for file, values in (("settings", settings), ("about", about), ("state", state)):
            files.write_json(building / f"{file}.json", {"format": runs.FORMAT, **values})
    return folder
