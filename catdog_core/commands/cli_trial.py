"""The commands that try a few steps before a training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..networks import architecture
from ..settings import Augmentation, Training
from ..sources.dataset_record import Dataset
from ..training import estimate, trial
from . import cli_decide, cli_flags, cli_say
from .cli_flags import AsJson, Folder, NetworkFile

Augment = Annotated[
    str | None,
    typer.Option("--augment", help="none, notes, another preset, a saved one, or FILE.json."),
]


@cli_flags.with_flags(Training)
def find_rate(
    folder: Folder,
    augmentation: Augment = None,
    network: NetworkFile = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Suggest a learning rate: up to 100 steps of ever higher ones show where the loss falls."""
    dataset, training, changes = _asked(folder, flags, augmentation, network)
    with cli_say.bar("finding a learning rate") as progress:
        found = trial.rates(
            dataset,
            training,
            changes,
            lambda line: progress(line["done"], line["total"]),
        )
    if as_json:
        cli_say.print_json({"learning_rate": found.rate, "points": found.points})
        return
    for (rate, loss), smooth in list(zip(found.points, found.smoothed, strict=False))[::10]:
        print(f"{rate:.1e}  loss {loss:.3f}, smoothed {smooth:.3f}")
    why = "the loss falls most steeply there" if found.falls else "well below where the loss rises"
    print(f"Suggested: --learning-rate {found.rate:g} ({why})")


@cli_flags.with_flags(Training)
def estimate_time(
    folder: Folder,
    augmentation: Augment = None,
    network: NetworkFile = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Time a few steps and say how long the training would take on this machine."""
    dataset, training, changes = _asked(folder, flags, augmentation, network)
    with cli_say.bar("timing") as progress:
        speed = trial.speed(
            dataset,
            training,
            changes,
            lambda line: progress(line.get("done", 0), line.get("total")),
        )
    counts = estimate.photos(training, dataset)
    seconds = estimate.seconds(training, counts, speed)
    if as_json:
        cli_say.print_json({"seconds": seconds, "step": speed.step, "validation": speed.validation})
        return
    print(
        f"{training.epochs} epochs of {training.steps(counts['train'])} steps, {speed.step:.3f} s"
        f" each: about {seconds // 60:.0f} min {seconds % 60:02.0f} s here."
    )


def _asked(
    folder: Path, flags: dict[str, Any], augment: str | None, network: str | None
) -> tuple[Dataset, Training, Augmentation | None]:
    """What is to be tried: the photos, the training, the augmentation.

    Raises:
        CatDogError: the folder is no dataset, a setting is none, or the network cannot work.
    """
    training, changes = cli_flags.asked(flags, augment, network)
    dataset = cli_decide.opened(folder, None)
    architecture.of(training, len(dataset.classes))
    return dataset, training, changes
