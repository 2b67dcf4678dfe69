"""What a unit sees: a click into a channel's map, and the pixels of the photo that reach it."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from catdog_core import images
from catdog_core.errors import ModelError
from catdog_core.insight.heat import with_inset

from .. import gallery
from ..palette import WHITE
from ..words import escape, say, t
from . import xray_doors
from .xray_look import Look, enlarged, picture

_CHART = "predict_xray_click"
_HEIGHT = 380
_MOST = 48
"""Places along a side that can be clicked; on larger maps the sliders reach those between."""
_CONFIG = {"displayModeBar": False}


def show(look: Look) -> None:
    """The map to click into beside the photo with the chosen unit's frame."""
    height, width, _ = look.layer.shape
    left, right = st.columns(2, gap="large")
    with left:
        chart = st.container()
        with st.container(horizontal=True):
            row = _place(t("Row"), height, _key("row", height))
            column = _place(t("Column"), width, _key("column", width))
        with chart:
            _map(look, row, column)
    with right:
        _field(look, row, column)


def _map(look: Look, row: int, column: int) -> None:
    height, width, _ = look.layer.shape
    st.plotly_chart(
        figure(look, row, column),
        key=_CHART,
        on_select=lambda: _choose(height, width),
        selection_mode="points",
        config=_CONFIG,
        alt=t("The channel's map; a click chooses a unit"),
    )
    st.caption(
        t(
            "The map of channel {n}: bright is a strong answer. Click into it, or move the sliders,"
            " to choose a unit; this one answers with {value}, the strongest with {most}.",
            n=look.channel + 1,
            value=f"{look.channel_map[row, column]:.3g}",
            most=f"{look.channel_map.max():.3g}",
        )
    )


def figure(look: Look, row: int, column: int) -> go.Figure:
    """A channel's map as a picture under a grid of points, which is what can be clicked."""
    values = look.channel_map
    height, width = values.shape
    step = -(-max(height, width) // _MOST)
    places = [(y, x) for y in range(step // 2, height, step) for x in range(step // 2, width, step)]
    chart = go.Figure()
    chart.add_scatter(
        x=[x for _, x in places],
        y=[y for y, _ in places],
        mode="markers",
        marker={"opacity": 0, "size": max(4, 300 // max(height, width) * step)},
        customdata=[[y, x, f"{values[y, x]:.3g}"] for y, x in places],
        hovertemplate=t("row %{customdata[0]}, column %{customdata[1]}: %{customdata[2]}")
        + "<extra></extra>",
        unselected={"marker": {"opacity": 0}},
        selected={"marker": {"opacity": 0}},
        showlegend=False,
    )
    chart.add_shape(
        type="rect",
        x0=column - 0.5,
        x1=column + 0.5,
        y0=row - 0.5,
        y1=row + 0.5,
        line={"color": WHITE, "width": 2},
    )
    chart.add_scatter(
        x=[column],
        y=[row],
        mode="markers",
        marker={"symbol": "circle-open", "size": 18, "color": WHITE, "line": {"width": 2.5}},
        unselected={"marker": {"opacity": 1}},
        hoverinfo="skip",
        showlegend=False,
    )
    chart.add_layout_image(
        source=gallery.data_uri(images.encode(picture(values, 240), "png")),
        xref="x",
        yref="y",
        x=-0.5,
        y=-0.5,
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    chart.update_xaxes(range=[-0.5, width - 0.5], constrain="domain", **hidden)
    chart.update_yaxes(range=[height - 0.5, -0.5], scaleanchor="x", constrain="domain", **hidden)
    chart.update_layout(
        height=_HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
        hoverdistance=-1,
    )
    return chart


def _choose(height: int, width: int) -> None:
    """Take the clicked unit over into the sliders."""
    points = st.session_state[_CHART].selection.points
    if points and points[0].get("customdata"):
        row, column = (int(value) for value in points[0]["customdata"][:2])
        st.session_state[_key("row", height)] = row + 1
        st.session_state[_key("column", width)] = column + 1


def _key(name: str, count: int) -> str:
    return f"predict_xray_{name}_{count}"


def _place(label: str, count: int, key: str) -> int:
    if count == 1:
        return 0
    st.session_state.setdefault(key, count // 2 + 1)
    return int(st.slider(label, 1, count, key=key, width=180)) - 1


def _field(look: Look, row: int, column: int) -> None:
    """The photo with a frame around the pixels that the unit can see; a few of them enlarged."""
    try:
        box = xray_doors.receptive_field(look.model, look.layer.place, row, column)
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    seen = with_inset(look.photo, (box.top, box.left, box.bottom, box.right))
    gallery.grid(
        [images.encode(enlarged(seen, _HEIGHT))],
        columns=1,
        width=_HEIGHT,
        alts=[t("What the unit sees")],
    )
    size = look.model.size
    rows = min(box.bottom, size) - max(box.top, 0)
    columns = min(box.right, size) - max(box.left, 0)
    st.caption(
        t(
            "The unit at this place of the map sees {width} × {height} px of {size} × {size}:"
            " nothing outside the frame can change its answer. A small frame stands enlarged in a"
            " corner.",
            width=box.right - box.left,
            height=box.bottom - box.top,
            size=size,
        )
        + " "
        + t("Now the frame holds {share} of the photo.", share=f"{rows * columns / size**2:.2%}")
    )
