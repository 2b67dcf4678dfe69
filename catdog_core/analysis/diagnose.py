"""What happened in a training: the numbers of its epochs in, a verdict out; pure.

A change counts only when it is larger than chance would make it. Three things keep chance out:

- Levels are means over several epochs, never single ones.
- The scatter of a curve about its neighbours says how uncertain such a mean is. Where the number
  of validation photos is known, the scatter is taken no smaller than so few photos allow.
- Small changes that are certain but do not matter are passed over; the constants say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, isnan, log, nan, sqrt
from typing import Any, Literal, TypeAlias, TypedDict, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_
from ..base.metric_rows import EpochRow, MetricName

VerdictKind = Literal["overfitting", "underfitting", "healthy", "diverged", "too_short"]


@dataclass(frozen=True)
class Remark:
    """A sentence: a message of the catalogue and its values. `id` names it for programs."""

    id: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message.format(**self.params)


@dataclass(frozen=True)
class Verdict:
    """What happened in a training.

    Attributes:
        kind: the verdict in one word; "too_short" also where the validation photos are too few.
        message: the sentence that tells it, a message of the catalogue.
        params: values of the sentence; epochs in it count from 1, as people see them.
        since: for overfitting, the epoch, from 0, after which nothing was won any more.
        numbers: what the verdict rests on, by name; see `diagnose.diagnose`.
        remarks: what else is worth knowing, such as why validation beats training.
        steps: what to try next, the most promising first.
    """

    kind: VerdictKind
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    since: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    steps: tuple[Remark, ...] = ()

    def __str__(self) -> str:
        return self.message.format(**self.params)


NO_EPOCHS = N_("No epoch has finished yet, so there's nothing to judge.")
TOO_FEW_EPOCHS = N_(
    "Only {n} epochs so far. At least {least} are needed to tell a trend from chance."
)
TOO_FEW_PHOTOS = N_(
    "Only {n} validation photos: each is worth {points:.1f} percentage points of accuracy, too "
    "much to tell a trend from chance."
)
LOSS_NOT_FINITE = N_(
    "Training diverged in epoch {epoch}: the loss is NaN. The steps were too large."
)
LOSS_EXPLODED = N_(
    "Training diverged: the training loss rose from {low:.2f} in epoch {epoch} to {end:.2f}, but "
    "guessing gives {guess:.2f}. The steps were too large."
)
LOSS_SPIKED = N_(
    "Training diverged: the loss shot up to {high:.2f} in epoch {epoch}, and the network has only "
    "guessed since then. The steps were too large."
)
ACCURACY_COLLAPSED = N_(
    "Training diverged: training accuracy fell from {high:.1%} in epoch {epoch} to {end:.1%}, "
    "hardly better than guessing. The steps were too large."
)
VAL_LOSS_RISING = N_(
    "Overfitting since epoch {epoch}: validation loss is {rise:.2f} above its best ({best:.2f} to "
    "{end:.2f}), but training loss fell from {train_then:.2f} to {train_now:.2f}."
)
VAL_LOSS_PLATEAU = N_(
    "Overfitting since epoch {epoch}: training loss kept falling, from {train_then:.2f} to "
    "{train_now:.2f}, but validation loss has stayed near {end:.2f}. What it has learned since "
    "then works only for the training photos."
)
NO_LEARNING = N_(
    "Underfitting: after {n} epochs, the network has learned almost nothing. Training accuracy is "
    "{train:.1%}, and guessing gives {guess:.0%}."
)
UNDERFITTING = N_(
    "Underfitting: training accuracy has leveled off at {train:.1%} and validation accuracy at "
    "{validation:.1%}. The network doesn't even fit its training photos."
)
CONVERGED = N_(
    "Healthy: training accuracy has leveled off at {train:.1%} and validation accuracy at "
    "{validation:.1%}, close together."
)
NO_LEARNING_BY_LOSS = N_(
    "Underfitting: after {n} epochs, training loss is {loss:.2f}, and guessing gives {guess:.2f}. "
    "Validation accuracy is {validation:.1%}."
)
UNDERFITTING_BY_LOSS = N_(
    "Underfitting: training loss has leveled off at {train:.2f}, close to validation loss at "
    "{validation:.2f}. Validation accuracy is only {accuracy:.1%}."
)
CONVERGED_BY_LOSS = N_(
    "Healthy: validation accuracy has leveled off at {validation:.1%}, and validation loss hasn't "
    "risen."
)
ACCURACY_NEEDED = N_(
    "Validation accuracy has leveled off at {accuracy:.1%}. Without training accuracy, this could "
    "be overfitting or underfitting."
)
STILL_LEARNING = N_(
    "Healthy and still improving. In the last {n} epochs, training loss fell from "
    "{train_then:.2f} to {train_now:.2f}, and validation loss went from {then:.2f} to {now:.2f}."
)
GAP_GROWING = N_(
    "Healthy so far: validation loss hasn't risen. But training accuracy is already {gap:.0f} "
    "percentage points above validation accuracy, the first sign of overfitting."
)

DROPOUT_AND_AUGMENTATION = N_(
    "Validation is better than training, which is normal here. Only in training does dropout "
    "switch units off and augmentation make photos harder. Training is also measured while the "
    "weights still change. None of this affects validation."
)
DROPOUT = N_(
    "Validation is better than training, which is normal here. Dropout switches units off only in "
    "training, and training is measured while the weights still change. Neither affects "
    "validation."
)
AUGMENTATION = N_(
    "Validation is better than training, which is normal here. Augmentation makes only training "
    "photos harder, and training is measured while the weights still change. Neither affects "
    "validation."
)
VALIDATION_EASIER = N_(
    "Validation is better than training, but there's no dropout or augmentation to explain it. "
    "Training is measured while the weights still change, which matters early on. The validation "
    "photos might also be easier, or some might be in training too. The Data page can find those."
)
NO_TRAINING_ACCURACY = N_(
    "The history has no training accuracy, so the gap to validation accuracy can't be judged. "
    "Overfitting shows here only if validation loss rises."
)
IN_SOME_EPOCHS = N_("This happened in {n} of {all} epochs.")
STOPPED_EARLY = N_(
    "Early stopping ended this run after epoch {n} of {planned}, because {patience} epochs "
    "brought no improvement. This is normal, and nothing is lost."
)
SAVED_EPOCH = N_("The saved model is from epoch {epoch}.")
ACCURACY_MARGIN = N_(
    "With {n} validation photos, chance alone moves validation accuracy by ± {points:.1f} "
    "percentage points (95% confidence interval)."
)

STILL_TRAINING = N_("Training is still running, so the verdict might change.")
AUGMENT = N_(
    "Augment the training photos. Small random changes add variety and reduce overfitting."
)
AUGMENT_MORE = N_("Use stronger augmentation: wider ranges, random erasing, MixUp or CutMix.")
AUGMENT_LESS = N_(
    "Use less augmentation. The changes might be too strong for the network's capacity."
)
MORE_DATA = N_(
    "Use more training photos. The small-data experiment on the Compare page shows how much they "
    "would help."
)
TRANSFER = N_(
    "Start from a network trained on a million photos. The transfer model needs only a few of "
    "yours."
)
STOP_EARLY = N_(
    "Use early stopping with a patience of {patience} epochs. It saves time, and the model of the "
    "best epoch is kept either way."
)
LARGER_NETWORK = N_("Use a network with more capacity: compact or transfer, or one more block.")
MORE_EPOCHS = N_("Train longer, for example {n} epochs. The curves hadn't leveled off.")
SLOW_START = N_("Train longer. Some runs take 10 or 20 epochs to get going.")
ENOUGH_EPOCHS = N_("Train at least {n} epochs.")
LOWER_RATE = N_("Lower the learning rate, for example from {rate:g} to {lower:g}.")
LOWER_UNKNOWN_RATE = N_("Lower the learning rate to a third or a tenth.")
RAISE_RATE = N_("Raise the learning rate, for example from {rate:g} to {higher:g}.")
FIND_RATE = N_("Try another learning rate. Use “Find learning rate” on the Train page.")
CHECK_LABELS = N_(
    "View a batch on the Data page. Are the labels right? Can you tell the classes apart yourself?"
)
MEASURE_ACCURACY = N_("Measure training accuracy as well, and import the history again.")
MORE_VALIDATION = N_("Validate on more photos: a few hundred, or better, a thousand.")
ALL_WELL = N_("Nothing needs fixing. Test the model on new photos.")


Values: TypeAlias = NDArray[np.float64]

Z = 1.96
"""Standard errors to either side of a 95 % interval of the normal distribution."""


def standard_error(accuracy: float, photos: int) -> float:
    """Return the binomial standard error of an accuracy measured on so many photos.

    It is sqrt(p (1 - p) / n), with p moved a little inside 0..1 by one right and one wrong photo
    more (Laplace's rule of succession): "all right" of a few photos is not certain either, and
    would have the error 0.

    Args:
        accuracy: a fraction, 0..1.
        photos: how many were measured, at least 1.
    """
    share = (min(max(accuracy, 0.0), 1.0) * photos + 1) / (photos + 2)
    return sqrt(share * (1 - share) / photos)


def window_size(count: int) -> int:
    """Return how many epochs to average of a curve of `count` epochs: an odd number, 3 to 7.

    About a tenth of the epochs: enough to calm their scatter, few enough not to smear the bend of
    the curve. Fewer than 3 would leave a single wild epoch its say.
    """
    return int(np.clip(2 * (count // 20) + 1, 3, 7))


def moving_average(values: Values, size: int) -> Values:
    """Return the means of all `size` neighbours: (N,) to (N - size + 1,); the last is the end."""
    return np.convolve(values, np.full(size, 1 / size), mode="valid")


def residual_std(values: Values) -> float:
    """Return the standard deviation of single values about a smooth curve through them.

    Each value is held against the mean of its two neighbours, so that a trend does not count as
    scatter. The median absolute deviation makes it robust: a sharp bend or one wild epoch hardly
    moves it. 0 for fewer than three values.
    """
    if len(values) < 3:
        return 0.0
    off = values[1:-1] - (values[:-2] + values[2:]) / 2
    # 1.4826 turns a median absolute deviation into a standard deviation, for normal values
    # (Rousseeuw and Croux, 1993). A value less the mean of two others varies 1 + 2 / 4 = 1.5 times
    # as much as a single one.
    return float(1.4826 * np.median(np.abs(off)) / sqrt(1.5))


def split_last_half(values: Values) -> tuple[Values, Values]:
    """Return the two halves of a curve's last half, which has at least four values if it can."""
    late = values[-max(4, len(values) // 2) :]
    return late[: len(late) // 2], late[len(late) // 2 :]


def is_still_falling(values: Values, noise: float) -> bool:
    """Return whether a curve with this scatter surely still fell in its last half.

    Its third quarter is compared with its fourth, as two means of independent values: a t-like
    test at 2 standard errors, which is asked once, and so needs no more.
    """
    first, second = split_last_half(values)
    error = noise * sqrt(1 / len(first) + 1 / len(second))
    return bool(first.mean() - second.mean() > 2 * error)


def to_array(values: Sequence[float]) -> Values:
    """Return numbers as an array (N,) of float64."""
    return np.asarray(values, dtype=np.float64)


METRICS: tuple[MetricName, ...] = ("loss", "accuracy", "val_loss", "val_accuracy")
MIN_STANDARD_ERRORS = 3.0
"""Standard errors a change must have to count as one.

At 2, one curve in 20 would show a change by chance at a given epoch; but the best of all epochs is
compared with the last, so there are many chances. At 3 it is one in 370 for each.
"""
_LOSS_SPREAD = 0.25
"""Standard deviation of the losses of single photos, at least, so that the mean over n of them is
uncertain by this over sqrt(n). Measured ones are 0.4 to 0.9: this errs on the side of a verdict."""


class CompleteRow(TypedDict):
    """An epoch with all four metrics; a loss may be infinite or NaN, and so may an accuracy that
    was not measured."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def clean_history(history: Iterable[EpochRow]) -> list[CompleteRow]:
    """Return the rows that hold all four metrics, by epoch; of an epoch twice the last counts.

    Where no row has a training accuracy, as in histories of other programs, it is NaN in all.
    """
    rows_by_epoch: dict[int, CompleteRow] = {}
    rows = list(history)
    has_accuracy = any(_is_number(row.get("accuracy")) for row in rows)
    for row in rows:
        epoch = row.get("epoch")
        values: list[object] = [row.get(name) for name in METRICS]
        if not has_accuracy:
            values[METRICS.index("accuracy")] = nan
        numbers = [float(value) for value in values if _is_number(value)]
        if _is_number(epoch) and len(numbers) == len(METRICS):
            loss, accuracy, val_loss, val_accuracy = numbers
            rows_by_epoch[int(epoch)] = {
                "epoch": int(epoch),
                "loss": loss,
                "accuracy": accuracy,
                "val_loss": val_loss,
                "val_accuracy": val_accuracy,
            }
    return [rows_by_epoch[epoch] for epoch in sorted(rows_by_epoch)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True)
class HistoryCurves:
    """The four curves (N,) of a history, and how far chance moves them.

    Attributes:
        epochs: the number of each, from 0; a history may have holes.
        window: epochs that a level is the mean of.
        loss_noise, val_noise: scatter of single epochs' losses.
        val_error: standard error of the validation accuracy at the end.
        easier_epochs: epochs in which validation was better than training.
    """

    epochs: list[int]
    loss: Values
    accuracy: Values
    val_loss: Values
    val_accuracy: Values
    window: int
    loss_noise: float
    val_noise: float
    val_error: float
    easier_epochs: int

    @classmethod
    def from_rows(cls, rows: list[CompleteRow], facts: RunContext) -> HistoryCurves:
        loss, accuracy, val_loss, val_accuracy = (
            to_array([row[name] for row in rows]) for name in METRICS
        )
        size = min(window_size(len(rows)), len(rows))
        photos = facts.validation_photos
        error = residual_std(val_accuracy)
        if photos:
            error = standard_error(float(val_accuracy[-size:].mean()), photos)
        return cls(
            epochs=[row["epoch"] for row in rows],
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            window=size,
            # At least 1e-3: a loss near 0 has no scatter, and rounding is no change.
            loss_noise=max(residual_std(loss), 1e-3),
            val_noise=max(residual_std(val_loss), _LOSS_SPREAD / sqrt(photos) if photos else 1e-3),
            val_error=error,
            # Smoothed labels keep the training loss up, and the validation has the true ones.
            easier_epochs=int(
                np.sum(val_accuracy > accuracy if facts.smoothed else val_loss < loss)
            ),
        )

    @property
    def count(self) -> int:
        """How many epochs there are."""
        return len(self.epochs)

    @property
    def has_training_accuracy(self) -> bool:
        """Whether the accuracy was measured on the training photos, too."""
        return not np.isnan(self.accuracy).all()

    def final_level(self, values: Values) -> float:
        """Return the level of a curve at its end: the mean of the last window."""
        return float(values[-self.window :].mean())

    def significant_change(self, noise: float) -> float:
        """Return what two levels must differ by, to be told from chance.

        Each is a mean of `window` epochs, so their difference has the standard error
        noise * sqrt(2 / window).
        """
        return MIN_STANDARD_ERRORS * noise * sqrt(2 / self.window)

    @property
    def gap(self) -> float:
        """Training minus validation accuracy at the end."""
        return self.final_level(self.accuracy) - self.final_level(self.val_accuracy)

    @property
    def lowest_window(self) -> int:
        """The index of the first epoch of the window in which the validation loss was lowest."""
        return int(np.argmin(moving_average(self.val_loss, self.window)))

    @property
    def still_learning(self) -> bool:
        """Whether the validation loss surely fell in the last half."""
        return is_still_falling(self.val_loss, self.val_noise)

    @property
    def training_falls(self) -> bool:
        """Whether the training loss surely fell in the last half."""
        return is_still_falling(self.loss, self.loss_noise)

    def error_over_guessing(self, facts: RunContext) -> float:
        """Return the smaller error of the two accuracies, as a part of guessing's error.

        1 is no better than guessing, 0 all right. So 80 % of two classes (0.4) and of ten (0.22)
        can be held against one threshold. Without a training accuracy, it is validation's.
        """
        best = self.final_level(self.val_accuracy)
        if self.has_training_accuracy:
            best = max(best, self.final_level(self.accuracy))
        return (1 - best) / (1 - 1 / facts.classes)

    def best_epoch_in_window(self, start: int) -> int:
        """Return the index of the epoch with the lowest validation loss within a window."""
        return start + int(np.argmin(self.val_loss[start : start + self.window]))

    def numbers(self) -> dict[str, float]:
        """Return the numbers a verdict rests on; see `diagnose.diagnose`."""
        best = float(moving_average(self.val_loss, self.window).min())
        training = {
            "training_accuracy": self.final_level(self.accuracy),
            "gap": self.gap,
        }
        return {
            "epochs": self.count,
            "training_loss": self.final_level(self.loss),
            **(training if self.has_training_accuracy else {}),
            "validation_loss": self.final_level(self.val_loss),
            "validation_accuracy": self.final_level(self.val_accuracy),
            "validation_error": self.val_error,
            "best_epoch": self.epochs[self.best_epoch_in_window(self.lowest_window)],
            "best_loss": best,
            "rise": self.final_level(self.val_loss) - best,
            "easier_epochs": self.easier_epochs,
        }

    def verdict(self, kind: VerdictKind, message: str, **params: Any) -> Verdict:
        """Return a verdict on these curves."""
        return Verdict(kind, message, params, numbers=self.numbers())


RECOMMENDED_PATIENCE = 5
"""Epochs without a better one that early stopping is advised to wait: single epochs scatter, and
with 1 or 2 it would end most trainings on a bad one."""


@dataclass(frozen=True)
class RunContext:
    """What is known of a training besides its numbers; None where it is not known.

    Attributes:
        classes: number of classes; it fixes what guessing gives.
        validation_photos: photos each validation measured.
        class_counts: how many of those are of each class.
        recalls: the part of each class's that the kept epoch's model answered right, 0..1.
        planned_epochs: epochs it was started for.
        is_training: whether it still trains.
        diverged_epoch: the epoch, from 0, in which the loss became NaN, ending the training.
        saved_epoch: the epoch, from 0, whose model is kept.
        patience: epochs early stopping waits, 0 for none.
        learning_rate: of the start.
        augmented: whether training photos were changed at random.
        dropout: whether the network drops units while it trains.
        pretrained: whether it began from a pretrained network.
        smoothed: whether training labels were smoothed, which keeps the training loss up.
    """

    classes: int = 2
    validation_photos: int | None = None
    class_counts: tuple[int, ...] | None = None
    recalls: tuple[float, ...] | None = None
    planned_epochs: int | None = None
    is_training: bool = False
    diverged_epoch: int | None = None
    saved_epoch: int | None = None
    patience: int = 0
    learning_rate: float | None = None
    augmented: bool | None = None
    dropout: bool | None = None
    pretrained: bool = False
    smoothed: bool = False


def add_remarks(verdict: Verdict, facts: RunContext) -> Verdict:
    """Return the verdict with the remarks and next steps that fit it."""
    remarks = tuple(_remarks(verdict, facts))
    return replace(verdict, remarks=remarks, steps=tuple(_next_steps(verdict, facts)))


def _remarks(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    numbers = verdict.numbers
    is_judged = verdict.kind != "diverged" and numbers.get("epochs", 0) >= MIN_EPOCHS
    if is_judged and "training_accuracy" not in numbers:
        yield Remark("no_training_accuracy", NO_TRAINING_ACCURACY)
    if verdict.kind not in ("diverged", "too_short"):
        yield from _explain_better_validation(verdict, facts)
    epochs = int(numbers.get("epochs", 0))
    if (
        facts.planned_epochs
        and facts.patience
        and not facts.is_training
        and 0 < epochs < facts.planned_epochs
    ):
        params = {"n": epochs, "planned": facts.planned_epochs, "patience": facts.patience}
        if facts.saved_epoch is not None and epochs - 1 - facts.saved_epoch >= facts.patience:
            yield Remark("early", STOPPED_EARLY, params)
    if verdict.kind in ("overfitting", "diverged") and facts.saved_epoch is not None:
        yield Remark("kept", SAVED_EPOCH, {"epoch": facts.saved_epoch + 1})
    if facts.validation_photos and verdict.kind not in ("diverged", "too_short"):
        points = 100 * Z * numbers["validation_error"]
        yield Remark("chance", ACCURACY_MARGIN, {"n": facts.validation_photos, "points": points})


def _explain_better_validation(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    """Explain why validation was better than training in at least half of the epochs."""
    epochs, easier = (int(verdict.numbers[name]) for name in ("epochs", "easier_epochs"))
    learnt = verdict.message not in (
        NO_LEARNING,
        NO_LEARNING_BY_LOSS,
    )  # two coins tossed differ as well
    if not learnt or 2 * easier < epochs:
        return
    message = {
        (True, True): DROPOUT_AND_AUGMENTATION,
        (True, False): DROPOUT,
        (False, True): AUGMENTATION,
        (False, False): VALIDATION_EASIER,
    }[facts.dropout is not False, facts.augmented is not False]
    yield Remark("easier", message)
    if easier < epochs:
        yield Remark("partly", IN_SOME_EPOCHS, {"n": easier, "all": epochs})


def _next_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    if facts.is_training:
        yield Remark("wait", STILL_TRAINING)
    match verdict.kind:
        case "overfitting":
            yield from _overfitting_steps(facts)
        case "underfitting":
            yield from _underfitting_steps(verdict, facts)
        case "diverged":
            yield _lower_rate_step(facts, 10)
        case "too_short":
            yield from _too_short_steps(verdict, facts)
        case _:
            yield from _healthy_steps(verdict, facts)


def _overfitting_steps(facts: RunContext) -> Iterator[Remark]:
    if facts.augmented:
        yield Remark("augment_more", AUGMENT_MORE)
    else:
        yield Remark("augment", AUGMENT)
    yield Remark("more_data", MORE_DATA)
    if facts.pretrained:
        yield _lower_rate_step(facts, 3)
    else:
        yield Remark("transfer", TRANSFER)
    if not facts.patience:
        yield Remark("stop_early", STOP_EARLY, {"patience": RECOMMENDED_PATIENCE})


def _underfitting_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    rate = facts.learning_rate
    if verdict.message in (NO_LEARNING, NO_LEARNING_BY_LOSS):
        wild = rate is not None and rate >= 1e-2
        if verdict.numbers["epochs"] < 20 and not facts.is_training and not wild:
            yield Remark("more_epochs", SLOW_START)
        if rate and rate <= 1e-5:
            yield Remark("raise_rate", RAISE_RATE, {"rate": rate, "higher": 10 * rate})
        else:
            yield _lower_rate_step(facts, 10)
        yield Remark("check_labels", CHECK_LABELS)
    if not facts.pretrained:
        yield Remark("larger", LARGER_NETWORK)
    if facts.augmented:
        yield Remark("augment_less", AUGMENT_LESS)
    yield Remark("find_rate", FIND_RATE)


def _too_short_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    if verdict.message == TOO_FEW_PHOTOS:
        yield Remark("more_validation", MORE_VALIDATION)
    elif verdict.message == ACCURACY_NEEDED:
        yield Remark("measure_accuracy", MEASURE_ACCURACY)
    elif not facts.is_training:
        yield Remark("more_epochs", ENOUGH_EPOCHS, {"n": 10})


def _healthy_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    if verdict.message == STILL_LEARNING and not facts.is_training:
        yield Remark("more_epochs", MORE_EPOCHS, {"n": 2 * int(verdict.numbers["epochs"])})
    elif verdict.message == GAP_GROWING:
        yield Remark("augment", AUGMENT_MORE if facts.augmented else AUGMENT)
    elif not facts.is_training:
        yield Remark("all_well", ALL_WELL)
        if facts.pretrained or verdict.numbers["validation_accuracy"] > 0.95:
            return
        yield Remark("transfer", TRANSFER)


def _lower_rate_step(facts: RunContext, by: int) -> Remark:
    if facts.learning_rate is None:
        return Remark("lower_rate", LOWER_UNKNOWN_RATE)
    rate = facts.learning_rate
    return Remark("lower_rate", LOWER_RATE, {"rate": rate, "lower": float(f"{rate / by:.1g}")})


MIN_EPOCHS = 5
"""Epochs below which nothing but a divergence can be told: fewer hardly
hold two levels to compare, each the mean of three."""
MIN_VALIDATION_PHOTOS = 20
"""Validation photos below which nothing but a divergence can be told: of 20, one photo is 5 points
of accuracy, and its 95 % interval is some ±20 points wide."""
_MIN_RISE = 0.05
"""The part of the best validation loss by which it must have risen. In long
trainings a rise of 1 or 2 % is certain, and no reason to stop."""
_MIN_GAP = 0.05
"""Points of accuracy, as a fraction, that training must be ahead of validation: so much is usual
where all is well, since training photos have been seen."""
_UNDERFITTING_ERROR = 0.3
"""The part of guessing's error that is much: 85 % accuracy of two classes. What fits no better, and
moves no more, has not even learnt its training photos."""
_GUESSING_MARGIN = 0.05
"""Accuracy above guessing, as a fraction, that is hardly better than guessing."""
_GUESSING_LOSS = 0.95
"""The part of guessing's loss that is hardly better: with two classes, 60 % are right at most."""
_LOSS_GAP = 0.1
"""The part of the validation loss that training loss is below it where both fit about as well."""
_LEARNT_MARGIN = 0.15
"""Accuracy above guessing, as a fraction, that a network must have had to have lost it again."""


def diagnose(history: Iterable[EpochRow], facts: RunContext | None = None) -> Verdict:
    """Judge a training by the numbers of its epochs.

    Args:
        history: rows with epoch (from 0), loss, accuracy, val_loss, val_accuracy, in any order; of
            an epoch told twice the last counts; rows without these are passed over.
        facts: what else is known of the training.

    Returns:
        The verdict. Its numbers: epochs; training_loss, training_accuracy, validation_loss and
        validation_accuracy, means of the last epochs; gap, training minus validation accuracy
        (both only where the training accuracy is known);
        validation_error, the standard error of the validation accuracy; best_epoch, from 0, and
        best_loss of the smoothed validation loss; rise of the validation loss from there.
    """
    facts = facts or RunContext()
    rows = clean_history(history)
    is_measured = not all(isnan(row["accuracy"]) for row in rows)
    measured = [name for name in METRICS if name != "accuracy" or is_measured]
    for number, row in enumerate(rows):
        if not all(isfinite(row[name]) for name in measured):
            return add_remarks(_not_finite(number, row), facts)
    if facts.diverged_epoch is not None:
        return add_remarks(_not_finite(len(rows), {"epoch": facts.diverged_epoch}), facts)
    if not rows:
        return add_remarks(Verdict("too_short", NO_EPOCHS), facts)
    curves = HistoryCurves.from_rows(rows, facts)
    # The first that fits is the verdict. Divergence comes first, since it is certain after any
    # number of epochs; then what makes all others impossible to tell; overfitting before
    # underfitting, since a network that overfits has learnt its training photos.
    checks = (
        _diverged,
        _too_short,
        _no_learning,
        _val_loss_rising,
        _val_loss_plateau,
        _underfitting,
    )
    verdict = next((v for check in checks if (v := check(curves, facts))), None)
    return add_remarks(verdict or _healthy(curves, facts), facts)


def _not_finite(count: int, row: Mapping[str, Any]) -> Verdict:
    numbers = {"epochs": count}
    return Verdict("diverged", LOSS_NOT_FINITE, {"epoch": row["epoch"] + 1}, numbers=numbers)


def _diverged(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that training diverged: its loss explodes, or all that was learnt is lost again.

    Guessing all classes alike has the loss log(classes). A sound training may be a little above it
    at first; twice that, and twice its own lowest, comes of steps that overshoot.
    """
    guess, low = log(facts.classes), int(np.argmin(curves.loss))
    end = curves.final_level(curves.loss) if curves.count >= MIN_EPOCHS else float(curves.loss[-1])
    if end > max(2 * guess, 2 * float(curves.loss[low])):
        return curves.verdict(
            "diverged",
            LOSS_EXPLODED,
            low=float(curves.loss[low]),
            epoch=curves.epochs[low] + 1,
            end=end,
            guess=guess,
        )
    if curves.count < MIN_EPOCHS or not _only_guesses(curves, facts):
        return None
    return _collapsed(curves, facts)


def _only_guesses(curves: HistoryCurves, facts: RunContext) -> bool:
    """Return whether the network does hardly better than guessing on its training photos.

    Without their accuracy, the loss must be about guessing's as well: a network that is right only
    about its training photos overfits.
    """
    if curves.has_training_accuracy:
        return curves.final_level(curves.accuracy) - 1 / facts.classes <= _GUESSING_MARGIN
    is_loss_of_guessing = curves.final_level(curves.loss) >= _GUESSING_LOSS * log(facts.classes)
    validation = curves.final_level(curves.val_accuracy) - 1 / facts.classes
    return is_loss_of_guessing and validation <= _GUESSING_MARGIN


def _collapsed(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge of a training that ends with guessing whether large steps brought it there.

    A single epoch at three times guessing's loss is such a step: the weights were thrown so far
    that units are dead since, and the gradient with them. Else accuracy was once clearly there.
    """
    worst = int(np.argmax(curves.loss))
    if curves.loss[worst] > 3 * log(facts.classes):
        high, epoch = float(curves.loss[worst]), curves.epochs[worst] + 1
        return curves.verdict("diverged", LOSS_SPIKED, high=high, epoch=epoch)
    if not curves.has_training_accuracy:
        return None
    levels = moving_average(curves.accuracy, curves.window)
    high, end = float(levels.max()), curves.final_level(curves.accuracy)
    if high - 1 / facts.classes < _LEARNT_MARGIN:
        return None
    epoch = curves.epochs[int(np.argmax(levels)) + curves.window // 2] + 1
    return curves.verdict("diverged", ACCURACY_COLLAPSED, epoch=epoch, high=high, end=end)


def _too_short(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    if curves.count < MIN_EPOCHS:
        return curves.verdict("too_short", TOO_FEW_EPOCHS, n=curves.count, least=MIN_EPOCHS)
    photos = facts.validation_photos
    if photos and photos < MIN_VALIDATION_PHOTOS:
        return curves.verdict("too_short", TOO_FEW_PHOTOS, n=photos, points=100 / photos)
    return None


def _no_learning(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that nothing was learnt: neither accuracy is clearly better than guessing."""
    guess = 1 / facts.classes
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if (
        not _only_guesses(curves, facts)
        or validation - max(_GUESSING_MARGIN, MIN_STANDARD_ERRORS * curves.val_error) > guess
    ):
        return None
    if not curves.has_training_accuracy:
        return curves.verdict(
            "underfitting",
            NO_LEARNING_BY_LOSS,
            n=curves.count,
            loss=curves.final_level(curves.loss),
            guess=log(facts.classes),
            validation=validation,
        )
    return curves.verdict("underfitting", NO_LEARNING, n=curves.count, train=train, guess=guess)


def _val_loss_rising(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge overfitting: validation loss surely above its best while training loss surely fell.

    The last window may not overlap the best one by more than half: what both hold is no change.
    """
    start, size = curves.lowest_window, curves.window
    last = curves.count - size
    levels = moving_average(curves.val_loss, size)
    train = moving_average(curves.loss, size)
    rise = float(levels[last] - levels[start])
    if (
        last - start <= size // 2
        or rise < max(curves.significant_change(curves.val_noise), _MIN_RISE * float(levels[start]))
        or train[start] - train[last] < curves.significant_change(curves.loss_noise)
    ):
        return None
    return _overfitting(curves, start, VAL_LOSS_RISING)


def _val_loss_plateau(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge overfitting where validation loss stands still while training loss falls on.

    The accuracies must be clearly apart as well, since the training loss of a well-regularised
    network may fall for long without harm.
    """
    if not curves.has_training_accuracy or curves.still_learning:
        return None
    if curves.gap < max(_MIN_GAP, MIN_STANDARD_ERRORS * curves.val_error):
        return None
    levels = moving_average(curves.val_loss, curves.window)
    train = moving_average(curves.loss, curves.window)
    last = len(levels) - 1
    # Since when it stands: since its lowest level, which must be a fifth of the training ago; or
    # since it first came within chance of that, which must be half of it, and 15 epochs: within
    # chance a slow fall looks like standing still, too.
    near = float(levels.min()) + curves.significant_change(curves.val_noise)
    reached = int(np.argmax(levels <= near))
    for start, least in (
        (curves.lowest_window, max(curves.window + 1, curves.count // 5)),
        (reached, max(15, curves.count // 2)),
    ):
        fell = float(train[start] - train[last])
        if last - start >= least and fell > curves.significant_change(curves.loss_noise):
            return _overfitting(curves, start, VAL_LOSS_PLATEAU)
    return None


def _overfitting(curves: HistoryCurves, start: int, message: str) -> Verdict:
    train = moving_average(curves.loss, curves.window)
    best = float(moving_average(curves.val_loss, curves.window)[start])
    since = curves.epochs[curves.best_epoch_in_window(start)]
    numbers = curves.numbers()
    params = {
        "epoch": since + 1,
        "best": best,
        "end": numbers["validation_loss"],
        "rise": numbers["validation_loss"] - best,
        "train_then": float(train[start]),
        "train_now": float(train[-1]),
    }
    return Verdict("overfitting", message, params, since=since, numbers=numbers)


def _underfitting(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge underfitting: both curves have levelled off where much is still wrong."""
    if (
        curves.error_over_guessing(facts) < _UNDERFITTING_ERROR
        or curves.still_learning
        or curves.training_falls
    ):
        return None
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if not curves.has_training_accuracy:
        return _leveled_off_low(curves)
    return curves.verdict("underfitting", UNDERFITTING, train=train, validation=validation)


def _leveled_off_low(curves: HistoryCurves) -> Verdict:
    """Judge by the losses alone a training that has leveled off where much is still wrong."""
    train, validation = curves.final_level(curves.loss), curves.final_level(curves.val_loss)
    accuracy = curves.final_level(curves.val_accuracy)
    if train >= (1 - _LOSS_GAP) * validation:
        return curves.verdict(
            "underfitting",
            UNDERFITTING_BY_LOSS,
            train=train,
            validation=validation,
            accuracy=accuracy,
        )
    return curves.verdict("too_short", ACCURACY_NEEDED, accuracy=accuracy)


def _healthy(curves: HistoryCurves, facts: RunContext) -> Verdict:
    if curves.has_training_accuracy and curves.gap > max(
        _MIN_GAP, MIN_STANDARD_ERRORS * curves.val_error
    ):
        return curves.verdict("healthy", GAP_GROWING, gap=100 * curves.gap)
    if curves.still_learning or (
        curves.training_falls and curves.error_over_guessing(facts) > _UNDERFITTING_ERROR
    ):
        then, now = split_last_half(curves.val_loss)
        train_then, train_now = split_last_half(curves.loss)
        return curves.verdict(
            "healthy",
            STILL_LEARNING,
            n=len(then) + len(now),
            then=float(then.mean()),
            now=float(now.mean()),
            train_then=float(train_then.mean()),
            train_now=float(train_now.mean()),
        )
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if not curves.has_training_accuracy:
        return curves.verdict("healthy", CONVERGED_BY_LOSS, validation=validation)
    return curves.verdict("healthy", CONVERGED, train=train, validation=validation)
