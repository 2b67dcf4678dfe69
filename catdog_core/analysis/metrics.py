"""Metrics from a table of predictions, and two models compared on the same photos.

scikit-learn is imported inside the functions: it takes a second. A threshold has a meaning for two
classes only: a photo is called the second when the probability of that is above it. With more, the
likeliest class is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ModelError
from .predictions import PredictionTable

RankingOrder = Literal["loss", "uncertain", "wrong"]
Numbers = NDArray[np.float64]
_Z = NormalDist().inv_cdf(0.975)
_EPSILON = 1e-7  # how far Keras's cross-entropy keeps probabilities from 0 and 1
THRESHOLD_STEPS = 100
"""Thresholds are tried in this many steps from 0 to 1."""
_MOST_DRAWS, _FEWEST_DRAWS = 1000, 50  # simulated sets of photos
_RANDOM_NUMBERS, _NUMBERS_AT_ONCE = 10_000_000, 1_000_000  # bounds of time and of memory


@dataclass(frozen=True, eq=False)
class ThresholdMetrics:
    """A table at one threshold, N photos of C classes.

    Attributes:
        guesses: (N,) class numbers.
        confusion: (C, C) counts, true classes as rows.
        right, n: photos.
        interval: of the accuracy, 95 %, as fractions.
        precision, recall, f1: (C,) fractions; NaN where there is nothing to divide by.
        support: (C,) photos that truly are of each class.
    """

    guesses: NDArray[np.int64]
    confusion: NDArray[np.int64]
    right: int
    n: int
    interval: tuple[float, float]
    precision: Numbers
    recall: Numbers
    f1: Numbers
    support: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Right of all, a fraction."""
        return self.right / self.n


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """A curve of one class against the others: points from 0 to 1 and the area under them."""

    label: int
    x: Numbers
    y: Numbers
    area: float


@dataclass(frozen=True, eq=False)
class PerfectCalibration:
    """What chance alone does to a perfectly calibrated model with the same confidences.

    Attributes:
        error: its mean expected calibration error, a fraction.
        highest: the error that it exceeds in 5 of 100 such sets of photos.
        low, high: between these lies the observed share of each step in 95 of 100 sets.
    """

    error: float
    highest: float
    low: Numbers
    high: Numbers


@dataclass(frozen=True, eq=False)
class Calibration:
    """Confidence in the predicted class against accuracy, photos sorted into equal steps.

    Attributes:
        predicted: mean confidence of each step that holds photos, 0..1.
        observed: the share of them whose predicted class is right.
        counts: photos of each.
        error: the expected calibration error: mean distance of the two, weighted by the counts.
        confidence: mean confidence of all photos.
        accuracy: the share of all photos whose predicted class is right.
        perfect: what a perfectly calibrated model would have on as many photos.
        margin: half of the 95 % interval of its accuracy about its mean confidence.
    """

    predicted: Numbers
    observed: Numbers
    counts: NDArray[np.int64]
    error: float
    confidence: float
    accuracy: float
    perfect: PerfectCalibration
    margin: float

    @property
    def is_within_chance(self) -> bool:
        """Whether a perfectly calibrated model has such an error in 95 of 100 sets of photos."""
        return self.error <= self.perfect.highest

    @property
    def bias(self) -> int:
        """Return 1 for an overconfident model, -1 for an underconfident one, 0 within chance."""
        difference = self.confidence - self.accuracy
        return 0 if abs(difference) <= self.margin else 1 if difference > 0 else -1


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a fraction `right / n`, 0..1, after Wilson; (0, 1) for no photo.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of
    the American Statistical Association 22 (1927). It holds for few photos and near 0 and 1, where
    the textbook's p ± 1.96 sqrt(p (1 - p) / n) leaves 0..1 or has no width at all.

    Example:
        >>> wilson_interval(9, 10)  # 0.90, from 0.60 to 0.98
    """
    if not n:
        return 0.0, 1.0
    part, z2 = right / n, _Z**2
    middle = (part + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * sqrt(part * (1 - part) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def predicted_labels(table: PredictionTable, threshold: float = 0.5) -> NDArray[np.int64]:
    """Return the class each photo is called, (N,)."""
    if len(table.classes) == 2:
        return np.asarray(table.probabilities[:, 1] > threshold, np.int64)
    return np.asarray(table.probabilities.argmax(axis=1), np.int64)


def metrics_at_threshold(table: PredictionTable, threshold: float = 0.5) -> ThresholdMetrics:
    """Return confusion counts, accuracy, precision, recall and F1 at a threshold, 0..1."""
    from sklearn import metrics

    called = predicted_labels(table, threshold)
    every = np.arange(len(table.classes))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        table.labels, called, labels=every, zero_division=np.nan
    )
    right = int((called == table.labels).sum())
    return ThresholdMetrics(
        guesses=called,
        confusion=metrics.confusion_matrix(table.labels, called, labels=every),
        right=right,
        n=len(table),
        interval=wilson_interval(right, len(table)),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
    )


def photo_losses(table: PredictionTable) -> Numbers:
    """Return the cross-entropy of each photo in nats, (N,), as Keras computes it."""
    true = table.probabilities[np.arange(len(table)), table.labels]
    return np.asarray(-np.log(np.clip(true, _EPSILON, 1 - _EPSILON)))


def decision_margins(table: PredictionTable, threshold: float = 0.5) -> Numbers:
    """Return how far each photo is from another answer, in probability, (N,)."""
    if len(table.classes) == 2:
        return np.asarray(np.abs(table.probabilities[:, 1] - threshold))
    top = np.sort(table.probabilities, axis=1)
    return np.asarray(top[:, -1] - top[:, -2])


def rank_photos(
    table: PredictionTable, order: RankingOrder, threshold: float = 0.5
) -> NDArray[np.int64]:
    """Rank photos, as row numbers: largest "loss" first, least certain, or most surely "wrong".

    "loss" and "uncertain" rank all photos, "wrong" only those whose answer is wrong.
    """
    if order == "loss":
        return np.argsort(-photo_losses(table), kind="stable")
    if order == "uncertain":
        return np.argsort(decision_margins(table, threshold), kind="stable")
    called = predicted_labels(table, threshold)
    wrong = np.flatnonzero(called != table.labels)
    sure = table.probabilities[wrong, called[wrong]]
    return wrong[np.argsort(-sure, kind="stable")]


def confusions(result: ThresholdMetrics, most: int = 10) -> list[tuple[int, int, int]]:
    """Return the most frequent mistakes, the most first: (true class, answer, photos)."""
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(flat_index) // len(wrong), int(flat_index) % len(wrong)) for flat_index in order]
    return [
        (truth, guess, int(wrong[truth, guess])) for truth, guess in pairs if wrong[truth, guess]
    ]


def roc_curves(table: PredictionTable) -> list[ClassCurve]:
    """Return ROC curves (false, true positive rate): of the second of two classes, or of each."""
    from sklearn import metrics

    curves = []
    for label in [1] if len(table.classes) == 2 else range(len(table.classes)):
        true = table.labels == label
        if 0 < true.sum() < len(true):
            x, y, _ = metrics.roc_curve(true, table.probabilities[:, label])
            curves.append(ClassCurve(label, x, y, float(metrics.auc(x, y))))
    return curves


def precision_recall_curves(table: PredictionTable) -> list[ClassCurve]:
    """Return recall against precision of each class; the area is the average precision."""
    from sklearn import metrics

    curves = []
    for label in range(len(table.classes)):
        true = table.labels == label
        if true.any():
            scores = table.probabilities[:, label]
            precision, recall, _ = metrics.precision_recall_curve(true, scores)
            area = metrics.average_precision_score(true, scores)
            curves.append(ClassCurve(label, recall[::-1], precision[::-1], float(area)))
    return curves


def compute_calibration(table: PredictionTable, bins: int = 10) -> Calibration:
    """Compare how confident a model is in its predicted classes with how often they are right.

    The confidence is the probability of the predicted class, as in Guo et al., "On Calibration of
    Modern Neural Networks", ICML 2017, arXiv:1706.04599. For C classes it is at least 1 / C.

    Args:
        table: the predictions, at least one.
        bins: steps from 0 to 1; each holds its upper end.
    """
    confidences = np.clip(table.probabilities.max(axis=1), 0.0, 1.0)  # a softmax can exceed 1
    is_right = table.probabilities.argmax(axis=1) == table.labels
    step = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], confidences)
    order = np.argsort(step, kind="stable")
    confidences, is_right = confidences[order], is_right[order]
    _, starts, counts = np.unique(step[order], return_index=True, return_counts=True)
    predicted = np.add.reduceat(confidences, starts) / counts
    observed = np.add.reduceat(is_right.astype(np.float64), starts) / counts
    return Calibration(
        predicted=predicted,
        observed=observed,
        counts=counts,
        error=float(_calibration_error(observed, predicted, counts)),
        confidence=float(confidences.mean()),
        accuracy=float(is_right.mean()),
        perfect=_simulate_perfect_calibration(confidences, predicted, starts, counts),
        margin=_Z * sqrt(float((confidences * (1 - confidences)).sum())) / len(table),
    )


def _calibration_error(observed: Numbers, predicted: Numbers, counts: NDArray[np.int64]) -> Numbers:
    return np.asarray((np.abs(observed - predicted) * counts).sum(axis=-1) / counts.sum())


def _simulate_perfect_calibration(
    confidences: Numbers, predicted: Numbers, starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> PerfectCalibration:
    """Let each prediction be right with the probability of its confidence, many times.

    This is the consistency resampling of Bröcker and Smith, "Increasing the Reliability of
    Reliability Diagrams", Weather and Forecasting 22 (2007). The seed is fixed, so the same
    predictions always give the same result.

    Args:
        confidences: (N,) 0..1, those of a step side by side.
        predicted: (S,) mean confidence of each step.
        starts: (S,) where each step begins.
        counts: (S,) photos of each.
    """
    rng = np.random.default_rng(0)
    photos = len(confidences)
    draws = min(_MOST_DRAWS, max(_FEWEST_DRAWS, _RANDOM_NUMBERS // photos))
    at_once = max(1, _NUMBERS_AT_ONCE // photos)
    parts = []
    for first in range(0, draws, at_once):
        chances = rng.random((min(at_once, draws - first), photos), dtype=np.float32)
        parts.append(np.add.reduceat(chances < confidences, starts, axis=1, dtype=np.int64))
    observed = np.concatenate(parts) / counts
    errors = _calibration_error(observed, predicted, counts)
    low, high = np.quantile(observed, [0.025, 0.975], axis=0)
    return PerfectCalibration(float(errors.mean()), float(np.quantile(errors, 0.95)), low, high)


def find_best_threshold(table: PredictionTable) -> tuple[float, float]:
    """Return the threshold by which most photos are right, nearest to 0.5, and that accuracy."""
    tried = np.arange(THRESHOLD_STEPS + 1) / THRESHOLD_STEPS
    called = table.probabilities[:, 1] > tried[:, None]
    right = (called == (table.labels == 1)).mean(axis=1)
    best = np.flatnonzero(right == right.max())
    nearest = best[np.argmin(np.abs(tried[best] - 0.5))]
    return float(tried[nearest]), float(right[nearest])


Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """The photos both models were asked about, as row numbers of the first one's table.

    `p` is McNemar's: how often models equally good would differ by this much or more, 0..1.
    """

    both: Rows
    only_first: Rows
    only_second: Rows
    neither: Rows
    p: float

    @property
    def n(self) -> int:
        """Photos in all."""
        return sum(map(len, (self.both, self.only_first, self.only_second, self.neither)))


def compare_models(
    first: PredictionTable, second: PredictionTable, threshold: float = 0.5
) -> ModelComparison:
    """Compare two models photo by photo.

    Args:
        first, second: their answers; photos that only one was asked about are left aside.
        threshold: for both, with two classes.

    Raises:
        ModelError: they tell other classes apart, or have no photo in common.
    """
    if set(first.classes) != set(second.classes):
        raise ModelError(
            "One model knows {first}, and the other knows {second}. Choose two models with the "
            "same classes.",
            first=", ".join(first.classes),
            second=", ".join(second.classes),
        )
    row_by_file = {file: row for row, file in enumerate(second.files)}
    rows = np.array([row for row, file in enumerate(first.files) if file in row_by_file], np.int64)
    if not len(rows):
        raise ModelError(
            "The two models have no evaluated photos in common. Evaluate both on the same photos."
        )
    others = np.array([row_by_file[first.files[row]] for row in rows])
    columns = [second.classes.index(name) for name in first.classes]
    turned = PredictionTable(
        tuple(first.files[row] for row in rows),
        first.classes,
        first.labels[rows],
        second.probabilities[others][:, columns],
    )
    one = (predicted_labels(first, threshold) == first.labels)[rows]
    two = predicted_labels(turned, threshold) == turned.labels
    return ModelComparison(
        both=rows[one & two],
        only_first=rows[one & ~two],
        only_second=rows[~one & two],
        neither=rows[~one & ~two],
        p=mcnemar_test(int((one & ~two).sum()), int((~one & two).sum())),
    )


def mcnemar_test(only_first: int, only_second: int) -> float:
    """Return the p-value of McNemar's exact test, two-sided, of two models on the same photos.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947). Photos on which both are right, or both wrong, say
    nothing about which is better. Of the others each would be a toss of a coin, were the models
    equally good; p is the chance of tosses as uneven as these. Exact, from the binomial
    distribution: the usual chi-squared needs some 25 such photos.

    Args:
        only_first, only_second: photos on which one alone is right.

    Example:
        >>> mcnemar_test(2, 10)  # 0.04: hardly by chance
    """
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**n))
