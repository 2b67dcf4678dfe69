"""The numbers of a learner's own run, or the class notes' while there is none."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from typing import Any, TypedDict

from ..analysis.diagnose import METRICS
from ..config import Training
from ..data.datasets import Dataset
from ..models import architecture
from ..runs import Run, RunRecord

NOTES_METRICS = {"loss": 0.4929, "accuracy": 0.7521, "val_loss": 0.5377, "val_accuracy": 0.7170}
"""The last epoch of the class notes' run of 50."""
_PHOTOS, _VALIDATION = 2000, 1000
_CLASSES = ("cats", "dogs")


class RunFacts(TypedDict):
    """The numbers that explanations may name, each by its key.

    Attributes:
        photos, validation_photos: counts of the photos of each part.
        batch: photos of a step.
        steps, validation_steps: of an epoch.
        epochs: trained so far, or planned.
        updates: changes of the weights in all epochs.
        shown: photos an epoch shows.
        decoded: photos shown in all epochs.
        size: side of a photo in pixels.
        values: numbers a photo holds.
        packed: MB of all photos as bytes.
        conv, pooled: side of the map after the first convolution of the notes' network, and
            after its pooling, in pixels.
        learning_rate: at the start.
        parameters: of the network.
        classes: how many; `first` and `second` are names of two.
        loss, accuracy, val_loss, val_accuracy: of the last epoch; accuracies are fractions.
        gap: training minus validation accuracy, in points of 100.
        likely: the probability whose cross-entropy is `loss`.
        best_epoch: from 1.
        seconds: the median of an epoch.
    """

    photos: int
    validation_photos: int
    batch: int
    steps: int
    validation_steps: int
    epochs: int
    updates: int
    shown: int
    decoded: int
    size: int
    values: int
    packed: float
    conv: int
    pooled: int
    learning_rate: float
    parameters: int
    classes: int
    first: str
    second: str
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    gap: float
    likely: float
    best_epoch: int
    seconds: float


def collect_run_facts(dataset: Dataset | None, run: RunRecord | None) -> RunFacts:
    """Return the numbers of a learner's run, with the class notes' where there is none yet.

    Args:
        dataset: the learner's photos; without a run they are counted.
        run: a run with at least one epoch; without one the notes' training stands in, of the
            learner's photos where there are any.
    """
    training = run.training if isinstance(run, Run) else Training()
    photos, validation = _count_photos(dataset, run)
    last: Mapping[str, Any] = run.epochs[-1] if run and run.epochs else {}
    scores: dict[str, float] = {
        name: _finite_number(last.get(name), NOTES_METRICS[name]) for name in METRICS
    }
    steps = training.steps_per_epoch or training.steps(photos)
    epochs = len(run.epochs) if run and run.epochs else training.epochs
    names = (run.classes if run else dataset.classes if dataset else ()) or _CLASSES
    size = training.image_size
    table = architecture.list_training_layers(training, max(len(names), 2))
    seconds = sorted(_finite_number(row.get("seconds"), 0.0) for row in run.epochs) if run else []
    return {
        "photos": photos,
        "validation_photos": validation,
        "batch": training.batch_size,
        "steps": steps,
        "validation_steps": training.validation_steps or training.validation_batches(validation),
        "epochs": epochs,
        "updates": steps * epochs,
        "shown": steps * training.batch_size,
        "decoded": steps * training.batch_size * epochs,
        "size": size,
        "values": size * size * 3,
        "packed": photos * size * size * 3 / 1e6,
        "conv": size - 2,
        "pooled": (size - 2) // 2,
        "learning_rate": training.learning_rate,
        "parameters": architecture.count_parameters(table),
        "classes": len(names),
        "first": names[0],
        "second": names[min(1, len(names) - 1)],
        "loss": scores["loss"],
        "accuracy": scores["accuracy"],
        "val_loss": scores["val_loss"],
        "val_accuracy": scores["val_accuracy"],
        "gap": 100 * (scores["accuracy"] - scores["val_accuracy"]),
        "likely": exp(-scores["loss"]),
        "best_epoch": (run.best_epoch or 0) + 1 if run else epochs,
        "seconds": seconds[len(seconds) // 2] if seconds else 20.0,
    }


def _count_photos(dataset: Dataset | None, run: RunRecord | None) -> tuple[int, int]:
    if run is not None and run.train_photos:
        return run.train_photos, run.validation_photos
    if dataset is not None:
        return len(dataset.items("train")), len(dataset.items("validation"))
    return _PHOTOS, _VALIDATION


def _finite_number(value: Any, otherwise: float) -> float:
    """Return a value where it is a finite number; a diverged run writes NaN, infinity or null."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value - value == 0:
        return float(value)
    return otherwise
