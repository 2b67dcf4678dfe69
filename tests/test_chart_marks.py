"""What a verdict adds to a chart: the band between the curves, the mark of overfitting."""

import json

import pytest

from catdog_ui import charts
from catdog_ui.charts import LearningCurve

ROWS = [
    {"epoch": 0, "accuracy": 0.5, "val_accuracy": 0.6, "loss": 0.7, "val_loss": 0.6},
    {"epoch": 1, "accuracy": 0.8, "val_accuracy": 0.7, "loss": 0.4, "val_loss": 0.5},
]


def bands(figure):
    return [trace for trace in figure.data if trace.fill == "toself"]


@pytest.mark.parametrize("metric, edges", [("accuracy", [0.6, 0.8]), ("loss", [0.6, 0.4])])
def test_the_band_is_of_another_colour_where_validation_is_better(metric, edges):
    figure = charts.live_figure(metric, LearningCurve(ROWS, planned=2))
    charts.draw_gap(figure, metric, ROWS)
    ahead, behind = bands(figure)
    assert list(ahead.y[:2]) == edges  # no height in epoch 1, where validation is better
    assert ahead.fillcolor != behind.fillcolor
    assert figure.data[0].fill == "toself"  # behind the curves


def test_a_loss_that_broke_leaves_no_band():
    rows = [{"epoch": 0, "loss": float("nan"), "val_loss": 0.5}, {"epoch": 1, "loss": 0.5}]
    figure = charts.live_figure("loss", LearningCurve(rows, planned=2))
    charts.draw_gap(figure, "loss", rows)
    assert all(not trace.x for trace in bands(figure))
    json.loads(figure.to_json())


def test_the_epoch_since_which_it_overfits_is_marked_as_people_count():
    figure = charts.live_figure("loss", LearningCurve(ROWS, planned=2))
    before = len(figure.layout.shapes)
    charts.mark_overfitting(figure, None)
    assert len(figure.layout.shapes) == before
    charts.mark_overfitting(figure, (1, 1))
    assert [shape.x0 for shape in figure.layout.shapes[before:]] == [2]
    assert figure.layout.annotations[-1].text == "Overfits from epoch 2"
    charts.mark_overfitting(figure, (1, 4))
    band = figure.layout.shapes[-1]
    assert (band.type, band.x0, band.x1) == ("rect", 2, 5)


def test_one_run_of_an_overlay_is_marked_in_its_colour():
    figure = charts.overlay_figure(
        "loss", [LearningCurve(ROWS, 2, name="a"), LearningCurve(ROWS, 2, name="b")]
    )
    charts.mark_overfitting_of_one(figure, "loss", ROWS, 1, since=(1, 1))
    assert (figure.data[-1].y[0], figure.data[-1].marker.color) == (0.5, charts.run_color(1))
