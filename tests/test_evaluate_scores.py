"""Figures of a table of predictions, against scikit-learn, scipy and textbook values."""

import numpy as np
import pytest
from scipy import stats

from catdog_core.analysis import metrics
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base.errors import ModelError

NAMES = ("cats", "dogs", "foxes", "owls")


def table(n=300, classes=2, seed=0, labels=None, probabilities=None):
    """Random answers, better than guessing; sharper ones for what is said with certainty."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n) if labels is None else np.array(labels)
    if probabilities is None:
        raw = rng.normal(size=(n, classes)) + 1.2 * np.eye(classes)[labels]
        probabilities = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    files = tuple(f"{i}.jpg" for i in range(n))
    return PredictionTable(files, NAMES[:classes], labels, np.array(probabilities, float))


def of_second(*chances, labels):
    """A table of two classes from the probabilities of the second."""
    p = np.array(chances)
    return table(len(p), labels=labels, probabilities=np.stack([1 - p, p], 1))


def test_at_a_half_the_likeliest_class_is_called_also_where_both_are_equal():
    predictions = of_second(0.5, 0.5000001, 0.4999999, labels=[0, 1, 0])
    assert (
        list(metrics.predicted_labels(predictions))
        == list(predictions.probabilities.argmax(1))
        == [0, 1, 0]
    )


def test_a_class_nobody_is_called_has_no_precision():
    result = metrics.metrics_at_threshold(of_second(0.1, 0.2, 0.3, labels=[0, 1, 0]))
    assert np.isnan(result.precision[1])
    assert result.recall[1] == 0


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # as R's prop.test(correct = FALSE) gives them
    [(5, 10, 0.2365931, 0.7634069), (0, 10, 0, 0.2775328), (10, 10, 0.7224672, 1)],
)
def test_wilson_intervals_are_the_known_ones(right, n, low, high):
    assert metrics.wilson_interval(right, n) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(("right", "n"), [(3, 7), (97, 100), (10, 10), (716, 1000)])
def test_wilson_intervals_are_those_of_scipy(right, n):
    known = stats.binomtest(right, n).proportion_ci(0.95, "wilson")
    assert metrics.wilson_interval(right, n) == pytest.approx((known.low, known.high))


def test_no_photo_tells_nothing_of_accuracy():
    assert metrics.wilson_interval(0, 0) == (0, 1)


def test_curves_of_a_part_with_one_class_only_are_left_out():
    predictions = of_second(0.2, 0.7, labels=[1, 1])
    assert metrics.roc_curves(predictions) == []
    assert [curve.label for curve in metrics.precision_recall_curves(predictions)] == [1]


def test_a_perfectly_honest_model_has_no_calibration_error():
    labels = [0] * 8 + [1] * 2 + [0] * 2 + [1] * 8
    calibration = metrics.compute_calibration(of_second(*[0.2] * 10, *[0.8] * 10, labels=labels))
    assert calibration.error == pytest.approx(0)
    assert list(calibration.counts) == [20]
    assert (calibration.confidence, calibration.accuracy) == (pytest.approx(0.8), 0.8)


def test_a_boasting_model_is_off_by_what_it_boasts():
    calibration = metrics.compute_calibration(of_second(*[0.95] * 10, labels=[1] * 7 + [0] * 3))
    assert calibration.error == pytest.approx(0.25)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_calibration_error_is_the_weighted_distance_of_all_bins(classes):
    predictions = table(500, classes, seed=4)
    scores = predictions.probabilities.max(1)
    came = predictions.labels == predictions.probabilities.argmax(1)
    total = 0.0
    for low in np.arange(10) / 10:
        inside = (scores > low) & (scores <= low + 0.1)
        if inside.any():
            total += inside.sum() * abs(scores[inside].mean() - came[inside].mean())
    assert metrics.compute_calibration(predictions).error == pytest.approx(total / 500)


@pytest.mark.parametrize(("a", "b"), [(0.97, 0.6), (0.55, 0.999)])
def test_calibration_does_not_depend_on_which_class_comes_second(a, b):
    predictions = of_second(a, a, b, 1 - a, labels=[1, 0, 1, 0])
    swapped = table(4, labels=[0, 1, 0, 1], probabilities=predictions.probabilities[:, ::-1])
    ours, theirs = map(metrics.compute_calibration, (predictions, swapped))
    assert ours.error == pytest.approx(theirs.error)
    assert list(ours.predicted) == pytest.approx(list(theirs.predicted))
    assert min(ours.predicted) >= 0.5


def calibrated(n, classes=2, sharpness=2.0, change=1.0, seed=0):
    """A table whose probabilities are true, then sharpened by `change`: 1 leaves them true."""
    rng = np.random.default_rng(seed)
    raw = sharpness * rng.normal(size=(n, classes))

    def softmax(values):
        rows = np.exp(values - values.max(1, keepdims=True))
        return rows / rows.sum(1, keepdims=True)

    labels = (softmax(raw).cumsum(1) > rng.random((n, 1))).argmax(1)
    return table(n, classes, labels=labels, probabilities=softmax(change * raw))


@pytest.mark.parametrize(("n", "classes"), [(50, 2), (400, 2), (400, 4)])
def test_a_perfect_model_has_the_error_that_is_said_of_it(n, classes):
    every = [metrics.compute_calibration(calibrated(n, classes, seed=s)) for s in range(80)]
    errors = np.array([one.error for one in every])
    said = np.mean([one.perfect.error for one in every])
    assert errors.mean() == pytest.approx(said, abs=4 * errors.std() / np.sqrt(len(errors)))
    assert np.mean([one.is_within_chance for one in every]) > 0.85
    assert np.mean([one.bias == 0 for one in every]) > 0.85


def test_of_one_step_the_perfect_error_is_the_binomial_one():
    n, p = 200, 0.9
    perfect = metrics.compute_calibration(of_second(*[p] * n, labels=[1] * n)).perfect
    right = np.arange(n + 1)
    exact = (stats.binom.pmf(right, n, p) * np.abs(right / n - p)).sum()
    assert perfect.error == pytest.approx(exact, rel=0.1)
    assert perfect.low[0] == pytest.approx(stats.binom.ppf(0.025, n, p) / n, abs=0.01)
    assert perfect.high[0] == pytest.approx(stats.binom.ppf(0.975, n, p) / n, abs=0.01)


@pytest.mark.parametrize(("change", "bias"), [(2.0, 1), (0.5, -1)])
def test_a_model_too_sure_and_one_too_cautious_are_recognized(change, bias):
    calibration = metrics.compute_calibration(calibrated(2000, change=change))
    assert calibration.bias == bias and not calibration.is_within_chance
    assert calibration.error > calibration.perfect.highest > calibration.perfect.error


def test_the_same_predictions_always_give_the_same_calibration():
    first, again = (metrics.compute_calibration(calibrated(300)) for _ in range(2))
    assert (first.perfect.error, first.perfect.highest) == (
        again.perfect.error,
        again.perfect.highest,
    )


@pytest.mark.parametrize("p", [1.0, 0.5])
def test_a_single_photo_has_a_calibration_too(p):
    calibration = metrics.compute_calibration(of_second(p, labels=[1]))
    assert calibration.error == pytest.approx(abs(p - calibration.accuracy))
    assert 0 <= calibration.perfect.error <= 1


def test_photos_are_ranked_by_what_they_tell():
    predictions = of_second(0.9, 0.45, 0.99, 0.1, labels=[0, 0, 0, 1])
    assert list(metrics.rank_photos(predictions, "loss")) == [2, 0, 3, 1]
    assert metrics.rank_photos(predictions, "uncertain")[0] == 1
    assert list(metrics.rank_photos(predictions, "wrong")) == [2, 0, 3]
    assert list(metrics.rank_photos(predictions, "wrong", 0.95)) == [2, 3]
    assert list(metrics.rank_photos(predictions, "uncertain", 0.95)[:2]) == [2, 0]


def test_of_several_classes_the_two_likeliest_tell_how_certain_an_answer_is():
    rows = [[0.5, 0.3, 0.2], [0.4, 0.39, 0.21], [0.9, 0.05, 0.05]]
    predictions = table(3, 3, labels=[0, 1, 2], probabilities=rows)
    assert list(metrics.rank_photos(predictions, "uncertain")) == [1, 0, 2]


def test_the_best_threshold_is_found_and_the_middle_one_of_equals():
    predictions = of_second(0.1, 0.2, 0.3, 0.9, labels=[0, 0, 1, 1])
    threshold, accuracy = metrics.find_best_threshold(predictions)
    assert accuracy == 1
    assert threshold == pytest.approx(0.29)
    assert metrics.find_best_threshold(of_second(0.1, 0.9, labels=[0, 1])) == (0.5, 1)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 9), (9, 1), (12, 5), (40, 40), (300, 211)])
def test_mcnemar_is_the_exact_binomial_test(b, c):
    known = stats.binomtest(b, b + c).pvalue if b + c else 1
    assert metrics.mcnemar_test(b, c) == pytest.approx(known)


def test_two_models_are_compared_photo_by_photo_whatever_their_order():
    first = of_second(0.9, 0.9, 0.1, 0.1, labels=[1, 0, 1, 0])
    turned = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    files, names = ("2.jpg", "0.jpg", "9.jpg", "1.jpg"), ("dogs", "cats")
    second = PredictionTable(files, names, np.array([0, 0, 0, 1]), turned)
    comparison = metrics.compare_models(first, second)
    assert comparison.n == 3
    assert (list(comparison.both), list(comparison.only_second)) == ([0], [1, 2])
    assert comparison.p == 0.5


def test_models_with_other_classes_or_photos_are_not_compared():
    first, second = table(5), table(5, classes=3)
    with pytest.raises(ModelError, match="other knows cats, dogs, foxes"):
        metrics.compare_models(first, second)
    elsewhere = PredictionTable(("x",), first.classes, first.labels[:1], first.probabilities[:1])
    with pytest.raises(ModelError, match=r"The two models have no evaluated photos in common\."):
        metrics.compare_models(first, elsewhere)
