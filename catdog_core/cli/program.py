"""The command line: ``python -m catdog_core COMMAND``; the same code paths as the pages.

Every command ends with 0, or with 1 and one line on stderr. Results go to stdout, bars to stderr.
TensorFlow takes seconds to import, so modules that need it are imported inside the commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.exceptions import TyperException

from .. import __version__, runs
from ..analysis.photo_overlap import KEPT_EPOCH_TEXT
from ..base import files, interruption, report_language
from ..base.english_plurals import format_count
from ..base.errors import N_, CatDogError, RunError
from ..base.files import truncate_for_display
from ..config import Training
from ..data import allowed_roots, datasets
from ..data.datasets import FolderReading
from ..models import architecture, model_sandbox
from ..runs import model_registry, run_names, run_process
from ..tuning import groups
from . import (
    augment,
    curate,
    data,
    diagnose,
    estimates,
    export,
    models,
    options,
    output,
    output_files,
    photos,
    registry,
    removed_commands,
    robustness,
    serve,
    sorting,
    tensorboard,
    tokens,
    trash,
)
from . import (
    groups as cli_groups,
)
from .options import PROGRAM, AugmentationName, Folder, NetworkFile, Order

app = typer.Typer(
    help="Create, check and augment datasets. Train, evaluate, predict and export.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"CatDog Lab {__version__}")
        raise typer.Exit


@app.callback()
def _set_program_options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    pass


_INTERRUPTED = 130
"""What Typer returns for a KeyboardInterrupt."""
_NO_TERMINAL = N_("There's no terminal to ask on. Give the answer with a flag (see --help).")

RunKey = Annotated[
    str, typer.Argument(metavar="RUN", help="A run folder, or an id or name from 'runs'.")
]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0, or 1 after one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    model_sandbox.set_wait_callback(_print_queued)
    try:
        if not {"--help", "-h"} & set(arguments):
            files.resolve_workspace()
            allowed_roots.resolve_roots_variable()
        code = app(arguments, prog_name=PROGRAM, standalone_mode=False)
        if code == _INTERRUPTED:
            return _print_error(
                interruption.interruption_message(report_language.get_current_translator()),
                interruption.exit_status(),
            )
        sys.stdout.flush()  # while what goes wrong with it can still be told
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _print_error(
            interruption.interruption_message(report_language.get_current_translator()),
            interruption.exit_status(),
        )
    except SystemExit as end:  # nobody reads what is printed any more, as with `| head`
        return _handle_closed_output() if end.code else 0
    except BrokenPipeError:
        return _handle_closed_output()
    except TyperException as error:
        message = removed_commands.find_replacement(arguments, getattr(error, "option_name", None))
        if message is not None:
            return _print_error(report_language.get_current_translator()(message))
        command = getattr(getattr(error, "ctx", None), "command_path", PROGRAM)
        return _print_error(f"{error.format_message()} See '{command} --help'.")
    except CatDogError as error:
        stopped = isinstance(error.__context__, KeyboardInterrupt)
        message = report_language.get_current_translator()(error.message, **error.params)
        return _print_error(message, interruption.exit_status() if stopped else 1)
    except typer.Abort:
        return _print_error(report_language.get_current_translator()(_NO_TERMINAL))
    except OSError as error:
        prefix = f"{error.filename}: " if error.filename else ""
        return _print_error(f"{prefix}{error.strerror or error}.")
    except Exception as error:
        if os.environ.get("CATDOG_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        return _print_error(f"Internal error ({what}). Set CATDOG_DEBUG=1 to see the traceback.")


def _print_queued() -> None:
    words = N_("Checking another model. This one is next…")
    print(report_language.get_current_translator()(words), file=sys.stderr)


def _print_error(text: str, status: int = 1) -> int:
    line = truncate_for_display(" ".join(text.split()), 2000)
    with suppress(OSError):  # the terminal may be gone
        print(
            report_language.get_current_translator()(N_("Error: {text}"), text=line),
            file=sys.stderr,
            flush=True,
        )
    _discard_output()
    return status


def _handle_closed_output() -> int:
    """Return the status of a command whose output nobody reads any more, and say nothing."""
    _discard_output()
    return 1


def _discard_output() -> None:
    """Empty the buffers that the interpreter could fail to write at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    train: Annotated[int, typer.Option(min=2, help="Number of training photos.")] = 400,
    validation: Annotated[int, typer.Option(min=2, help="Number of validation photos.")] = 200,
    size: Annotated[
        int, typer.Option(min=32, max=1024, help="Side of the photos, in pixels.")
    ] = 150,
    seed: Annotated[
        int, typer.Option(min=0, help="A different seed gives different drawings.")
    ] = 0,
) -> None:
    """Draw a dataset of cartoon cats and dogs."""
    with output.progress_bar("drawing") as progress:
        datasets.make_demo(folder, train, validation, size, seed, progress=progress)
    print(f"{train} training and {format_count(validation, 'validation photos')} in {folder}")


app.command()(photos.check)
app.command("label-errors")(photos.label_errors)
app.command()(photos.similar)
app.command()(photos.pack)
app.command()(augment.augment)


@app.command()
@options.with_flags(Training)
@options.with_reading
def train(
    folder: Folder,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN_DIR",
            help="Store the run in this folder instead of the workspace. Pages don't show it.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The run's name on pages and for other commands.")] = "",
    augmentation: AugmentationName = None,
    order: Order = None,
    network: NetworkFile = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="RUN", help="Start from the best weights of this run."),
    ] = None,
    *,
    flags: dict[str, Any],
    reading: FolderReading,
) -> None:
    """Train a network. Other settings come from the model's recipe, or with --from from that run.
    Press Ctrl-C to stop. You can resume later."""
    parent = model_registry.find_run(start) if start else None
    training, changes = options.resolve_settings(flags, augmentation, network, parent)
    dataset = curate.open_dataset(folder, order, reading)
    architecture.list_training_layers(training, len(dataset.classes))
    created = runs.create_run(dataset, training, changes, name=name, folder=run, parent=parent)
    _print_new_run(created, name)
    _train_and_report(created)


def _print_new_run(folder: Path, wanted: str) -> None:
    """Print where a new run is and how to name it."""
    run = runs.load_run(folder)
    print(f"Run {folder}: '{truncate_for_display(run.name, run_names.MAX_NAME)}'", flush=True)
    if wanted.strip() and run.name != wanted.strip():
        print("Another run has the name you gave, so this one has a number.", flush=True)
    if folder.parent != runs.runs_folder().absolute():
        print(
            "It's outside the workspace, so the pages and 'runs' don't show it. Use its folder in"
            " other commands.",
            flush=True,
        )


@app.command()
def resume(
    run: RunKey,
    follow: Annotated[
        bool, typer.Option("--follow", help="Then start the next run of its experiment.")
    ] = False,
) -> None:
    """Resume a run that was stopped or interrupted."""
    folder = model_registry.find_run(run).folder
    try:
        _train_and_report(folder)
    finally:
        if follow:
            groups.start_next_run(folder)


def _train_and_report(folder: Path) -> None:
    ended = output.train_with_progress(folder)
    best = ended.best_row
    if best:
        print(f"Best epoch {best['epoch'] + 1}: validation accuracy {best['val_accuracy']:.4f}")
        if len(ended.epochs) > 1:
            print(KEPT_EPOCH_TEXT)
    diagnose.print_final_evaluation(ended)
    if ended.can_resume:
        print(f"Stopped. Resume with: {PROGRAM} resume {folder}")


@app.command()
def stop(run: RunKey) -> None:
    """Stop a run after its batch, or remove it from the queue."""
    loaded_run = model_registry.find_run(run)
    runs.stop_run(loaded_run.folder)
    print(f"Stopping '{loaded_run.name}'.", flush=True)
    run_process.wait_for_stops()


@app.command("runs")
def list_runs() -> None:
    """List the runs of the workspace, newest first."""
    all_runs = runs.list_runs()
    if not all_runs:
        print(f"No runs yet in {runs.runs_folder()}. Train one with '{PROGRAM} train DIR'.")
        return
    titles = ["id", "name", "status", "model", "dataset", "epochs", "best val_accuracy"]
    has_owners = any(run.owner for run in all_runs)
    table = Table(*titles, *(["owner"] if has_owners else []), box=None)
    for run in all_runs:
        total = "?" if run.planned_epochs is None else run.planned_epochs
        best = run.best_row
        cells = [
            truncate_for_display(run.id),
            truncate_for_display(run.name),
            "ended early" if run.ended_early else run.status,
            run.model,
            truncate_for_display(run.dataset_name),
        ]
        accuracy = best.get("val_accuracy") if best else None
        cells += [f"{len(run.epochs)}/{total}", "" if accuracy is None else f"{accuracy:.4f}"]
        cells += [truncate_for_display(run.owner)] if has_owners else []
        table.add_row(*[cell.replace("[", r"\[") for cell in cells])
    console = Console()
    # Through a pipe there is no width to keep to, and ids must stay whole.
    Console(width=None if console.is_terminal else 400, highlight=False).print(table)


@app.command()
def plot(
    run: RunKey,
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="The image to write.")],
    force: options.Force = False,
) -> None:
    """Plot training and validation accuracy and loss of a run."""
    from ..analysis import plots

    loaded_run = model_registry.find_run(run)
    if not loaded_run.epochs:
        raise RunError(
            "Run '{name}' has no finished epoch to plot. Train it first.",
            name=loaded_run.name or loaded_run.id,
        )
    target = output_files.resolve_output(
        out, output_files.get_figure_kind(out), [loaded_run.folder], force
    )
    guess = (loaded_run.guess_accuracy, loaded_run.guess_loss)
    plots.write_history_plot(loaded_run.epochs, loaded_run.best_epoch, target, guess=guess)
    print(f"{format_count(len(loaded_run.epochs), 'epochs')} in {out}")


app.command()(diagnose.diagnose)
app.command("measure-gap")(diagnose.measure_gap)
app.command()(diagnose.history)
app.command()(tensorboard.tensorboard)
app.add_typer(cli_groups.app, name="experiment")
app.command()(cli_groups.sweep)
app.command("sweeps")(cli_groups.list_sweeps)
app.command("sweep-stop")(cli_groups.stop_sweep)
app.add_typer(registry.app, name="models")
app.add_typer(trash.app, name="trash")
app.add_typer(tokens.app, name="token")
app.command()(serve.serve)
app.command("find-rate")(estimates.find_rate)
app.command("estimate")(estimates.estimate_time)
app.command()(data.download)
app.command("import")(data.import_dataset)
app.command("import-run")(export.import_run)
_CURATE_COMMANDS = (curate.decide, curate.undo, curate.split, curate.classes)
_MODEL_COMMANDS = (
    models.evaluate,
    robustness.robustness,
    models.predict,
    sorting.sort,
    export.export,
)
for command in (*_CURATE_COMMANDS, *_MODEL_COMMANDS):
    app.command()(command)
