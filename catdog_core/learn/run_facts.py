"""The numbers of a learner's own dataset and run, and of the course, that explanations name."""

from __future__ import annotations

from math import exp, isfinite, nan
from typing import Any, TypedDict

from ..config import Training
from ..data import unreadable
from ..data.datasets import Dataset
from ..models import architecture
from ..runs import Run

COURSE_METRICS = {"loss": 0.4929, "accuracy": 0.7521, "val_loss": 0.5377, "val_accuracy": 0.7170}
"""The last of the 50 epochs of the course's first training."""
COURSE_TRAINING_PHOTOS = 2000
COURSE_VALIDATION_PHOTOS = 1000
COURSE_EPOCHS = 50
COURSE_BATCH = 20
COURSE_SIZE = 150
"""Side of the course's photos in pixels."""
COURSE_SECONDS = 20
"""Seconds an epoch of the course took on a hosted notebook."""


class DatasetFacts(TypedDict):
    """What there is to say of the learner's photos.

    Attributes:
        photos, validation_photos: counts of the training and the validation photos.
        classes: how many; `first` and `second` are the names of number 0 and 1.
        packed: MB of the training photos as bytes, at the course's size.
    """

    photos: int
    validation_photos: int
    classes: int
    first: str
    second: str
    packed: float


class RunFacts(TypedDict):
    """What there is to say of the learner's run.

    Attributes:
        photos, validation_photos: counts of the photos it trains on and is validated on.
        batch: photos of a step.
        steps, full_steps: steps of an epoch, and so many as show every photo.
        validation_steps: steps of a validation.
        epochs: trained so far.
        updates: changes of the weights in them.
        shown: photos the first epoch shows.
        decoded: photos shown in all epochs.
        size: side of a photo in pixels; `values` counts the numbers a photo holds.
        learning_rate: at the start.
        parameters: of the network.
        loss, accuracy, val_loss, val_accuracy: of the last epoch; accuracies are fractions, NaN
            what is no finite number.
        gap: training minus validation accuracy, in percentage points.
        lead: the same, of validation over training.
        likely: the probability with a loss of `loss`.
        best_epoch: from 1.
        seconds: the median of an epoch.
    """

    photos: int
    validation_photos: int
    batch: int
    steps: int
    full_steps: int
    validation_steps: int
    epochs: int
    updates: int
    shown: int
    decoded: int
    size: int
    values: int
    learning_rate: float
    parameters: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    gap: float
    lead: float
    likely: float
    best_epoch: int
    seconds: float


def collect_dataset_facts(dataset: Dataset) -> DatasetFacts:
    """Return the numbers of a dataset."""
    names = dataset.classes or ("",)
    photos = unreadable.count_photos(dataset, "train").readable
    return {
        "photos": photos,
        "validation_photos": unreadable.count_photos(dataset, "validation").readable,
        "classes": len(dataset.classes),
        "first": names[0],
        "second": names[min(1, len(names) - 1)],
        "packed": photos * COURSE_SIZE * COURSE_SIZE * 3 / 1e6,
    }


def collect_run_facts(run: Run) -> RunFacts:
    """Return the numbers of a run that has at least one epoch.

    A run whose record lacks its settings or photo counts is taken as one of the course's.
    """
    training = run.training or Training()
    photos = run.train_photos or COURSE_TRAINING_PHOTOS
    validation = run.validation_photos or COURSE_VALIDATION_PHOTOS
    last = run.epochs[-1]
    scores = {name: _finite_number(last.get(name)) for name in COURSE_METRICS}
    steps, epochs, size = training.steps(photos), len(run.epochs), training.image_size
    table = architecture.list_training_layers(training, max(len(run.classes), 2))
    seconds = sorted(
        number for row in run.epochs if isfinite(number := _finite_number(row.get("seconds")))
    )
    gap = 100 * (scores["accuracy"] - scores["val_accuracy"])
    return {
        "photos": photos,
        "validation_photos": validation,
        "batch": training.batch_size,
        "steps": steps,
        "full_steps": -(-photos // training.batch_size),
        "validation_steps": training.validation_batches(validation),
        "epochs": epochs,
        "updates": steps * epochs,
        "shown": training.count_shown(steps, photos, run.pipeline),
        "decoded": training.count_shown(steps * epochs, photos, run.pipeline),
        "size": size,
        "values": size * size * 3,
        "learning_rate": training.learning_rate,
        "parameters": architecture.count_parameters(table),
        "loss": scores["loss"],
        "accuracy": scores["accuracy"],
        "val_loss": scores["val_loss"],
        "val_accuracy": scores["val_accuracy"],
        "gap": gap,
        "lead": -gap,
        "likely": exp(-scores["loss"]),
        "best_epoch": (run.best_epoch or 0) + 1,
        "seconds": seconds[len(seconds) // 2] if seconds else nan,
    }


def _finite_number(value: Any) -> float:
    """Return a value as a number, NaN where it is no finite one, as a diverged run writes it."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return nan
