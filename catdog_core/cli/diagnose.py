"""The command that says what happened in a training."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from .. import runs
from ..analysis import histories, history_import
from ..analysis.diagnose import Remark, RunContext, Verdict
from ..analysis.diagnose import diagnose as judge
from ..analysis.history_columns import ColumnNames, ColumnsError, History, HistoryColumn
from ..base import access
from ..base.errors import RunError
from ..base.files import truncate_for_display
from . import output
from .options import AsJson

Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="METRIC=NAME",
        help="Which column of a file is loss, accuracy, val_loss, val_accuracy or epoch. "
        "Repeat it for each.",
    ),
]


def diagnose(
    history: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_DIR_OR_FILE",
            help="A run, or the files of a history: CSV, JSON or Keras's printed text.",
        ),
    ],
    column: Columns = None,
    validation_photos: Annotated[
        int | None, typer.Option(min=1, help="Number of validation photos, for a file.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes, for a file.")] = 2,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Learning rate at the start, for a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Diagnose a run and suggest what to try next. The verdict is overfitting, underfitting,
    healthy, diverged, unstable, missed_class, wrong_labels, easy_validation, or too_short to
    judge."""
    if len(history) > 1 or Path(history[0]).is_file():
        facts = RunContext(
            classes=classes, validation_photos=validation_photos, learning_rate=learning_rate
        )
        verdict = judge(_read_history([Path(file) for file in history], column).rows, facts)
    else:
        verdict = histories.diagnose_run(runs.load_run(history[0]))
    if as_json:
        output.print_json(_verdict_to_json(verdict))
        return
    print(f"{verdict.kind}: {verdict}")
    for remark in verdict.remarks:
        print(f"  {remark}")
    for step in verdict.steps:
        print(f"- {step}")


def history(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="The files of a history: CSV, JSON or Keras's printed text.",
        ),
    ],
    column: Columns = None,
    name: Annotated[str, typer.Option(help="The run's name. By default, the file's name.")] = "",
    validation_photos: Annotated[
        int | None, typer.Option(min=1, help="Number of validation photos.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 2,
) -> None:
    """Import a training history, to compare it with your runs."""
    access.check_quota(runs.list_runs)  # before any of the files is read
    found = _read_history(files, column)
    print(f"Run {history_import.import_history(found, name, classes, validation_photos)}")


def _read_history(paths: Sequence[Path], columns: Sequence[str] | None) -> History:
    """Read a history; say on stderr what was understood. Raises RunError."""
    try:
        found = history_import.read_history(
            history_import.read_history_files(paths), _parse_columns(columns or ())
        )
    except ColumnsError as error:
        raise RunError(
            "{file} lacks the columns {missing} and has only {found}. Add --column {first}=NAME "
            "for each of them.",
            first=error.missing[0],
            **error.params,
        ) from error
    for note in found.notes:
        print(note, file=sys.stderr)
    return found


def _parse_columns(texts: Sequence[str]) -> ColumnNames:
    """Return the columns of `--column METRIC=NAME`. Raises RunError for an unknown metric."""
    columns: dict[HistoryColumn, str] = {}
    for text in texts:
        metric, _, name = text.partition("=")
        known = next((each for each in get_args(HistoryColumn) if each == metric), None)
        if known is None or not name:
            raise RunError(
                "{text} names no column. Write --column METRIC=NAME, where METRIC is one of "
                "{metrics}.",
                text=truncate_for_display(text),
                metrics=", ".join(get_args(HistoryColumn)),
            )
        columns[known] = name
    return columns


def _verdict_to_json(verdict: Verdict) -> dict[str, object]:
    """Return the verdict for programs; epochs count from 1, as in its sentences."""
    numbers = {name: round(value, 6) for name, value in verdict.numbers.items()}
    if "best_epoch" in numbers:
        numbers["best_epoch"] += 1
    return {
        "kind": verdict.kind,
        "message": str(verdict),
        "since_epoch": None if verdict.since is None else verdict.since[0] + 1,
        "since_at_latest": None if verdict.since is None else verdict.since[1] + 1,
        "numbers": numbers,
        "remarks": [_message_to_json(message) for message in verdict.remarks],
        "steps": [_message_to_json(message) for message in verdict.steps],
    }


def _message_to_json(message: Remark) -> dict[str, str]:
    return {"id": message.id, "message": str(message)}
