"""The commands that time or try a few training steps: ``find-rate`` and ``estimate``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..config import Augmentation, Training
from ..data.dataset_record import Dataset
from ..data.datasets import FolderReading
from ..models import architecture
from ..training import speed_probe, time_estimate
from . import curate, options, output
from .options import AsJson, AugmentationName, Folder, NetworkFile

EstimateCommand = Callable[[Dataset, Training, Augmentation | None, bool], None]


def _with_training_options(command: EstimateCommand) -> Callable[..., None]:
    """Give a command the arguments of a training; it gets what they stand for, checked.

    Both commands take the photos, the settings and the network as ``train`` does, so the flags
    are declared here once.

    The command raises CatDogError where the folder is no dataset, a setting is none, or the
    network cannot work.
    """

    def with_arguments(
        folder: Folder,
        augmentation: AugmentationName = None,
        network: NetworkFile = None,
        as_json: AsJson = False,
        *,
        flags: dict[str, Any],
        reading: FolderReading,
    ) -> None:
        training, changes = options.resolve_settings(flags, augmentation, network)
        dataset = curate.open_dataset(folder, None, reading)
        architecture.list_training_layers(training, len(dataset.classes))
        command(dataset, training, changes, as_json)

    # Typer takes the command's name and help from these.
    with_arguments.__name__, with_arguments.__doc__ = command.__name__, command.__doc__
    return options.with_flags(Training)(options.with_reading(with_arguments))


@_with_training_options
def find_rate(
    dataset: Dataset, training: Training, changes: Augmentation | None, as_json: bool
) -> None:
    """Suggest a learning rate. Up to 100 steps with rising rates show where the loss falls."""
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
    why = "where the loss falls fastest" if result.falls else "well below where the loss rises"
    print(f"Suggested: --learning-rate {result.rate:g} ({why})")


@_with_training_options
def estimate_time(
    dataset: Dataset, training: Training, changes: Augmentation | None, as_json: bool
) -> None:
    """Time a few steps and estimate how long training takes."""
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
