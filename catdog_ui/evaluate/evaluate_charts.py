"""The Evaluate page's figures, from the numbers of a table of predictions.

No text colour is set, since Streamlit's theme brings the right one, but on the matrix's cells. The
figures are made of plain dictionaries: plotly's own checks of each value take 10 ms a figure, and
all are drawn anew with every step of the threshold. The tests let plotly check them.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from catdog_core.files import shown
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Calibration, Curve, Result

from ..palette import CLASS_COLORS, ON_DARK, ON_LIGHT, class_color
from ..words import t

HEIGHT = 320
"""Pixels; fixed, so that the page does not move with the threshold."""
MOST = 20
"""Classes drawn in a matrix at most."""
CURVES = len(CLASS_COLORS)
"""Classes drawn as curves at most: as many as there are colours."""
_SPARSE = 10  # more classes than that leave out the zeros in a matrix
_POINTS = 300
_BINS = 20
_NEUTRAL = "rgba(128,128,128,0.75)"
_RIGHT, _WRONG = "0,158,115", "213,94,0"  # Okabe and Ito's green and vermilion


Colors = Mapping[int, str]
Trace = dict[str, Any]


def matrix(
    confusion: NDArray[np.int64],
    classes: Sequence[str],
    labels: Sequence[int],
    opened: tuple[int, int] | None,
    is_dark: bool = False,
) -> go.Figure:
    """The counts as cells that can be clicked: bar number `column` of trace number `row`.

    Args:
        confusion: (C, C) counts, true classes as rows.
        classes: names of all C classes.
        labels: those to draw, in this order.
        opened: (row, column) by label whose photos are shown, if any.
        is_dark: whether the page's theme is.
    """
    count = len(labels)
    names = [html.escape(shown(classes[label], 14)) for label in labels]
    data: list[Trace] = []
    texts: list[Trace] = []
    size = 16 if count <= 4 else 12 if count <= 10 else 9
    font = {"size": size, "color": ON_DARK if is_dark else ON_LIGHT}
    for place, label in enumerate(labels):
        row = confusion[label].tolist()
        total = max(sum(row), 1)
        data.append(_cells(row, total, labels, names, place, opened))
        for column, other in enumerate(labels):
            if not row[other] and count > _SPARSE:
                continue
            share = f"<br>{row[other] / total:.1%}" if count <= 6 else ""
            text = f"<b>{row[other]:,}</b>{share}"
            here = {"x": column, "y": count - 0.5 - place, "showarrow": False}
            texts.append({**here, "text": text, "font": font})
    bare = {"showgrid": False, "zeroline": False}
    return _figure(
        t("Confusion matrix"),
        data,
        {
            "title": {"text": t("called")},
            "side": "bottom",
            "tickvals": list(range(count)),
            "ticktext": names,
            **bare,
        },
        {
            "title": {"text": t("truly")},
            "tickvals": [count - 0.5 - place for place in range(count)],
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


def spread(table: Table, threshold: float) -> go.Figure:
    """How many photos of each of two classes got which probability of the second."""
    edges = np.linspace(0, 1, _BINS + 1)
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
                "name": html.escape(shown(name, 30)),
                "customdata": np.stack([edges[:-1], edges[1:]], axis=1),
                "hovertemplate": "%{customdata[0]:.0%} – %{customdata[1]:.0%}: %{y}",
            }
        )
    line = {"color": _NEUTRAL, "width": 2, "dash": "dash"}
    now = {"type": "line", "x0": threshold, "x1": threshold, "y0": 0, "y1": 1, "line": line}
    return _figure(
        t("Probabilities given"),
        data,
        _percent(t("probability of {name}", name=_name(table.classes, 1))),
        {"title": {"text": t("photos")}, "rangemode": "tozero"},
        barmode="group",
        bargap=0.08,
        shapes=[{**now, "xref": "x", "yref": "y domain"}],
    )


def roc(curves: Sequence[Curve], table: Table, result: Result, colors: Colors) -> go.Figure:
    """False against true positive rate, a line a class; with two classes a dot for now."""
    data = [_DIAGONAL, *(_line(curve, table.classes, "linear", colors) for curve in curves)]
    if len(table.classes) == 2 and curves:
        false = result.confusion[0, 1] / max(result.confusion[0].sum(), 1)
        data.append(_dot(float(false), float(result.recall[1]), colors[1]))
    x, y = t("others called so by mistake"), t("found (recall)")
    return _figure(t("ROC curve"), data, _percent(x), _percent(y))


def precision_recall(
    curves: Sequence[Curve], table: Table, result: Result, colors: Colors
) -> go.Figure:
    """Recall against precision, a line a class; with two classes dots for now."""
    data: list[Trace] = []
    for curve in curves:
        label = curve.label
        data.append(_line(curve, table.classes, "vh", colors))
        if len(table.classes) == 2 and np.isfinite(result.precision[label]):
            x, y = float(result.recall[label]), float(result.precision[label])
            data.append(_dot(x, y, colors[label]))
    right = t("right of those called so (precision)")
    x_axis, y_axis = _percent(t("found (recall)")), _percent(right)
    return _figure(t("Precision and recall"), data, x_axis, y_axis)


def calibration(found: Calibration, table: Table) -> go.Figure:
    """What the model said against what came true; larger dots hold more photos."""
    color = class_color(1 if found.label is None else found.label)
    points = {
        "type": "scatter",
        "x": found.said,
        "y": found.true,
        "mode": "lines+markers",
        "line": {"color": color, "width": 1.5},
        "marker": {"size": 7 + 21 * np.sqrt(found.counts / found.counts.max()), "color": color},
        "customdata": found.counts,
        "hovertemplate": t("said %{x:.1%}, came true %{y:.1%}, photos: %{customdata}")
        + "<extra></extra>",
        "cliponaxis": False,
    }
    if found.label is None:
        said = t("probability of its answer")
    else:
        said = t("probability of {name}", name=_name(table.classes, found.label))
    x, y = _percent(said), _percent(t("came true"))
    return _figure(t("Calibration"), [_DIAGONAL, points], x, y)


def drawn(curves: Sequence[Curve]) -> list[int]:
    """The classes there is room for as curves: those with the smallest areas, in their order."""
    worst = sorted(curves, key=lambda curve: curve.area)[:CURVES]
    return sorted(curve.label for curve in worst)


def line_colors(classes: Sequence[str], labels: Sequence[int]) -> dict[int, str]:
    """A colour for each class drawn: its own, or with more classes than colours by place."""
    if len(classes) <= len(CLASS_COLORS):
        return {label: class_color(label) for label in labels}
    return {label: class_color(place) for place, label in enumerate(labels)}


def _cells(
    row: Sequence[int],
    total: int,
    labels: Sequence[int],
    names: Sequence[str],
    place: int,
    opened: tuple[int, int] | None,
) -> Trace:
    """A row of a matrix. Heat maps cannot be clicked in Streamlit; bars can, all over."""
    count, label = len(labels), labels[place]
    return {
        "type": "bar",
        "x": list(range(count)),
        "y": [0.96] * count,
        "base": [count - 1 - place + 0.02] * count,
        "width": 0.96,
        "marker": {
            "color": [_shade(other == label, row[other] / total) for other in labels],
            "line": {
                "color": "rgba(128,128,128,0.9)",
                "width": [3 if opened == (label, other) else 0 for other in labels],
            },
        },
        "unselected": {"marker": {"opacity": 1}},
        "customdata": [
            [label, other, names[place], names[i], row[other]] for i, other in enumerate(labels)
        ],
        "hovertemplate": t("%{customdata[2]} called %{customdata[3]}: %{customdata[4]}")
        + "<extra></extra>",
    }


def _shade(right: bool, share: float) -> str:
    return f"rgba({_RIGHT if right else _WRONG},{0.07 + 0.5 * share**0.5:.3f})"


def _name(classes: Sequence[str], label: int) -> str:
    return html.escape(shown(classes[label], 20))


def _line(curve: Curve, classes: Sequence[str], shape: str, colors: Colors) -> Trace:
    step = max(1, len(curve.x) // _POINTS)
    keep = np.unique([*range(0, len(curve.x), step), len(curve.x) - 1])
    return {
        "type": "scatter",
        "x": curve.x[keep],
        "y": curve.y[keep],
        "mode": "lines",
        "line": {"color": colors[curve.label], "width": 2.5, "shape": shape},
        "name": _name(classes, curve.label),
        "hovertemplate": "%{x:.1%}, %{y:.1%}",
    }


def _dot(x: float, y: float, color: str) -> Trace:
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
        "hovertemplate": t("now: %{x:.1%}, %{y:.1%}") + "<extra></extra>",
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


def _percent(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "range": [-0.02, 1.02], "tickformat": ".0%", "dtick": 0.25}


def _figure(
    title: str,
    data: Sequence[Trace],
    x: dict[str, Any],
    y: dict[str, Any],
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
    whole = {"data": [dict(trace) for trace in data], "layout": {**frame, **layout}}
    return go.Figure(whole, _validate=False)
