"""Small charts of the Learn page: a curve with a point on it, and a few bars."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from ..palette import NEUTRAL, TRAIN, VALIDATION

_HEIGHT = 240  # pixels
_CONFIG = {"displaylogo": False, "displayModeBar": False}


def curve(
    x: Sequence[float],
    y: Sequence[float],
    points: tuple[Sequence[float], Sequence[float]],
    titles: tuple[str, str],
    key: str,
    alt: str,
    x_range: Sequence[float] | None = None,
    y_range: Sequence[float] | None = None,
) -> None:
    """A curve and points on it, joined where there are several.

    Args:
        x: of the curve.
        y: of the curve.
        points: their x and y.
        titles: of the x and the y axis.
        key: of the chart.
        alt: what it shows, in a sentence.
        x_range: where the x axis begins and ends.
        y_range: where the y axis does.
    """
    figure = go.Figure()
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": NEUTRAL, "width": 2})
    figure.add_scatter(
        x=points[0],
        y=points[1],
        mode="lines+markers",
        line={"color": TRAIN, "width": 1.5},
        marker={"color": TRAIN, "size": 10},
        cliponaxis=False,
    )
    figure.update_traces(hoverinfo="skip")
    figure.update_xaxes(range=x_range)
    figure.update_yaxes(range=y_range)
    _draw(figure, titles, key, alt)


def bars(
    names: Sequence[str], values: Sequence[float], own: int, title: str, key: str, alt: str
) -> None:
    """Horizontal bars on a logarithmic axis, the learner's own one in another colour.

    Args:
        names: of the bars, plain text.
        values: above 0.
        own: the place of the learner's own bar.
        title: of the axis.
        key: of the chart.
        alt: what it shows, in a sentence.
    """
    colors = [VALIDATION if place == own else NEUTRAL for place in range(len(names))]
    figure = go.Figure()
    figure.add_bar(
        x=values,
        y=names,
        orientation="h",
        marker={"color": colors},
        text=[f"{value:,.0f}" for value in values],
        hoverinfo="skip",
    )
    figure.update_xaxes(type="log", dtick=1)
    figure.update_yaxes(autorange="reversed")
    _draw(figure, (title, ""), key, alt)


def _draw(figure: go.Figure, titles: tuple[str, str], key: str, alt: str) -> None:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
    )
    figure.update_xaxes(title={"text": titles[0]}, automargin=True)
    figure.update_yaxes(title={"text": titles[1]}, automargin=True)
    st.plotly_chart(figure, key=key, config=_CONFIG, alt=alt)
