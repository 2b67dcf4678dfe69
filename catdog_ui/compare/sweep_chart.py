"""Parallel coordinates of runs: an axis a setting, one below the other, and the result at the foot.

The axes lie, so that their names and numbers can be read on a telephone as on a wide screen. Each
run is one line from top to bottom; runs with the same value stand beside each other, not upon each
other, so that each can be pointed at.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from catdog_core.files import shown
from catdog_core.outcomes import sweep_table
from catdog_core.outcomes.sweep_table import Column, Table
from catdog_core.palette import NEUTRAL, ON_DARK, ON_LIGHT, TRAIN, VALIDATION

from ..words import t
from . import sweep_words

ROW = 92
"""Pixels from one axis to the next."""
MOST = 8
"""As many settings are drawn; the table below tells of all."""
_SPREAD = 0.05
"""How far runs with the same value stand apart at most, of the width of the axis."""
_CLOSE = 0.13  # parts of the axis by which two numbers on it are apart at least
_LEAST = 0.02  # accuracies that differ by less are not drawn as far apart as the axis is long
_STEPS = 24  # of the shades on the axis of the result


@dataclass(frozen=True)
class Axis:
    """An axis: its name, where each run lies on it (0..1, None for nowhere), and its numbers."""

    title: str
    places: tuple[float | None, ...]
    ticks: tuple[tuple[float, str], ...]


def figure(
    found: Table,
    columns: Sequence[Column],
    chosen: Sequence[str] = (),
    is_dark: bool = False,
) -> go.Figure:
    """The runs of a table as lines through their settings to their result.

    Args:
        found: the runs.
        columns: the settings to draw, from the top.
        chosen: ids of runs to draw strongly, the others faintly; by default none is.
        is_dark: whether the words stand on a dark page; lines pass behind them.
    """
    axes = [*(_setting(column) for column in columns), _result(found.results)]
    ink, last = ON_DARK if is_dark else ON_LIGHT, len(axes) - 1
    order = sweep_table.best(found)[::-1]  # the best lie on top
    spread = [_spread(axis.places, order) for axis in axes]
    lines = [_run(found, [row[place] for row in spread], place, chosen) for place in order]
    chart = go.Figure(lines)  # all at once, and so below: one by one takes twice as long
    chart.update_layout(
        shapes=[line for row in range(len(axes)) for line in _lines(-row, row == last)],
        annotations=[word for row, axis in enumerate(axes) for word in _words(axis, -row, ink)],
        height=round(ROW * (len(axes) - 0.25)) + 16,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest",
        uirevision="keep",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        xaxis={"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
        yaxis={"visible": False, "range": [0.65 - len(axes), 0.4], "fixedrange": True},
    )
    return chart


def shade(share: float) -> str:
    """The colour of a result, 0 the worst and 1 the best: orange over grey to blue."""
    low, high, part = (
        (TRAIN, NEUTRAL, 2 * share) if share < 0.5 else (NEUTRAL, VALIDATION, 2 * share - 1)
    )
    mixed = [
        round(
            int(low[place : place + 2], 16) * (1 - part) + int(high[place : place + 2], 16) * part
        )
        for place in (1, 3, 5)
    ]
    return "#" + "".join(f"{value:02X}" for value in mixed)


def limits(results: Sequence[float | None]) -> tuple[float, float]:
    """Where the axis of the result begins and ends: whole percents around all results."""
    there = [result for result in results if result is not None] or [0.5]
    low, high = floor(100 * min(there)) / 100, ceil(100 * max(there)) / 100
    return (low, high) if high - low >= _LEAST else (high - _LEAST, high)


def _setting(column: Column) -> Axis:
    order, title = column.order, html.escape(sweep_words.label(column))
    if column.scale == "named":
        place = {value: (n + 0.5) / len(order) for n, value in enumerate(order)}
        ticks = [(place[value], sweep_words.value(column, value)) for value in order]
        return Axis(title, tuple(place[value] for value in column.values), _named(ticks))
    scale: Any = log10 if column.scale == "log" else float
    low, high = scale(order[0]), scale(order[-1])

    def at(value: float) -> float:
        return float((scale(value) - low) / (high - low))

    marks = order if len(order) <= 6 else _round(order[0], order[-1], column.scale == "log")
    ticks = [(at(mark), sweep_words.number(mark)) for mark in marks]
    return Axis(title, tuple(at(value) for value in column.values), _apart(ticks))


def _result(results: Sequence[float | None]) -> Axis:
    low, high = limits(results)
    marks = _round(low, high, is_log=False)
    ticks = [((mark - low) / (high - low), f"{100 * mark:.3g}%") for mark in marks]
    places = tuple(None if r is None else (r - low) / (high - low) for r in results)
    return Axis(t("Best validation accuracy"), places, _apart(ticks))


def _round(low: float, high: float, is_log: bool) -> list[float]:
    """Round numbers from `low` to `high`: powers of ten and their parts, or even steps."""
    if is_log:
        powers = range(floor(log10(low)), ceil(log10(high)) + 1)
        digits = (1,) if high / low > 900 else (1, 3) if high / low > 20 else (1, 2, 5)
        marks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    else:
        rough = (high - low) / 5
        unit = 10.0 ** floor(log10(rough))
        step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough * (1 - 1e-9))
        marks = [step * n for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    return [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)] or [low, high]


def _apart(ticks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """The numbers that have room, the first and the last before all others."""
    kept = [ticks[0]]
    for place, text in ticks[1:-1]:
        if place - kept[-1][0] >= _CLOSE and ticks[-1][0] - place >= _CLOSE:
            kept.append((place, text))
    return (*kept, ticks[-1]) if len(ticks) > 1 else tuple(kept)


def _named(ticks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Names cut to the room they have on a telephone."""
    room = max(5, 42 // len(ticks))
    return tuple((place, html.escape(shown(text, room))) for place, text in ticks)


def _spread(places: Sequence[float | None], order: Sequence[int]) -> list[float | None]:
    """Places with those of equal runs set apart a little, in the order of their results."""
    moved = list(places)
    for value in {place for place in places if place is not None}:
        alike = [run for run in order if places[run] == value]
        gap = min(_SPREAD / max(len(alike) - 1, 1), 0.012)
        for n, run in enumerate(alike):
            moved[run] = value + gap * (n - (len(alike) - 1) / 2)
    return moved


def _lines(y: float, is_result: bool) -> list[dict[str, Any]]:
    """An axis: one line, or for the result many in the colours of its values."""
    edges = [n / _STEPS for n in range(_STEPS + 1)] if is_result else [0.0, 1.0]
    return [
        {
            "type": "line",
            "x0": low - (0.02 if low == 0 else 0),
            "x1": high + (0.02 if high == 1 else 0.002),
            "y0": y,
            "y1": y,
            "layer": "below",
            "line": {
                "color": shade((low + high) / 2) if is_result else NEUTRAL,
                "width": 7 if is_result else 1.5,
            },
        }
        for low, high in pairwise(edges)
    ]


def _words(axis: Axis, y: float, ink: str) -> list[dict[str, Any]]:
    """The name of an axis above it, and its numbers below."""
    title = {"x": -0.02, "yshift": 20, "text": f"<b>{axis.title}</b>", "xanchor": "left"}
    ticks = [{"x": place, "yshift": -16, "text": text} for place, text in axis.ticks]
    font = {"color": ink, "shadow": "auto"}
    shared = {"y": y, "showarrow": False}
    return [
        {**title, **shared, "font": {**font, "size": 13}},
        *({**tick, **shared, "font": {**font, "size": 12}} for tick in ticks),
    ]


def _run(
    found: Table, places: Sequence[float | None], place: int, chosen: Sequence[str]
) -> go.Scatter:
    """One run as a line over the axes it has a place on."""
    run, result = found.runs[place], found.results[place]
    low, high = limits(found.results)
    color = NEUTRAL if result is None else shade((result - low) / (high - low))
    is_final = run.status == "done"
    there = [(x, -row) for row, x in enumerate(places) if x is not None]
    is_faint = bool(chosen) and run.id not in chosen
    return go.Scatter(
        x=[x for x, _ in there],
        y=[y for _, y in there],
        mode="lines+markers",
        name=html.escape(shown(sweep_words.name(run), 60)),
        line={
            "color": color,
            "width": 3.5 if run.id in chosen else 2,
            "dash": "solid" if is_final else "dot",
        },
        marker={
            "color": color,
            "size": 9 if run.id in chosen else 7,
            "symbol": "circle" if is_final else "circle-open",
        },
        opacity=0.2 if is_faint else 1.0,
        customdata=[run.id] * len(there),
        hovertemplate="<b>%{fullData.name}</b><br>"
        + html.escape(sweep_words.settings(found, place)).replace("\n", "<br>")
        + "<extra></extra>",
    )
