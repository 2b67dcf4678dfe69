"""One pass of a model over a split: every photo's probabilities, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import images, predict
from .datasets import Dataset
from .errors import CatDogError, DatasetError, ModelError


@dataclass(frozen=True)
class Evaluation:
    """A model's results on `n` photos.

    `accuracy` is a fraction, `loss` the mean cross-entropy in nats (Keras's: probabilities kept
    1e-7 away from 0 and 1). `confusion` counts photos, true classes as rows, predicted as columns,
    in the order of `classes`. `truth` is the true class of each row of `rows`.
    """

    accuracy: float
    loss: float
    n: int
    classes: tuple[str, ...]
    confusion: list[list[int]]
    rows: list[predict.Prediction]
    truth: list[str]
    unreadable: list[tuple[str, CatDogError]]


def evaluate(
    model_or_run: Path,
    dataset: Dataset,
    split: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Ask a model about every photo of a split.

    Args:
        model_or_run: a model file or run folder.
        dataset: classes are matched with the model's by name, else by order.
        split: "train", "validation", "test"; None for all photos.
        progress: called with (photos done, photos in all).

    Raises:
        ModelError: no usable model, or its classes are others than the dataset's.
        DatasetError: the split has no readable photo.
    """
    predictor = predict.load(model_or_run)
    columns = _columns(predictor, dataset)
    items = dataset.items(split)
    rows: list[predict.Prediction] = []
    truth: list[int] = []
    unreadable: list[tuple[str, CatDogError]] = []
    decoded = images.load_all([item.path for item in items], predictor.size)
    waiting: list[tuple[str, int, np.ndarray]] = []

    def flush() -> None:
        found = predictor.predict(np.stack([photo for _, _, photo in waiting]))[:, columns]
        for (file, label, _), row in zip(waiting, found, strict=True):
            name = dataset.classes[int(np.argmax(row))]
            rows.append(predict.Prediction(file, name, tuple(map(float, row))))
            truth.append(label)
        waiting.clear()

    for number, (item, result) in enumerate(zip(items, decoded, strict=True), start=1):
        if isinstance(result, CatDogError):
            unreadable.append((item.file, result))
        else:
            waiting.append((item.file, item.label, result))
        if waiting and (len(waiting) == predict.BATCH or number == len(items)):
            flush()
            if progress:
                progress(number, len(items))
    if waiting:
        flush()
    if not rows:
        raise DatasetError(
            "'{name}' has no readable photo in {split}. Expected at least one to evaluate on.",
            name=dataset.name,
            split=split or "any split",
        )
    return _summary(rows, truth, dataset.classes, unreadable)


def _columns(predictor: predict.Predictor, dataset: Dataset) -> list[int]:
    """For each class of the dataset, the model's output column."""
    if set(predictor.classes) == set(dataset.classes):
        return [predictor.classes.index(name) for name in dataset.classes]
    if not predictor.names_known and len(predictor.classes) == len(dataset.classes):
        return list(range(len(dataset.classes)))
    raise ModelError(
        "The model knows {model}, the dataset holds {dataset}. Expected the same classes. Choose"
        " the dataset the model was trained for, or rename its folders.",
        model=", ".join(predictor.classes),
        dataset=", ".join(dataset.classes),
    )


def _summary(
    rows: list[predict.Prediction],
    truth: list[int],
    classes: tuple[str, ...],
    unreadable: list[tuple[str, CatDogError]],
) -> Evaluation:
    table = np.array([row.probabilities for row in rows])
    labels = np.array(truth)
    guesses = table.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (labels, guesses), 1)
    true = np.clip(table[np.arange(len(labels)), labels], 1e-7, 1 - 1e-7)
    return Evaluation(
        accuracy=float((guesses == labels).mean()),
        loss=float(-np.log(true).mean()),
        n=len(rows),
        classes=classes,
        confusion=confusion.tolist(),
        rows=rows,
        truth=[classes[label] for label in truth],
        unreadable=unreadable,
    )
