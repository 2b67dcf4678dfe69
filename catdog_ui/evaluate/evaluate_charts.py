"""The Evaluate page's figures, from the numbers of a table of predictions.

No text colour is set, since Streamlit's theme brings the right one, but on the matrix's cells.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from catdog_core.files import shown
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Calibration, Curve, Result

from ..palette import ON_DARK, ON_LIGHT, class_color
from ..words import t

HEIGHT = 320
"""Pixels; fixed, so that the page does not move with the threshold."""
MOST = 20
"""Classes drawn in a matrix at most."""
CURVES = 7
"""Classes drawn as curves at most: as many as there are colours."""
_POINTS = 300
_BINS = 20
_NEUTRAL = "rgba(128,128,128,0.75)"
_RIGHT, _WRONG = "0,158,115", "213,94,0"  # Okabe and Ito's green and vermilion


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
    figure = go.Figure()
    for place, label in enumerate(labels):
        row = confusion[label]
        shares = [row[other] / max(row.sum(), 1) for other in labels]
        # Heat maps cannot be clicked in Streamlit; bars can, over their whole area.
        figure.add_bar(
            x=list(range(count)),
            y=[0.96] * count,
            base=[count - 1 - place + 0.02] * count,
            width=0.96,
            marker={
                "color": [_shade(o == label, s) for o, s in zip(labels, shares, strict=True)],
                "line": {
                    "color": "rgba(128,128,128,0.9)",
                    "width": [3 if opened == (label, other) else 0 for other in labels],
                },
            },
            unselected={"marker": {"opacity": 1}},
            customdata=[
                [label, o, names[place], names[i], int(row[o])] for i, o in enumerate(labels)
            ],
            hovertemplate=t("%{customdata[2]} called %{customdata[3]}: %{customdata[4]}")
            + "<extra></extra>",
        )
        for column, (other, share) in enumerate(zip(labels, shares, strict=True)):
            text = f"<b>{row[other]:,}</b>" + (f"<br>{share:.1%}" if count <= 6 else "")
            figure.add_annotation(
                x=column,
                y=count - 0.5 - place,
                text=text,
                showarrow=False,
                font={
                    "size": 16 if count <= 4 else 12 if count <= 10 else 9,
                    "color": ON_DARK if is_dark else ON_LIGHT,
                },
            )
    _frame(figure, t("Confusion matrix"), max(HEIGHT, 26 * count + 90))
    figure.update_layout(barmode="overlay", bargap=0, clickmode="event+select", dragmode=False)
    ticks = {"tickvals": list(range(count)), "ticktext": names}
    figure.update_xaxes(
        title={"text": t("called")}, side="bottom", showgrid=False, zeroline=False, **ticks
    )
    figure.update_yaxes(
        title={"text": t("truly")},
        tickvals=[count - 0.5 - place for place in range(count)],
        ticktext=names,
        range=[0, count],
        showgrid=False,
        zeroline=False,
    )
    return figure


def spread(table: Table, threshold: float) -> go.Figure:
    """How many photos of each of two classes got which probability of the second."""
    edges = np.linspace(0, 1, _BINS + 1)
    figure = go.Figure()
    for label, name in enumerate(table.classes):
        counts, _ = np.histogram(
            np.clip(table.probabilities[table.labels == label, 1], 0, 1), bins=edges
        )
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            marker={"color": class_color(label)},
            name=html.escape(shown(name, 30)),
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate="%{customdata[0]:.0%} – %{customdata[1]:.0%}: %{y}",
        )
    _frame(figure, t("Probabilities given"))
    figure.update_layout(barmode="group", bargap=0.08)
    _percent_axis(figure.update_xaxes, t("probability of {name}", name=_name(table.classes, 1)))
    figure.update_yaxes(title={"text": t("photos")}, rangemode="tozero")
    figure.add_vline(x=threshold, line={"color": _NEUTRAL, "width": 2, "dash": "dash"})
    return figure


def roc(curves: Sequence[Curve], table: Table, result: Result) -> go.Figure:
    """False against true positive rate, a line a class; with two classes a dot for now."""
    figure = go.Figure()
    _diagonal(figure)
    for curve in curves:
        _line(figure, curve, table.classes, "linear")
    if len(table.classes) == 2 and curves:
        false = result.confusion[0, 1] / max(result.confusion[0].sum(), 1)
        _dot(figure, false, float(result.recall[1]), 1)
    _frame(figure, t("ROC curve"))
    _percent_axis(figure.update_xaxes, t("others called so by mistake"))
    _percent_axis(figure.update_yaxes, t("found (recall)"))
    return figure


def precision_recall(curves: Sequence[Curve], table: Table, result: Result) -> go.Figure:
    """Recall against precision, a line a class; with two classes dots for now."""
    figure = go.Figure()
    for curve in curves:
        _line(figure, curve, table.classes, "vh")
        if len(table.classes) == 2 and np.isfinite(result.precision[curve.label]):
            label = curve.label
            _dot(figure, float(result.recall[label]), float(result.precision[label]), label)
    _frame(figure, t("Precision and recall"))
    _percent_axis(figure.update_xaxes, t("found (recall)"))
    _percent_axis(figure.update_yaxes, t("right of those called so (precision)"))
    return figure


def calibration(found: Calibration, table: Table) -> go.Figure:
    """What the model said against what came true; larger dots hold more photos."""
    color = class_color(1 if found.label is None else found.label)
    figure = go.Figure()
    _diagonal(figure)
    figure.add_scatter(
        x=found.said,
        y=found.true,
        mode="lines+markers",
        line={"color": color, "width": 1.5},
        marker={"size": 7 + 21 * np.sqrt(found.counts / found.counts.max()), "color": color},
        customdata=found.counts,
        hovertemplate=t("said %{x:.1%}, came true %{y:.1%}, photos: %{customdata}")
        + "<extra></extra>",
    )
    figure.update_traces(cliponaxis=False)
    _frame(figure, t("Calibration"))
    if found.label is None:
        said = t("probability of its answer")
    else:
        said = t("probability of {name}", name=_name(table.classes, found.label))
    _percent_axis(figure.update_xaxes, said)
    _percent_axis(figure.update_yaxes, t("came true"))
    return figure


def drawn(curves: Sequence[Curve]) -> list[Curve]:
    """The curves there is room for: those with the smallest areas, in the order of the classes."""
    worst = sorted(curves, key=lambda curve: curve.area)[:CURVES]
    return sorted(worst, key=lambda curve: curve.label)


def _shade(right: bool, share: float) -> str:
    return f"rgba({_RIGHT if right else _WRONG},{0.07 + 0.5 * share**0.5:.3f})"


def _name(classes: Sequence[str], label: int) -> str:
    return html.escape(shown(classes[label], 20))


def _line(figure: go.Figure, curve: Curve, classes: Sequence[str], shape: str) -> None:
    step = max(1, len(curve.x) // _POINTS)
    keep = np.unique([*range(0, len(curve.x), step), len(curve.x) - 1])
    figure.add_scatter(
        x=curve.x[keep],
        y=curve.y[keep],
        mode="lines",
        line={"color": class_color(curve.label), "width": 2.5, "shape": shape},
        name=_name(classes, curve.label),
        hovertemplate="%{x:.1%}, %{y:.1%}",
    )


def _dot(figure: go.Figure, x: float, y: float, label: int) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={
            "size": 13,
            "color": class_color(label),
            "line": {"color": "rgba(128,128,128,1)", "width": 2.5},
        },
        hovertemplate=t("now: %{x:.1%}, %{y:.1%}") + "<extra></extra>",
        cliponaxis=False,
    )


def _diagonal(figure: go.Figure) -> None:
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": _NEUTRAL, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )


def _frame(figure: go.Figure, title: str, height: int = HEIGHT) -> None:
    figure.update_layout(
        title={"text": title},
        height=height,
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,  # one legend stands above all charts
        uirevision="keep",
    )
    figure.update_xaxes(automargin=True, fixedrange=True)
    figure.update_yaxes(automargin=True, fixedrange=True)


def _percent_axis(update: object, title: str) -> None:
    update(  # type: ignore[operator]
        title={"text": title}, range=[-0.02, 1.02], tickformat=".0%", dtick=0.25
    )
