"""The commands that try a few steps before a training starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import Augmentation, Training
from ..data.dataset_record import Dataset
from ..models import architecture
from ..training import speed_probe, time_estimate
from . import curate, options, output
from .options import AsJson, Folder, NetworkFile

Augment = Annotated[
    str | None,
    typer.Option("--augment", help="none, notes, another preset, a saved one, or FILE.json."),
]


@options.with_flags(Training)
def find_rate(
    folder: Folder,
    augmentation: Augment = None,
    network: NetworkFile = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Suggest a learning rate: up to 100 steps of ever higher ones show where the loss falls."""
    dataset, training, changes = _resolve_probe(folder, flags, augmentation, network)
    with output.progress_bar("finding a learning rate") as progress:
        result = speed_probe.probe_learning_rates(
            dataset,
            training,
            changes,
            lambda line: progress(line["done"], line["total"]),
        )
    if as_json:
        output.print_json({"learning_rate": result.rate, "points": result.points})
        return
    for (rate, loss), smooth in list(zip(result.points, result.smoothed, strict=False))[::10]:
        print(f"{rate:.1e}  loss {loss:.3f}, smoothed {smooth:.3f}")
    why = "the loss falls most steeply there" if result.falls else "well below where the loss rises"
    print(f"Suggested: --learning-rate {result.rate:g} ({why})")


@options.with_flags(Training)
def estimate_time(
    folder: Folder,
    augmentation: Augment = None,
    network: NetworkFile = None,
    as_json: AsJson = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Time a few steps and say how long the training would take on this machine."""
    dataset, training, changes = _resolve_probe(folder, flags, augmentation, network)
    with output.progress_bar("timing") as progress:
        speed = speed_probe.probe_speed(
            dataset,
            training,
            changes,
            lambda line: progress(line.get("done", 0), line.get("total")),
        )
    counts = time_estimate.count_photos(training, dataset)
    seconds = time_estimate.estimate_seconds(training, counts, speed)
    if as_json:
        output.print_json({"seconds": seconds, "step": speed.step, "validation": speed.validation})
        return
    print(
        f"{training.epochs} epochs of {training.steps(counts['train'])} steps, {speed.step:.3f} s"
        f" each: about {seconds // 60:.0f} min {seconds % 60:02.0f} s here."
    )


def _resolve_probe(
    folder: Path, flags: dict[str, Any], augment: str | None, network: str | None
) -> tuple[Dataset, Training, Augmentation | None]:
    """What is to be tried: the photos, the training, the augmentation.

    Raises:
        CatDogError: the folder is no dataset, a setting is none, or the network cannot work.
    """
    training, changes = options.resolve_settings(flags, augment, network)
    dataset = curate.open_dataset(folder, None)
    architecture.list_training_layers(training, len(dataset.classes))
    return dataset, training, changes
