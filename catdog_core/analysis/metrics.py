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
class Calibration:
    """What a model said against what came true, photos sorted into equal steps of probability.

    Attributes:
        predicted: mean probability of each step that holds photos.
        observed: the part of them that came true.
        counts: photos of each.
        error: the expected calibration error: mean distance of the two, weighted by the counts.
        label: the class the probabilities are of; None: of whatever class the answer was.
    """

    predicted: Numbers
    observed: Numbers
    counts: NDArray[np.int64]
    error: float
    label: int | None


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
    """Return how often what the model says comes true, in equal steps of probability.

    The probabilities are those of the second of two classes, of more those of the answer. The
    error is the expected calibration error of Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017, arXiv:1706.04599.

    Args:
        table: the predictions.
        bins: steps from 0 to 1.
    """
    from sklearn.calibration import calibration_curve

    label = 1 if len(table.classes) == 2 else None
    if label is None:
        probabilities = table.probabilities.max(axis=1)
        came = table.probabilities.argmax(axis=1) == table.labels
    else:
        probabilities, came = table.probabilities[:, label], table.labels == label
    probabilities = np.clip(probabilities, 0.0, 1.0)  # a softmax may sum to a hair more
    true, mean = calibration_curve(came, probabilities, n_bins=bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], probabilities), minlength=bins)
    counts = counts[counts > 0]
    error = float((counts * np.abs(true - mean)).sum() / counts.sum())
    return Calibration(mean, true, counts, error, label)


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
