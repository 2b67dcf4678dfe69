"""What happened in a training: the numbers of its epochs in, a verdict out; pure.

A change counts only when it is larger than chance would make it. Three things keep chance out:

- Levels are means over several epochs, never single ones.
- The scatter of a curve about its neighbours says how uncertain such a mean is. Where the number
  of validation photos is known, the scatter is taken no smaller than so few photos allow.
- Small changes that are certain but do not matter are passed over; the constants say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import Any

import numpy as np

from . import advice, evidence, verdicts
from .advice import Facts
from .evidence import Values
from .verdicts import Kind, Verdict

LEAST = 5
"""Epochs below which nothing but a divergence can be told."""
FEWEST_PHOTOS = 20
"""Validation photos below which nothing but a divergence can be told."""
_SURE = 3.0  # standard errors a change must have: epochs are looked at one by one, so 2 is too few
_LEAST_RISE = 0.05  # of the best validation loss
_LEAST_GAP = 0.05  # accuracy
_GOOD = 0.3  # of guessing's error: what fits no better than this and moves no more is underfitting
_SPREAD = (
    0.25  # of the loss of single photos, a cautious figure: those of real runs have 0.4 to 0.9
)
_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")


def diagnose(history: Iterable[Mapping[str, Any]], facts: Facts | None = None) -> Verdict:
    """Judge a training by the numbers of its epochs.

    Args:
        history: rows with epoch (from 0), loss, accuracy, val_loss, val_accuracy, in any order; of
            an epoch told twice the last counts; rows without these are passed over.
        facts: what else is known of the training.

    Returns:
        The verdict. Its numbers: epochs; training_loss, training_accuracy, validation_loss and
        validation_accuracy, means of the last epochs; gap, training minus validation accuracy;
        validation_error, the standard error of the validation accuracy; best_epoch, from 0, and
        best_loss of the smoothed validation loss; rise of the validation loss from there.
    """
    facts = facts or Facts()
    rows = _rows(history)
    for number, row in enumerate(rows):
        if not all(isfinite(row[name]) for name in _METRICS):
            return advice.complete(_broke(number, row), facts)
    if facts.broke_in is not None:
        return advice.complete(_broke(len(rows), {"epoch": facts.broke_in}), facts)
    if not rows:
        return advice.complete(Verdict("too_short", verdicts.NO_EPOCHS), facts)
    curves = _Curves.of(rows, facts)
    judges = (_diverged, _too_little, _nothing, _rising, _standing, _low)
    found = next((v for judge in judges if (v := judge(curves, facts))), None)
    return advice.complete(found or _healthy(curves, facts), facts)


@dataclass(frozen=True)
class _Curves:
    """The four curves (N,) of a history, their noise and their levels at the end."""

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
    """Epochs in which validation was better than training."""

    @classmethod
    def of(cls, rows: list[dict[str, Any]], facts: Facts) -> _Curves:
        loss, accuracy, val_loss, val_accuracy = (
            evidence.array([row[name] for row in rows]) for name in _METRICS
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
        return len(self.epochs)

    def end(self, values: Values) -> float:
        """The level of a curve at its end."""
        return float(values[-self.size :].mean())

    def sure(self, noise: float) -> float:
        """What two levels must differ by, to be told from chance."""
        return _SURE * noise * sqrt(2 / self.size)

    @property
    def gap(self) -> float:
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
        return Verdict(kind, message, params, numbers=self.numbers())


def _rows(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in history:
        values = [row.get(name) for name in ("epoch", *_METRICS)]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            found[int(row["epoch"])] = {"epoch": int(row["epoch"])} | {
                name: float(row[name]) for name in _METRICS
            }
    return [found[epoch] for epoch in sorted(found)]


def _broke(count: int, row: Mapping[str, Any]) -> Verdict:
    numbers = {"epochs": count}
    return Verdict("diverged", verdicts.BROKE, {"epoch": row["epoch"] + 1}, numbers=numbers)


def _diverged(curves: _Curves, facts: Facts) -> Verdict | None:
    """The loss far above guessing and above where it was, or all that was learnt lost again."""
    guess, low = log(facts.classes), int(np.argmin(curves.loss))
    end = curves.end(curves.loss) if curves.count >= LEAST else float(curves.loss[-1])
    if end > max(2 * guess, 2 * float(curves.loss[low])):
        return curves.verdict(
            "diverged",
            verdicts.BLEW_UP,
            low=float(curves.loss[low]),
            epoch=curves.epochs[low] + 1,
            end=end,
            guess=guess,
        )
    levels = evidence.means(curves.accuracy, curves.size)
    high, chance = float(levels.max()), 1 / facts.classes
    end = curves.end(curves.accuracy)
    if curves.count >= LEAST and high - chance > 0.15 and end - chance < 0.05:
        epoch = curves.epochs[int(np.argmax(levels)) + curves.size // 2] + 1
        return curves.verdict("diverged", verdicts.COLLAPSED, epoch=epoch, high=high, end=end)
    return None


def _too_little(curves: _Curves, facts: Facts) -> Verdict | None:
    if curves.count < LEAST:
        return curves.verdict("too_short", verdicts.SHORT, n=curves.count, least=LEAST)
    photos = facts.validation_photos
    if photos and photos < FEWEST_PHOTOS:
        return curves.verdict("too_short", verdicts.FEW_PHOTOS, n=photos, points=100 / photos)
    return None


def _nothing(curves: _Curves, facts: Facts) -> Verdict | None:
    """Neither curve is clearly better than guessing."""
    guess = 1 / facts.classes
    train, validation = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    if max(train - 0.05, validation - max(0.05, _SURE * curves.val_error)) > guess:
        return None
    return curves.verdict(
        "underfitting", verdicts.NOTHING, n=curves.count, train=train, guess=guess
    )


def _rising(curves: _Curves, facts: Facts) -> Verdict | None:
    """Validation loss surely above its best while training loss surely fell."""
    place, size = curves.lowest, curves.size
    last = curves.count - size
    levels = evidence.means(curves.val_loss, size)
    train = evidence.means(curves.loss, size)
    rise = float(levels[last] - levels[place])
    if (
        last - place <= size // 2
        or rise < max(curves.sure(curves.val_noise), _LEAST_RISE * float(levels[place]))
        or train[place] - train[last] < curves.sure(curves.loss_noise)
    ):
        return None
    return _overfitting(curves, place, verdicts.RISING)


def _standing(curves: _Curves, facts: Facts) -> Verdict | None:
    """Training loss fell on, validation loss stands, and the accuracies are clearly apart."""
    if curves.gap < max(_LEAST_GAP, _SURE * curves.val_error) or curves.still_learning:
        return None
    levels = evidence.means(curves.val_loss, curves.size)
    train = evidence.means(curves.loss, curves.size)
    last = len(levels) - 1
    # No new low for a while; or, for longer, nothing that chance would not make.
    near = float(levels.min()) + curves.sure(curves.val_noise)
    reached = int(np.argmax(levels <= near))
    for place, least in (
        (curves.lowest, max(curves.size + 1, curves.count // 5)),
        (reached, max(15, curves.count // 2)),
    ):
        fell = float(train[place] - train[last])
        if last - place >= least and fell > curves.sure(curves.loss_noise):
            return _overfitting(curves, place, verdicts.STANDING)
    return None


def _overfitting(curves: _Curves, place: int, message: str) -> Verdict:
    train = evidence.means(curves.loss, curves.size)
    best = float(evidence.means(curves.val_loss, curves.size)[place])
    since = curves.epochs[curves.best_in(place)]
    numbers = curves.numbers()
    params = {
        "epoch": since + 1,
        "best": best,
        "end": numbers["validation_loss"],
        "rise": numbers["validation_loss"] - best,
        "train_then": float(train[place]),
        "train_now": float(train[-1]),
    }
    return Verdict("overfitting", message, params, since=since, numbers=numbers)


def _low(curves: _Curves, facts: Facts) -> Verdict | None:
    """Both curves have levelled off where much is still wrong."""
    if curves.wrong(facts) < _GOOD or curves.still_learning or curves.training_falls:
        return None
    train, validation = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    return curves.verdict("underfitting", verdicts.LOW, train=train, validation=validation)


def _healthy(curves: _Curves, facts: Facts) -> Verdict:
    if curves.gap > max(_LEAST_GAP, _SURE * curves.val_error):
        return curves.verdict("healthy", verdicts.APART, gap=100 * curves.gap)
    if curves.still_learning or (curves.training_falls and curves.wrong(facts) > _GOOD):
        then, now = evidence.halves(curves.val_loss)
        train_then, train_now = evidence.halves(curves.loss)
        return curves.verdict(
            "healthy",
            verdicts.LEARNING,
            n=len(then) + len(now),
            then=float(then.mean()),
            now=float(now.mean()),
            train_then=float(train_then.mean()),
            train_now=float(train_now.mean()),
        )
    train, validation = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    return curves.verdict("healthy", verdicts.LEVEL, train=train, validation=validation)
