"""The chart of each kind of group: twins, accuracy against data, and parallel coordinates.

In parallel coordinates the axes lie, so that their names and numbers can be read on a telephone as
on a wide screen. Each run is one line from top to bottom; runs with the same value stand beside
each other, not upon each other, so that each can be pointed at.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any

import plotly.graph_objects as go

from catdog_core.analysis import sweep_table
from catdog_core.analysis.group_comparison import LearningCurvePoint
from catdog_core.analysis.sweep_table import Column, SweepTable
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import NEUTRAL, ON_DARK, ON_LIGHT, TRAIN, VALIDATION
from catdog_core.runs import RunRecord
from catdog_core.tuning import groups

from .. import charts, format_text
from ..charts import LearningCurve, Metric
from ..i18n import t

_DOMAINS = {"y": (0.55, 0.95), "y2": (0.0, 0.4)}
"""Where plain and augmented stand: parts of the figure's height."""
_LINE_SHIFT = 0.02  # lines at the same number of photos are moved apart by so much of it
ROW_HEIGHT = 92
"""Pixels from one axis of parallel coordinates to the next."""
MAX_SETTINGS = 12
"""As many settings are drawn; the table below tells of all."""
_PAPER = {False: "rgba(255,255,255,0.85)", True: "rgba(0,0,0,0.8)"}
"""By whether the page is dark, what words stand on, so that no line strikes them through."""
_MAX_SPREAD = 0.05
"""How far runs with the same value stand apart at most, of the width of the axis."""
_MIN_TICK_GAP = 0.13  # parts of the axis by which two numbers on it are apart at least
_MIN_RESULT_SPAN = (
    0.02  # accuracies that differ by less are not drawn as far apart as the axis is long
)
_SHADE_STEPS = 24  # of the shades on the axis of the result


def paired_figure(
    metric: Metric, pair: Sequence[tuple[LearningCurve, str, tuple[int, int] | None]]
) -> go.Figure:
    """Return the charts of two trainings one above the other, with the same axes.

    Args:
        metric: "accuracy" or "loss".
        pair: plain and augmented, each with its title and the first and last epoch, from 0, in
            which overfitting may have begun.
    """
    curves = [curve for curve, _, _ in pair]
    figure = charts.empty_figure(metric, curves)
    limits, shared = figure.layout.yaxis.range, figure.layout.yaxis.tickformat
    figure.layout.shapes, figure.layout.annotations = (), ()  # each chart has its own
    figure.update_layout(height=520, hoversubplots="axis")
    figure.update_xaxes(anchor="y2")
    for axis, (curve, title, since) in zip(_DOMAINS, pair, strict=True):
        for line in charts.live_figure(metric, curve).data:
            if line.hoverinfo != "skip":  # training and validation, epoch by epoch
                figure.add_trace(line.update(yaxis=axis, name=f"{title}, {line.name}"))
        charts.mark_run_guessing(figure, metric, curve, axis)
        charts.draw_gap(figure, metric, curve.epochs, yaxis=axis)
        charts.mark_overfitting(figure, since, axis)
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
        shape = {"domain": _DOMAINS[axis], "range": limits, "tickformat": shared}
        figure.update_layout({axis.replace("y", "yaxis"): {**shape, "automargin": True}})
    return figure


def data_size_figure(
    points: Sequence[LearningCurvePoint], names: dict[tuple[str, bool], str], guess: float
) -> go.Figure:
    """Return a chart of validation accuracy against training photos, with 95 % intervals.

    Args:
        points: those of `group_comparison.learning_curve_points`; runs that are not done have open
            marks.
        names: the lines' names, in their order.
        guess: validation accuracy of always predicting the largest class, 0..1.
    """
    figure = go.Figure()
    for number, (line, name) in enumerate(names.items()):
        shift = 1 + _LINE_SHIFT * (number - (len(names) - 1) / 2)
        symbol = charts.RUN_SYMBOLS[number % len(charts.RUN_SYMBOLS)]
        line_points = [point for point in points if point.line == line]
        figure.add_scatter(
            x=[point.photos * shift for point in line_points],
            y=[point.accuracy for point in line_points],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [point.high - point.accuracy for point in line_points],
                "arrayminus": [point.accuracy - point.low for point in line_points],
                "width": 4,
                "thickness": 1.5,
            },
            mode="lines+markers",
            name=name,
            line={"color": charts.run_color(number), "width": 2.2},
            marker={
                "size": 10,
                "symbol": [symbol if point.is_final else f"{symbol}-open" for point in line_points],
            },
            customdata=[(f"{point.photos:,}", point.low, point.high) for point in line_points],
            hovertemplate=f"{name}<br>%{{customdata[0]}}: %{{y:.1%}} (%{{customdata[1]:.1%}}–"
            "%{customdata[2]:.1%})<extra></extra>",
        )
    charts.mark_guessing(figure, guess)
    sizes = sorted({point.photos for point in points})
    lowest = min([guess, *(point.low for point in points)])
    figure.update_layout(
        charts.BASE_LAYOUT,
        height=420,
        hovermode="closest",
        xaxis={
            "type": "log",
            "title": {"text": t("Training photos (log scale)")},
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


@dataclass(frozen=True)
class Axis:
    """An axis: its name, where each run lies on it (0..1, None for nowhere), and its numbers."""

    title: str
    positions: tuple[float | None, ...]
    ticks: tuple[tuple[float, str], ...]


def parallel_figure(
    table: SweepTable,
    columns: Sequence[Column],
    chosen: Sequence[str] = (),
    is_dark: bool = False,
) -> go.Figure:
    """Return the runs of a table as lines through their settings to their result.

    Args:
        table: the runs.
        columns: the settings to draw, from the top.
        chosen: ids of runs to draw strongly, the others faintly; by default none is.
        is_dark: whether the words stand on a dark page; lines pass behind them.
    """
    axes = [*(_setting_axis(column) for column in columns), _result_axis(table.results)]
    ink, last = ON_DARK if is_dark else ON_LIGHT, len(axes) - 1
    order = sweep_table.rank_runs(table)[::-1]  # the best lie on top
    spread = [_separate_equal_runs(axis.positions, order) for axis in axes]
    names = short_run_names(table.runs)
    lines = [
        _run_trace(table, [row[number] for row in spread], number, chosen, names)
        for number in order
    ]
    chart = go.Figure(lines)  # all at once, and so below: one by one takes twice as long
    chart.update_layout(
        charts.BASE_LAYOUT,
        shapes=[line for row in range(len(axes)) for line in _axis_lines(-row, row == last)],
        annotations=[
            word
            for row, axis in enumerate(axes)
            for word in _axis_labels(axis, -row, ink, _PAPER[is_dark])
        ],
        height=round(ROW_HEIGHT * (len(axes) - 0.25)) + 16,
        hovermode="closest",
        xaxis={"visible": False, "range": [-0.06, 1.06], "fixedrange": True},
        yaxis={"visible": False, "range": [0.65 - len(axes), 0.4], "fixedrange": True},
    )
    return chart


def result_color(share: float) -> str:
    """Return the colour of a result, 0 the worst and 1 the best: orange over grey to blue."""
    low, high, part = (
        (TRAIN, NEUTRAL, 2 * share) if share < 0.5 else (NEUTRAL, VALIDATION, 2 * share - 1)
    )
    parts = [(int(low[at : at + 2], 16), int(high[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a * (1 - part) + b * part):02X}" for a, b in parts)


def result_limits(results: Sequence[float | None]) -> tuple[float, float]:
    """Return where the axis of the result begins and ends, in whole percents."""
    there = [result for result in results if result is not None] or [0.5]
    low, high = floor(100 * min(there)) / 100, ceil(100 * max(there)) / 100
    return (low, high) if high - low >= _MIN_RESULT_SPAN else (high - _MIN_RESULT_SPAN, high)


def column_heading(column: Column) -> str:
    """Return a setting's name with its unit, for an axis or a table."""
    unit = column.control.unit if column.control and column.scale != "named" else ""
    return f"{t(column.label)} ({t(unit)})" if unit else t(column.label)


def format_value(column: Column, value: Any) -> str:
    """Return one value of a setting as text, without its unit where the axis has it."""
    if column.name == "augmentation":
        return format_text.augmentation_label(value)
    if column.control is None:
        return str(value)
    if column.scale != "named":
        return _format_number(value)
    return format_text.format_setting(column.control, value) if value is not None else t("not set")


def short_run_names(runs: Sequence[RunRecord]) -> dict[str, str]:
    """Return short names of runs by their ids; without their experiment's if all are of one."""
    is_group = len({run.group.get("id", "") for run in runs}) == 1 and runs[0].group
    names = groups.short_names(runs) if is_group else format_text.name_runs(runs)
    return dict(zip((run.id for run in runs), names, strict=True))


def _format_number(value: float) -> str:
    """A number on an axis, short: "0.0001", "1,024"."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _setting_axis(column: Column) -> Axis:
    order, title = column.order, html.escape(column_heading(column))
    if column.scale == "named":
        at = {each: (n + 0.5) / len(order) for n, each in enumerate(order)}
        letters = max(5, 42 // len(order))  # the names' share of the width of a telephone
        ticks = [
            (at[v], html.escape(truncate_for_display(format_value(column, v), letters)))
            for v in order
        ]
        return Axis(title, tuple(at[each] for each in column.values), tuple(ticks))
    is_log = column.scale == "log"
    scale: Any = log10 if is_log else float
    low, high = scale(order[0]), scale(order[-1])
    positions = tuple((scale(each) - low) / (high - low) for each in column.values)
    marks = order if len(order) <= 6 else _round_ticks(order[0], order[-1], is_log)
    ticks = [((scale(mark) - low) / (high - low), _format_number(mark)) for mark in marks]
    if is_log:
        title = t("{name} (log scale)", name=title)
    return Axis(title, positions, _thin_ticks(ticks))


def _result_axis(results: Sequence[float | None]) -> Axis:
    low, high = result_limits(results)
    marks = _round_ticks(low, high, is_log=False)
    ticks = [((mark - low) / (high - low), f"{100 * mark:.3g}%") for mark in marks]
    positions = tuple(None if r is None else (r - low) / (high - low) for r in results)
    return Axis(t("Best validation accuracy"), positions, _thin_ticks(ticks))


def _round_ticks(low: float, high: float, is_log: bool) -> list[float]:
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


def _thin_ticks(ticks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """The numbers that have room, the first and the last before all others."""
    thinned = [ticks[0]]
    for at, text in ticks[1:-1]:
        if at - thinned[-1][0] >= _MIN_TICK_GAP and ticks[-1][0] - at >= _MIN_TICK_GAP:
            thinned.append((at, text))
    return (*thinned, ticks[-1]) if len(ticks) > 1 else tuple(thinned)


def _separate_equal_runs(
    positions: Sequence[float | None], order: Sequence[int]
) -> list[float | None]:
    """Places with those of equal runs set apart a little, in the order of their results."""
    moved = list(positions)
    for at in {position for position in positions if position is not None}:
        alike = [run for run in order if positions[run] == at]
        gap = min(_MAX_SPREAD / max(len(alike) - 1, 1), 0.012)
        for n, run in enumerate(alike):
            moved[run] = at + gap * (n - (len(alike) - 1) / 2)
    return moved


def _axis_lines(y: float, is_result: bool) -> list[dict[str, Any]]:
    """An axis: one line, or for the result many in the colours of its values."""
    edges = [n / _SHADE_STEPS for n in range(_SHADE_STEPS + 1)] if is_result else [0.0, 1.0]
    return [
        {
            "type": "line",
            "x0": low - (0.02 if low == 0 else 0),
            "x1": high + (0.02 if high == 1 else 0.002),
            "y0": y,
            "y1": y,
            "layer": "below",
            "line": {
                "color": result_color((low + high) / 2) if is_result else NEUTRAL,
                "width": 7 if is_result else 1.5,
            },
        }
        for low, high in pairwise(edges)
    ]


def _axis_labels(axis: Axis, y: float, ink: str, paper: str) -> list[dict[str, Any]]:
    """The name of an axis above it, and its numbers below."""
    font = {"color": ink, "size": 12}
    shared = {"y": y, "showarrow": False, "font": font, "bgcolor": paper, "borderpad": 1}
    title = {"x": -0.02, "yshift": 20, "text": f"<b>{axis.title}</b>", "xanchor": "left"}
    ticks = [{**shared, "x": at, "yshift": -16, "text": text} for at, text in axis.ticks]
    return [{**shared, **title, "font": {**font, "size": 13}}, *ticks]


def _run_trace(
    table: SweepTable,
    positions: Sequence[float | None],
    number: int,
    chosen: Sequence[str],
    names: Mapping[str, str],
) -> go.Scatter:
    """One run as a line over the axes it has a place on."""
    run, result = table.runs[number], table.results[number]
    low, high = result_limits(table.results)
    color = NEUTRAL if result is None else result_color((result - low) / (high - low))
    is_final, is_chosen = run.status == "done", run.id in chosen
    there = [(x, -row) for row, x in enumerate(positions) if x is not None]
    hover_lines = [f"{t(c.label)}: {format_value(c, c.values[number])}" for c in table.columns]
    hover_lines.append(
        t("Best validation accuracy: {value}", value=format_text.format_percent(result))
    )
    return go.Scatter(
        x=[x for x, _ in there],
        y=[y for _, y in there],
        mode="lines+markers",
        name=html.escape(names[run.id]),
        line={
            "color": color,
            "width": 3.5 if is_chosen else 2,
            "dash": "solid" if is_final else "dot",
        },
        marker={
            "color": color,
            "size": 9 if is_chosen else 7,
            "symbol": "circle" if is_final else "circle-open",
        },
        opacity=0.2 if chosen and not is_chosen else 1.0,
        customdata=[run.id] * len(there),
        hovertemplate="<b>%{fullData.name}</b><br>"
        + "<br>".join(map(html.escape, hover_lines))
        + "<extra></extra>",
    )
