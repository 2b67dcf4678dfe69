"""The commands of groups of runs: sweeps, twin and small-data experiments, by Ray or in line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ..analysis import group_comparison, seed_runs, sweep_table
from ..analysis.photo_overlap import BEST_RUN_TEXT, KEPT_EPOCH_TEXT
from ..base import interruption
from ..base.english_plurals import format_count
from ..base.errors import CatDogError, ClusterError, SettingsError
from ..base.files import truncate_for_display
from ..config import Augmentation, Training
from ..data.datasets import FolderReading
from ..runs import list_runs, model_registry, run_names, run_process
from ..tuning import grid as grids
from ..tuning import groups, plans, ray_session
from ..tuning.groups import Cluster, Group
from ..tuning.plans import GroupPlan
from . import curate, options, output
from .options import PROGRAM, AsJson, AugmentationName, Folder, NetworkFile

app = typer.Typer(
    help="Train runs that differ in one thing, and compare them.",
    rich_markup_mode=None,
    no_args_is_help=False,
)
_POLL_SECONDS = 0.5  # seconds between two looks
_TRIAL_WORDS = {"pruned": "ended early"}
"""Words for the statuses of trials that are not read as they stand."""

Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="WHERE",
        help="Where Ray trains: local, auto, HOST:PORT or ray://HOST:PORT (docs/cluster.md).",
    ),
]
AtOnce = Annotated[
    int | None,
    typer.Option(min=1, help="Trials at the same time. By default, one per two processors."),
]
Tries = Annotated[
    int | None, typer.Option(min=1, help="Attempts per trial. By default, up to three.")
]
Name = Annotated[str, typer.Option(help="The experiment's name in lists.")]
SweepKey = Annotated[str, typer.Argument(metavar="SWEEP", help="An id or name from 'sweeps'.")]
Key = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="An id or name from 'experiment list'.")
]
Augment = Annotated[
    str,
    typer.Option("--augment", help="For the augmented runs: a preset or FILE.json."),
]
Seeds = Annotated[
    int,
    typer.Option("--seeds", metavar="1|3|5", help="Seeds to train each run with, from --seed on."),
]


@options.with_flags(Training)
@options.with_reading
def sweep(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A folder of photos by class.")
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(metavar="GRID.json", help="What to try: lists and ranges of settings."),
    ] = None,
    resume: Annotated[
        str, typer.Option(metavar="SWEEP", help="Resume this sweep instead of starting a new one.")
    ] = "",
    address: Address = None,
    name: Annotated[str, typer.Option(help="The sweep's name in lists.")] = "",
    augmentation: AugmentationName = None,
    network: NetworkFile = None,
    at_once: AtOnce = None,
    tries: Tries = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
    reading: FolderReading,
) -> None:
    """Train a run for each combination of settings. Flags apply to all of them. Press Ctrl-C to
    stop, and use --resume to resume. It needs Ray (docs/sweeps.md)."""
    ray_session.check_ray_installed()
    if resume:
        if folder is not None or grid is not None or flags:
            raise SettingsError(
                "--resume continues a sweep with its original settings. Leave out DIR, --grid and "
                "any settings."
            )
        drive_group(resume, address, at_once=at_once, tries=tries, as_json=as_json)
        return
    if folder is None or grid is None:
        raise SettingsError(
            "A new sweep needs a folder of photos and a grid, such as 'sweep DIR --grid GRID.json'."
        )
    cluster = Cluster(address or ray_session.LOCAL, at_once, tries or groups.DEFAULT_TRIES)
    ray_session.check_reachable(cluster.address)
    wanted = grids.load_grid(grid)
    training, changes = options.resolve_settings(flags, augmentation, network)
    plan = plans.plan_sweep(curate.open_dataset(folder, None, reading), wanted, training, changes)
    _print_limits(plan)
    drive_group(groups.create_group(plan, name, cluster), as_json=as_json)


def stop_sweep(key: SweepKey) -> None:
    """Stop a sweep: each trial stops after its batch. Resume with 'sweep --resume'."""
    stop(key)


def list_sweeps() -> None:
    """List the sweeps of the workspace, newest first."""
    for group in groups.list_groups():
        if group.kind == "sweep" or group.cluster:
            print(
                f"{group.id}  {group.status}"
                f"  {group.count('done', 'pruned')}/{len(group.runs)} trials ended"
                f"  {group.core_seconds:,.0f} core-seconds  {truncate_for_display(group.name)}"
            )


@app.command()
@options.with_flags(Training)
@options.with_reading
def twin(
    folder: Folder,
    name: Name = "",
    augment: Augment = "notes",
    seeds: Seeds = 1,
    address: Address = None,
    *,
    flags: dict[str, Any],
    reading: FolderReading,
) -> None:
    """Train a network without and with augmentation, and compare."""
    cluster = _resolve_cluster(address)
    training, dataset = options.resolve_training(flags), curate.open_dataset(folder, None, reading)
    changes = options.resolve_augmentation(augment)
    _train_plan(plans.plan_paired_experiment(dataset, training, changes, seeds), name, cluster)


@app.command("small-data")
@options.with_flags(Training)
@options.with_reading
def small_data(
    folder: Folder,
    name: Name = "",
    augment: Augment = "notes",
    sizes: Annotated[
        str,
        typer.Option(
            metavar="N,N,…", help="Numbers of training photos. By default, what fits the dataset."
        ),
    ] = "",
    models: Annotated[
        str, typer.Option(metavar="NAME,…", help="Networks to compare. By default, only --model.")
    ] = "",
    variants: Annotated[
        str, typer.Option(metavar="plain|augmented|both", help="Which runs to train.")
    ] = "both",
    budget: Annotated[
        str,
        typer.Option(metavar="steps|epochs", help="What stays equal across runs."),
    ] = "steps",
    seeds: Seeds = 1,
    address: Address = None,
    *,
    flags: dict[str, Any],
    reading: FolderReading,
) -> None:
    """Train a network on more and more photos, and compare."""
    cluster = _resolve_cluster(address)
    dataset, changes = (
        curate.open_dataset(folder, None, reading),
        options.resolve_augmentation(augment),
    )
    augmentations: dict[str, list[Augmentation | None]]
    augmentations = {"plain": [None], "augmented": [changes], "both": [None, changes]}
    if variants not in augmentations or budget not in ("steps", "epochs"):
        raise SettingsError(
            "--variants is {variants} and --budget is {budget}. Use plain, augmented or both for "
            "--variants, and steps or epochs for --budget.",
            variants=variants,
            budget=budget,
        )
    try:
        chosen = [int(part) for part in sizes.split(",") if part.strip()]
    except ValueError as error:
        raise SettingsError(
            "--sizes is '{text}'. Use whole numbers separated by commas, such as 100,250.",
            text=sizes[:60],
        ) from error
    names = [model.strip() for model in models.split(",") if model.strip()]
    plan = plans.plan_small_data(
        dataset,
        [options.resolve_training({**flags, "model": model}) for model in names]
        or [options.resolve_training(flags)],
        chosen or plans.available_sizes(dataset),
        augmentations[variants],
        "steps" if budget == "steps" else "epochs",
        seeds,
    )
    _train_plan(plan, name, cluster)


@app.command()
def repeat(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run folder, or an id or name from 'runs'.")
    ],
    seeds: Annotated[
        int,
        typer.Option("--seeds", metavar="3|5", help="Seeds in all, with those already trained."),
    ] = 3,
    name: Name = "",
    address: Address = None,
) -> None:
    """Train a run again with other seeds, and compare."""
    cluster = _resolve_cluster(address)
    loaded_run = model_registry.find_run(run)
    plan = plans.plan_repeat(loaded_run, list_runs(), seeds)
    _train_plan(plan, name or run_names.own_name(loaded_run), cluster)


@app.command()
def resume(key: Key, address: Address = None) -> None:
    """Resume an experiment that was stopped or interrupted."""
    _run_group(key, address)


@app.command()
def stop(key: Key) -> None:
    """Stop an experiment: its current run and the waiting ones."""
    group = groups.load_group(key)
    if group.is_active or not group.cluster:
        groups.stop_group(group.id)
    print(f"Stopping '{truncate_for_display(group.name)}'.", flush=True)
    run_process.wait_for_stops()


@app.command("list")
def list_groups() -> None:
    """List the experiments of the workspace, newest first."""
    for group in groups.list_groups():
        done = sum(run.status == "done" for run in group.runs)
        print(f"{group.id}  {group.status}  {done}/{len(group.runs)} runs done  {group.name}")


def _resolve_cluster(address: str | None) -> Cluster | None:
    """Return where to train; raise ClusterError before any run is made if it cannot be used."""
    if address is None:
        return None
    ray_session.check_ray_installed()
    ray_session.check_reachable(address)
    return Cluster(address)


def _train_plan(plan: GroupPlan, name: str, cluster: Cluster | None) -> None:
    _print_limits(plan)
    _run_group(groups.create_group(plan, name, cluster), cluster.address if cluster else None)


def _print_limits(plan: GroupPlan) -> None:
    """Refuse a plan that can't be trained, and print what it can't show, before it trains."""
    plans.check_plan(plan)
    for remark in plans.describe_limits(plan):
        print(f"Warning: {remark}", file=sys.stderr, flush=True)


def _run_group(key: str, address: str | None) -> None:
    group = groups.load_group(key)
    key = group.id
    print(f"Experiment {key}: '{truncate_for_display(group.name)}'", flush=True)
    print(format_count(len(group.runs), "runs"), flush=True)
    if address is not None:
        if drive_group(key, address).left:
            return
    else:
        for run in groups.clear_stop_requests(groups.load_group(key)):
            print(f"{run.name}: {run.folder}", flush=True)
            if output.train_with_progress(run.folder).can_resume:
                print(f"Stopped. Resume with: {PROGRAM} experiment resume {key}")
                return
    for line in _describe_results(groups.load_group(key)):
        print(line)


def _describe_results(group: Group) -> Iterator[str]:
    """Describe what an experiment has shown, line by line."""
    if group.kind == "twin":
        yield from map(str, group_comparison.compare_paired_runs(group.runs))
        return
    if group.kind == "repeat":
        yield from map(str, seed_runs.describe_seeds(group.runs[:1], list_runs()))
        return
    points = group_comparison.learning_curve_points(group.runs)
    for point in points:
        name, interval = (
            group_comparison.format_line(point.line),
            f"{point.low:.3f} to {point.high:.3f}",
        )
        yield f"{name}, {point.photos} photos: {point.accuracy:.4f} ({interval})"
    if points:
        yield KEPT_EPOCH_TEXT
    yield from map(
        str,
        (
            *group_comparison.describe_learning_curve(points),
            *(message for _, _, message in group_comparison.compare_lines(points)),
            *(message for _, message in group_comparison.compare_gaps_by_size(group.runs)),
            *group_comparison.describe_point_seeds(points),
        ),
    )


def drive_group(
    key: str,
    address: str | None = None,
    *,
    at_once: int | None = None,
    tries: int | None = None,
    as_json: bool = False,
) -> Group:
    """Train a group on Ray and follow it to its end.

    Ctrl-C stops it, a second one only the following.

    Raises:
        CatDogError: it cannot be started, or its driver failed.
    """
    key = groups.load_group(key).id
    try:
        groups.start_driver(key, address, at_once=at_once, tries=tries)
    except KeyboardInterrupt:
        with suppress(CatDogError):
            groups.stop_group(key)
        raise
    console = Console(stderr=True)
    print(f"Sweep {key}", file=sys.stderr if as_json else sys.stdout, flush=True)
    reported: set[str] = set()
    with _show_live_table(console) as live:
        while True:
            try:
                group = groups.load_group(key)
                live(group)
                if not as_json:
                    _print_ended_trials(group, reported, console)
                if not group.is_active:
                    break
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                if (groups.load_group(key).folder / "stop").exists():
                    raise
                interruption.clear_received_signal()
                groups.stop_group(key)
    _print_group_result(group, as_json)
    return group


def build_group_table(group: Group) -> Table:
    """Return the runs of a group as a table for the terminal."""
    rest = f", about {group.eta:,.0f} s left" if group.is_active and group.eta else ""
    title = f"{truncate_for_display(group.name)}: {group.status},"
    title += f" {group.core_seconds:,.0f} core-seconds{rest}"
    columns = ("run", "status", "epochs", "best val_accuracy", "tries", "seconds")
    table = Table(*columns, title=title.replace("[", r"\["), box=None)
    for run, name in zip(group.runs, groups.short_names(group.runs), strict=True):
        trial, best = group.trials[run.id], sweep_table.best_accuracy(run)
        total = run.training.epochs if run.training else "?"
        cells = [name, _TRIAL_WORDS.get(trial.status, trial.status), f"{trial.epoch}/{total}"]
        cells += [f"{best:.4f}" if best is not None else "", str(trial.tries)]
        table.add_row(*[cell.replace("[", r"\[") for cell in (*cells, f"{trial.seconds:.0f}")])
    return table


@contextmanager
def _show_live_table(console: Console) -> Iterator[Callable[[Group], None]]:
    """Show a table that is drawn anew while the block runs; none without a terminal."""
    if not console.is_terminal:
        yield lambda group: None
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda group: live.update(build_group_table(group), refresh=True)


def _print_ended_trials(group: Group, reported: set[str], console: Console) -> None:
    """Print a line for each trial that has ended since the last call."""
    for run, name in zip(group.runs, groups.short_names(group.runs), strict=True):
        trial, best = group.trials[run.id], sweep_table.best_accuracy(run)
        if run.id in reported or trial.status not in groups.ENDED_STATUSES:
            continue
        reported.add(run.id)
        figure = f", val_accuracy {best:.4f}" if best is not None else ""
        again = f", {trial.tries} tries" if trial.tries > 1 else ""
        status = _TRIAL_WORDS.get(trial.status, trial.status)
        line = f"{name}: {status} after {trial.epoch} epochs{figure}"
        line += f", {trial.seconds:.0f} s{again}"
        if console.is_terminal and sys.stdout.isatty():
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            print(line, flush=True)


def _print_group_result(group: Group, as_json: bool) -> None:
    if as_json:
        output.print_json(_group_to_json(group))
    if group.error:
        params = group.error.get("params")
        raise ClusterError(
            str(group.error.get("message", "")), **(params if isinstance(params, dict) else {})
        )
    if group.status in ("failed", "lost"):
        raise ClusterError(
            "The process running sweep '{key}' ended without a message. See {log} for the cause, "
            "then run 'sweep --resume {key}' to continue.",
            key=group.id,
            log=group.folder / "log.txt",
        )
    if as_json:
        return
    best = max(group.runs, key=lambda run: sweep_table.best_accuracy(run) or 0.0)
    if (result := sweep_table.best_accuracy(best)) is not None:
        name = groups.short_names(group.runs)[group.runs.index(best)]
        print(f"Best: {name}, validation accuracy {result:.4f}, {best.folder}")
        print(f"{KEPT_EPOCH_TEXT} {BEST_RUN_TEXT}")
    print(f"{group.core_seconds:,.0f} core-seconds")
    if group.left:
        print(f"Stopped. Resume with: {PROGRAM} sweep --resume {group.id}")


def _group_to_json(group: Group) -> dict[str, Any]:
    trials = []
    for run in group.runs:
        trial = group.trials[run.id]
        trials.append(
            {
                "run": run.id,
                "name": run.name,
                "status": trial.status,
                "epochs": trial.epoch,
                "tries": trial.tries,
                "core_seconds": round(trial.core_seconds, 1),
                "val_accuracy": sweep_table.best_accuracy(run),
            }
        )
    cost = round(group.core_seconds, 1)
    return {"id": group.id, "status": group.status, "core_seconds": cost, "trials": trials}
