"""The learning rate as plotly figures."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from .palette import TRAIN
from .words import t

HEIGHT = 170
"""Pixels."""


def schedule(points: Sequence[tuple[float, float]]) -> go.Figure:
    """The learning rate over the epochs: (epoch from 0, rate)."""
    figure = go.Figure()
    figure.add_scatter(
        x=[epoch for epoch, _ in points],
        y=[rate for _, rate in points],
        mode="lines",
        line={"color": TRAIN, "width": 2.5},
    )
    figure.update_layout(
        title={"text": t("Learning rate over the epochs")},
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(title={"text": t("Epoch")}, rangemode="tozero", automargin=True)
    figure.update_yaxes(rangemode="tozero", tickformat="~g", nticks=4, automargin=True)
    return figure
