"""What a verdict adds to a chart: the gap as a band, and where overfitting begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from . import charts
from .charts import Metric, Row
from .palette import TRAIN, VALIDATION
from .words import t

_FAINT = 0.16  # opacity of a band
_MARK = "rgba(128,128,128,0.95)"


def band(
    figure: go.Figure,
    metric: Metric,
    epochs: Sequence[Row],
    ahead: str = TRAIN,
    behind: str = VALIDATION,
    **place: Any,
) -> None:
    """Draw the gap between training and validation as a band behind the curves.

    Args:
        figure: a chart of these epochs; it is changed.
        metric: which of the two curves' pairs.
        epochs: rows of metrics.jsonl.
        ahead: the band's colour, "#rrggbb", where training is the better one.
        behind: its colour where validation is.
        place: the yaxis of a figure with several charts.
    """
    rows = [row for row in epochs if _pair(row, metric) is not None]
    pairs = [pair for row in rows if (pair := _pair(row, metric)) is not None]
    x = [row["epoch"] + 1 for row in rows]
    validation = [pair[1] for pair in pairs]
    upper, lower = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    better, worse = (upper, lower) if metric == "accuracy" else (lower, upper)
    before = len(figure.data)
    for edge, color in ((better, ahead), (worse, behind)):
        figure.add_scatter(
            x=[*x, *reversed(x)],
            y=[*edge, *reversed(validation)],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=_faint(color),
            name=t("Gap"),
            hoverinfo="skip",
            **place,
        )
    figure.data = figure.data[before:] + figure.data[:before]


def onset(figure: go.Figure, since: int | None, axis: str = "y") -> None:
    """Mark the epoch, from 0, since which a run overfits; None marks nothing.

    Args:
        figure: is changed.
        since: the epoch.
        axis: the y axis of the chart to mark, in a figure with several.
    """
    if since is None:
        return
    place = {"xref": "x", "yref": f"{axis} domain"}
    figure.add_shape(
        type="line",
        x0=since + 1,
        x1=since + 1,
        y0=0,
        y1=1,
        line={"color": _MARK, "width": 1.5, "dash": "dash"},
        **place,
    )
    figure.add_annotation(
        x=since + 1,
        y=1,
        text=t("overfits since epoch {n}", n=since + 1),
        font={"size": 11, "color": _MARK},
        showarrow=False,
        xanchor="left",
        yanchor="top",
        **place,
    )


def onset_of_one(
    figure: go.Figure, metric: Metric, epochs: Sequence[Row], number: int, since: int | None
) -> None:
    """Mark where one run of an overlay begins to overfit, on its validation curve."""
    row = next((row for row in epochs if row.get("epoch") == since), None)
    pair = _pair(row, metric) if row else None
    if pair is None or since is None:
        return
    figure.add_scatter(
        x=[since + 1],
        y=[pair[1]],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 17,
            "color": charts.run_color(number),
            "line": {"width": 2.5},
        },
        name=t("overfits since epoch {n}", n=since + 1),
        hoverinfo="skip",
    )


def _pair(row: Row, metric: Metric) -> tuple[float, float] | None:
    """Training and validation of one epoch, None where one is no number."""
    training, validation = charts.finite(row.get(metric)), charts.finite(row.get(f"val_{metric}"))
    if training is None or validation is None or not isinstance(row.get("epoch"), int):
        return None
    return training, validation


def _faint(color: str) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_FAINT})"
