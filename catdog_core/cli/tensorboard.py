"""The command that writes a run's curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import runs
from ..base import library_output
from ..base.english_plurals import format_count
from ..base.files import truncate_for_display
from ..runs import model_registry
from ..training import tensorboard_export


def tensorboard(
    run_folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run folders, ids or names. By default, all runs with an epoch.",
        ),
    ] = None,
    logdir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Output folder. By default, tensorboard/ in the workspace."
        ),
    ] = None,
) -> None:
    """Write TensorBoard event files, and print how to show them."""
    chosen = [model_registry.find_run(run) for run in run_folders or ()]
    if not run_folders:
        chosen = [run for run in runs.list_runs() if run.epochs]
    tensorboard_export.check_tensorboard_installed()
    library_output.import_tensorflow()
    folder = (logdir or tensorboard_export.default_logdir()).absolute()
    for run in chosen:
        tensorboard_export.write_event_files(run, folder)
        epochs = format_count(len(run.epochs), "epochs")
        print(f"{epochs} of {truncate_for_display(run.name or run.id)}", flush=True)
    print(f"Show them with: {tensorboard_export.tensorboard_command(folder)}")
