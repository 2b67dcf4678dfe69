"""Histories with the verdict an expert gives on each, and why: what `diagnose` is held against.

The expert's verdicts were written before the rules were. A second reader, who had not seen the
code, then gave theirs on one noisy draw of each, shuffled and without names: 50 of 56 were the
same. Recorded histories lie in `histories/`, whose README says how each was made. The others are
simulated from the shape of curve that their names describe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from catdog_core.analysis import history_import
from catdog_core.analysis.diagnose import RunContext
from catdog_core.base.metric_rows import EpochRow

RECORDED = Path(__file__).parent / "histories"

ExpertVerdict: TypeAlias = Literal[
    "too early",  # nothing but a divergence can be told from so few epochs or photos
    "diverged",  # the loss became NaN or exploded, or all that was learned is lost again
    "unstable",  # it learns, but the training loss keeps jumping up and down: lower the rate
    "not learning",  # the loss of guessing, from the first epoch to the last
    "missed class",  # the accuracy of answering the largest classes; another is hardly ever found
    "wrong labels",  # fits its training photos, and is no better than guessing on the others
    "label noise",  # validation accuracy falls while the training photos are learned by heart
    "overfitting",  # training still improves, validation no longer does
    "underfitting",  # both have leveled off, and much is still wrong
    "easy validation",  # validation far better, with neither dropout nor augmentation
    "improving",  # no fault so far, and not finished
    "healthy",  # no fault, and leveled off
]

Values: TypeAlias = NDArray[np.float64]
Random: TypeAlias = np.random.Generator


@dataclass(frozen=True)
class Curves:
    """The four curves (N,) of a training; accuracies are fractions."""

    loss: Values
    accuracy: Values
    val_loss: Values
    val_accuracy: Values


@dataclass(frozen=True)
class VerdictCase:
    """A history, what is known of the training, and an expert's verdict.

    Attributes:
        name: of the recorded file, or what is simulated.
        context: what is known of the training.
        verdict: the expert's.
        reason: why.
        steps: of these next steps, by their `Remark.id`, at least one has to be advised.
        since: the epochs, from 1, between which overfitting began.
        simulate: draws the curves; None for a recorded history.
        second: the second reader's verdict where it is another; either then counts as right.
    """

    name: str
    context: RunContext
    verdict: ExpertVerdict
    reason: str
    steps: tuple[str, ...] = ()
    since: tuple[int, int] | None = None
    simulate: Callable[[Random], Curves] | None = None
    second: ExpertVerdict | None = None

    def curves(self, random: Random) -> Curves:
        """Return the curves: recorded ones as they are, simulated ones drawn anew."""
        if self.simulate is not None:
            return self.simulate(random)
        rows = history_import.read_history(RECORDED / f"{self.name}.csv").rows
        return Curves(*(np.array([row[name] for row in rows]) for name in NAMES))


NAMES: tuple[Literal["loss", "accuracy", "val_loss", "val_accuracy"], ...] = (
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
)


def to_rows(curves: Curves) -> list[EpochRow]:
    """Return the rows of a history, epochs counted from 0; curves of NaN are left out."""
    rows: list[EpochRow] = []
    for epoch in range(len(curves.loss)):
        row: EpochRow = {"epoch": epoch}
        for name in NAMES:
            if not np.isnan(getattr(curves, name)).all():
                row[name] = float(getattr(curves, name)[epoch])
        rows.append(row)
    return rows


def add_noise(curves: Curves, context: RunContext, random: Random) -> Curves:
    """Return the curves as other validation photos and other training steps would show them.

    An accuracy p of n photos varies by sqrt(p (1 - p) / n). The same photos are measured in every
    epoch, so a part of that is the same in all epochs: here two thirds of the variance. A loss
    varies by 0.5 / sqrt(n), less where it is near 0. An accuracy that never changes comes of one
    answer to every photo, and has no scatter.
    """
    photos = context.validation_photos or 200
    accuracy = np.clip(curves.val_accuracy, 0, 1)
    error = np.sqrt(accuracy * (1 - accuracy) / photos)
    if np.ptp(accuracy[len(accuracy) // 2 :]) == 0:
        error = np.zeros_like(error)
    sign = -1  # a photo that is wrong costs loss
    common = random.normal()
    own = random.normal(size=accuracy.shape)
    mixed = np.sqrt(2 / 3) * common + np.sqrt(1 / 3) * own
    loss_error = np.minimum(0.5, np.abs(curves.val_loss)) / np.sqrt(photos)
    train_error = np.minimum(0.5, np.abs(curves.loss)) / np.sqrt(1000)
    step = random.normal(size=accuracy.shape)
    return Curves(
        loss=np.maximum(curves.loss + train_error * step, 0),
        accuracy=np.clip(curves.accuracy + sign * 0.5 * train_error * step, 0, 1),
        val_loss=np.maximum(curves.val_loss + sign * loss_error * mixed, 0),
        val_accuracy=np.clip(accuracy + error * mixed, 0, 1),
    )


def _fall(count: int, start: float, end: float, epochs: float) -> Values:
    """Return a curve (count,) from `start` towards `end`, two thirds of the way after `epochs`."""
    return np.asarray(end + (start - end) * np.exp(-np.arange(count) / epochs))


def _spiked(curves: Curves, at: int, by: float) -> Curves:
    """Return the curves with a validation loss `by` times as high in one epoch, as batch
    normalization makes it, and half as far from guessing an accuracy."""
    val_loss, val_accuracy = curves.val_loss.copy(), curves.val_accuracy.copy()
    val_loss[at] *= by
    val_accuracy[at] = 0.5 + (val_accuracy[at] - 0.5) / 2
    return Curves(curves.loss, curves.accuracy, val_loss, val_accuracy)


def _good(count: int, epochs: float, end: float = 0.08) -> Curves:
    """Return a training without a fault: validation a little worse, and with it to the end."""
    return Curves(
        loss=_fall(count, 0.69, end, epochs),
        accuracy=_fall(count, 0.52, 1 - end / 3, epochs),
        val_loss=_fall(count, 0.69, end + 0.06, epochs),
        val_accuracy=_fall(count, 0.52, 0.985 - end / 3, epochs),
    )


def _spike_late(random: Random) -> Curves:
    return _spiked(_good(40, 7), int(random.integers(35, 40)), 6)


def _spike_in_a_short_run(random: Random) -> Curves:
    return _spiked(_good(14, 10, 0.2), int(random.integers(9, 14)), 4)


def _spikes_early(random: Random) -> Curves:
    curves = _good(30, 6)
    for epoch in range(3):
        curves = _spiked(curves, epoch, float(random.uniform(4, 12)))
    return curves


def _two_spikes(random: Random) -> Curves:
    first, second = random.choice(np.arange(28, 40), 2, replace=False)
    return _spiked(_spiked(_good(40, 7), int(first), 5), int(second), 9)


def _jumping(count: int, loss: float, spread: float, random: Random) -> Curves:
    """Return curves that jump about a level: steps of a training rate that is too high."""
    jumps = np.exp(random.normal(0, spread, count))
    val_jumps = np.exp(random.normal(0, 1.3 * spread, count))
    accuracy = 1 - 0.45 * loss
    return Curves(
        loss=loss * jumps,
        accuracy=np.clip(accuracy - 0.35 * loss * (jumps - 1), 0.5, 1),
        val_loss=1.1 * loss * val_jumps,
        val_accuracy=np.clip(accuracy - 0.03 - 0.35 * loss * (val_jumps - 1), 0.5, 1),
    )


def _unstable_low(random: Random) -> Curves:
    return _jumping(30, 0.6, 0.18, random)


def _unstable_high(random: Random) -> Curves:
    return _jumping(40, 0.35, 0.3, random)


def _flat(count: int, loss: float, accuracy: float) -> Curves:
    constant = np.full(count, accuracy)
    return Curves(np.full(count, loss), constant, np.full(count, loss), constant)


def _dead(random: Random) -> Curves:
    curves = _flat(12, np.log(2), 0.5)
    return Curves(curves.loss, 0.5 + random.normal(0, 0.01, 12), curves.val_loss, np.full(12, 0.5))


def _dead_of_three(random: Random) -> Curves:
    curves = _flat(15, np.log(3), 1 / 3)
    train = 1 / 3 + random.normal(0, 0.01, 15)
    return Curves(curves.loss, train, curves.val_loss, np.full(15, 1 / 3))


def _rate_too_low(random: Random) -> Curves:
    loss = 0.698 - 0.0002 * np.arange(12)
    accuracy = 0.505 + random.normal(0, 0.008, 12)
    return Curves(loss, accuracy, loss + 0.001, np.full(12, 0.5) + random.normal(0, 0.005, 12))


def _largest_class_only(random: Random) -> Curves:
    loss = _fall(20, 0.75, 0.6, 4)
    return Curves(loss, np.full(20, 0.8), loss, np.full(20, 0.8))


def _largest_class_without_counts(random: Random) -> Curves:
    loss = _fall(16, 0.45, 0.32, 3)
    accuracy = 0.9 + random.normal(0, 0.004, 16)
    return Curves(loss, accuracy, loss, np.full(16, 0.9))


def _minority_lost(random: Random) -> Curves:
    loss = _fall(25, 0.4, 0.13, 5)
    return Curves(loss, _fall(25, 0.95, 0.965, 5), loss + 0.02, _fall(25, 0.95, 0.954, 8))


def _imbalance_learned(random: Random) -> Curves:
    loss = _fall(30, 0.4, 0.06, 5)
    return Curves(loss, _fall(30, 0.9, 0.985, 5), loss + 0.03, _fall(30, 0.9, 0.972, 5))


def _validation_far_better(random: Random) -> Curves:
    return Curves(
        loss=_fall(25, 0.69, 0.44, 4),
        accuracy=_fall(25, 0.52, 0.805, 4),
        val_loss=_fall(25, 0.6, 0.09, 4),
        val_accuracy=_fall(25, 0.6, 0.979, 4),
    )


def _validation_better(random: Random) -> Curves:
    return Curves(
        loss=_fall(40, 0.69, 0.2, 7),
        accuracy=_fall(40, 0.52, 0.92, 7),
        val_loss=_fall(40, 0.66, 0.15, 7),
        val_accuracy=_fall(40, 0.55, 0.945, 7),
    )


def _overconfident(random: Random) -> Curves:
    epoch = np.arange(40)
    rising = 0.006 * np.maximum(epoch - 12, 0)
    return Curves(
        loss=_fall(40, 0.69, 0.01, 9),
        accuracy=_fall(40, 0.52, 0.999, 9),
        val_loss=_fall(40, 0.69, 0.43, 4) + rising,
        val_accuracy=_fall(40, 0.52, 0.87, 11),
    )


def _validation_stands_still(random: Random) -> Curves:
    return Curves(
        loss=_fall(60, 0.69, 0.03, 16),
        accuracy=_fall(60, 0.52, 0.995, 16),
        val_loss=_fall(60, 0.69, 0.45, 5),
        val_accuracy=_fall(60, 0.52, 0.81, 5),
    )


def _few_photos(random: Random) -> Curves:
    epoch = np.arange(30)
    return Curves(
        loss=_fall(30, 0.69, 0.02, 5),
        accuracy=_fall(30, 0.52, 1.0, 5),
        val_loss=_fall(30, 0.7, 0.6, 2) + 0.03 * np.maximum(epoch - 6, 0),
        val_accuracy=_fall(30, 0.52, 0.69, 4),
    )


def _noise_memorized(random: Random) -> Curves:
    epoch = np.arange(60)
    late = np.clip((epoch - 12) / 45, 0, 1)
    return Curves(
        loss=_fall(60, 0.69, 0.02, 20),
        accuracy=_fall(60, 0.52, 0.995, 17),
        val_loss=_fall(60, 0.69, 0.42, 4) + 0.75 * late,
        val_accuracy=_fall(60, 0.52, 0.85, 4) - 0.16 * late,
    )


def _swapped(random: Random) -> Curves:
    return Curves(
        loss=_fall(25, 0.69, 0.05, 7),
        accuracy=_fall(25, 0.52, 0.985, 7),
        val_loss=0.69 + 0.12 * np.arange(25),
        val_accuracy=_fall(25, 0.48, 0.16, 7),
    )


def _other_preprocessing(random: Random) -> Curves:
    return Curves(
        loss=_fall(25, 0.69, 0.03, 6),
        accuracy=_fall(25, 0.52, 0.99, 6),
        val_loss=_fall(25, 1.5, 2.6, 5),
        val_accuracy=0.5 + random.normal(0, 0.008, 25),
    )


def _small_effect_low(random: Random) -> Curves:
    loss = 0.46 - 0.01 * np.arange(40) / 40
    return Curves(loss, np.full(40, 0.795), loss + 0.01, np.full(40, 0.79) + 0.004 * loss)


def _small_effect_high(random: Random) -> Curves:
    loss = 0.105 - 0.005 * np.arange(40) / 40
    return Curves(loss, np.full(40, 0.965), loss + 0.01, np.full(40, 0.96) + 0.004 * loss)


def _ten_classes_overfit(random: Random) -> Curves:
    epoch = np.arange(40)
    return Curves(
        loss=_fall(40, 2.3, 0.05, 8),
        accuracy=_fall(40, 0.12, 0.99, 8),
        val_loss=_fall(40, 2.3, 1.1, 4) + 0.025 * np.maximum(epoch - 10, 0),
        val_accuracy=_fall(40, 0.12, 0.62, 5),
    )


def _ten_classes_level(random: Random) -> Curves:
    return Curves(
        loss=_fall(40, 2.3, 1.55, 5),
        accuracy=_fall(40, 0.12, 0.45, 5),
        val_loss=_fall(40, 2.3, 1.58, 5),
        val_accuracy=_fall(40, 0.12, 0.44, 5),
    )


def _four_epochs(random: Random) -> Curves:
    return _good(4, 3)


def _good_thirty(random: Random) -> Curves:
    return _good(30, 5)


def _becomes_nan(random: Random) -> Curves:
    curves = _good(9, 6)
    loss = curves.loss.copy()
    loss[-1] = np.nan
    return Curves(loss, curves.accuracy, curves.val_loss, curves.val_accuracy)


def _explodes(random: Random) -> Curves:
    curves = _good(14, 6)
    grown = np.exp(np.maximum(np.arange(14) - 9, 0) * 1.0)
    wrong = (grown - 1) / grown
    return Curves(
        curves.loss * grown,
        curves.accuracy - (curves.accuracy - 0.5) * wrong,
        curves.val_loss * grown,
        curves.val_accuracy - (curves.val_accuracy - 0.5) * wrong,
    )


def _learned_and_lost(random: Random) -> Curves:
    curves = _good(20, 5, 0.2)
    lost = np.arange(20) >= 13
    guess = np.log(2)
    return Curves(
        np.where(lost, guess, curves.loss),
        np.where(lost, 0.5, curves.accuracy),
        np.where(lost, guess, curves.val_loss),
        np.where(lost, 0.5, curves.val_accuracy),
    )


def _hump(random: Random) -> Curves:
    epoch = np.arange(60)
    hump = 0.18 * np.exp(-(((epoch - 20) / 7) ** 2))
    return Curves(
        loss=_fall(60, 0.69, 0.1, 28),
        accuracy=_fall(60, 0.52, 0.97, 28),
        val_loss=_fall(60, 0.69, 0.12, 28) + hump,
        val_accuracy=_fall(60, 0.52, 0.95, 28) - 0.3 * hump,
    )


def _slow_start(random: Random) -> Curves:
    epoch = np.arange(26)
    learned = np.maximum(epoch - 12, 0) / 13
    return Curves(
        loss=np.log(2) - 0.33 * learned,
        accuracy=0.5 + 0.36 * learned,
        val_loss=np.log(2) - 0.29 * learned,
        val_accuracy=0.5 + 0.33 * learned,
    )


def _rising_without_training_accuracy(random: Random) -> Curves:
    curves = _overconfident(random)
    level = _fall(40, 0.52, 0.8, 5)
    return Curves(curves.loss, np.full(40, np.nan), curves.val_loss, level)


def _small_gap(random: Random) -> Curves:
    return Curves(
        loss=_fall(40, 0.69, 0.17, 6),
        accuracy=_fall(40, 0.52, 0.935, 6),
        val_loss=_fall(40, 0.69, 0.23, 6),
        val_accuracy=_fall(40, 0.52, 0.91, 6),
    )


def _transferred(random: Random) -> Curves:
    return Curves(
        loss=_fall(10, 0.15, 0.012, 1.5),
        accuracy=_fall(10, 0.95, 0.997, 1.5),
        val_loss=_fall(10, 0.06, 0.03, 1.5),
        val_accuracy=_fall(10, 0.985, 0.991, 1.5),
    )


PLAIN = RunContext(validation_photos=1000, dropout=False, augmented=False, learning_rate=1e-3)
SMALL = RunContext(validation_photos=300, dropout=True, augmented=False, learning_rate=1e-3)
DEMO = RunContext(validation_photos=200, dropout=True, augmented=False)


def _changed(context: RunContext, **changes: object) -> RunContext:
    return RunContext(**{**context.__dict__, **changes})


_REAL = (
    VerdictCase(
        "notes_plain_50",
        _changed(PLAIN, dropout=True, learning_rate=1e-4),
        "overfitting",
        "Validation loss is lowest near epoch 20 and 0.1 higher at the end; training loss halves.",
        ("augment", "more_data", "transfer"),
        since=(15, 27),
    ),
    VerdictCase(
        "notes_augmented_50",
        RunContext(validation_photos=500, dropout=True, augmented=True, learning_rate=1e-3),
        "improving",
        "Both losses still fall in the last twenty epochs, and the curves stay together.",
        ("more_epochs",),
    ),
    VerdictCase(
        "demo_healthy_30",
        _changed(DEMO, learning_rate=1e-3),
        "healthy",
        "Leveled off at 99 % on both sides.",
    ),
    VerdictCase(
        "demo_noisy_40",
        _changed(DEMO, augmented=True, learning_rate=1e-3),
        "improving",
        "Validation loss scatters widely, but both accuracies rise to the end.",
        ("more_epochs",),
    ),
    VerdictCase(
        "demo_few_40",
        _changed(DEMO, learning_rate=5e-4),
        "improving",
        "Of 24 training photos nearly all are right, but validation loss still falls: go on.",
        second="overfitting",
    ),
    VerdictCase(
        "demo_slow_12",
        _changed(DEMO, learning_rate=1e-6),
        "not learning",
        "The loss of guessing throughout, at a tiny learning rate.",
        ("raise_rate",),
    ),
    VerdictCase(
        "photos_strong_40",
        RunContext(validation_photos=1000, dropout=True, augmented=True, learning_rate=1e-3),
        "underfitting",
        "After 40 epochs, a trace above guessing on both sides, and hardly moving.",
        second="not learning",
    ),
    VerdictCase(
        "demo_diverged_10",
        _changed(DEMO, learning_rate=0.1),
        "diverged",
        "A loss of 371 in the first epoch, and only guessing since.",
        ("lower_rate",),
        second="not learning",
    ),
    VerdictCase(
        "photos_plain_25",
        SMALL,
        "overfitting",
        "Training loss falls from 0.54 to 0.14 after epoch 9, validation loss rises by a third.",
        ("augment", "more_data", "transfer"),
        since=(5, 15),
    ),
    VerdictCase(
        "photos_augmented_40",
        _changed(SMALL, augmented=True),
        "improving",
        "Training loss still falls slowly and validation with it, within its scatter.",
        second="overfitting",
    ),
    VerdictCase(
        "photos_compact_25",
        _changed(SMALL, learning_rate=3e-3),
        "improving",
        "All four curves improve to the last epoch.",
        ("more_epochs",),
    ),
    VerdictCase(
        "photos_rate_high_12",
        _changed(SMALL, learning_rate=0.03),
        "diverged",
        "A loss of 4.6 in the first epoch, and only guessing since.",
        ("lower_rate",),
        second="not learning",
    ),
    VerdictCase(
        "photos_rate_low_12",
        _changed(SMALL, learning_rate=1e-6),
        "not learning",
        "The loss of guessing throughout, at a tiny learning rate.",
        ("raise_rate",),
    ),
    VerdictCase(
        "photos_sgd_25",
        _changed(SMALL, learning_rate=0.05),
        "overfitting",
        "From epoch 8 on, training loss falls with some jumps and validation loss rises.",
        since=(6, 16),
    ),
    VerdictCase(
        "photos_imbalanced_15",
        _changed(SMALL, learning_rate=5e-4, class_counts=(285, 15), recalls=(1.0, 0.0)),
        "missed class",
        "Validation accuracy is 95.0 % in every epoch, the share of cats: it answers cats to all.",
        ("balance",),
    ),
    VerdictCase(
        "photos_shuffled_40",
        SMALL,
        "wrong labels",
        "Training reaches 98 %, validation stays at 50 %: what it learned says nothing about them.",
        ("check_labels",),
    ),
    VerdictCase(
        "photos_noise_30",
        SMALL,
        "wrong labels",
        "Training reaches 97 %, validation never leaves guessing by more than chance.",
        ("check_labels",),
    ),
    VerdictCase(
        "photos_swapped_20",
        _changed(SMALL, training_photos=600),
        "wrong labels",
        "Training reaches 88 %, validation falls to 34 %, far below guessing.",
        ("check_labels",),
    ),
    VerdictCase(
        "photos_few_40",
        _changed(SMALL, training_photos=40),
        "overfitting",
        "40 photos learned by heart; validation at guessing is what so few photos give.",
        ("augment", "more_data", "transfer"),
    ),
    VerdictCase(
        "photos_rate_high_25",
        _changed(SMALL, training_photos=600, learning_rate=5e-3),
        "improving",
        "Guessing for 17 epochs, then training begins to learn, and validation accuracy with it.",
    ),
    VerdictCase(
        "photos_leak_30",
        _changed(SMALL, training_photos=400, validation_photos=200),
        "improving",
        "Validation is better than training, as with dropout, and all four curves improve.",
        ("more_epochs",),
    ),
    VerdictCase(
        "photos_averaged_15",
        _changed(SMALL, training_photos=400, validation_photos=200, learning_rate=3e-3),
        "improving",
        "Validation improves to the last epoch.",
        ("more_epochs",),
    ),
    VerdictCase(
        "photos_erased_25",
        _changed(SMALL, training_photos=400, validation_photos=200, augmented=True),
        "improving",
        "A slow start under strong augmentation; validation loss falls steadily.",
        ("more_epochs",),
    ),
    VerdictCase(
        "built_in_15",
        RunContext(
            validation_photos=1000,
            dropout=False,
            augmented=False,
            learning_rate=3e-3,
            pretrained=True,
        ),
        "healthy",
        "Leveled off at 99.6 %.",
    ),
)

_SIMULATED = (
    VerdictCase(
        "one spike at the end",
        _changed(PLAIN, dropout=True),
        "healthy",
        "A single wild epoch of validation; before and after it nothing is wrong.",
        simulate=_spike_late,
    ),
    VerdictCase(
        "one spike in a short run",
        SMALL,
        "improving",
        "A single wild epoch of validation in a training that still improves.",
        ("more_epochs",),
        simulate=_spike_in_a_short_run,
    ),
    VerdictCase(
        "spikes in the first epochs",
        SMALL,
        "healthy",
        "Batch normalization hasn't settled in the first epochs; all is well later.",
        simulate=_spikes_early,
    ),
    VerdictCase(
        "two spikes",
        SMALL,
        "healthy",
        "Two wild epochs in the last twelve; the others are level and good.",
        simulate=_two_spikes,
    ),
    VerdictCase(
        "jumps about 0.6",
        _changed(SMALL, learning_rate=0.02),
        "unstable",
        "Training loss jumps by a fifth from epoch to epoch, at a high rate.",
        ("lower_rate",),
        simulate=_unstable_low,
    ),
    VerdictCase(
        "jumps about 0.35",
        _changed(SMALL, learning_rate=5e-3),
        "unstable",
        "It has learned, but training loss jumps by a third from epoch to epoch.",
        ("lower_rate",),
        simulate=_unstable_high,
    ),
    VerdictCase(
        "jumps at an unknown rate",
        RunContext(validation_photos=200),
        "unstable",
        "As before; nothing is known but the curves.",
        ("lower_rate",),
        simulate=_unstable_high,
    ),
    VerdictCase(
        "dead at a high rate",
        _changed(SMALL, learning_rate=0.01),
        "not learning",
        "Exactly the loss of guessing and one answer to every photo: dead units.",
        ("lower_rate",),
        simulate=_dead,
    ),
    VerdictCase(
        "hardly moves at a tiny rate",
        _changed(SMALL, learning_rate=1e-6),
        "not learning",
        "The loss creeps; ten times the rate or more is needed.",
        ("raise_rate",),
        simulate=_rate_too_low,
    ),
    VerdictCase(
        "dead at an unknown rate",
        RunContext(validation_photos=300),
        "not learning",
        "The loss of guessing; which way to turn the rate isn't known.",
        ("find_rate",),
        simulate=_dead,
    ),
    VerdictCase(
        "dead with three classes",
        RunContext(classes=3, validation_photos=300, learning_rate=0.05),
        "not learning",
        "Loss ln 3 and a third right: guessing among three.",
        ("lower_rate",),
        simulate=_dead_of_three,
    ),
    VerdictCase(
        "largest of three classes only",
        RunContext(
            classes=3,
            validation_photos=200,
            learning_rate=1e-3,
            class_counts=(160, 30, 10),
            recalls=(1.0, 0.0, 0.0),
        ),
        "missed class",
        "80 % is the share of the largest class; the other two are never found.",
        ("balance",),
        simulate=_largest_class_only,
    ),
    VerdictCase(
        "largest class only, counts unknown",
        RunContext(validation_photos=500),
        "missed class",
        "Exactly the same accuracy in every epoch: one answer to every photo.",
        ("balance",),
        simulate=_largest_class_without_counts,
    ),
    VerdictCase(
        "small class hardly found",
        _changed(PLAIN, validation_photos=500, class_counts=(475, 25), recalls=(0.994, 0.2)),
        "missed class",
        "95.4 % sounds good, but guessing gives 95 % and four in five dogs are missed.",
        ("balance",),
        simulate=_minority_lost,
    ),
    VerdictCase(
        "small class found",
        _changed(PLAIN, validation_photos=500, class_counts=(450, 50), recalls=(0.98, 0.9)),
        "healthy",
        "Uneven classes, and both are found.",
        simulate=_imbalance_learned,
    ),
    VerdictCase(
        "validation far better",
        _changed(PLAIN, validation_photos=400),
        "easy validation",
        "80.5 and 97.9 % without dropout or augmentation: nothing in the training explains it.",
        ("find_leaks",),
        simulate=_validation_far_better,
    ),
    VerdictCase(
        "validation better with dropout and augmentation",
        _changed(PLAIN, dropout=True, augmented=True),
        "healthy",
        "A small lead of validation, which dropout and augmentation explain.",
        simulate=_validation_better,
    ),
    VerdictCase(
        "overconfident",
        PLAIN,
        "overfitting",
        "Validation loss rises by a third; accuracy still rises, so it is mostly overconfidence.",
        ("augment", "more_data", "transfer", "stop_early"),
        since=(8, 20),
        simulate=_overconfident,
        second="improving",
    ),
    VerdictCase(
        "validation stands still",
        PLAIN,
        "overfitting",
        "Validation loss is level from epoch 20 on while training loss falls to a tenth.",
        ("augment", "more_data", "transfer"),
        since=(8, 45),
        simulate=_validation_stands_still,
    ),
    VerdictCase(
        "sixty validation photos",
        _changed(SMALL, validation_photos=60),
        "overfitting",
        "Validation loss doubles while training reaches 100 %: clear even with 60 photos.",
        ("augment", "more_data", "transfer"),
        since=(4, 12),
        simulate=_few_photos,
    ),
    VerdictCase(
        "noisy labels memorized",
        PLAIN,
        "label noise",
        "Validation accuracy falls by 16 points while training goes on to 97 %.",
        ("check_labels",),
        simulate=_noise_memorized,
    ),
    VerdictCase(
        "validation labels swapped",
        SMALL,
        "wrong labels",
        "16 % of two classes is far below guessing: the names are swapped.",
        ("check_labels",),
        simulate=_swapped,
    ),
    VerdictCase(
        "validation preprocessed otherwise",
        PLAIN,
        "wrong labels",
        "Training nearly perfect, validation at guessing from first to last.",
        ("check_labels",),
        simulate=_other_preprocessing,
    ),
    VerdictCase(
        "level at 79 %",
        PLAIN,
        "underfitting",
        "Both level at 79 %; that loss crept from 0.46 to 0.45 is no reason to go on.",
        ("larger",),
        simulate=_small_effect_low,
    ),
    VerdictCase(
        "level at 96 %",
        PLAIN,
        "healthy",
        "Level and good; a change of 0.005 doesn't matter.",
        simulate=_small_effect_high,
    ),
    VerdictCase(
        "ten classes, overfitting",
        RunContext(classes=10, validation_photos=1000, learning_rate=1e-3),
        "overfitting",
        "Validation loss rises from 1.2 to 1.9, training loss goes to 0.",
        since=(6, 16),
        simulate=_ten_classes_overfit,
    ),
    VerdictCase(
        "ten classes, level",
        RunContext(classes=10, validation_photos=1000, learning_rate=1e-3),
        "underfitting",
        "Level at 45 % on both sides.",
        simulate=_ten_classes_level,
    ),
    VerdictCase(
        "four epochs",
        PLAIN,
        "too early",
        "Four epochs show no trend.",
        simulate=_four_epochs,
    ),
    VerdictCase(
        "twelve validation photos",
        _changed(PLAIN, validation_photos=12),
        "too early",
        "One photo is eight points of accuracy.",
        ("more_validation",),
        simulate=_good_thirty,
    ),
    VerdictCase(
        "forty validation photos",
        _changed(PLAIN, validation_photos=40),
        "healthy",
        "The scatter is what 40 photos give.",
        simulate=_good_thirty,
    ),
    VerdictCase(
        "becomes NaN",
        _changed(PLAIN, learning_rate=0.05),
        "diverged",
        "A loss that isn't a number.",
        ("lower_rate",),
        simulate=_becomes_nan,
    ),
    VerdictCase(
        "explodes",
        _changed(PLAIN, learning_rate=0.05),
        "diverged",
        "Training loss grows to 20 times its lowest.",
        ("lower_rate",),
        simulate=_explodes,
    ),
    VerdictCase(
        "learned and lost",
        _changed(PLAIN, learning_rate=0.01),
        "diverged",
        "From 90 % to guessing within an epoch, for good.",
        ("lower_rate",),
        simulate=_learned_and_lost,
    ),
    VerdictCase(
        "a hump on the way",
        PLAIN,
        "improving",
        "Validation loss rose for some epochs, then fell below what it was.",
        simulate=_hump,
    ),
    VerdictCase(
        "a slow start",
        SMALL,
        "improving",
        "Guessing for twelve epochs, then every curve improves.",
        ("more_epochs",),
        simulate=_slow_start,
    ),
    VerdictCase(
        "no training accuracy",
        RunContext(validation_photos=500),
        "overfitting",
        "Validation loss rises and training loss falls.",
        since=(8, 20),
        simulate=_rising_without_training_accuracy,
    ),
    VerdictCase(
        "a small gap",
        _changed(PLAIN, dropout=True),
        "healthy",
        "Two or three points between the curves are usual.",
        simulate=_small_gap,
    ),
    VerdictCase(
        "transfer",
        _changed(PLAIN, pretrained=True),
        "healthy",
        "99 % after a few epochs.",
        simulate=_transferred,
    ),
)

CASES: tuple[VerdictCase, ...] = (*_REAL, *_SIMULATED)
