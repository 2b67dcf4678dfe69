"""The commands of experiments: groups of runs, trained one after another here, or on a cluster."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..cluster import ray_here, sweeps
from ..datasets import Dataset
from ..errors import SettingsError
from ..outcomes import contrast, experiments
from ..outcomes.experiments import Group, Plan
from ..settings import Augmentation, Training
from ..training import run_process
from . import cli_decide, cli_flags, cli_say, cli_sweep
from .cli_flags import Folder
from .cli_sweep import Address

app = typer.Typer(
    help="Twin and small-data experiments: groups of runs that differ in one thing.",
    rich_markup_mode=None,
    no_args_is_help=False,
)

Name = Annotated[str, typer.Option(help="The experiment's name in lists.")]
Key = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its id; 'experiment list' tells.")]
Augment = Annotated[
    str, typer.Option("--augment", help="What the augmented runs do: a preset or FILE.json.")
]


@app.command()
@cli_flags.with_flags(Training)
def twin(
    folder: Folder,
    name: Name = "",
    augment: Augment = "notes",
    address: Address = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Train the same network twice, plain and augmented, and say what augmentation changed."""
    _refuse_cluster(address)
    training = cli_flags.training(flags)
    dataset = cli_decide.opened(folder, None)
    _work(
        experiments.create(
            experiments.twin(dataset, training, cli_flags.augmentation(augment)), name
        ),
        address,
    )


@app.command("small-data")
@cli_flags.with_flags(Training)
def small_data(
    folder: Folder,
    name: Name = "",
    augment: Augment = "notes",
    sizes: Annotated[
        str, typer.Option(metavar="N,N,…", help="Training photos; unset, what the data can give.")
    ] = "",
    models: Annotated[
        str, typer.Option(metavar="NAME,…", help="Networks to compare; unset, --model alone.")
    ] = "",
    variants: Annotated[
        str, typer.Option(metavar="plain|augmented|both", help="Which runs to make.")
    ] = "both",
    budget: Annotated[
        str,
        typer.Option(
            metavar="steps|epochs", help="What runs have in common: changes of weights, or epochs."
        ),
    ] = "steps",
    address: Address = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Train the same network on more and more photos, and show accuracy against data."""
    _refuse_cluster(address)
    dataset = cli_decide.opened(folder, None)
    plan = _plan(dataset, sizes, models, variants, budget, cli_flags.augmentation(augment), flags)
    _work(experiments.create(plan, name), address)


@app.command()
def resume(key: Key, address: Address = None) -> None:
    """Go on with an experiment that was stopped or broke off."""
    _work(key, address)


@app.command()
def stop(key: Key) -> None:
    """Ask an experiment to stop: the run that trains, and those that wait."""
    experiments.stop(key)
    print(f"Asked '{experiments.load(key).name}' to stop.", flush=True)
    run_process.wait_for_stops()


@app.command("list")
def list_groups() -> None:
    """List the experiments of the workspace, the newest first."""
    for group in experiments.listing():
        done = sum(run.status == "done" for run in group.runs)
        print(f"{group.id}  {group.status}  {done}/{len(group.runs)} runs done  {group.name}")


def _plan(
    dataset: Dataset,
    sizes: str,
    models: str,
    variants: str,
    budget: str,
    changes: Augmentation,
    flags: dict[str, Any],
) -> Plan:
    augmentations: dict[str, list[Augmentation | None]]
    augmentations = {"plain": [None], "augmented": [changes], "both": [None, changes]}
    if variants not in augmentations or budget not in ("steps", "epochs"):
        raise SettingsError(
            "The flags: --variants is {variants}, --budget is {budget}. Expected plain, augmented"
            " or both; steps or epochs.",
            variants=variants,
            budget=budget,
        )
    names = [name.strip() for name in models.split(",") if name.strip()]
    trainings = [cli_flags.training({**flags, "model": n}) for n in names]
    return experiments.small_data(
        dataset,
        trainings or [cli_flags.training(flags)],
        _numbers(sizes) or experiments.sizes(dataset),
        augmentations[variants],
        "steps" if budget == "steps" else "epochs",
    )


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise SettingsError(
            "The flags: --sizes is '{text}'. Expected whole numbers with commas, such as 100,250.",
            text=text[:60],
        ) from error


def _refuse_cluster(address: str | None) -> None:
    """Raise ClusterError for a cluster that cannot be used, before any run is made for it."""
    if address is not None:
        ray_here.refuse_missing()
        ray_here.refuse_silent(address)


def _work(key: str, address: str | None) -> None:
    print(f"Experiment {key}", flush=True)
    if address is not None:
        if not cli_sweep.work(sweeps.of_experiment(key, address), address).left:
            _tell(experiments.load(key))
        return
    for run in experiments.release(experiments.load(key)):
        print(f"{run.name}: {run.folder}", flush=True)
        if cli_say.train(run.folder).can_resume:
            print(f"Stopped. Go on with: python -m catdog_core experiment resume {key}")
            return
    _tell(experiments.load(key))


def _tell(group: Group) -> None:
    if group.kind == "twin":
        for said in contrast.twins(*group.runs[:2]):
            print(said)
        return
    found = contrast.points(group.runs)
    for point in found:
        name, interval = contrast.label(point.line), f"{point.low:.3f} to {point.high:.3f}"
        print(f"{name}, {point.photos} photos: {point.accuracy:.4f} ({interval})")
    for said in (*contrast.growth(found), *(said for _, _, said in contrast.ahead(found))):
        print(said)
