"""What a run's models predict for its photos once training has ended: ``final_evaluation.json``.

Training accuracy is measured on augmented photos, with dropout on, while the weights still change;
validation accuracy is not. Here both are measured alike, on photos as they are and without dropout,
for the epoch that is saved (the best one) and for the last one. Imports no TensorFlow; see
`training.end_of_run`, which measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite, log
from pathlib import Path
from typing import Any

from ..base import files
from ..base.errors import CatDogError

FILE_NAME = "final_evaluation.json"
FORMAT = 1
SAMPLE_SIZE = 1000
"""Training photos that are evaluated, at most."""
MAX_BYTES = 2_000_000
"""Bytes the file may have: 200 classes make a table of 40,000 counts, which takes 400,000."""


@dataclass(frozen=True)
class EpochEvaluation:
    """The model of one epoch on clean photos: not augmented, and with dropout off.

    Attributes:
        epoch: counted from 0.
        accuracy: share of the training photos predicted right, 0..1.
        loss: mean cross-entropy of the training photos in nats.
        n: training photos that were evaluated, all or a random sample of them.
        val_accuracy: share of the validation photos predicted right, 0..1.
        val_loss: mean cross-entropy of the validation photos in nats.
    """

    epoch: int
    accuracy: float
    loss: float
    n: int
    val_accuracy: float
    val_loss: float

    @property
    def gap(self) -> float:
        """Training accuracy minus validation accuracy, -1..1."""
        return self.accuracy - self.val_accuracy


@dataclass(frozen=True)
class FinalEvaluation:
    """The saved model and the one of the last epoch, evaluated alike on clean photos.

    Attributes:
        epochs: how many epochs the run had when it was evaluated.
        best: the model of the best epoch, which is saved.
        last: the model of the last epoch; None where its file is missing.
        confusion: counts of the validation photos by the saved model, a row per true class and a
            column per predicted class, in the run's class order.
    """

    epochs: int
    best: EpochEvaluation
    last: EpochEvaluation | None
    confusion: tuple[tuple[int, ...], ...]

    @property
    def class_counts(self) -> tuple[int, ...]:
        """How many validation photos each class has."""
        return tuple(sum(row) for row in self.confusion)

    @property
    def validation_photos(self) -> int:
        """How many validation photos there are."""
        return sum(self.class_counts)

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """The share of each class's validation photos predicted right; None without photos."""
        return tuple(
            row[number] / total if (total := sum(row)) else None
            for number, row in enumerate(self.confusion)
        )

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have validation photos, 0..1."""
        recalls = [recall for recall in self.recalls if recall is not None]
        return sum(recalls) / len(recalls)

    @property
    def majority_share(self) -> float:
        """The share of the largest class: the accuracy of always predicting it."""
        return majority_share(self.class_counts)


def majority_share(class_counts: Sequence[int]) -> float:
    """Return the accuracy of always predicting the largest class.

    Args:
        class_counts: photos of each class; at least one photo.
    """
    return max(class_counts) / sum(class_counts)


def prior_loss(class_counts: Sequence[int]) -> float:
    """Return the cross-entropy in nats of always predicting the classes' shares: their entropy.

    Args:
        class_counts: photos of each class; at least one photo.
    """
    total = sum(class_counts)
    return -sum(n / total * log(n / total) for n in class_counts if n)


def write_final_evaluation(run_dir: Path, evaluation: FinalEvaluation) -> None:
    """Store an evaluation in a run's folder. Raises CatDogError when that fails."""
    files.write_json(run_dir / FILE_NAME, {"format": FORMAT, **asdict(evaluation)})


def read_final_evaluation(
    run_dir: Path, epochs: Sequence[int], best_epoch: int | None, classes: int
) -> FinalEvaluation | None:
    """Return the evaluation of a run's models as they are now.

    None where there is none, it is damaged or newer, or the run has trained more since.

    Args:
        run_dir: the run's folder.
        epochs: the run's epochs, from 0.
        best_epoch: the epoch that is saved.
        classes: how many classes the run has.
    """
    evaluation = parse_final_evaluation(run_dir, classes)
    is_current = (
        evaluation is not None
        and evaluation.epochs == len(epochs)
        and evaluation.best.epoch == best_epoch
        and (evaluation.last is None or evaluation.last.epoch == epochs[-1])
    )
    return evaluation if is_current else None


def parse_final_evaluation(run_dir: Path, classes: int) -> FinalEvaluation | None:
    """Return the evaluation in a run's folder, of whichever epoch; None where it is not sound."""
    path = run_dir / FILE_NAME
    if not path.is_file():
        return None
    try:
        evaluation = _parse(files.read_json(path, FORMAT, MAX_BYTES))
    except (CatDogError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return evaluation if len(evaluation.confusion) == classes else None


def _parse(content: Any) -> FinalEvaluation:
    """Return the evaluation a file holds. Raises KeyError, TypeError or ValueError otherwise."""
    last = content["last"]
    confusion = tuple(tuple(map(_count, row)) for row in content["confusion"])
    if any(len(row) != len(confusion) for row in confusion) or not any(map(any, confusion)):
        raise ValueError("confusion")
    return FinalEvaluation(
        epochs=_count(content["epochs"]),
        best=_parse_epoch(content["best"]),
        last=None if last is None else _parse_epoch(last),
        confusion=confusion,
    )


def _parse_epoch(content: Any) -> EpochEvaluation:
    accuracies = {name: _number(content[name]) for name in ("accuracy", "val_accuracy")}
    losses = {name: _number(content[name]) for name in ("loss", "val_loss")}
    if max(accuracies.values()) > 1:
        raise ValueError("accuracy")
    return EpochEvaluation(
        epoch=_count(content["epoch"]), n=_count(content["n"]), **accuracies, **losses
    )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 10**9:
        raise ValueError("count")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value) or value < 0:
        raise ValueError("number")
    return float(value)
