"""Commands that say what happened in a training."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

from .. import runs
from ..analysis import accuracy_gap, histories, history_import
from ..analysis.diagnose import Remark, RunContext, Verdict
from ..analysis.diagnose import diagnose as judge
from ..analysis.history_columns import ColumnNames, ColumnsError, History, HistoryColumn
from ..base import access, library_output
from ..base.errors import RunError
from ..base.files import truncate_for_display
from ..runs import RunRecord, model_registry
from ..runs.final_evaluation import EpochEvaluation, FinalEvaluation
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
            metavar="RUN_OR_FILE",
            help="A run's folder, id or name, or the files of a history: CSV, JSON or Keras's "
            "printed text.",
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
    run: RunRecord | None = None
    if len(history) > 1 or Path(history[0]).is_file():
        facts = RunContext(
            classes=classes, validation_photos=validation_photos, learning_rate=learning_rate
        )
        rows = _read_history([Path(file) for file in history], column).rows
        verdict = judge(rows, facts)
        best = runs.best_epoch(rows, facts.monitor)
    else:
        run = model_registry.find_run(history[0])
        verdict = histories.diagnose_run(run)
        best = run.best_epoch
    if as_json:
        evaluation = run.final_evaluation if run else None
        output.print_json(
            {
                **_verdict_to_json(verdict, best),
                "final_evaluation": _evaluation_to_json(evaluation) if evaluation else None,
            }
        )
        return
    print(f"{verdict.kind}: {verdict}")
    for remark in verdict.remarks:
        print(f"  {remark}")
    for step in verdict.steps:
        print(f"- {step}")


def measure_gap(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run folder, or an id or name from 'runs'.")
    ],
    as_json: AsJson = False,
) -> None:
    """Measure a run's gap without augmentation and dropout. Evaluates its saved and its last
    model on up to 1,000 training photos and on the validation photos. Every training ends with
    this, so only runs of earlier versions need it."""
    folder = model_registry.find_run(run).folder
    library_output.import_tensorflow()
    from ..training import end_of_run

    with output.progress_bar("evaluating") as progress:
        evaluation = end_of_run.evaluate_earlier_run(folder, progress)
    if as_json:
        output.print_json(_evaluation_to_json(evaluation))
        return
    print_final_evaluation(runs.load_run(folder))


def print_final_evaluation(run: RunRecord) -> None:
    """Print how a run's models do on clean photos, if that is known."""
    for remark in accuracy_gap.describe_final_evaluation(run):
        print(remark)


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
            "{file} lacks the columns {missing} and has only {found}. Say which of its columns "
            "they are, such as --column {first}=NAME.",
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


def _verdict_to_json(verdict: Verdict, best_epoch: int | None) -> dict[str, object]:
    """Return the verdict for programs; epochs count from 1, as in its sentences."""
    numbers = {name: round(value, 6) for name, value in verdict.numbers.items()}
    if "lowest_loss_epoch" in numbers:
        numbers["lowest_loss_epoch"] += 1
    if best_epoch is not None:
        numbers["best_epoch"] = best_epoch + 1
    return {
        "kind": verdict.kind,
        "message": str(verdict),
        "since_epoch": None if verdict.since is None else verdict.since[0] + 1,
        "since_at_latest": None if verdict.since is None else verdict.since[1] + 1,
        "numbers": numbers,
        "remarks": [_message_to_json(message) for message in verdict.remarks],
        "steps": [_message_to_json(message) for message in verdict.steps],
    }


def _evaluation_to_json(evaluation: FinalEvaluation) -> dict[str, object]:
    """Return a final evaluation for programs; epochs count from 1."""
    return {
        "best": _epoch_to_json(evaluation.best),
        "last": _epoch_to_json(evaluation.last) if evaluation.last else None,
        "confusion": evaluation.confusion,
        "recall": evaluation.recalls,
        "majority_share": evaluation.majority_share,
    }


def _epoch_to_json(epoch: EpochEvaluation) -> dict[str, float]:
    return {**asdict(epoch), "epoch": epoch.epoch + 1, "gap": epoch.gap}


def _message_to_json(message: Remark) -> dict[str, str]:
    return {"id": message.id, "message": str(message)}
