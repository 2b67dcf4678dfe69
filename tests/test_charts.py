"""Learning curves: where points lie, what stays still, what a name cannot do."""

import json

import pytest

from catdog_core.runs.final_evaluation import EpochEvaluation, FinalEvaluation
from catdog_ui import charts
from catdog_ui.charts import LearningCurve


def rows(*accuracies):
    return [
        {"epoch": n, "accuracy": a, "val_accuracy": a - 0.05, "loss": 1 - a, "val_loss": 1.1 - a}
        for n, a in enumerate(accuracies)
    ]


def trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_epochs_are_counted_from_one():
    figure = charts.live_figure("accuracy", LearningCurve(rows(0.5, 0.6, 0.7), planned=3))
    assert list(trace(figure, "Training").x) == [1, 2, 3]
    assert list(trace(figure, "Validation").y) == pytest.approx([0.45, 0.55, 0.65])


def test_points_inside_an_epoch_lie_at_fractions_and_epochs_are_not_joined():
    batches = [
        {"epoch": 0, "batch": 5, "steps": 10, "loss": 0.7, "accuracy": 0.5},
        {"epoch": 0, "batch": 10, "steps": 10, "loss": 0.6, "accuracy": 0.6},
        {"epoch": 1, "batch": 5, "steps": 10, "loss": 0.5, "accuracy": 0.7},
    ]
    inside = trace(
        charts.live_figure("loss", LearningCurve([], 5, batches=batches)), "During the epoch"
    )
    assert list(inside.x) == [0.5, 1.0, None, 1.5]
    assert list(inside.y) == [0.7, 0.6, None, 0.5]


def test_the_best_epoch_is_marked_at_its_validation_value_and_hides_no_point():
    figure = charts.live_figure("accuracy", LearningCurve(rows(0.5, 0.8, 0.7), planned=3, best=1))
    star = trace(figure, "Best epoch")
    assert list(star.x) == [2]
    assert list(star.y) == pytest.approx([0.75])
    validation = trace(figure, "Validation")
    names = [each.name for each in figure.data]
    assert names.index("Best epoch") < names.index("Validation")  # drawn below it, and larger
    assert star.marker.size > 2 * validation.marker.size


@pytest.mark.parametrize("accuracies", [(), (0.5,), (0.5, 0.6)])
def test_the_axis_of_a_live_chart_is_the_plan_from_the_first_moment(accuracies):
    figure = charts.live_figure("loss", LearningCurve(rows(*accuracies), planned=300))
    assert list(figure.layout.xaxis.range) == pytest.approx([0, 300 * 1.02])


def test_a_legend_escapes_names_and_shows_colours():
    text = charts.legend_html([("<b>run", "#0072B2", "line"), ("Training", "", "dots")])
    assert "&lt;b&gt;run" in text and "#0072B2" in text and "currentColor" in text


def test_axes_stay_still_while_an_epoch_grows():
    half = [{"epoch": 1, "batch": 5, "steps": 10, "loss": 0.7, "accuracy": 0.1}]
    early = charts.live_figure("accuracy", LearningCurve(rows(0.5), planned=50))
    later = charts.live_figure("accuracy", LearningCurve(rows(0.5), planned=50, batches=half))
    assert early.layout.xaxis.range == later.layout.xaxis.range
    assert early.layout.yaxis.range == later.layout.yaxis.range
    assert early.layout.uirevision == later.layout.uirevision == "keep"


@pytest.mark.parametrize(
    ("reached", "planned", "end"),
    [(0, 50, 2), (3, 50, 5), (5, 50, 10), (49, 50, 50), (50, 50, 50), (1, 1, 1), (2, 2, 2)],
)
def test_the_epoch_axis_grows_in_round_steps_up_to_the_plan(reached, planned, end):
    assert charts.axis_end(reached, planned) == end


def test_a_diverged_training_leaves_a_gap():
    broken = [{"epoch": 0, "loss": float("nan"), "val_loss": float("inf"), "accuracy": 0.5}]
    figure = charts.live_figure("loss", LearningCurve(broken, planned=2))
    assert list(trace(figure, "Training").y) == [None]
    json.loads(figure.to_json())


def test_a_name_cannot_bring_html():
    curve = LearningCurve(rows(0.5, 0.6), planned=2, name="<a href='//x'>n</a>")
    figure = charts.overlay_figure("accuracy", [curve])
    assert all("<" not in trace.name for trace in figure.data)


def test_runs_of_an_overlay_differ_in_colour_and_symbol():
    runs = [LearningCurve(rows(0.5, 0.6), 2, name=name) for name in ("a", "b")]
    lines = [
        trace for trace in charts.overlay_figure("loss", runs).data if "validation" in trace.name
    ]
    assert lines[0].line.color != lines[1].line.color
    assert lines[0].marker.symbol != lines[1].marker.symbol


def test_an_overlay_can_leave_training_out():
    figure = charts.overlay_figure("loss", [LearningCurve(rows(0.5), 2, name="a")], training=False)
    assert [trace.name for trace in figure.data] == ["a, validation"]


def test_no_background_is_painted():
    layout = charts.live_figure("loss", LearningCurve([], 5)).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_few_losses_of_hundreds_do_not_press_all_else_flat():
    wild = [{"epoch": 0, "loss": 370.0, "val_loss": 8.0}]
    figure = charts.live_figure("loss", LearningCurve([*wild, *rows(0.5, 0.6, 0.7)[1:]], planned=3))
    assert figure.layout.yaxis.range[1] < 2
    assert figure.data[0].cliponaxis


def guessing_lines(figure):
    return [shape.y0 for shape in figure.layout.shapes]


def test_guessing_lies_where_the_largest_class_is_always_predicted():
    imbalanced = LearningCurve(rows(0.95, 0.96), 2, guess_accuracy=0.95, guess_loss=0.2)
    assert guessing_lines(charts.live_figure("accuracy", imbalanced)) == [0.95]
    loss = charts.live_figure("loss", imbalanced)
    assert guessing_lines(loss) == [0.2] and loss.layout.yaxis.range[1] > 0.7


def test_runs_of_other_photos_have_their_own_line_of_guessing():
    curves = [LearningCurve(rows(0.5), 1, guess) for guess in (0.5, 0.501, 0.95)]
    assert guessing_lines(charts.overlay_figure("accuracy", curves)) == [0.5, 0.95]


def test_the_saved_and_the_last_model_are_marked_on_clean_photos():
    best, last = (
        EpochEvaluation(epoch, accuracy, 0.3, 48, 0.6, 0.5)
        for epoch, accuracy in ((0, 0.8), (1, 0.9))
    )
    for ends, expected in (
        ((best, last), [0.8, 0.9]),
        ((best, best), [0.8]),
        ((best, None), [0.8]),
    ):
        figure = charts.live_figure("accuracy", LearningCurve(rows(0.5, 0.6), planned=2))
        charts.mark_clean_photos(figure, "accuracy", FinalEvaluation(2, *ends, ((1, 0), (0, 1))))
        assert list(trace(figure, "Clean training photos").y) == expected
