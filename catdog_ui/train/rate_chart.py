"""The learning rate as plotly figures."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from ..palette import TRAIN, VALIDATION
from ..words import t

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
    _lay_out(figure, t("Learning rate over the epochs"), HEIGHT)
    figure.update_xaxes(title={"text": t("Epoch")}, rangemode="tozero", automargin=True)
    figure.update_yaxes(rangemode="tozero", tickformat="~g", nticks=4, automargin=True)
    return figure


def search(
    points: Sequence[tuple[float, float]], smoothed: Sequence[float], chosen: float | None
) -> go.Figure:
    """The losses of a search for a learning rate: (rate, loss), and the rate to use, if found."""
    rates = [rate for rate, _ in points]
    figure = go.Figure()
    figure.add_scatter(
        x=rates,
        y=[loss for _, loss in points],
        mode="lines",
        name=t("Loss of the step"),
        line={"color": TRAIN, "width": 1},
        opacity=0.4,
    )
    figure.add_scatter(
        x=rates,
        y=list(smoothed),
        mode="lines",
        name=t("Smoothed"),
        line={"color": TRAIN, "width": 2.5},
    )
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": VALIDATION, "width": 2, "dash": "dash"})
        figure.add_annotation(
            x=log10(chosen),  # plotly places lines by value, but annotations by the axis' exponent
            y=1,
            yref="y domain",
            text=f"{chosen:g}",
            font={"color": VALIDATION},
            showarrow=False,
            xanchor="left",
            yanchor="top",
        )
    _lay_out(figure, t("Loss at rising learning rates"), 1.5 * HEIGHT)
    figure.update_xaxes(
        type="log",
        title={"text": t("Learning rate")},
        exponentformat="power",
        dtick=1,
        automargin=True,
    )
    low, high = min(smoothed), max(smoothed)
    room = max(0.15 * (high - low), 0.01)
    figure.update_yaxes(range=[low - room, high + room], nticks=5, automargin=True)
    return figure


def _lay_out(figure: go.Figure, title: str, height: float) -> None:
    figure.update_layout(
        title={"text": title},
        height=height,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
        hovermode="x unified",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
