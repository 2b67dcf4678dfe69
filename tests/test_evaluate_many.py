"""The Evaluate page and its figures with many classes, and whatever plotly says of the figures."""

import shutil

import numpy as np
import plotly.graph_objects as go
import pytest
from evaluated_runs import (
    caption_text,
    make_dataset_run,
    open_evaluate_page,
    show_tab,
    write_answers,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from catdog_core.analysis import metrics
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.data import datasets
from catdog_ui.evaluate import evaluate_charts

MANY = 60


def table(classes, n=400, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    raw = rng.normal(size=(n, classes)) + 2.0 * np.eye(classes)[labels]
    rows = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    names = tuple(f"class <{label}>" for label in range(classes))
    return PredictionTable(tuple(f"{i}.jpg" for i in range(n)), names, labels, rows)


@pytest.mark.parametrize("classes", [2, 3, 12, MANY])
def test_plotly_finds_no_fault_with_the_figures(classes):
    predictions = table(classes)
    result = metrics.metrics_at_threshold(predictions, 0.4)
    labels = list(range(min(classes, evaluate_charts.MOST_CLASSES)))
    curves = metrics.roc_curves(predictions), metrics.precision_recall_curves(predictions)
    some = [0, 1] if classes == 2 else evaluate_charts.drawn_classes(curves[0])
    colors = evaluate_charts.line_colors(predictions.classes, some)
    shown_curves = [[curve for curve in every if curve.label in colors] for every in curves]
    figures = [
        evaluate_charts.confusion_matrix_figure(
            result.confusion, predictions.classes, labels, (0, 1)
        ),
        evaluate_charts.roc_figure(shown_curves[0], predictions, result, colors),
        evaluate_charts.precision_recall_figure(shown_curves[1], predictions, result, colors),
        evaluate_charts.calibration_figure(metrics.compute_calibration(predictions)),
        *([evaluate_charts.histogram_figure(predictions, 0.4)] if classes == 2 else []),
    ]
    for figure in figures:
        checked = go.Figure(figure.to_dict())
        assert len(checked.data) == len(figure.data)
        assert "<0>" not in str(checked.layout)


def test_zeros_are_left_out_of_a_large_matrix():
    counts = np.diag(np.arange(1, 13))
    names = [f"class {label}" for label in range(12)]
    figure = evaluate_charts.confusion_matrix_figure(counts, names, list(range(12)), None)
    assert len(figure.layout.annotations) == 12
    small = evaluate_charts.confusion_matrix_figure(counts[:3, :3], names, [0, 1, 2], None)
    assert len(small.layout.annotations) == 9


def test_the_most_frequent_mistakes_come_first():
    labels = np.array([0, 0, 0, 1, 1, 2])
    rows = np.eye(3)[[1, 1, 0, 2, 1, 2]]
    result = metrics.metrics_at_threshold(
        PredictionTable(tuple("abcdef"), ("x", "y", "z"), labels, rows)
    )
    assert metrics.confusions(result) == [(0, 1, 2), (1, 2, 1)]
    assert metrics.confusions(result, most=1) == [(0, 1, 2)]


@pytest.fixture
def many(workspace, demo, tmp_path):
    """Sixty classes of one training and two validation photos each."""
    photos = sorted((demo / "train" / "cats").iterdir())
    for label in range(MANY):
        for split, count in (("train", 1), ("validation", 2)):
            folder = tmp_path / "many" / split / f"class {label:02}"
            folder.mkdir(parents=True)
            for path in photos[:count]:
                shutil.copyfile(path, folder / path.name)
    return datasets.open_folder(tmp_path / "many")


def test_sixty_classes_stay_readable(many):
    folder = make_dataset_run(many)
    write_answers(folder, many, wrong=range(1))
    app = open_evaluate_page(run=folder.name)
    assert not app.error
    text = caption_text(app)
    assert "60 of 120 predictions are correct" in text
    assert "the 20 of 60 classes with the most mistakes" in text
    assert "make up 17% of all 60 mistakes" in text
    assert len(app.dataframe[0].value) == MANY and len(app.dataframe[1].value) == 10
    text = caption_text(show_tab(app, "curves"))
    assert "the 7 of 60 classes that are hardest to tell apart" in text
    menu = show_tab(app, "mistakes").menu_button[0]
    assert len(menu.options) == MANY  # the sixty less its own, and to leave it out
    assert menu.options[1] == "Relabel as class 01"  # what the model said


@st.composite
def tables(draw):
    """Any table of answers: some classes may have no photo, some answers may be equal."""
    classes, n = draw(st.integers(2, 8)), draw(st.integers(1, 40))
    labels = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)))
    raw_rows = st.lists(st.integers(0, 5), min_size=classes, max_size=classes)
    raw = np.array(draw(st.lists(raw_rows, min_size=n, max_size=n)), float) + 0.01
    names = tuple(f"class {label}" for label in range(classes))
    rows = raw / raw.sum(axis=1, keepdims=True)
    return PredictionTable(tuple(f"{i}.jpg" for i in range(n)), names, labels, rows)


@settings(max_examples=25, deadline=None)
@given(tables(), st.floats(0, 1))
def test_figures_of_any_table_are_those_of_scikit_learn(predictions, threshold):
    result = metrics.metrics_at_threshold(predictions, threshold)
    called = predictions.probabilities.argmax(axis=1)
    if len(predictions.classes) == 2:
        called = (predictions.probabilities[:, 1] > threshold).astype(int)
    every = list(range(len(predictions.classes)))
    assert result.accuracy == pytest.approx(
        sklearn_metrics.accuracy_score(predictions.labels, called)
    )
    known = sklearn_metrics.confusion_matrix(predictions.labels, called, labels=every)
    assert (result.confusion == known).all() and result.confusion.sum() == result.n
    for name in ("precision", "recall", "f1"):
        score = getattr(sklearn_metrics, f"{name}_score")
        each = score(predictions.labels, called, labels=every, average=None, zero_division=np.nan)
        assert getattr(result, name) == pytest.approx(each, nan_ok=True)
    losses = metrics.photo_losses(predictions)
    assert losses.mean() == pytest.approx(
        sklearn_metrics.log_loss(predictions.labels, predictions.probabilities, labels=every)
    )


@settings(max_examples=25, deadline=None)
@given(tables())
def test_curves_of_any_table_have_the_areas_of_scikit_learn(predictions):
    for curve in metrics.roc_curves(predictions):
        true = predictions.labels == curve.label
        area = sklearn_metrics.roc_auc_score(true, predictions.probabilities[:, curve.label])
        assert curve.area == pytest.approx(area) and (np.diff(curve.x) >= 0).all()
    for curve in metrics.precision_recall_curves(predictions):
        true = predictions.labels == curve.label
        area = sklearn_metrics.average_precision_score(
            true, predictions.probabilities[:, curve.label]
        )
        assert curve.area == pytest.approx(area)
    assert 0 <= metrics.compute_calibration(predictions).error <= 1


@settings(max_examples=25, deadline=None)
@given(tables(), st.integers(1, 60))
def test_the_mistakes_listed_are_those_of_the_matrix_the_most_frequent_first(predictions, most):
    result = metrics.metrics_at_threshold(predictions)
    listed = metrics.confusions(result, most)
    counts = [count for _, _, count in listed]
    assert counts == sorted(counts, reverse=True) and len(listed) <= most
    assert all(t != g and result.confusion[t, g] == count > 0 for t, g, count in listed)
    if len(listed) < most:
        assert sum(counts) == result.n - result.right
