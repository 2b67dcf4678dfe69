"""What happened in a training: the numbers of its epochs in, a verdict out; pure.

A change counts only when it is larger than chance would make it. Three things keep chance out:

- Levels are medians over several epochs, so that one wild epoch moves none, and trends are medians
  of slopes.
- The scatter of a curve about its neighbours says how uncertain such a level is. Where the number
  of validation photos is known, the scatter is taken no smaller than so few photos allow.
- Small changes that are certain but do not matter are passed over; the constants say which.

`python -m benchmarks verdicts` holds the rules against histories that experts have judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, isnan, log, nan, pi, sqrt
from typing import Any, Literal, TypeAlias, TypedDict, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..base.english_plurals import format_english
from ..base.errors import N_
from ..base.metric_rows import EpochRow, MetricName
from ..runs.final_evaluation import majority_share, prior_loss

VerdictKind = Literal[
    "overfitting",
    "underfitting",
    "healthy",
    "diverged",
    "unstable",
    "missed_class",
    "wrong_labels",
    "easy_validation",
    "too_short",
]


@dataclass(frozen=True)
class Remark:
    """A sentence: a message of the catalogue and its values. `id` names it for programs."""

    id: str
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return format_english(self.message, self.params)


@dataclass(frozen=True)
class Verdict:
    """What happened in a training.

    Attributes:
        kind: the verdict in one word; "too_short" also where the validation photos are too few.
        message: the sentence that tells it, a message of the catalogue.
        params: values of the sentence; epochs in it count from 1, as people see them.
        since: for overfitting, the first and the last epoch, from 0, in which it may have begun.
            They are the same where validation loss rises, and differ where it stands still.
        numbers: what the verdict rests on, by name; see `diagnose.diagnose`.
        remarks: what else is worth knowing, such as why validation beats training.
        steps: what to try next, the most promising first.
    """

    kind: VerdictKind
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    since: tuple[int, int] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    steps: tuple[Remark, ...] = ()

    def __str__(self) -> str:
        return format_english(self.message, self.params)


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
    "Overfitting since epoch {epoch}: validation loss is {rise:.2f} above its lowest ({best:.2f} "
    "to {end:.2f}), but training loss fell from {train_then:.2f} to {train_now:.2f}."
)
VAL_LOSS_PLATEAU = N_(
    "Overfitting began between epochs {epoch} and {last}: training loss kept falling, to "
    "{train_now:.2f}, but validation loss has stayed near {end:.2f}. What the network has learned "
    "since then works only for the training photos."
)
NOISE_MEMORIZED = N_(
    "Overfitting since epoch {epoch}: validation accuracy fell from {high:.1%} to {end:.1%} while "
    "training accuracy rose to {train:.1%}. This is typical of a network that memorizes wrong "
    "labels."
)
MISSED_CLASS = N_(
    "The class “{name}” is hardly ever found: {found} of its {n} validation photos. Accuracy "
    "({accuracy:.1%}) hides this, because always predicting the largest class gives {guess:.1%}."
)
ONE_ANSWER = N_(
    "Validation accuracy is exactly {accuracy:.1%} in each of the last {n} epochs. So the"
    " network seems to predict the largest class for every photo."
)
VALIDATION_AT_CHANCE = N_(
    "The labels or the preprocessing seem wrong. The network fits its training photos "
    "({train:.1%}), but on validation photos it only guesses ({validation:.1%})."
)
VALIDATION_BELOW_CHANCE = N_(
    "The classes seem swapped. On validation photos the network is worse than guessing: "
    "{validation:.1%}, but {train:.1%} on its training photos."
)
UNSTABLE = N_(
    "Training is unstable: its loss jumps by about {jump:.2f} from epoch to epoch, between "
    "{low:.2f} and {high:.2f} lately. The steps are too large."
)
EASY_VALIDATION_UNLESS = N_(
    "Validation accuracy ({validation:.1%}) is far above training accuracy ({train:.1%}). Only "
    "strong dropout or augmentation explains so much."
)
EASY_VALIDATION = N_(
    "Validation accuracy ({validation:.1%}) is far above training accuracy ({train:.1%}), and "
    "neither dropout nor augmentation explains it."
)
NO_LEARNING = N_(
    "Underfitting: after {n} epochs, the network has learned almost nothing. Training accuracy in "
    "its last {last} epochs is about {train:.1%}, and guessing gives {guess:.0%}."
)
NETWORK_DEAD = N_(
    "Underfitting: the network learns nothing. Its loss stays at {loss:.2f}, no better than"
    " guessing. For {n} epochs, it has predicted the same class for every validation photo."
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
NO_LEARNING_BY_LOSS_ALONE = N_(
    "Underfitting: after {n} epochs, training loss is {loss:.2f}, and guessing gives {guess:.2f}."
)
UNDERFITTING_BY_TRAINING = N_(
    "Underfitting: training accuracy has leveled off at {train:.1%}. The network doesn't even fit "
    "its training photos."
)
UNDERFITTING_BY_LOSS = N_(
    "Underfitting: training loss has leveled off at {train:.2f}, close to validation loss at "
    "{validation:.2f}. Validation accuracy is only {accuracy:.1%}."
)
CONVERGED_BY_LOSS = N_(
    "Healthy: validation accuracy has leveled off at {validation:.1%}, and validation loss hasn't "
    "risen."
)
CONVERGED_BY_TRAINING = N_(
    "Healthy: training accuracy has leveled off at {train:.1%}, and validation loss hasn't risen."
)
ACCURACY_NEEDED = N_(
    "Validation accuracy has leveled off at {accuracy:.1%}. Without training accuracy, this could "
    "be overfitting or underfitting."
)
ANY_ACCURACY_NEEDED = N_(
    "Validation loss has leveled off at {validation:.2f}, and training loss is {train:.2f}. "
    "Without accuracies, this could be healthy, overfitting or underfitting."
)
VALIDATION_LOSS_NEEDED = N_(
    "Training loss went from {then:.2f} to {now:.2f}. Without validation loss, overfitting can't "
    "be judged."
)
LOSSES_NEEDED = N_(
    "Training accuracy went from {then:.1%} to {now:.1%}. Without both losses, overfitting can't "
    "be judged."
)
LOSSES_NEEDED_FOR_GAP = N_(
    "Training accuracy is {train:.1%} and validation accuracy is {validation:.1%}. Without both "
    "losses, overfitting can't be judged."
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
OVERCONFIDENT = N_(
    "Validation accuracy still rose, from {then:.1%} to {now:.1%}. So the network is "
    "overconfident: right more often, but more certain when it is wrong, which raises the loss."
)
NO_TRAINING_ACCURACY = N_(
    "The history has no training accuracy, so the gap to validation accuracy can't be judged. "
    "Overfitting shows here only if validation loss rises."
)
NO_VALIDATION_ACCURACY = N_(
    "The history has no validation accuracy, so overfitting shows here only if validation loss "
    "rises."
)
IN_SOME_EPOCHS = N_("This happened in {n} of {all} epochs.")
STOPPED_EARLY = N_(
    "Early stopping ended this run after epoch {n} of {planned}, because {patience} epochs "
    "brought no improvement. This is normal, and nothing is lost."
)
SAVED_EPOCH = N_("The saved model is from epoch {epoch}.")
SAVED_LATER = N_(
    "The saved model is from epoch {epoch}, after overfitting began. The lab saved the epoch with "
    "the highest validation accuracy."
)
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
BALANCE = N_("Turn on “Balance classes” on the Train page, or add photos of the small class.")
FIND_LEAKS = N_(
    "Look for photos that are in both training and validation. The Data page finds duplicates."
)
EASIER_PHOTOS = N_(
    "Compare the two sets of photos. Are the validation photos easier, or scaled differently?"
)
CHECK_PREPROCESSING = N_(
    "Check that training and validation photos are scaled the same way. Both folders must use the "
    "same class names."
)
CHECK_LABELS = N_(
    "View a batch on the Data page. Are the labels right? Can you tell the classes apart yourself?"
)
MEASURE_ACCURACY = N_("Measure training accuracy as well, and import the history again.")
MEASURE_ACCURACIES = N_(
    "Measure training and validation accuracy as well, and import the history again."
)
MEASURE_LOSSES = N_(
    "Measure loss and accuracy in training and validation, and import the history again."
)
MORE_VALIDATION = N_("Validate on more photos: a few hundred, or better, a thousand.")
ALL_WELL = N_("Nothing needs fixing. Test the model on new photos.")


_NOTHING_LEARNED = (NO_LEARNING, NO_LEARNING_BY_LOSS, NO_LEARNING_BY_LOSS_ALONE, NETWORK_DEAD)
_LOSSES_NEEDED = (VALIDATION_LOSS_NEEDED, LOSSES_NEEDED, LOSSES_NEEDED_FOR_GAP)
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


def moving_median(values: Values, size: int) -> Values:
    """Return the medians of all `size` neighbours: (N,) to (N - size + 1,); the last is the end."""
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, size), axis=1))


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


def last_part(values: Values, part: int) -> Values:
    """Return the last half (2) or third (3) of a curve, or six values if that is fewer."""
    return values[-max(6, len(values) // part) :]


def count_swings(values: Values, height: float) -> int:
    """Return how often a curve rises by `height` from a low, having fallen by as much before."""
    count, rising, extreme = 0, True, float(values[0])
    for value in values.tolist():
        if rising == (value > extreme):
            extreme = value
        elif abs(value - extreme) >= height:
            rising, extreme = not rising, value
            count += rising
    return count


def trend(values: Values) -> float:
    """Return how much a curve rises from its first to its last value, along a straight line.

    The slope is the median of the slopes between all pairs, which up to 29 % of wild values do not
    turn (Theil 1950, Sen 1968). Long curves are averaged to 100 values first: the pairs stay few.
    """
    count = len(values)
    if count < 2:
        return 0.0
    heights = values
    if count > 100:
        heights = np.array([block.mean() for block in np.array_split(values, 100)])
    later, earlier = np.triu_indices(len(heights), 1)[::-1]
    slope = np.median((heights[later] - heights[earlier]) / (later - earlier))
    return float(slope * (len(heights) - 1))


def trend_error(count: int, noise: float) -> float:
    """Return the standard error of the `trend` of so many values that scatter by `noise`.

    Of a straight line fitted by least squares it is noise * sqrt(12 (n - 1) / (n (n + 1))); the
    median of slopes is some 5 % less exact.
    """
    return 1.05 * noise * sqrt(12 * (count - 1) / (count * (count + 1))) if count > 1 else 0.0


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
    """An epoch with all four metrics; a loss may be infinite or NaN, and what was measured in no
    epoch is NaN."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def clean_history(history: Iterable[EpochRow]) -> list[CompleteRow]:
    """Return the rows that hold all four metrics, by epoch; of an epoch twice the last counts.

    A metric that no row has, as in histories of other programs, is NaN in all.
    """
    rows_by_epoch: dict[int, CompleteRow] = {}
    rows = list(history)
    measured = {name for name in METRICS if any(_is_number(row.get(name)) for row in rows)}
    if not measured:
        return []
    for row in rows:
        epoch = row.get("epoch")
        values: list[object] = [row.get(name) if name in measured else nan for name in METRICS]
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
        window: epochs that a level is the median of.
        loss_noise, val_noise: scatter of single epochs' losses.
        val_error: standard error of the validation accuracy at the end.
        easier_epochs: epochs in which validation was better than training.
        clean_gap: the gap on clean photos at the last epoch, if known.
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
    clean_gap: float | None = None

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
            clean_gap=facts.clean_gap,
        )

    @property
    def count(self) -> int:
        """How many epochs there are."""
        return len(self.epochs)

    @property
    def has_training_accuracy(self) -> bool:
        """Whether the accuracy was measured on the training photos, too."""
        return _is_measured(self.accuracy)

    @property
    def has_validation_accuracy(self) -> bool:
        """Whether the accuracy was measured on the validation photos."""
        return _is_measured(self.val_accuracy)

    @property
    def has_accuracies(self) -> bool:
        """Whether there is a gap between the two accuracies."""
        return self.has_training_accuracy and self.has_validation_accuracy

    @property
    def has_losses(self) -> bool:
        """Whether the loss was measured on the training and on the validation photos."""
        return _is_measured(self.loss) and _is_measured(self.val_loss)

    def final_level(self, values: Values) -> float:
        """Return the level of a curve at its end: the median of the last window."""
        return float(np.median(values[-self.window :]))

    def significant_change(self, noise: float) -> float:
        """Return what two levels must differ by, to be told from chance.

        Each is a median of `window` epochs. A median's standard error is sqrt(pi / 2) = 1.25 times
        a mean's, so the difference of two has noise * sqrt(pi / window).
        """
        return MIN_STANDARD_ERRORS * noise * sqrt(pi / self.window)

    @property
    def constant_answers(self) -> int:
        """How many epochs at the end have the same validation accuracy to the last digit."""
        same = self.val_accuracy == self.val_accuracy[-1]
        return self.count if same.all() else int(np.argmin(same[::-1]))

    @property
    def gap(self) -> float:
        """Training minus validation accuracy at the end, on clean photos where that is known."""
        if self.clean_gap is not None:
            return self.clean_gap
        return self.final_level(self.accuracy) - self.final_level(self.val_accuracy)

    def has_begun(self, facts: RunContext) -> bool:
        """Return whether the network has begun to learn its training photos, if that is known."""
        level = self.final_level(self.accuracy)
        return not self.has_training_accuracy or level - facts.guess > facts.margin(_LEARNT_MARGIN)

    def lowest_windows(self, facts: RunContext) -> tuple[int, int]:
        """Return where validation loss was lowest, by the first epoch of a window.

        The first index is of the lowest window, the second of the middle one of all that are as low
        but for chance: with few photos the lowest itself jumps about the bottom of the curve.

        Both are sought from where the network has learned something: before that, the loss is that
        of guessing, and no overfitting can begin.
        """
        levels = moving_median(self.val_loss, self.window)
        accuracy = self.accuracy if self.has_training_accuracy else self.val_accuracy
        learned = moving_median(accuracy, self.window) - facts.guess > facts.margin(_BEGUN_MARGIN)
        begun = int(np.argmax(learned)) if learned.any() else 0
        lowest = begun + int(np.argmin(levels[begun:]))
        error = self.val_noise * sqrt(pi / 2 / self.window)
        (bottom,) = np.nonzero(levels[begun:] <= levels[lowest] + error / 2)
        return lowest, begun + int(np.median(bottom))

    def still_falls(self, values: Values, noise: float, facts: RunContext) -> bool:
        """Return whether a loss surely fell in the last half, by enough, and has not stopped.

        Enough is a part of all that it has fallen, so that the end of a steep curve counts as
        level. It has stopped if it fell by less than that in the last third.
        """
        levels = moving_median(values, self.window)
        total = max(float(levels[0] - levels.min()), 0.0)
        half, third = last_part(values, 2), last_part(values, 3)
        least = {
            part: max(share * total, least * facts.guess_loss)
            for part, (share, least) in _MIN_FALL.items()
        }
        fall = -trend(half)
        is_sure = fall > 2 * trend_error(len(half), noise)
        return is_sure and fall > least[2] and -trend(third) > least[3]

    def still_learning(self, facts: RunContext) -> bool:
        """Return whether validation still improves: its loss falls, or its accuracy rises."""
        if self.still_falls(self.val_loss, self.val_noise, facts):
            return True
        half, third = last_part(self.val_accuracy, 2), last_part(self.val_accuracy, 3)
        rise, error = trend(half), trend_error(len(half), residual_std(self.val_accuracy))
        is_sure = rise > MIN_STANDARD_ERRORS * error
        return is_sure and rise > _MIN_GAIN[2] and trend(third) > _MIN_GAIN[3]

    def moves_on(self, facts: RunContext) -> bool:
        """Return whether all curves together still improve, where none may surely do so alone.

        What has little error left must move more to be worth the time.
        """
        moves: dict[str, float] = {}
        certainty = 0.0
        for name, values, noise, scale in (
            ("loss", self.loss, self.loss_noise, -facts.guess_loss),
            ("val_loss", self.val_loss, self.val_noise, -facts.guess_loss),
            ("accuracy", self.accuracy, residual_std(self.accuracy), 1 - facts.guess),
            ("val_accuracy", self.val_accuracy, residual_std(self.val_accuracy), 1 - facts.guess),
        ):
            late = last_part(values, 2)
            if np.isnan(late).any():
                continue
            moves[name] = trend(late) / scale
            error = max(trend_error(len(late), noise) / abs(scale), 1e-6)
            certainty += float(np.clip(moves[name] / error, -5, 5))
        if not moves:
            return False
        much_wrong = self.error_over_guessing(facts) > _UNDERFITTING_ERROR
        least = self.count * _MIN_MOVE_PER_EPOCH if much_wrong else _MIN_MOVE
        # Accuracies count whole photos, and are the noisier: the losses have to take part. So has
        # validation, once the training photos are known: else it is overfitting that moves on.
        losses = [moves[name] for name in ("loss", "val_loss") if name in moves]
        takes_part = not losses or float(np.mean(losses)) > _LOSS_PART * least
        follows = much_wrong or moves.get("val_loss", least) > least / 2
        is_sure = certainty / sqrt(len(moves)) > _SURE_MOVE
        return is_sure and takes_part and follows and float(np.mean([*moves.values()])) > least

    def error_over_guessing(self, facts: RunContext) -> float:
        """Return the smaller error of the two accuracies, as a part of guessing's error.

        1 is no better than guessing, 0 all right. So 80 % of two classes (0.4) and of ten (0.22)
        can be held against one threshold. One that was not measured does not count; NaN without
        either.
        """
        levels = [self.final_level(curve) for curve in (self.accuracy, self.val_accuracy)]
        best = max((level for level in levels if not isnan(level)), default=nan)
        error = (1 - best) / (1 - facts.guess)
        if facts.recalls:  # of uneven classes, the mean of their recalls is the fairer accuracy
            error = min(error, (1 - float(np.mean(facts.recalls))) / (1 - 1 / facts.classes))
        return error

    def lowest_epoch_in_window(self, start: int) -> int:
        """Return the index of the epoch with the lowest validation loss within a window."""
        return start + int(np.argmin(self.val_loss[start : start + self.window]))

    def numbers(self) -> dict[str, float]:
        """Return the numbers a verdict rests on; see `diagnose.diagnose`."""
        numbers: dict[str, float] = {
            "epochs": self.count,
            "training_loss": self.final_level(self.loss),
            "training_accuracy": self.final_level(self.accuracy),
            "gap": self.gap,
            "validation_loss": self.final_level(self.val_loss),
            "validation_accuracy": self.final_level(self.val_accuracy),
            "validation_error": self.val_error,
        }
        if self.has_losses:
            levels = moving_median(self.val_loss, self.window)
            lowest = int(np.argmin(levels))
            numbers |= {
                "lowest_loss_epoch": self.epochs[self.lowest_epoch_in_window(lowest)],
                "lowest_loss": float(levels[lowest]),
                "rise": self.final_level(self.val_loss) - float(levels[lowest]),
                "easier_epochs": self.easier_epochs,
            }
        return {name: value for name, value in numbers.items() if not isnan(value)}

    def verdict(self, kind: VerdictKind, message: str, **params: Any) -> Verdict:
        """Return a verdict on these curves."""
        return Verdict(kind, message, params, numbers=self.numbers())


def _is_measured(curve: Values) -> bool:
    return not np.isnan(curve).all()


RECOMMENDED_PATIENCE = 5
"""Epochs without a better one that early stopping is advised to wait: single epochs scatter, and
with 1 or 2 it would end most trainings on a bad one."""


@dataclass(frozen=True)
class RunContext:
    """What is known of a training besides its numbers; None where it is not known.

    Attributes:
        classes: number of classes; it fixes what guessing gives.
        training_photos: photos the network learned from.
        validation_photos: photos each validation measured.
        class_counts: how many of those are of each class.
        recalls: the part of each class's that the kept epoch's model answered right, 0..1.
        class_names: the classes in that order.
        clean_gap: accuracy on clean training photos minus validation accuracy at the last epoch,
            both without augmentation and dropout; the gap of the curves is used where not known.
        planned_epochs: epochs it was started for.
        is_training: whether it still trains.
        diverged_epoch: the epoch, from 0, in which the loss became NaN, ending the training.
        saved_epoch: the epoch, from 0, whose model is kept.
        monitor: the metric that epoch is the best by.
        patience: epochs early stopping waits, 0 for none.
        learning_rate: of the start.
        optimizer: "adam", "sgd" and so on; what is a high rate depends on it.
        augmented: whether training photos were changed at random.
        dropout: whether the network drops units while it trains.
        pretrained: whether it began from a pretrained network.
        smoothed: whether training labels were smoothed, which keeps the training loss up.
    """

    classes: int = 2
    training_photos: int | None = None
    validation_photos: int | None = None
    class_counts: tuple[int, ...] | None = None
    recalls: tuple[float, ...] | None = None
    class_names: tuple[str, ...] = ()
    clean_gap: float | None = None
    planned_epochs: int | None = None
    is_training: bool = False
    diverged_epoch: int | None = None
    saved_epoch: int | None = None
    monitor: str = "val_accuracy"
    patience: int = 0
    learning_rate: float | None = None
    optimizer: str | None = None
    augmented: bool | None = None
    dropout: bool | None = None
    pretrained: bool = False
    smoothed: bool = False

    @property
    def guess(self) -> float:
        """The accuracy of always answering the largest class."""
        return majority_share(self._known_counts)

    @property
    def guess_loss(self) -> float:
        """The loss of answering every photo with the shares of the classes."""
        return prior_loss(self._known_counts) or log(self.classes)

    @property
    def _known_counts(self) -> tuple[int, ...]:
        counts = self.class_counts or ()
        return counts if any(counts) else (1,) * self.classes

    def margin(self, accuracy: float) -> float:
        """Return points of accuracy above guessing, fewer where guessing errs in under a half.

        Of 95 % cats, guessing leaves 5 points to gain, so 5 above guessing would be perfect.
        """
        return accuracy * min(1.0, 2 * (1 - self.guess))


def add_remarks(verdict: Verdict, facts: RunContext) -> Verdict:
    """Return the verdict with the remarks and next steps that fit it."""
    return replace(
        verdict,
        remarks=(*verdict.remarks, *_remarks(verdict, facts)),
        steps=(*_next_steps(verdict, facts), *verdict.steps),
    )


def _remarks(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    if facts.is_training:
        yield Remark("wait", STILL_TRAINING)
    numbers = verdict.numbers
    is_judged = verdict.kind != "diverged" and numbers.get("epochs", 0) >= MIN_EPOCHS
    if is_judged and "lowest_loss" in numbers:
        if "validation_accuracy" not in numbers:
            yield Remark("no_validation_accuracy", NO_VALIDATION_ACCURACY)
        elif "training_accuracy" not in numbers:
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
        is_later = verdict.since is not None and facts.saved_epoch > verdict.since[1]
        by_accuracy = is_later and facts.monitor == "val_accuracy"
        message = SAVED_LATER if by_accuracy else SAVED_EPOCH
        yield Remark("kept", message, {"epoch": facts.saved_epoch + 1})
    is_told = verdict.kind not in ("diverged", "too_short") and "validation_error" in numbers
    if facts.validation_photos and is_told:
        points = 100 * Z * numbers["validation_error"]
        yield Remark("chance", ACCURACY_MARGIN, {"n": facts.validation_photos, "points": points})


def _explain_better_validation(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    """Explain why validation was better than training in at least half of the epochs."""
    epochs, easier = (int(verdict.numbers.get(name, 0)) for name in ("epochs", "easier_epochs"))
    # Two coins tossed differ as well.
    if verdict.message in _NOTHING_LEARNED or 2 * easier < epochs:
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
    match verdict.kind:
        case "overfitting" if verdict.message == NOISE_MEMORIZED:
            yield Remark("check_labels", CHECK_LABELS)
            yield Remark("stop_early", STOP_EARLY, {"patience": RECOMMENDED_PATIENCE})
        case "overfitting":
            yield from _overfitting_steps(facts)
        case "underfitting" if verdict.message in _NOTHING_LEARNED:
            yield from _no_learning_steps(verdict, facts)
        case "underfitting":
            yield from _underfitting_steps(verdict, facts)
        case "diverged":
            yield _lower_rate_step(facts, 10)
        case "unstable":
            yield _lower_rate_step(facts, 3)
            yield Remark("find_rate", FIND_RATE)
        case "missed_class":
            yield Remark("balance", BALANCE)
        case "wrong_labels":
            yield Remark("check_labels", CHECK_LABELS)
            yield Remark("check_preprocessing", CHECK_PREPROCESSING)
            yield Remark("more_data", MORE_DATA)
        case "easy_validation":
            yield Remark("find_leaks", FIND_LEAKS)
            yield Remark("compare_photos", EASIER_PHOTOS)
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


def _no_learning_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    """Advise which way to turn the learning rate, where that can be told."""
    rate = facts.learning_rate
    lowest, highest = _SGD_RATES if facts.optimizer == "sgd" else _USUAL_RATES
    if rate and rate <= lowest:
        yield Remark("raise_rate", RAISE_RATE, {"rate": rate, "higher": 10 * rate})
    elif rate and rate >= highest:
        yield _lower_rate_step(facts, 10)
    elif verdict.numbers["epochs"] < 20 and not facts.is_training:
        yield Remark("more_epochs", SLOW_START)
    yield Remark("find_rate", FIND_RATE)
    yield Remark("check_labels", CHECK_LABELS)


def _underfitting_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    numbers = verdict.numbers
    has_begun = numbers.get("training_accuracy", 1.0) - facts.guess > facts.margin(_LEARNT_MARGIN)
    if numbers["epochs"] < 20 and not has_begun and not facts.is_training:
        yield Remark("more_epochs", SLOW_START)
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
    elif verdict.message == ANY_ACCURACY_NEEDED:
        yield Remark("measure_accuracy", MEASURE_ACCURACIES)
    elif verdict.message in _LOSSES_NEEDED:
        yield Remark("measure_losses", MEASURE_LOSSES)
    elif not facts.is_training:
        yield Remark("more_epochs", ENOUGH_EPOCHS, {"n": 10})


def _healthy_steps(verdict: Verdict, facts: RunContext) -> Iterator[Remark]:
    if facts.is_training:
        return
    if verdict.message == STILL_LEARNING:
        yield _more_epochs_step(int(verdict.numbers["epochs"]))
    elif verdict.message == GAP_GROWING:
        yield Remark("augment", AUGMENT_MORE if facts.augmented else AUGMENT)
    else:
        yield Remark("all_well", ALL_WELL)
        if facts.pretrained or verdict.numbers.get("validation_accuracy", 0.0) > 0.95:
            return
        yield Remark("transfer", TRANSFER)


def _more_epochs_step(epochs: int) -> Remark:
    return Remark("more_epochs", MORE_EPOCHS, {"n": 2 * epochs})


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
_SURE_TREND = 2.5
"""Standard errors a trend since the lowest validation loss must have."""
_MIN_GAP = 0.05
"""Points of accuracy, as a fraction, that training must be ahead of validation: so much is usual
where all is well, since training photos have been seen."""
_MIN_FALL = {2: (0.09, 0.03), 3: (0.05, 0.02)}
"""By how much a loss must fall in the last half (2) and the last third (3) of the epochs for that
to be a reason to go on: as a part of all that it has fallen, and as a part of guessing's loss. From
0.46 to 0.45 is certain with many photos, and changes nothing."""
_MIN_MOVE_PER_EPOCH, _MIN_MOVE = 0.001, 0.08
"""How far the curves must improve in the last half, on average, as a part of guessing's loss and
error: for each epoch of the training where much is still wrong, and in all where little is."""
_LOSS_PART = 0.2
"""The part of that which the losses have to improve."""
_SURE_MOVE = 0.8
"""Standard errors by which the curves together must improve: going on costs nothing but time."""
_MIN_GAIN = {2: 0.03, 3: 0.03}
"""Points of validation accuracy, as a fraction, that the last half and the last third must gain for
that to be a reason to go on."""
_UNDERFITTING_ERROR = 0.3
"""The part of guessing's error that is much: 85 % accuracy of two classes. What fits no better, and
moves no more, has not even learnt its training photos."""
_FITTED_ERROR = 0.3
"""The part of guessing's error below which a network knows its training photos."""
_NOT_BETTER = 2.25
"""Standard errors above guessing within which validation counts as guessing, where the training
photos are known."""
_BELOW_GUESSING = 0.1
"""Accuracy below guessing, as a fraction, from which a network must have swapped the classes."""
_MOST_CHANCE = 0.065
"""Accuracy above guessing, as a fraction, that counts as guessing at most: of few photos more may
be chance, but that few photos were learned by heart is likelier than wrong labels."""
_ENOUGH_PHOTOS = 100
"""Training photos of each class from which a network trained from scratch learns something of the
others: of 20 real cats and 20 dogs it learned all by heart, and validation stayed at 53 %."""
_MISSED_RECALL = 1 / 3
"""The part of a class's photos that must be found for it not to be missed."""
_UNEVEN = 0.1
"""How much guessing must gain, as a fraction, by answering the largest class: 60 to 40 of two."""
_VERY_UNEVEN = 0.25
"""The same where the shares aren't known, and a constant accuracy is the only sign."""
_ACCURACY_LOST = 0.07
"""Points of validation accuracy, as a fraction, that wrong labels learned by heart cost. Usual
overfitting costs one to three."""
_EASIER = 0.05
"""Points of accuracy, as a fraction, that validation may be ahead where nothing explains it."""
_EASIER_UNLESS = 0.12
"""The same where it isn't known whether there was dropout or augmentation."""
_JUMP = 0.1
"""The part of guessing's loss by which an epoch's training loss must be off its neighbours' mean to
count as a jump. Of the recorded trainings that didn't diverge, at most 4 % of the epochs jump."""
_JUMPING_EPOCHS = 0.3
"""The part of the later epochs that must jump for the training to be unstable."""
_USUAL_RATES = (1e-5, 3e-3)
"""Learning rates below and above which Adam and its like rarely learn, in a usual network."""
_SGD_RATES = (1e-3, 0.3)
"""The same of stochastic gradient descent."""
_GUESSING_MARGIN = 0.05
"""Accuracy above guessing, as a fraction, that is hardly better than guessing."""
_GUESSING_LOSS = 0.95
"""The part of guessing's loss that is hardly better: with two classes, 60 % are right at most."""
_GUESSING_ENTROPY = 0.75
"""The part of the entropy of one answer's share that losses have where nothing else is known."""
_LEARNT_LOSS = 0.9
"""The part of guessing's loss below which validation loss shows that something was learned."""
_LOSS_GAP = 0.1
"""The part of the validation loss that training loss is below it where both fit about as well."""
_DEAD_EPOCHS = 8
"""Epochs with the same answer to all after which a network that only guesses is dead: at the start,
a slow one gives one answer, too."""
_BEGUN_MARGIN = 0.125
"""Accuracy above guessing, as a fraction, at which a network has begun to learn."""
_LEARNT_MARGIN = 0.15
"""Accuracy above guessing, as a fraction, that a network must have had to have lost it again."""


def diagnose(history: Iterable[EpochRow], facts: RunContext | None = None) -> Verdict:
    """Judge a training by the numbers of its epochs.

    Args:
        history: rows with epoch (from 0), loss, accuracy, val_loss, val_accuracy, in any order; of
            an epoch told twice the last counts; rows without these are passed over, but for what
            no row has.
        facts: what else is known of the training.

    Returns:
        The verdict. Its numbers: epochs; training_loss, training_accuracy, validation_loss and
        validation_accuracy, medians of the last epochs; gap, training minus validation accuracy;
        validation_error, the standard error of the validation accuracy; lowest_loss_epoch, from
        0, and lowest_loss of the smoothed validation loss, which need not be the best epoch that
        a run keeps; rise of the validation loss from there. Numbers that rest on what was not
        measured are left out.
    """
    facts = facts or RunContext()
    rows = clean_history(history)
    measured = [name for name in METRICS if not all(isnan(row[name]) for row in rows)]
    for number, row in enumerate(rows):
        if not all(isfinite(row[name]) for name in measured):
            return add_remarks(_not_finite(number, row), facts)
    if facts.diverged_epoch is not None:
        return add_remarks(_not_finite(len(rows), {"epoch": facts.diverged_epoch}), facts)
    if not rows:
        return add_remarks(Verdict("too_short", NO_EPOCHS), facts)
    curves = HistoryCurves.from_rows(rows, facts)
    # The first that fits is the verdict. Divergence comes first, since it is certain after any
    # number of epochs; then what makes all others impossible to tell; then what is wrong with the
    # photos, since no other setting helps there; overfitting before underfitting, since a network
    # that overfits has learnt its training photos.
    checks = [
        _diverged,
        _too_short,
        _missed_class,
        _no_learning,
        _wrong_labels,
        _noise_memorized,
        _easy_validation,
        _unstable,
    ]
    if curves.has_losses:
        checks += [_val_loss_rising, _val_loss_plateau, _underfitting, _healthy]
    else:
        checks.append(_without_losses)
    return add_remarks(next(v for check in checks if (v := check(curves, facts))), facts)


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
    margin = facts.margin(_GUESSING_MARGIN)
    if curves.has_training_accuracy:
        return curves.final_level(curves.accuracy) - facts.guess <= margin
    is_loss_of_guessing = curves.final_level(curves.loss) >= _GUESSING_LOSS * facts.guess_loss
    validation = curves.final_level(curves.val_accuracy) - facts.guess
    return is_loss_of_guessing and not validation > margin  # it may be NaN


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
    levels = moving_median(curves.accuracy, curves.window)
    high, end = float(levels.max()), curves.final_level(curves.accuracy)
    if high - facts.guess < facts.margin(_LEARNT_MARGIN):
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


def _missed_class(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that uneven classes hide one that is hardly ever found.

    Without the recall of each class, one answer to every photo shows in a validation accuracy that
    is the same to the last digit, with the loss that the shares of the classes give.
    """
    accuracy = curves.final_level(curves.val_accuracy)
    if facts.recalls and facts.class_counts:
        worst = min(range(len(facts.recalls)), key=facts.recalls.__getitem__)
        count, recall = facts.class_counts[worst], facts.recalls[worst]
        if recall > _MISSED_RECALL or facts.guess - 1 / facts.classes < _UNEVEN:
            return None
        names = facts.class_names or tuple(str(number + 1) for number in range(facts.classes))
        return curves.verdict(
            "missed_class",
            MISSED_CLASS,
            name=names[worst],
            found=round(recall * count),
            n=count,
            accuracy=accuracy,
            guess=facts.guess,
        )
    n = curves.constant_answers
    if n < MIN_EPOCHS or accuracy - facts.guess < _VERY_UNEVEN or accuracy == 1:
        return None
    if not curves.has_training_accuracy or abs(curves.gap) > _MIN_GAP:
        return None
    # The entropy of that share and the rest: what a network without knowledge of the photos can
    # reach. One that knows them, and errs as often in each epoch, has a far smaller loss.
    entropy = -accuracy * log(accuracy) - (1 - accuracy) * log(1 - accuracy)
    knows_nothing = min(curves.final_level(curves.loss), curves.final_level(curves.val_loss))
    if knows_nothing < _GUESSING_ENTROPY * entropy:
        return None
    return curves.verdict("missed_class", ONE_ANSWER, accuracy=accuracy, n=n)


def _no_learning(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that nothing was learnt: neither accuracy is clearly better than guessing."""
    guess = facts.guess
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if (
        not _only_guesses(curves, facts)
        or validation - max(facts.margin(_GUESSING_MARGIN), MIN_STANDARD_ERRORS * curves.val_error)
        > guess
    ):
        return None
    if not curves.has_training_accuracy:
        by_loss = {"n": curves.count, "loss": curves.final_level(curves.loss)}
        by_loss["guess"] = facts.guess_loss
        if not curves.has_validation_accuracy:
            return curves.verdict("underfitting", NO_LEARNING_BY_LOSS_ALONE, **by_loss)
        return curves.verdict("underfitting", NO_LEARNING_BY_LOSS, **by_loss, validation=validation)
    if curves.constant_answers >= _DEAD_EPOCHS:
        return curves.verdict(
            "underfitting",
            NETWORK_DEAD,
            loss=curves.final_level(curves.loss),
            n=curves.constant_answers,
            guess=guess,
        )
    last = min(curves.window, curves.count)
    return curves.verdict(
        "underfitting", NO_LEARNING, n=curves.count, last=last, train=train, guess=guess
    )


def _wrong_labels(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that what was learned of the training photos says nothing about the others.

    A few dozen photos of each class do that, too, with nothing wrong about them.
    """
    photos = facts.training_photos
    is_few = photos is not None and photos < _ENOUGH_PHOTOS * facts.classes
    if not curves.has_accuracies or not curves.has_losses or is_few:
        return None
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    uneven = facts.guess - 1 / facts.classes >= _UNEVEN
    below = 1 / facts.classes - max(_BELOW_GUESSING, MIN_STANDARD_ERRORS * curves.val_error)
    if validation < below and train - facts.guess > facts.margin(_LEARNT_MARGIN):
        message = VALIDATION_BELOW_CHANCE
        if facts.classes > 2 or uneven:
            message = VALIDATION_AT_CHANCE
        return curves.verdict("wrong_labels", message, train=train, validation=validation)
    least, most = facts.margin(_GUESSING_MARGIN), facts.margin(_MOST_CHANCE)
    margin = float(np.clip(_NOT_BETTER * curves.val_error, least, most))
    if (1 - train) / (1 - facts.guess) > _FITTED_ERROR or validation - facts.guess > margin:
        return None
    lowest = float(moving_median(curves.val_loss, curves.window).min())
    if lowest < _LEARNT_LOSS * facts.guess_loss:
        return None
    return curves.verdict("wrong_labels", VALIDATION_AT_CHANCE, train=train, validation=validation)


def _noise_memorized(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that wrong labels are learned by heart: validation accuracy falls far while training
    accuracy goes on rising (Arpit et al., A Closer Look at Memorization in Deep Networks, 2017)."""
    if not curves.has_accuracies:
        return None
    levels = moving_median(curves.val_accuracy, curves.window)
    train = moving_median(curves.accuracy, curves.window)
    best = int(np.argmax(levels))
    lost = float(levels[best] - levels[-1])
    scatter = curves.significant_change(residual_std(curves.val_accuracy))
    if (
        lost < max(_ACCURACY_LOST, scatter, MIN_STANDARD_ERRORS * curves.val_error)
        or (1 - train[-1]) / (1 - facts.guess) > _FITTED_ERROR
        or train[-1] - train[best] < _GUESSING_MARGIN
    ):
        return None
    since = curves.epochs[best + curves.window // 2]
    verdict = curves.verdict(
        "overfitting",
        NOISE_MEMORIZED,
        epoch=since + 1,
        high=float(levels[best]),
        end=float(levels[-1]),
        train=float(train[-1]),
    )
    return replace(verdict, since=(since, since))


def _easy_validation(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that validation is too good to be true: far ahead of a training that nothing hinders.

    Smoothed labels and a pretrained network hinder no accuracy.
    """
    is_clean = curves.clean_gap is not None
    if not curves.has_accuracies or (not is_clean and (facts.dropout or facts.augmented)):
        return None
    is_known = is_clean or (facts.dropout is False and facts.augmented is False)
    least = _EASIER if is_known else _EASIER_UNLESS
    # Training is measured while it still improves, so early epochs lag behind for no fault.
    lags = not is_clean and curves.still_falls(curves.loss, curves.loss_noise, facts)
    if lags and curves.gap > -2 * _EASIER:
        return None
    if -curves.gap < max(least, MIN_STANDARD_ERRORS * curves.val_error):
        return None
    validation = curves.final_level(curves.val_accuracy)
    train = validation + curves.gap
    message = EASY_VALIDATION if is_known else EASY_VALIDATION_UNLESS
    return curves.verdict("easy_validation", message, train=train, validation=validation)


def _unstable(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge that training jumps: each epoch's loss is far off its neighbours', or swings wide."""
    late = curves.loss[curves.count // 4 :]
    if len(late) < MIN_EPOCHS:
        return None
    off = np.abs(late[1:-1] - (late[:-2] + late[2:]) / 2)
    jumps = float(np.mean(off > _JUMP * facts.guess_loss)) >= _JUMPING_EPOCHS
    if not jumps and count_swings(late, 1.5 * _JUMP * facts.guess_loss) < max(3, len(late) / 10):
        return None
    return curves.verdict(
        "unstable",
        UNSTABLE,
        jump=float(np.median(np.abs(np.diff(late)))),
        low=float(late.min()),
        high=float(late.max()),
    )


def _val_loss_rising(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge overfitting: validation loss surely above its best while training loss surely fell.

    The last window may not overlap the best one by more than half: what both hold is no change.
    """
    if not curves.has_begun(facts):
        return None
    (start, middle), size = curves.lowest_windows(facts), curves.window
    last = curves.count - size
    levels = moving_median(curves.val_loss, size)
    train = moving_median(curves.loss, size)
    rise = float(levels[last] - levels[start])
    after = curves.val_loss[start:]
    is_sure = rise > curves.significant_change(curves.val_noise) or (
        len(after) > 2 * size
        and trend(after) > _SURE_TREND * trend_error(len(after), curves.val_noise)
    )
    if (
        last - start <= size // 2
        or not is_sure
        or rise < _MIN_RISE * float(levels[start])
        or train[start] - train[last] < curves.significant_change(curves.loss_noise)
    ):
        return None
    begun = curves.lowest_epoch_in_window(middle)
    return _overfitting(curves, (start, start), (begun, begun), VAL_LOSS_RISING)


def _val_loss_plateau(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge overfitting where validation loss stands still while training loss falls on.

    The accuracies must be clearly apart as well, since the training loss of a well-regularised
    network may fall for long without harm.
    """
    if not curves.has_accuracies or not curves.has_begun(facts) or curves.still_learning(facts):
        return None
    # Of a loss that scatters widely, nobody can say that it stands still.
    if trend_error(len(last_part(curves.val_loss, 2)), curves.val_noise) > _JUMP * facts.guess_loss:
        return None
    if curves.gap < max(_MIN_GAP, 2 * curves.val_error):
        return None
    levels = moving_median(curves.val_loss, curves.window)
    train = moving_median(curves.loss, curves.window)
    last = len(levels) - 1
    # It may have begun at any epoch from the first within chance of the lowest level to the lowest
    # itself. Either must be long enough ago: the lowest a fifth of the training, the first half of
    # it, and 15 epochs: within chance a slow fall looks like standing still, too.
    lowest, _ = curves.lowest_windows(facts)
    near = float(levels[lowest]) + curves.significant_change(curves.val_noise)
    reached = int(np.argmax(levels <= near))
    for start, least in (
        (lowest, max(curves.window + 1, curves.count // 5)),
        (reached, max(15, curves.count // 2)),
    ):
        fell = float(train[start] - train[last])
        if last - start >= least and fell > curves.significant_change(curves.loss_noise):
            span = (reached + curves.window // 2, lowest + curves.window // 2)
            return _overfitting(curves, (reached, lowest), span, VAL_LOSS_PLATEAU)
    return None


def _overfitting(
    curves: HistoryCurves, windows: tuple[int, int], span: tuple[int, int], message: str
) -> Verdict:
    """Return the verdict of an overfitting that began in one of these windows and epochs."""
    train = moving_median(curves.loss, curves.window)
    start = windows[1]
    best = float(moving_median(curves.val_loss, curves.window)[start])
    since = (curves.epochs[span[0]], curves.epochs[span[1]])
    numbers = curves.numbers()
    params = {
        "epoch": since[0] + 1,
        "last": since[1] + 1,
        "best": best,
        "end": numbers["validation_loss"],
        "rise": numbers["validation_loss"] - best,
        "train_then": float(train[start]),
        "train_now": float(train[-1]),
    }
    then = float(moving_median(curves.val_accuracy, curves.window)[start])
    now = numbers.get("validation_accuracy", nan)
    scatter = curves.significant_change(residual_std(curves.val_accuracy))
    remarks: tuple[Remark, ...] = ()
    if message == VAL_LOSS_RISING and now - then > max(_MIN_GAIN[3], scatter):
        remarks = (Remark("overconfident", OVERCONFIDENT, {"then": then, "now": now}),)
    return Verdict("overfitting", message, params, since, numbers, remarks)


def _underfitting(curves: HistoryCurves, facts: RunContext) -> Verdict | None:
    """Judge underfitting: both curves have levelled off where much is still wrong."""
    if (
        not curves.error_over_guessing(facts) >= _UNDERFITTING_ERROR  # it may be NaN
        or curves.still_learning(facts)
        or curves.moves_on(facts)
    ):
        return None
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if not curves.has_training_accuracy:
        return _leveled_off_low(curves)
    if not curves.has_validation_accuracy:
        return curves.verdict("underfitting", UNDERFITTING_BY_TRAINING, train=train)
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
    is_moving = curves.still_learning(facts) or curves.moves_on(facts)
    if curves.has_accuracies and curves.gap > max(_MIN_GAP, MIN_STANDARD_ERRORS * curves.val_error):
        verdict = curves.verdict("healthy", GAP_GROWING, gap=100 * curves.gap)
        steps = (_more_epochs_step(curves.count),) if is_moving and not facts.is_training else ()
        return replace(verdict, steps=steps)
    if is_moving:
        return _still_learning(curves)
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    photos = facts.validation_photos
    if curves.has_accuracies and photos and curves.gap > 2 * _MIN_GAP:  # much, and within chance
        return curves.verdict("too_short", TOO_FEW_PHOTOS, n=photos, points=100 / photos)
    if curves.has_accuracies:
        return curves.verdict("healthy", CONVERGED, train=train, validation=validation)
    if curves.has_training_accuracy:
        return curves.verdict("healthy", CONVERGED_BY_TRAINING, train=train)
    if curves.has_validation_accuracy:
        return curves.verdict("healthy", CONVERGED_BY_LOSS, validation=validation)
    train, validation = curves.final_level(curves.loss), curves.final_level(curves.val_loss)
    return curves.verdict("too_short", ANY_ACCURACY_NEEDED, train=train, validation=validation)


def _without_losses(curves: HistoryCurves, facts: RunContext) -> Verdict:
    """Say what is known of a training without the two losses that overfitting shows in."""
    if _is_measured(curves.loss):
        then, now = float(curves.loss[0]), curves.final_level(curves.loss)
        return curves.verdict("too_short", VALIDATION_LOSS_NEEDED, then=then, now=now)
    train, validation = curves.final_level(curves.accuracy), curves.final_level(curves.val_accuracy)
    if curves.has_accuracies:
        return curves.verdict(
            "too_short", LOSSES_NEEDED_FOR_GAP, train=train, validation=validation
        )
    then = float(curves.accuracy[0])
    return curves.verdict("too_short", LOSSES_NEEDED, then=then, now=train)


def _still_learning(curves: HistoryCurves) -> Verdict:
    late, train = last_part(curves.val_loss, 2), last_part(curves.loss, 2)
    half = max(1, len(late) // 2)
    return curves.verdict(
        "healthy",
        STILL_LEARNING,
        n=len(late),
        then=float(np.median(late[:half])),
        now=float(np.median(late[half:])),
        train_then=float(np.median(train[:half])),
        train_now=float(np.median(train[half:])),
    )
