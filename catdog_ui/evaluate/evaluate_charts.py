"""The Evaluate page's figures and the sentences below them, from a table of predictions.

No text colour is set, since Streamlit's theme brings the right one, but on the matrix's cells. The
figures are made of plain dictionaries: plotly's own checks of each value take 10 ms a figure, and
all are drawn anew with every step of the threshold. The tests let plotly check them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from catdog_core.analysis import metrics
from catdog_core.analysis.metrics import Calibration, ClassCurve, ModelComparison, ThresholdMetrics
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import BLUE, CLASS_COLORS, ON_DARK, ON_LIGHT, class_color

from ..charts import short_name
from ..format_text import format_percent
from ..i18n import N_, escape, pgettext, t

HEIGHT = 320
"""Pixels; fixed, so that the page does not move with the threshold."""
MOST_CLASSES = 20
"""Classes drawn in a matrix at most."""
MAX_CURVES = len(CLASS_COLORS)
"""Classes drawn as curves at most: as many as there are colours."""
_SPARSE = 10  # more classes than that leave out the zeros in a matrix
_MAX_POINTS = 300
_HISTOGRAM_BINS = 20
_NEUTRAL = "rgba(128,128,128,0.75)"
_RIGHT, _WRONG = "0,158,115", "213,94,0"  # Okabe and Ito's green and vermilion


Colors = Mapping[int, str]
Trace = dict[str, Any]
AxisOptions = dict[str, Any]


def confusion_matrix_figure(
    confusion: NDArray[np.int64],
    classes: Sequence[str],
    labels: Sequence[int],
    opened: tuple[int, int] | None,
    is_dark: bool = False,
) -> go.Figure:
    """Return the counts as cells to click: bar number `column` of trace number `row`.

    Args:
        confusion: (C, C) counts, true classes as rows.
        classes: names of all C classes.
        labels: those to draw, in this order.
        opened: (row, column) by label whose photos are shown, if any.
        is_dark: whether the page's theme is.
    """
    count = len(labels)
    names = [short_name(classes[label], 14) for label in labels]
    data: list[Trace] = []
    texts: list[Trace] = []
    size = 16 if count <= 4 else 12 if count <= 10 else 9
    font = {"size": size, "color": ON_DARK if is_dark else ON_LIGHT}
    for row_index, label in enumerate(labels):
        row = confusion[label].tolist()
        total = max(sum(row), 1)
        data.append(_matrix_row(row, total, labels, names, row_index, opened))
        for column, other in enumerate(labels):
            if not row[other] and count > _SPARSE:
                continue
            share = f"<br>{row[other] / total:.1%}" if count <= 6 else ""
            text = f"<b>{row[other]:,}</b>{share}"
            here = {"x": column, "y": count - 0.5 - row_index, "showarrow": False}
            texts.append({**here, "text": text, "font": font})
    bare = {"showgrid": False, "zeroline": False}
    return _build_figure(
        t("Confusion matrix"),
        data,
        {
            "title": {"text": t("Predicted class")},
            "side": "bottom",
            "tickvals": list(range(count)),
            "ticktext": names,
            **bare,
        },
        {
            "title": {"text": t("Actual class")},
            "tickvals": [count - 0.5 - row_index for row_index in range(count)],
            "ticktext": names,
            "range": [0, count],
            **bare,
        },
        height=max(HEIGHT, 26 * count + 90),
        barmode="overlay",
        bargap=0,
        clickmode="event+select",
        dragmode=False,
        annotations=texts,
    )


def histogram_figure(table: PredictionTable, threshold: float) -> go.Figure:
    """Return a chart of how many photos of each class got which probability of the second."""
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    data: list[Trace] = []
    for label, name in enumerate(table.classes):
        counts, _ = np.histogram(
            np.clip(table.probabilities[table.labels == label, 1], 0, 1), bins=edges
        )
        data.append(
            {
                "type": "bar",
                "x": (edges[:-1] + edges[1:]) / 2,
                "y": counts,
                "marker": {"color": class_color(label)},
                "name": short_name(name, 30),
                "customdata": np.stack([edges[:-1], edges[1:]], axis=1),
                "hovertemplate": "%{customdata[0]:.0%} – %{customdata[1]:.0%}: %{y}",
            }
        )
    line = {"color": _NEUTRAL, "width": 2, "dash": "dash"}
    now = {"type": "line", "x0": threshold, "x1": threshold, "y0": 0, "y1": 1, "line": line}
    return _build_figure(
        t("Predicted probabilities"),
        data,
        _percent_axis(t("Probability of {name}", name=_short_class_name(table.classes, 1))),
        {"title": {"text": pgettext("count", "photos")}, "rangemode": "tozero"},
        barmode="group",
        bargap=0.08,
        shapes=[{**now, "xref": "x", "yref": "y domain"}],
    )


def roc_figure(
    curves: Sequence[ClassCurve], table: PredictionTable, result: ThresholdMetrics, colors: Colors
) -> go.Figure:
    """Return a chart of true against false positive rate, a line a class."""
    data = [_DIAGONAL, *(_curve_trace(curve, table.classes, "linear", colors) for curve in curves)]
    if len(table.classes) == 2 and curves:
        false = result.confusion[0, 1] / max(result.confusion[0].sum(), 1)
        data.append(_dot_trace(float(false), float(result.recall[1]), colors[1]))
    x, y = t("False positive rate"), t("True positive rate (recall)")
    return _build_figure(t("ROC curve"), data, _percent_axis(x), _percent_axis(y))


def precision_recall_figure(
    curves: Sequence[ClassCurve], table: PredictionTable, result: ThresholdMetrics, colors: Colors
) -> go.Figure:
    """Return a chart of precision against recall, a line a class."""
    data: list[Trace] = []
    for curve in curves:
        label = curve.label
        data.append(_curve_trace(curve, table.classes, "vh", colors))
        if len(table.classes) == 2 and np.isfinite(result.precision[label]):
            x, y = float(result.recall[label]), float(result.precision[label])
            data.append(_dot_trace(x, y, colors[label]))
    right = t("Precision")
    x_axis, y_axis = _percent_axis(t("True positive rate (recall)")), _percent_axis(right)
    return _build_figure(t("Precision and recall"), data, x_axis, y_axis)


def calibration_figure(calibration: Calibration) -> go.Figure:
    """Return a chart of accuracy against confidence; larger dots, more photos.

    The bars show where a perfectly calibrated model's dots are in 95 of 100 sets of photos.
    """
    perfect = calibration.perfect
    middle = calibration.predicted
    chance = {
        "type": "scatter",
        "x": middle,
        "y": middle,
        "mode": "markers",
        "marker": {"size": 1, "color": _NEUTRAL},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": np.maximum(perfect.high - middle, 0),
            "arrayminus": np.maximum(middle - perfect.low, 0),
            "color": _NEUTRAL,
            "thickness": 1.5,
            "width": 5,
        },
        "customdata": np.stack([perfect.low, perfect.high], axis=1),
        "hovertemplate": t("perfect model: %{customdata[0]:.1%} to %{customdata[1]:.1%}")
        + "<extra></extra>",
        "cliponaxis": False,
    }
    points = {
        "type": "scatter",
        "x": calibration.predicted,
        "y": calibration.observed,
        "mode": "lines+markers",
        "line": {"color": BLUE, "width": 1.5},
        "marker": {
            "size": 7 + 21 * np.sqrt(calibration.counts / calibration.counts.max()),
            "color": BLUE,
        },
        "customdata": calibration.counts,
        "hovertemplate": t("confidence %{x:.1%}, correct %{y:.1%}, photos: %{customdata}")
        + "<extra></extra>",
        "cliponaxis": False,
    }
    x = _percent_axis(t("Probability of the prediction"))
    y = _percent_axis(t("Share of correct predictions"))
    return _build_figure(t("Calibration"), [_DIAGONAL, chance, points], x, y)


def drawn_classes(curves: Sequence[ClassCurve]) -> list[int]:
    """Return the classes with room for a curve: those of the smallest areas, in order."""
    worst = sorted(curves, key=lambda curve: curve.area)[:MAX_CURVES]
    return sorted(curve.label for curve in worst)


def line_colors(classes: Sequence[str], labels: Sequence[int]) -> dict[int, str]:
    """Return a colour for each class drawn: its own, or with many classes by position."""
    if len(classes) <= len(CLASS_COLORS):
        return {label: class_color(label) for label in labels}
    return {label: class_color(index) for index, label in enumerate(labels)}


def _matrix_row(
    row: Sequence[int],
    total: int,
    labels: Sequence[int],
    names: Sequence[str],
    row_index: int,
    opened: tuple[int, int] | None,
) -> Trace:
    """A row of a matrix. Heat maps cannot be clicked in Streamlit; bars can, all over."""
    count, label = len(labels), labels[row_index]
    return {
        "type": "bar",
        "x": list(range(count)),
        "y": [0.96] * count,
        "base": [count - 1 - row_index + 0.02] * count,
        "width": 0.96,
        "marker": {
            "color": [_cell_color(other == label, row[other] / total) for other in labels],
            "line": {
                "color": "rgba(128,128,128,0.9)",
                "width": [3 if opened == (label, other) else 0 for other in labels],
            },
        },
        "unselected": {"marker": {"opacity": 1}},
        "customdata": [
            [label, other, names[row_index], names[i], row[other]] for i, other in enumerate(labels)
        ],
        "hovertemplate": t("Actual %{customdata[2]}, predicted %{customdata[3]}: %{customdata[4]}")
        + "<extra></extra>",
    }


def _cell_color(right: bool, share: float) -> str:
    return f"rgba({_RIGHT if right else _WRONG},{0.07 + 0.5 * share**0.5:.3f})"


def _short_class_name(classes: Sequence[str], label: int) -> str:
    return short_name(classes[label], 20)


def _curve_trace(curve: ClassCurve, classes: Sequence[str], shape: str, colors: Colors) -> Trace:
    step = max(1, len(curve.x) // _MAX_POINTS)
    keep = np.unique([*range(0, len(curve.x), step), len(curve.x) - 1])
    return {
        "type": "scatter",
        "x": curve.x[keep],
        "y": curve.y[keep],
        "mode": "lines",
        "line": {"color": colors[curve.label], "width": 2.5, "shape": shape},
        "name": _short_class_name(classes, curve.label),
        "hovertemplate": "%{x:.1%}, %{y:.1%}",
    }


def _dot_trace(x: float, y: float, color: str) -> Trace:
    return {
        "type": "scatter",
        "x": [x],
        "y": [y],
        "mode": "markers",
        "marker": {
            "size": 13,
            "color": color,
            "line": {"color": "rgba(128,128,128,1)", "width": 2.5},
        },
        "hovertemplate": t("current threshold: %{x:.1%}, %{y:.1%}") + "<extra></extra>",
        "cliponaxis": False,
    }


_DIAGONAL: Trace = {
    "type": "scatter",
    "x": [0, 1],
    "y": [0, 1],
    "mode": "lines",
    "line": {"color": _NEUTRAL, "width": 1, "dash": "dot"},
    "hoverinfo": "skip",
}


def _percent_axis(title: str) -> AxisOptions:
    return {"title": {"text": title}, "range": [-0.02, 1.02], "tickformat": ".0%", "dtick": 0.25}


def _build_figure(
    title: str,
    data: Sequence[Trace],
    x: AxisOptions,
    y: AxisOptions,
    height: int = HEIGHT,
    **layout: Any,
) -> go.Figure:
    frame = {
        "title": {"text": title},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,  # one legend stands above all charts
        "uirevision": "keep",
        "xaxis": {"automargin": True, "fixedrange": True, **x},
        "yaxis": {"automargin": True, "fixedrange": True, **y},
    }
    figure_spec = {"data": [dict(trace) for trace in data], "layout": {**frame, **layout}}
    return go.Figure(figure_spec, _validate=False)


MATRIX_HINT = N_(
    "Rows are actual classes, and columns are predicted classes. Correct predictions are on the "
    "diagonal. Click a cell to see its photos."
)
CONFUSIONS_HINT = N_(
    "Each row is a kind of mistake, the most frequent first. Select one to see its photos."
)
HISTOGRAM_HINT = N_(
    "Each bar counts photos by the model's probability for {name}. Right of the dashed line, the "
    "model predicts {name}. Bars of the other color there are mistakes."
)
ROC_HINT = N_(
    "Each point is a threshold. It shows how many photos of a class are found and how many others "
    "are mistaken for it. Guessing follows the dotted line. The best corner is the upper left."
)
PRECISION_RECALL_HINT = N_(
    "Each point is a threshold. Farther right, the model finds more photos of a class. Farther "
    "down, more predictions of that class are wrong. The best corner is the upper right."
)
CALIBRATION_HINT = N_(
    "Photos are grouped by the probability of the predicted class. The height shows how often it's "
    "correct. Larger dots hold more photos. A perfectly calibrated model follows the dotted line, "
    "and its dots are within the gray bars 95% of the time."
)


def matrix_caption(result: ThresholdMetrics, classes: Sequence[str]) -> str:
    """Say what the most frequent mistake is."""
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return t("The model gets all {n:,} photos right.", n=result.n)
    truth, guess = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return t(
        "The model gets {n:,} of {total:,} photos wrong. Most often it predicts {guess} for "
        "{truth}: {count:,} of {support:,}.",
        n=int(wrong.sum()),
        total=result.n,
        truth=_class_name(classes, int(truth)),
        guess=_class_name(classes, int(guess)),
        count=int(wrong[truth, guess]),
        support=int(result.support[truth]),
    )


def figures_caption(result: ThresholdMetrics, classes: Sequence[str]) -> str:
    """Say which class is recognised worst."""
    known = np.where(np.isfinite(result.f1), result.f1, np.inf)
    weakest = int(known.argmin())
    if not np.isfinite(known[weakest]):
        return ""
    if not np.isfinite(result.precision[weakest]):
        return t(
            "The weakest class is {name}. The model never predicts it.",
            name=_class_name(classes, weakest),
        )
    return t(
        "The weakest class is {name}. Its recall is {recall}, and its precision is {precision}.",
        name=_class_name(classes, weakest),
        recall=format_percent(float(result.recall[weakest])),
        precision=format_percent(float(result.precision[weakest])),
    )


def confusions_caption(result: ThresholdMetrics, confusions: Sequence[tuple[int, int, int]]) -> str:
    """Say how much of all mistakes the listed ones make."""
    listed = sum(count for _, _, count in confusions)
    wrong = result.n - result.right
    return t(
        "These {kinds:,} kinds make up {share:.0%} of all {wrong:,} mistakes.",
        kinds=len(confusions),
        share=listed / wrong,
        wrong=wrong,
    )


def histogram_caption(table: PredictionTable, result: ThresholdMetrics, threshold: float) -> str:
    """Say how many photos are in doubt, and the threshold that would suit these best."""
    doubt = int(((table.probabilities[:, 1] > 0.1) & (table.probabilities[:, 1] < 0.9)).sum())
    text = t(
        "{n:,} of {total:,} photos have a probability between 10% and 90%. The threshold is now "
        "{now:.2f}.",
        n=doubt,
        total=len(table),
        now=threshold,
    )
    best, accuracy = metrics.find_best_threshold(table)
    if result.accuracy >= accuracy:
        no_better = t("No other threshold gets more of these photos right.")
        return f"{text} {no_better}"
    better = t(
        "At {best:.2f}, these photos would reach the highest accuracy, {accuracy:.1%}. On other "
        "photos, expect less, because that threshold is chosen on these very ones.",
        best=best,
        accuracy=accuracy,
    )
    return f"{text} {better}"


def roc_caption(
    curves: Sequence[ClassCurve], table: PredictionTable, result: ThresholdMetrics
) -> str:
    """Say how large the area is, and where the threshold lies."""
    if not curves:
        return t("All these photos are in one class, so there's no curve.")
    if len(table.classes) > 2:
        return _areas_text(t("Areas range from {low} to {high}."), curves, table.classes)
    first, second = (_class_name(table.classes, label) for label in (0, 1))
    return t(
        "The area is {area:.3f}. For random pairs of one {second} photo and one {first} photo, "
        "the model ranks {area:.1%} correctly. At the dot, it finds {found} of {second} and "
        "mistakes {mistaken} of {first} for {second}.",
        area=curves[0].area,
        first=first,
        second=second,
        found=format_percent(float(result.recall[1])),
        mistaken=format_percent(float(1 - result.recall[0])),
    )


def precision_recall_caption(curves: Sequence[ClassCurve], table: PredictionTable) -> str:
    """Say how large the areas are: of each class, or from the worst to the best."""
    if len(table.classes) > 2:
        return _areas_text(
            t("Average precision ranges from {low} to {high}."), curves, table.classes
        )
    areas = ", ".join(f"{_class_name(table.classes, c.label)} {c.area:.3f}" for c in curves)
    return t("Area (average precision): {told}. 1 is perfect.", told=areas)


def calibration_caption(calibration: Calibration) -> str:
    """Say how far the probabilities are from the truth, and in which direction."""
    text = t(
        "Probabilities are off by {error:.1f} percentage points on average (expected calibration "
        "error). The model is {sure:.1%} sure on average, and right on {right:.1%}.",
        error=100 * calibration.error,
        sure=calibration.confidence,
        right=calibration.accuracy,
    )
    perfect = t(
        "By chance alone, a perfectly calibrated model would be off by {mean:.1f} points. In 95%"
        " of cases, it would be off by at most {highest:.1f}.",
        mean=100 * calibration.perfect.error,
        highest=100 * calibration.perfect.highest,
    )
    if calibration.bias:
        verdict = (
            t("The model is overconfident.")
            if calibration.bias > 0
            else t("The model is underconfident.")
        )
    elif calibration.is_within_chance:
        verdict = t("The difference is within chance.")
    else:
        verdict = t("The difference is larger than chance explains.")
    return f"{text} {perfect} {verdict}"


def ranked_caption(
    order: str, table: PredictionTable, rows: NDArray[np.int64], threshold: float
) -> str:
    """Say what a list of photos holds."""
    if not len(rows):
        return t("There are no such photos.")
    if order == "loss":
        losses = metrics.photo_losses(table)
        few = max(1, len(rows) // 20)
        return t(
            "The loss is −ln of the probability of the actual class. The first {n:,} of {total:,} "
            "photos make up {share:.0%} of the total loss.",
            n=few,
            total=len(rows),
            share=float(losses[rows[:few]].sum() / losses.sum()),
        )
    if order == "uncertain":
        near = int((metrics.decision_margins(table, threshold) < 0.1).sum())
        return t(
            "A small change in probability would flip these predictions. {n:,} of {total:,} "
            "photos are within 10 percentage points of another prediction.",
            n=near,
            total=len(rows),
        )
    called = metrics.predicted_labels(table, threshold)[rows]
    sure = table.probabilities[rows, called]
    return t(
        "{n:,} predictions are wrong, and {sure:,} of them have a probability of at least 90%. "
        "Check whether the photo or its label is to blame.",
        n=len(rows),
        sure=int((sure >= 0.9).sum()),
    )


def comparison_caption(comparison: ModelComparison, first: str, second: str) -> str:
    """Say which model is right where the other is wrong, and whether that can be chance."""
    one, two = len(comparison.only_first), len(comparison.only_second)
    first, second = escape(first), escape(second)
    if one + two == 0:
        return t("Both models get the same photos right and wrong.")
    text = t(
        "“{second}” gets {two:,} photos right that “{first}” gets wrong, and {one:,} the other "
        "way around. Equally good models would differ by as much or more with a probability of "
        "{p} (McNemar's exact test)",
        first=first,
        second=second,
        one=one,
        two=two,
        p="< 0.001" if comparison.p < 0.001 else f"{comparison.p:.3f}",
    )
    if comparison.p >= 0.05:
        chance = t("the difference is within chance.")
        return f"{text}: {chance}"
    better = second if two > one else first
    verdict = t("“{name}” is better on such photos.", name=better)
    return f"{text}: {verdict}"


def answer_lines(table: PredictionTable, row: int, guess: int) -> tuple[str, str]:
    """Return a photo's answer, and the truth or that it is the truth, as lines."""
    answer = t(
        "predicted: {name}, {share:.1%}",
        name=truncate_for_display(table.classes[guess], 40),
        share=float(table.probabilities[row, guess]),
    )
    truth = int(table.labels[row])
    if truth == guess:
        return answer, t("✓ right")
    return answer, t("✗ actual: {name}", name=truncate_for_display(table.classes[truth], 40))


def _areas_text(template: str, curves: Sequence[ClassCurve], classes: Sequence[str]) -> str:
    low, high = (pick(curves, key=lambda curve: curve.area) for pick in (min, max))
    named = {
        key: f"{_class_name(classes, curve.label)} {curve.area:.3f}"
        for key, curve in (("low", low), ("high", high))
    }
    return template.format(**named)


def _class_name(classes: Sequence[str], label: int) -> str:
    return escape(truncate_for_display(classes[label], 40))
