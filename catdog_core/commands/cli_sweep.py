"""The commands of sweeps: many runs of a grid of settings, trained on Ray, followed live."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from .. import interruption
from ..cluster import grid as grids
from ..cluster import ray_here, sweeps
from ..cluster.sweeps import Sweep, Trial
from ..errors import CatDogError, ClusterError, SettingsError
from ..files import shown
from ..runs import Run
from ..settings import Training
from ..training import run_process
from . import cli_decide, cli_flags, cli_say
from .cli_flags import AsJson, NetworkFile

_LOOK = 0.5  # seconds between two looks
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="WHERE",
        help="The cluster: local, auto, HOST:PORT or ray://HOST:PORT (docs/cluster.md).",
    ),
]
AtOnce = Annotated[
    int | None,
    typer.Option(min=1, help="Trials at one time; unset, one for each two processors."),
]
Tries = Annotated[
    int | None, typer.Option(min=1, help="How often a run is started; unset, up to three times.")
]
Key = Annotated[str, typer.Argument(metavar="SWEEP", help="Its id; 'sweeps' tells.")]


@cli_flags.with_flags(Training)
def sweep(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A folder of photos by class.")
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(metavar="GRID.json", help="What to try: lists and ranges of settings."),
    ] = None,
    resume: Annotated[
        str, typer.Option(metavar="SWEEP", help="Go on with this sweep instead of a new one.")
    ] = "",
    address: Address = None,
    name: Annotated[str, typer.Option(help="The sweep's name in lists.")] = "",
    augmentation: Annotated[
        str | None,
        typer.Option("--augment", help="none, notes, another preset, a saved one, or FILE.json."),
    ] = None,
    network: NetworkFile = None,
    at_once: AtOnce = None,
    tries: Tries = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Train a run for each combination of a grid of settings, as Ray Tune trials; flags are what
    they have in common. Ctrl-C stops it, resumably."""
    ray_here.refuse_missing()
    if resume:
        if folder is not None or grid is not None or flags:
            raise SettingsError(
                "--resume goes on with a sweep as it was made. Expected no DIR, no --grid and no"
                " settings with it."
            )
        work(resume, address, at_once=at_once, tries=tries, as_json=as_json)
        return
    if folder is None or grid is None:
        raise SettingsError(
            "A new sweep needs a folder of photos and a grid, such as 'sweep DIR --grid GRID.json'."
        )
    ray_here.refuse_silent(address or ray_here.LOCAL)
    wanted = grids.read(grid)
    training, changes = cli_flags.asked(flags, augmentation, network)
    key = sweeps.create(
        cli_decide.opened(folder, None),
        training,
        changes,
        wanted,
        name,
        address or ray_here.LOCAL,
        at_once=at_once,
        tries=tries or sweeps.TRIES,
    )
    work(key, as_json=as_json)


def stop(key: Key) -> None:
    """Ask a sweep to stop: its trials at their next batch; 'sweep --resume' goes on with it."""
    sweeps.stop(key)
    print(f"Asked '{shown(sweeps.load(key).name)}' to stop.", flush=True)
    run_process.wait_for_stops()


def list_sweeps() -> None:
    """List the sweeps of the workspace, the newest first."""
    for found in sweeps.listing():
        ended = found.count("done") + found.count("pruned")
        print(
            f"{found.id}  {found.status}  {ended}/{len(found.trials)} trials ended"
            f"  {found.core_seconds:,.0f} core-seconds  {shown(found.name)}"
        )


def work(
    key: str,
    address: str | None = None,
    *,
    at_once: int | None = None,
    tries: int | None = None,
    as_json: bool = False,
) -> Sweep:
    """Start a sweep and follow it to its end; Ctrl-C stops it, a second one only the following.

    Raises:
        CatDogError: it cannot be started, or its driver failed.
    """
    try:
        sweeps.start(key, address, at_once=at_once, tries=tries)
    except KeyboardInterrupt:
        with suppress(CatDogError):
            sweeps.stop(key)
        raise
    console = Console(stderr=True)
    print(f"Sweep {key}", file=sys.stderr if as_json else sys.stdout, flush=True)
    told: set[str] = set()
    with _table(console) as live:
        while True:
            try:
                found = sweeps.load(key)
                live(found)
                if not as_json:
                    _tell_ended(found, told, console)
                if not found.is_active:
                    break
                time.sleep(_LOOK)
            except KeyboardInterrupt:
                if sweeps.load(key).folder.joinpath("stop").exists():
                    raise
                interruption.obeyed()
                sweeps.stop(key)
    _tell_end(found, as_json)
    return found


def as_table(found: Sweep) -> Table:
    """The trials of a sweep as a table for the terminal."""
    rest = f", about {found.eta:,.0f} s to go" if found.eta else ""
    title = f"{shown(found.name)}: {found.status}, {found.core_seconds:,.0f} core-seconds{rest}"
    columns = ("run", "status", "epochs", "best val_accuracy", "tries", "seconds")
    table = Table(*columns, title=title.replace("[", r"\["), box=None)
    for run in found.group.runs:
        trial = found.trials[run.id]
        total = run.training.epochs if run.training else "?"
        best = _best(run)
        cells = [_short(found, run), trial.status, f"{trial.epoch}/{total}"]
        cells += [f"{best:.4f}" if best is not None else "", str(trial.tries)]
        table.add_row(*[cell.replace("[", r"\[") for cell in (*cells, f"{trial.seconds:.0f}")])
    return table


@contextmanager
def _table(console: Console) -> Iterator[Any]:
    """A table that is drawn anew while the block runs; without a terminal there is none."""
    if not console.is_terminal:
        yield lambda found: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda found: live.update(as_table(found), refresh=True)


def _tell_ended(found: Sweep, told: set[str], console: Console) -> None:
    """A line for each trial that has ended since the last call."""
    for run in found.group.runs:
        trial = found.trials[run.id]
        if run.id not in told and trial.status in ("done", "pruned", "failed"):
            told.add(run.id)
            line = f"{_short(found, run)}: {_said(trial, run)}"
            if console.is_terminal and sys.stdout.isatty():
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            else:
                print(line, flush=True)


def _said(trial: Trial, run: Run) -> str:
    best = _best(run)
    figure = f", val_accuracy {best:.4f}" if best is not None else ""
    again = f", {trial.tries} tries" if trial.tries > 1 else ""
    return f"{trial.status} after {trial.epoch} epochs{figure}, {trial.seconds:.0f} s{again}"


def _tell_end(found: Sweep, as_json: bool) -> None:
    if as_json:
        cli_say.print_json(_as_json(found))
    if found.status in ("failed", "lost"):
        raise _failure(found)
    if as_json:
        return
    best = max(found.group.runs, key=lambda run: _best(run) or 0.0)
    if _best(best) is not None:
        print(f"Best: {_short(found, best)}, validation accuracy {_best(best):.4f}, {best.folder}")
    print(f"{found.core_seconds:,.0f} core-seconds")
    if found.left:
        print(f"Stopped. Go on with: python -m catdog_core sweep --resume {found.id}")


def _as_json(found: Sweep) -> dict[str, Any]:
    trials = [
        {
            "run": run.id,
            "name": run.name,
            "status": found.trials[run.id].status,
            "epochs": found.trials[run.id].epoch,
            "tries": found.trials[run.id].tries,
            "core_seconds": round(found.trials[run.id].core_seconds, 1),
            "val_accuracy": _best(run),
        }
        for run in found.group.runs
    ]
    cost = round(found.core_seconds, 1)
    return {"id": found.id, "status": found.status, "core_seconds": cost, "trials": trials}


def _failure(found: Sweep) -> ClusterError:
    if found.error:
        params = found.error.get("params")
        said = params if isinstance(params, dict) else {}
        return ClusterError(str(found.error.get("message", "")), **said)
    return ClusterError(
        "The driver of sweep '{key}' has ended without a word; {log} may tell why. 'sweep --resume"
        " {key}' goes on with it.",
        key=found.id,
        log=found.folder / "log.txt",
    )


def _best(run: Run) -> float | None:
    row = next((row for row in run.epochs if row["epoch"] == run.best_epoch), None)
    value = row.get("val_accuracy") if row else None
    return float(value) if isinstance(value, (int, float)) else None


def _short(found: Sweep, run: Run) -> str:
    """A run's name without the sweep's, which all of them carry."""
    return shown(run.name.removesuffix(f" · {found.name}"))
