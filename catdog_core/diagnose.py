"""What happened in a training: the numbers of its epochs in, a verdict out; pure.

A change counts only when it is larger than chance would make it. Three things keep chance out:

- Levels are means over several epochs, never single ones.
- The scatter of a curve about its neighbours says how uncertain such a mean is. Where the number
  of validation photos is known, the scatter is taken no smaller than so few photos allow.
- Small changes that are certain but do not matter are passed over; the constants say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite, log
from typing import Any

import numpy as np

from .outcomes import advice, evidence, verdicts
from .outcomes.advice import Facts
from .outcomes.curves import METRICS, SURE, Curves, tidy
from .outcomes.verdicts import Verdict

LEAST = 5
"""Epochs below which nothing but a divergence can be told."""
FEWEST_PHOTOS = 20
"""Validation photos below which nothing but a divergence can be told."""
_LEAST_RISE = 0.05  # of the best validation loss
_LEAST_GAP = 0.05  # accuracy
_GOOD = 0.3  # of guessing's error: what fits no better than this and moves no more is underfitting


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
    rows = tidy(history)
    for number, row in enumerate(rows):
        if not all(isfinite(row[name]) for name in METRICS):
            return advice.complete(_broke(number, row), facts)
    if facts.broke_in is not None:
        return advice.complete(_broke(len(rows), {"epoch": facts.broke_in}), facts)
    if not rows:
        return advice.complete(Verdict("too_short", verdicts.NO_EPOCHS), facts)
    curves = Curves.of(rows, facts)
    judges = (_diverged, _too_little, _nothing, _rising, _standing, _low)
    found = next((v for judge in judges if (v := judge(curves, facts))), None)
    return advice.complete(found or _healthy(curves, facts), facts)


def _broke(count: int, row: Mapping[str, Any]) -> Verdict:
    numbers = {"epochs": count}
    return Verdict("diverged", verdicts.BROKE, {"epoch": row["epoch"] + 1}, numbers=numbers)


def _diverged(curves: Curves, facts: Facts) -> Verdict | None:
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
    if curves.count < LEAST or curves.end(curves.accuracy) - 1 / facts.classes > 0.05:
        return None
    return _thrown_back(curves, facts)


def _thrown_back(curves: Curves, facts: Facts) -> Verdict | None:
    """Of a training that ends with guessing: whether large steps brought it there."""
    worst = int(np.argmax(curves.loss))
    if curves.loss[worst] > 3 * log(facts.classes):
        high, epoch = float(curves.loss[worst]), curves.epochs[worst] + 1
        return curves.verdict("diverged", verdicts.THROWN, high=high, epoch=epoch)
    levels = evidence.means(curves.accuracy, curves.size)
    high, end = float(levels.max()), curves.end(curves.accuracy)
    if high - 1 / facts.classes < 0.15:
        return None
    epoch = curves.epochs[int(np.argmax(levels)) + curves.size // 2] + 1
    return curves.verdict("diverged", verdicts.COLLAPSED, epoch=epoch, high=high, end=end)


def _too_little(curves: Curves, facts: Facts) -> Verdict | None:
    if curves.count < LEAST:
        return curves.verdict("too_short", verdicts.SHORT, n=curves.count, least=LEAST)
    photos = facts.validation_photos
    if photos and photos < FEWEST_PHOTOS:
        return curves.verdict("too_short", verdicts.FEW_PHOTOS, n=photos, points=100 / photos)
    return None


def _nothing(curves: Curves, facts: Facts) -> Verdict | None:
    """Neither curve is clearly better than guessing."""
    guess = 1 / facts.classes
    train, validation = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    if max(train - 0.05, validation - max(0.05, SURE * curves.val_error)) > guess:
        return None
    return curves.verdict(
        "underfitting", verdicts.NOTHING, n=curves.count, train=train, guess=guess
    )


def _rising(curves: Curves, facts: Facts) -> Verdict | None:
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


def _standing(curves: Curves, facts: Facts) -> Verdict | None:
    """Training loss fell on, validation loss stands, and the accuracies are clearly apart."""
    if curves.gap < max(_LEAST_GAP, SURE * curves.val_error) or curves.still_learning:
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


def _overfitting(curves: Curves, place: int, message: str) -> Verdict:
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


def _low(curves: Curves, facts: Facts) -> Verdict | None:
    """Both curves have levelled off where much is still wrong."""
    if curves.wrong(facts) < _GOOD or curves.still_learning or curves.training_falls:
        return None
    train, validation = curves.end(curves.accuracy), curves.end(curves.val_accuracy)
    return curves.verdict("underfitting", verdicts.LOW, train=train, validation=validation)


def _healthy(curves: Curves, facts: Facts) -> Verdict:
    if curves.gap > max(_LEAST_GAP, SURE * curves.val_error):
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
