"""Learning curves as plotly figures, built from plain rows of a run.

Epochs count from 1 on the axis and a point inside an epoch lies at a fraction: batch 50 of 100 in
the third epoch is at 2.5, and the epoch's own result at 3. Axes depend on the plan and move in few
large steps, so that a chart growing every second does not jump. No text colour is set: Streamlit's
theme brings the right one, light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log
from typing import Any, Literal

import plotly.graph_objects as go

from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import BatchRow, EpochRow
from catdog_core.base.palette import BEST, RUN_COLORS, TRAIN, VALIDATION
from catdog_core.runs.final_evaluation import FinalEvaluation

from .i18n import t

Metric = Literal["accuracy", "loss"]
METRICS: tuple[Metric, ...] = ("accuracy", "loss")
Row = EpochRow

HEIGHT = 340
"""Pixels; fixed, so that a page does not move while a chart grows."""

RUN_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x")
"""By place in an overlay, beside the colour of `palette.RUN_COLORS`."""

_NEUTRAL = "rgba(128,128,128,0.75)"
BASE_LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "uirevision": "keep",  # a zoom made by hand survives the next second's figure
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "showlegend": False,  # `legend_html` is above: plotly's own is cut on a telephone
}
"""The layout that charts share."""
_SIDES = ("right", "left")  # where the words of guessing lines stand by turns
_AXIS_ENDS = (2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000)


@dataclass(frozen=True)
class LearningCurve:
    """What a chart needs of a run.

    Attributes:
        epochs: rows of metrics.jsonl, epochs from 0.
        planned: number of epochs the run was started for.
        guess_accuracy: validation accuracy of always predicting the largest class, 0..1.
        guess_loss: validation loss in nats of always predicting the classes' shares.
        best: best epoch from 0, None before there is one.
        batches: rows of batches.jsonl, batches from 1.
        name: shown as it is; it may hold anything.
        dataset: the name of its dataset, shown where charts have several guessing lines.
    """

    epochs: Sequence[Row]
    planned: int
    guess_accuracy: float = 0.5
    guess_loss: float = log(2)
    best: int | None = None
    batches: Sequence[BatchRow] = field(default=())
    name: str = ""
    dataset: str = ""


def shorten(name: str, limit: int) -> str:
    """Return a name cut with "…" near its end.

    Names of classes mostly differ at the start, so more is kept of it than of the end.

    Args:
        name: may hold anything.
        limit: characters at most.
    """
    if len(name) <= limit:
        return name
    safe, tail = truncate_for_display(name, 400), limit // 4
    return f"{safe[: limit - tail - 1]}…{safe[-tail:]}"


def short_name(name: str, limit: int) -> str:
    """Return a name for an axis: safe to show as HTML, at most `limit` characters."""
    return html.escape(shorten(truncate_for_display(name, 400), limit))


def live_figure(metric: Metric, curve: LearningCurve) -> go.Figure:
    """Return a chart of training against validation of one run, inside its epochs too."""
    figure = empty_figure(metric, [curve])
    # The whole plan from the first moment: the curve grows into it, and its axis never moves.
    end = max(curve.planned, ceil(_reached_epoch(curve)), 1)
    figure.update_xaxes(range=[0, end * 1.02], dtick=tick_step(end))
    x, y = _batch_points(metric, curve.batches)
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=t("During the epoch"),
        line={"color": TRAIN, "width": 1.5},
        opacity=0.65,
        hoverinfo="skip",
    )
    _mark_best(figure, f"val_{metric}", curve)  # below, so that it hides no point
    for key, label, color in (
        (metric, t("Training"), TRAIN),
        (f"val_{metric}", t("Validation"), VALIDATION),
    ):
        x, y = _epoch_points(key, curve.epochs)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=label,
            line={"color": color, "width": 2.5},
            marker={"size": _marker_size(len(x)), "color": color},
            hovertemplate="%{y:.4f}",
        )
    return _clip_markers(figure)


def overlay_figure(
    metric: Metric, curves: Sequence[LearningCurve], *, training: bool = True
) -> go.Figure:
    """Return a chart of several runs: validation solid, training dotted, a colour a run."""
    figure = empty_figure(metric, curves)
    for number, curve in enumerate(curves):
        color, symbol = run_color(number), RUN_SYMBOLS[number % len(RUN_SYMBOLS)]
        name = html.escape(curve.name)
        if training:
            x, y = _epoch_points(metric, curve.epochs)
            figure.add_scatter(
                x=x,
                y=y,
                mode="lines" if len(x) > 1 else "markers",
                name=t("{run}, training", run=name),
                line={"color": color, "width": 1.8, "dash": "dot"},
                marker={"symbol": f"{symbol}-open", "color": color, "size": 8},
                hovertemplate="%{y:.4f}",
            )
        x, y = _epoch_points(f"val_{metric}", curve.epochs)
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=t("{run}, validation", run=name),
            line={"color": color, "width": 2.5},
            marker={"symbol": symbol, "color": color, "size": _marker_size(len(x)) + 1},
            hovertemplate="%{y:.4f}",
        )
    return _clip_markers(figure)


def run_color(number: int) -> str:
    """Return the colour of the run at this position of an overlay; they repeat after seven."""
    return RUN_COLORS[number % len(RUN_COLORS)]


def legend_html(entries: Sequence[tuple[str, str, str]]) -> str:
    """Return what the lines mean, as HTML that wraps on a narrow screen.

    Args:
        entries: (text, colour, kind), kind as in `_legend_mark`; an empty colour takes the text's.
    """
    chips = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.45em">'
        f"{_legend_mark(color or 'currentColor', kind)}{html.escape(text)}</span>"
        for text, color, kind in entries
    )
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:.3em 1.3em;font-size:.875rem">{chips}</div>'
    )


def live_legend_html(evaluated: bool = False) -> str:
    """Return the legend of `live_figure`'s charts.

    Args:
        evaluated: whether they have the marks of `mark_clean_photos`.
    """
    return legend_html(
        [
            (t("Training"), TRAIN, "line"),
            (t("Validation"), VALIDATION, "line"),
            (t("Training, during the epoch"), TRAIN, "thin"),
            (t("Gap of the curves"), TRAIN, "band"),
            (t("Best epoch"), BEST, "star"),
            *([(t("Clean training photos"), TRAIN, "diamond")] if evaluated else []),
        ]
    )


def axis_end(reached: float, planned: int) -> int:
    """Return the last epoch on the axis: the plan's, or far from it, the next round number."""
    for end in _AXIS_ENDS:
        if reached <= end * 0.98:
            return min(end, max(planned, ceil(reached), 1))
    return max(planned, ceil(reached))


_LEGEND_SIGNS = {"dot": "●", "cross": "✚", "diamond": "◆"}


def _legend_mark(color: str, kind: str) -> str:
    if kind == "star":
        outline = "-webkit-text-stroke:1px rgba(90,90,90,.9)"
        return (
            f'<span aria-hidden="true" style="color:{color};font-size:1.15em;line-height:1;'
            f'{outline}">★</span>'
        )
    if kind in _LEGEND_SIGNS:
        sign = _LEGEND_SIGNS[kind]
        return f'<span style="color:{color};font-size:1.05em;line-height:1">{sign}</span>'
    if kind == "band":
        return f'<span style="width:1.4em;height:.8em;background:{color};opacity:.25"></span>'
    style = {"line": "3px solid", "thin": "1px solid", "dots": "2px dotted"}[kind]
    return f'<span style="width:1.4em;border-top:{style} {color}"></span>'


def empty_figure(metric: Metric, curves: Sequence[LearningCurve]) -> go.Figure:
    end = max((axis_end(_reached_epoch(c), c.planned) for c in curves), default=1)
    figure = go.Figure()
    figure.update_layout(
        BASE_LAYOUT,
        title={"text": t("Accuracy") if metric == "accuracy" else t("Loss")},
        height=HEIGHT,
        margin={"t": 44},
        hovermode="x unified",
    )
    figure.update_xaxes(
        title={"text": t("Epoch")},
        range=[0, end * 1.02],
        tick0=0,
        dtick=tick_step(end),
        tickformat="d",
        hoverformat=".4~g",
        automargin=True,
    )
    figure.update_yaxes(range=y_range(metric, curves), automargin=True)
    if metric == "accuracy":
        figure.update_yaxes(tickformat=".0%")
    # Runs may have other photos than the others.
    by_value: dict[float, list[LearningCurve]] = {}
    for curve in curves:
        by_value.setdefault(round(_guess(metric, curve), 2), []).append(curve)
    for number, (_, alike) in enumerate(sorted(by_value.items())):
        names = list(dict.fromkeys(curve.dataset or curve.name for curve in alike))
        whose = ", ".join(names) if len(by_value) > 1 else ""
        mark_run_guessing(figure, metric, alike[0], whose=whose, side=_SIDES[number % 2])
    return figure


def _guess(metric: Metric, curve: LearningCurve) -> float:
    return curve.guess_accuracy if metric == "accuracy" else curve.guess_loss


def mark_run_guessing(
    figure: go.Figure,
    metric: Metric,
    curve: LearningCurve,
    yaxis: str = "y",
    whose: str = "",
    side: str = "right",
) -> None:
    """Draw the line of a network that guesses the classes of a run's validation photos.

    Args:
        figure: with the axis; it is changed.
        metric: of the axis.
        curve: the run.
        yaxis: the axis to draw it on.
        whose: the datasets it is of, where others have lines of their own.
        side: the end of the line with its words, "left" or "right".
    """
    position = f"{'bottom' if metric == 'accuracy' else 'top'} {side}"
    mark_guessing(figure, _guess(metric, curve), position, yaxis, whose)


def mark_guessing(
    figure: go.Figure,
    value: float,
    position: str = "bottom right",
    yaxis: str = "y",
    whose: str = "",
) -> None:
    """Draw the line of a network that guesses, on the chart with this y axis."""
    name = html.escape(truncate_for_display(whose, 36))
    words = t("guessing, {name}", name=name) if whose else t("guessing")
    figure.add_hline(
        y=value,
        yref=yaxis,
        line={"color": _NEUTRAL, "width": 1, "dash": "dot"},
        annotation={"text": words, "font": {"size": 11, "color": _NEUTRAL}},
        annotation_position=position,
    )


def _mark_best(figure: go.Figure, key: str, curve: LearningCurve) -> None:
    row = next((row for row in curve.epochs if row["epoch"] == curve.best), None)
    value = finite_or_none(row.get(key)) if row else None
    figure.add_scatter(
        x=[curve.best + 1] if curve.best is not None and value is not None else [None],
        y=[value],
        mode="markers",
        name=t("Best epoch"),
        marker={
            "symbol": "star",
            "size": 22,
            "color": BEST,
            "line": {"color": "rgba(60,60,60,0.9)", "width": 1},
        },
        hoverinfo="skip",
    )


def mark_clean_photos(figure: go.Figure, metric: Metric, evaluation: FinalEvaluation) -> None:
    """Mark how the saved and the last model do on clean training photos.

    Args:
        figure: a chart of the run's epochs; it is changed.
        metric: "accuracy" or "loss".
        evaluation: of the run.
    """
    marks = {e.epoch: e for e in (evaluation.best, evaluation.last) if e is not None}.values()
    figure.add_scatter(
        x=[mark.epoch + 1 for mark in marks],
        y=[mark.accuracy if metric == "accuracy" else mark.loss for mark in marks],
        mode="markers",
        name=t("Clean training photos"),
        marker={
            "symbol": "diamond",
            "size": 11,
            "color": TRAIN,
            "line": {"color": "rgba(255,255,255,0.9)", "width": 1.5},
        },
        hovertemplate="%{y:.4f}",
    )


def _epoch_points(key: str, epochs: Iterable[Row]) -> tuple[list[float | None], list[float | None]]:
    rows = [row for row in epochs if isinstance(row.get("epoch"), int)]
    return [row["epoch"] + 1 for row in rows], [finite_or_none(row.get(key)) for row in rows]


def _batch_points(
    metric: Metric, batches: Iterable[BatchRow]
) -> tuple[list[float | None], list[float | None]]:
    x: list[float | None] = []
    y: list[float | None] = []
    previous: int | None = None
    for row in batches:
        if previous is not None and row["epoch"] != previous:
            x.append(None)  # Keras begins its running mean anew: no line from epoch to epoch
            y.append(None)
        previous = row["epoch"]
        x.append(row["epoch"] + row["batch"] / max(row.get("steps") or 0, row["batch"], 1))
        y.append(finite_or_none(row.get(metric)))
    return x, y


def _reached_epoch(curve: LearningCurve) -> float:
    completed_epochs = max((row["epoch"] + 1 for row in curve.epochs), default=0)
    inside = max((row["epoch"] + 1 for row in curve.batches), default=0)
    return float(max(completed_epochs, inside - 0.5))


def y_range(metric: Metric, curves: Sequence[LearningCurve]) -> list[float]:
    """Return where the y axis begins and ends: in round steps, so that it moves seldom."""
    values = [
        value
        for curve in curves
        for row in curve.epochs
        for key in (metric, f"val_{metric}")
        if (value := finite_or_none(row.get(key))) is not None
    ]
    if metric == "accuracy":
        low = min([0.6 * _guess(metric, c) for c in curves] + values, default=0.3)
        return [max(floor(low * 10 + 1e-9) / 10, 0) - 0.01, 1.01]
    # A few losses of hundreds, as a divergence begins, would press all else flat: they are cut off.
    guess = max([log(2), *(_guess(metric, c) for c in curves)])
    usual = [value for value in values if value < 6 * guess]
    high = max([guess * 1.25, *(usual if 2 * len(usual) >= len(values) else values)])
    return [0, ceil(high * 4 + 1e-9) / 4 if high < 5 else high * 1.1]


def _clip_markers(figure: go.Figure) -> go.Figure:
    """Draw markers at 100 % or at 0 whole, unless some would lie above the chart."""
    top = figure.layout.yaxis.range[1]
    above = any(y is not None and y > top for trace in figure.data for y in trace.y)
    return figure.update_traces(cliponaxis=above)


def tick_step(end: int) -> int:
    """Return the epochs between two ticks of an axis that ends there."""
    return next((step for step in (1, 2, 5, 10, 20, 50, 100) if end / step <= 10), 200)


def _marker_size(points: int) -> int:
    return 8 if points <= 12 else 6 if points <= 60 else 3


def finite_or_none(value: Any) -> float | None:
    """Return a finite float, else None: a diverged training writes NaN, which no chart takes."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return None
    return float(value)


_BAND_OPACITY = 0.16  # opacity of a band
_MARK_COLOR = "rgba(128,128,128,0.95)"


def draw_gap(
    figure: go.Figure,
    metric: Metric,
    epochs: Sequence[Row],
    ahead: str = TRAIN,
    behind: str = VALIDATION,
    **axis_options: Any,
) -> None:
    """Draw the gap between training and validation as a band behind the curves.

    Args:
        figure: a chart of these epochs; it is changed.
        metric: which of the two curves' pairs.
        epochs: rows of metrics.jsonl.
        ahead: the band's colour, "#rrggbb", where training is the better one.
        behind: its colour where validation is.
        axis_options: the yaxis of a figure with several charts.
    """
    rows = [row for row in epochs if _metric_pair(row, metric) is not None]
    pairs = [pair for row in rows if (pair := _metric_pair(row, metric)) is not None]
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
            fillcolor=_faint_color(color),
            name=t("Gap"),
            hoverinfo="skip",
            **axis_options,
        )
    figure.data = figure.data[before:] + figure.data[:before]


def mark_overfitting(figure: go.Figure, since: tuple[int, int] | None, axis: str = "y") -> None:
    """Mark where a run begins to overfit: by a line, or by a band if it may be several epochs.

    Args:
        figure: is changed.
        since: the first and the last epoch, from 0, in which it may have begun; None marks nothing.
        axis: the y axis of the chart to mark, in a figure with several.
    """
    if since is None:
        return
    first, last = (epoch + 1 for epoch in since)
    axis_refs = {"xref": "x", "yref": f"{axis} domain"}
    line = {"color": _MARK_COLOR, "width": 1.5, "dash": "dash"}
    for epoch in {first, last}:
        figure.add_shape(type="line", x0=epoch, x1=epoch, y0=0, y1=1, line=line, **axis_refs)
    if first < last:
        band = {"fillcolor": _MARK_COLOR, "opacity": 0.08, "line": {"width": 0}, "layer": "below"}
        figure.add_shape(type="rect", x0=first, x1=last, y0=0, y1=1, **band, **axis_refs)
    figure.add_annotation(
        x=first,
        y=1,
        text=overfitting_label(since),
        font={"size": 11, "color": _MARK_COLOR},
        showarrow=False,
        xanchor="left",
        yanchor="top",
        **axis_refs,
    )


def overfitting_label(since: tuple[int, int]) -> str:
    """Return the words beside the mark of where overfitting begins."""
    first, last = (epoch + 1 for epoch in since)
    if first == last:
        return t("Overfits from epoch {n}", n=first)
    return t("Overfitting begins: epoch {first} to {last}", first=first, last=last)


def mark_overfitting_of_one(
    figure: go.Figure,
    metric: Metric,
    epochs: Sequence[Row],
    number: int,
    since: tuple[int, int] | None,
) -> None:
    """Mark where one run of an overlay begins to overfit, on its validation curve."""
    if since is None:
        return
    pairs = {row["epoch"]: _metric_pair(row, metric) for row in epochs if row.get("epoch") in since}
    marks = [(epoch + 1, pair[1]) for epoch, pair in pairs.items() if pair is not None]
    if not marks:
        return
    figure.add_scatter(
        x=[x for x, _ in marks],
        y=[y for _, y in marks],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": 17,
            "color": run_color(number),
            "line": {"width": 2.5},
        },
        name=overfitting_label(since),
        hoverinfo="skip",
    )


def _metric_pair(row: Row, metric: Metric) -> tuple[float, float] | None:
    """Training and validation of one epoch, None where one is no number."""
    training, validation = finite_or_none(row.get(metric)), finite_or_none(row.get(f"val_{metric}"))
    if training is None or validation is None or not isinstance(row.get("epoch"), int):
        return None
    return training, validation


def _faint_color(color: str) -> str:
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_BAND_OPACITY})"
