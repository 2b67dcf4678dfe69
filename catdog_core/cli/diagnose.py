"""The command that says what happened in a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import runs
from ..analysis import histories, history_import
from ..analysis.diagnose import Remark, RunContext, Verdict
from ..analysis.diagnose import diagnose as judge
from . import output
from .options import AsJson


def diagnose(
    history: Annotated[
        str,
        typer.Argument(metavar="RUN_DIR_OR_FILE", help="A run, or a history as CSV or JSON."),
    ],
    validation_photos: Annotated[
        int | None, typer.Option(min=1, help="For a file: photos per validation.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="For a file: number of classes.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Diagnose a run and suggest what to try next. The verdict is overfitting (and since which
    epoch), underfitting, healthy, diverged, or too short to judge."""
    if Path(history).is_file():
        facts = RunContext(classes=classes, validation_photos=validation_photos)
        verdict = judge(history_import.read_history(Path(history)), facts)
    else:
        verdict = histories.diagnose_run(runs.load_run(history))
    if as_json:
        output.print_json(_verdict_to_json(verdict))
        return
    print(f"{verdict.kind}: {verdict}")
    for remark in verdict.remarks:
        print(f"  {remark}")
    for step in verdict.steps:
        print(f"- {step}")


def history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="history.history as CSV or JSON.")],
    name: Annotated[str, typer.Option(help="The run's name. By default, the file's name.")] = "",
    validation_photos: Annotated[
        int | None, typer.Option(min=1, help="Photos per validation.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Number of classes.")] = 2,
) -> None:
    """Import a training history as a run without a model, to compare it with others."""
    print(f"Run {history_import.import_history(file, name, classes, validation_photos)}")


def _verdict_to_json(verdict: Verdict) -> dict[str, object]:
    """Return the verdict for programs; epochs count from 1, as in its sentences."""
    numbers = {name: round(value, 6) for name, value in verdict.numbers.items()}
    if "best_epoch" in numbers:
        numbers["best_epoch"] += 1
    return {
        "kind": verdict.kind,
        "message": str(verdict),
        "since_epoch": None if verdict.since is None else verdict.since + 1,
        "numbers": numbers,
        "remarks": [_message_to_json(message) for message in verdict.remarks],
        "steps": [_message_to_json(message) for message in verdict.steps],
    }


def _message_to_json(message: Remark) -> dict[str, str]:
    return {"id": message.id, "message": str(message)}
