"""What is said below the charts of Train and Compare, from rows whose answer is known."""

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis.group_comparison import LearningCurvePoint
from catdog_ui import captions
from catdog_ui.charts import METRICS, LearningCurve, live_figure

ROWS = [{"epoch": number, **row} for number, row in enumerate(fakes.METRIC_ROWS)]


def curve(*changes, name="first"):
    rows = [{**row, **change} for row, change in zip(ROWS, changes or ({},) * 3, strict=True)]
    best = runs.best_epoch(rows, "val_accuracy")
    return LearningCurve(epochs=rows, planned=3, best=best, name=name)


def test_a_runs_chart_tells_both_lines_the_gap_and_the_best():
    accuracy = captions.live_caption("accuracy", curve())
    assert "training accuracy is 83.0% and validation accuracy is 66.0%" in accuracy
    assert (
        "gap of the curves is 17.0 percentage points" in accuracy
        and "best epoch is 2, with 70.0%" in accuracy
    )
    loss = captions.live_caption("loss", curve())
    assert "training loss is 0.450 and validation loss is 0.660" in loss
    assert "best epoch is 2, with a validation loss of 0.610" in loss


@pytest.mark.parametrize(
    ("changes", "best"),
    [
        (({"val_accuracy": 0.7}, {}, {"val_accuracy": 0.7}), 2),  # of equal ones, the lowest loss
        (({"val_accuracy": 0.7, "val_loss": 0.61}, {}, {}), 1),  # of equal ones in both, the first
        (({}, {}, {"val_loss": 0.1}), 2),  # the lowest loss is another epoch's
    ],
)
def test_chart_captions_and_the_overlay_name_the_epoch_whose_model_is_kept(changes, best):
    tied = curve(*changes)
    assert tied.best == best - 1
    for metric in METRICS:
        assert f"best epoch is {best}, " in captions.live_caption(metric, tied) or (
            best == len(ROWS)
        )
        assert f"in epoch {best}, " in captions.overlay_caption(metric, [tied])
        (star,) = [t for t in live_figure(metric, tied).data if t.marker.symbol == "star"]
        assert list(star.x) == [best]


def test_a_chart_without_an_epoch_says_when_it_begins():
    empty = LearningCurve(epochs=[], planned=3)
    assert "first finished epoch" in captions.live_caption("loss", empty)
    assert "first finished epoch" in captions.overlay_caption("loss", [empty])
    assert "when both have" in captions.paired_caption("loss", curve(), empty)


def test_epochs_whose_numbers_are_none_are_passed_over():
    broken = curve({}, {}, {"loss": float("nan"), "val_loss": float("nan")})
    assert "After epoch 2" in captions.live_caption("loss", broken)
    assert "in epoch 2, 0.610" in captions.overlay_caption("loss", [broken])


def test_of_several_runs_the_best_and_the_next_are_named():
    better = curve({}, {"val_accuracy": 0.9, "val_loss": 0.2}, {}, name="a*b")
    accuracy = captions.overlay_caption("accuracy", [curve(), better])
    assert "“a\\*b” in epoch 2, 90.0%" in accuracy
    assert "“first” is next, 20.0 points behind" in accuracy
    loss = captions.overlay_caption("loss", [curve(), better])
    assert "“a\\*b” in epoch 2, 0.200" in loss and "0.410 behind" in loss


def test_twins_are_compared_at_the_last_epoch_both_have():
    short = LearningCurve(epochs=ROWS[:2], planned=3)
    caption = captions.paired_caption("accuracy", curve(), short)
    assert "-2.0 percentage points without augmentation and -2.0 with it" in caption
    assert "At epoch 3, validation loss is 0.660" in captions.paired_caption(
        "loss", curve(), curve()
    )


def test_accuracy_against_data_names_the_highest_and_the_lowest_point():
    line = ("notes", False)
    points = [
        LearningCurvePoint(100, line, 0.61, 0.5, 0.7, 100, True),
        LearningCurvePoint(2000, line, 0.75, 0.7, 0.8, 100, False),
    ]
    caption = captions.data_size_caption(points, {line: "notes, plain"})
    assert "Highest: notes, plain with 2,000 photos, 75.0%." in caption
    assert "Lowest: notes, plain with 100 photos, 61.0%." in caption
    assert "Lowest" not in captions.data_size_caption(points[:1], {line: "notes, plain"})


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_each_chart_of_train_and_compare_is_told_on_its_page(workspace, metric):
    folder = fakes.make_run()
    run = runs.load_run(folder)
    curve = LearningCurve(epochs=run.epochs, planned=3, best=run.best_epoch, name="first")
    for path, how, now in (
        ("3_Train", captions.LIVE_HINTS, captions.live_caption(metric, curve)),
        ("4_Compare", captions.OVERLAY_HINTS, captions.overlay_caption(metric, [curve])),
    ):
        app = fakes.open_page(path, run=folder.name)
        assert not app.exception
        assert f"{how[metric]} **{now}**" in fakes.joined_text(app.caption)
