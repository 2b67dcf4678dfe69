"""The curves of a training: their levels, and how far chance moves these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from . import evidence
from .advice import Facts
from .evidence import Values
from .verdicts import Kind, Verdict

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")
SURE = 3.0
"""Standard errors a change must have: epochs are looked at one by one, so 2 would be too few."""
_SPREAD = 0.25  # of the losses of single photos; cautious, since real ones have 0.4 to 0.9


def tidy(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows that hold all four metrics, by epoch; of an epoch told twice the last counts."""
    found: dict[int, dict[str, Any]] = {}
    for row in history:
        values = [row.get(name) for name in ("epoch", *METRICS)]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            found[int(row["epoch"])] = {"epoch": int(row["epoch"])} | {
                name: float(row[name]) for name in METRICS
            }
    return [found[epoch] for epoch in sorted(found)]


@dataclass(frozen=True)
class Curves:
    """The four curves (N,) of a history, and how far chance moves them.

    Attributes:
        epochs: of each place, from 0; a history may have holes.
        size: epochs that a level is the mean of.
        loss_noise, val_noise: scatter of single epochs' losses.
        val_error: standard error of the validation accuracy at the end.
        easier: epochs in which validation was better than training.
    """

    epochs: list[int]
    loss: Values
    accuracy: Values
    val_loss: Values
    val_accuracy: Values
    size: int
    loss_noise: float
    val_noise: float
    val_error: float
    easier: int

    @classmethod
    def of(cls, rows: list[dict[str, Any]], facts: Facts) -> Curves:
        loss, accuracy, val_loss, val_accuracy = (
            evidence.array([row[name] for row in rows]) for name in METRICS
        )
        size = min(evidence.window(len(rows)), len(rows))
        photos = facts.validation_photos
        error = evidence.scatter(val_accuracy)
        if photos:
            error = evidence.standard_error(float(val_accuracy[-size:].mean()), photos)
        return cls(
            epochs=[row["epoch"] for row in rows],
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            size=size,
            loss_noise=max(evidence.scatter(loss), 1e-3),
            val_noise=max(evidence.scatter(val_loss), _SPREAD / sqrt(photos) if photos else 1e-3),
            val_error=error,
            # Smoothed labels keep the training loss up, and the validation has the true ones.
            easier=int(np.sum(val_accuracy > accuracy if facts.smoothed else val_loss < loss)),
        )

    @property
    def count(self) -> int:
        """How many epochs there are."""
        return len(self.epochs)

    def end(self, values: Values) -> float:
        """The level of a curve at its end."""
        return float(values[-self.size :].mean())

    def sure(self, noise: float) -> float:
        """What two levels must differ by, to be told from chance."""
        return SURE * noise * sqrt(2 / self.size)

    @property
    def gap(self) -> float:
        """Training minus validation accuracy at the end."""
        return self.end(self.accuracy) - self.end(self.val_accuracy)

    @property
    def lowest(self) -> int:
        """The window, by its first epoch's place, in which the validation loss was lowest."""
        return int(np.argmin(evidence.means(self.val_loss, self.size)))

    @property
    def still_learning(self) -> bool:
        """Whether the validation loss surely fell in the last half."""
        return evidence.fell_late(self.val_loss, self.val_noise)

    @property
    def training_falls(self) -> bool:
        """Whether the training loss surely fell in the last half."""
        return evidence.fell_late(self.loss, self.loss_noise)

    def wrong(self, facts: Facts) -> float:
        """The better of the two accuracies' errors, as a part of guessing's error."""
        best = max(self.end(self.accuracy), self.end(self.val_accuracy))
        return (1 - best) / (1 - 1 / facts.classes)

    def best_in(self, place: int) -> int:
        """The place of the epoch with the lowest validation loss within a window."""
        return place + int(np.argmin(self.val_loss[place : place + self.size]))

    def numbers(self) -> dict[str, float]:
        """What a verdict rests on; see `diagnose.diagnose`."""
        best = float(evidence.means(self.val_loss, self.size).min())
        return {
            "epochs": self.count,
            "training_loss": self.end(self.loss),
            "training_accuracy": self.end(self.accuracy),
            "validation_loss": self.end(self.val_loss),
            "validation_accuracy": self.end(self.val_accuracy),
            "gap": self.gap,
            "validation_error": self.val_error,
            "best_epoch": self.epochs[self.best_in(self.lowest)],
            "best_loss": best,
            "rise": self.end(self.val_loss) - best,
            "easier_epochs": self.easier,
        }

    def verdict(self, kind: Kind, message: str, **params: Any) -> Verdict:
        """A verdict on these curves."""
        return Verdict(kind, message, params, numbers=self.numbers())
