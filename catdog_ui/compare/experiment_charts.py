"""The charts of experiments: twins one above the other, and accuracy against data."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import plotly.graph_objects as go

from catdog_core.outcomes.contrast import Point
from catdog_core.palette import TRAIN, VALIDATION

from .. import charts
from ..charts import Curve, Metric
from ..words import t

HEIGHT = 520
_DOMAINS = {"y": (0.55, 0.95), "y2": (0.0, 0.4)}
"""Where plain and augmented stand: parts of the figure's height."""
_APART = 0.02  # lines at the same number of photos are moved apart by so much of it


def twins(metric: Metric, pair: Sequence[tuple[Curve, str, int | None]]) -> go.Figure:
    """Two trainings one above the other, with the same axes; pointing at an epoch shows both.

    Args:
        metric: "accuracy" or "loss".
        pair: plain and augmented, each with its title and the epoch, from 0, since which it
            overfits.
    """
    curves = [curve for curve, _, _ in pair]
    end = max(max(curve.planned, len(curve.epochs), 1) for curve in curves)
    figure = go.Figure()
    figure.update_layout(
        title={"text": t("Accuracy") if metric == "accuracy" else t("Loss")},
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
        hovermode="x unified",
        hoversubplots="axis",
        uirevision="keep",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        xaxis={
            "title": {"text": t("Epoch")},
            "range": [0, end * 1.02],
            "dtick": charts.tick(end),
            "tickformat": "d",
            "anchor": "y2",
        },
    )
    limits = charts.y_range(metric, curves, max(curve.classes for curve in curves))
    for axis, (curve, title, since) in zip(_DOMAINS, pair, strict=True):
        _twin(figure, metric, curve, title, axis)
        charts.draw_gap(figure, metric, curve.epochs, yaxis=axis)
        charts.mark_overfitting(figure, since, axis)
        shape = {"domain": _DOMAINS[axis], "range": limits, "automargin": True}
        figure.update_layout({axis.replace("y", "yaxis"): shape})
    if metric == "accuracy":
        figure.update_yaxes(tickformat=".0%")
    return figure


def _twin(figure: go.Figure, metric: Metric, curve: Curve, title: str, axis: str) -> None:
    x = [row["epoch"] + 1 for row in curve.epochs]
    for key, name, color in (
        (metric, t("Training"), TRAIN),
        (f"val_{metric}", t("Validation"), VALIDATION),
    ):
        figure.add_scatter(
            x=x,
            y=[charts.finite(row.get(key)) for row in curve.epochs],
            yaxis=axis,
            mode="lines+markers",
            line={"color": color, "width": 2.2},
            marker={"size": 5 if len(x) <= 60 else 3, "color": color},
            name=f"{title}, {name}",
            hovertemplate="%{y:.4f}",
        )
    figure.add_annotation(
        x=0,
        y=1,
        xref="paper",
        yref=f"{axis} domain",
        text=f"<b>{title}</b>",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
    )


def against_data(
    points: Sequence[Point], names: dict[tuple[str, bool], str], classes: int
) -> go.Figure:
    """Validation accuracy against the number of training photos, with 95 % intervals.

    Args:
        points: those of `contrast.points`; runs that are not done have open marks.
        names: the lines' names, in their order.
        classes: of the dataset.
    """
    figure = go.Figure()
    for number, (line, name) in enumerate(names.items()):
        mine = [point for point in points if point.line == line]
        if mine:
            _line(figure, number, mine, name, 1 + _APART * (number - (len(names) - 1) / 2))
    sizes = sorted({point.photos for point in points})
    lowest = min([1 / classes, *(point.low for point in points)])
    figure.add_hline(
        y=1 / classes,
        line={"color": "rgba(128,128,128,0.75)", "width": 1, "dash": "dot"},
        annotation={"text": t("guessing"), "font": {"size": 11, "color": "rgba(128,128,128,1)"}},
        annotation_position="bottom right",
    )
    figure.update_layout(
        height=420,
        margin={"l": 8, "r": 8, "t": 16, "b": 8},
        hovermode="closest",
        uirevision="keep",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        xaxis={
            "type": "log",
            "title": {"text": t("Training photos, on a logarithmic scale")},
            "tickvals": sizes,
            "ticktext": [f"{size:,}" for size in sizes],
        },
        yaxis={
            "title": {"text": t("Best validation accuracy")},
            "tickformat": ".0%",
            "range": [floor(lowest * 20) / 20 - 0.02, 1.01],
            "automargin": True,
        },
    )
    return figure


def _line(figure: go.Figure, number: int, mine: Sequence[Point], name: str, shift: float) -> None:
    symbol = charts.RUN_SYMBOLS[number % len(charts.RUN_SYMBOLS)]
    figure.add_scatter(
        x=[point.photos * shift for point in mine],
        y=[point.accuracy for point in mine],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [point.high - point.accuracy for point in mine],
            "arrayminus": [point.accuracy - point.low for point in mine],
            "width": 4,
            "thickness": 1.5,
        },
        mode="lines+markers",
        name=name,
        line={"color": charts.run_color(number), "width": 2.2},
        marker={
            "size": 10,
            "color": charts.run_color(number),
            "symbol": [symbol if point.is_final else f"{symbol}-open" for point in mine],
        },
        customdata=[(f"{point.photos:,}", point.low, point.high) for point in mine],
        hovertemplate=f"{name}<br>%{{customdata[0]}}: %{{y:.1%}} (%{{customdata[1]:.1%}}–"
        "%{customdata[2]:.1%})<extra></extra>",
    )
