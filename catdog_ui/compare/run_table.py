"""Runs by their settings and results: parallel coordinates, a table, and ways on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import streamlit as st

from catdog_core.analysis import sweep_table
from catdog_core.analysis.photo_overlap import BEST_RUN_TEXT, KEPT_EPOCH_TEXT
from catdog_core.analysis.sweep_table import Column, Correlation, SweepTable
from catdog_core.base.names import shorten_middle
from catdog_core.runs import RunRecord

from .. import captions, charts, format_text, state
from ..i18n import N_, escape, t
from ..learn.glossary_view import show_terms
from ..session import page_state
from . import group_charts

HOW_TO_READ = N_(
    "Each line is a run. It crosses each axis at its value and ends at its best validation "
    "accuracy on the bottom axis. Its color shows that accuracy too. Farther right and bluer is "
    "better. A setting matters if lines of one color stay on one side of its axis. Dotted lines "
    "are runs that are unfinished or ended early. Click a line, or draw a box over part of an "
    "axis, to filter the table."
)
SIGNIFICANCE_LEVEL = 0.05
"""From this chance on a correlation is told as one that may well be none."""
DEFAULT_RUNS = 3
"""How many of the best are laid over each other where none is chosen."""

CellValue = str | int | float | None
ExtraColumns = Mapping[str, Mapping[str, CellValue]]
"""More columns of a table, by run id and title."""


def show_parallel_coordinates(members: Sequence[RunRecord], key: str, more: ExtraColumns) -> None:
    """Draw the chart of parallel coordinates and the table below it.

    Args:
        members: the runs of a sweep, or those ticked.
        key: tells the widgets of one page's part from those of another.
        more: columns of the table beside settings and results.
    """
    table = sweep_table.build_sweep_table(members)
    if len(table.runs) < 2 or not table.columns:
        st.info(
            t(
                "To see settings and results, choose two or more runs with different settings, or "
                "create a sweep."
            )
        )
        return
    columns = _drawn_columns(table)
    there = {run.id for run in table.runs}
    chosen = [run for run in page_state().compare.picked_runs.get(key, []) if run in there]
    figure = group_charts.parallel_figure(table, columns, chosen, st.context.theme.type == "dark")
    # A finger drawn over the chart of a telephone is meant to scroll the page.
    is_telephone = "Mobi" in st.context.headers.get("User-Agent", "")
    figure.update_layout(dragmode=False if is_telephone else "select", clickmode="event+select")
    st.plotly_chart(
        figure,
        key=_chart_key(key),
        config={"displaylogo": False, "displayModeBar": False},
        on_select=lambda: _remember_picked(key),
        selection_mode=("points", "box"),
        alt=t("Parallel coordinates of settings and results. The text below describes them."),
    )
    st.caption(captions.format_caption(HOW_TO_READ, _chart_summary(table)))
    show_terms("parallel-coordinates", "rank-correlation", "sweep", key=f"{key}_terms")
    if chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                t("{n} of {all} runs, selected on the chart", n=len(chosen), all=len(table.runs)),
                width="content",
            )
            st.button(
                t("Show all"),
                type="tertiary",
                icon=":material/filter_alt_off:",
                key=f"{key}_all",
                on_click=_forget_picked,
                args=(key,),
            )
    rows = [n for n in sweep_table.rank_runs(table) if not chosen or table.runs[n].id in chosen]
    show_result_table(table, rows, key, more)


def picked_run_ids(selection: Any) -> list[str]:
    """Return the ids of the runs that were clicked or lie in a box drawn on the chart."""
    points = (selection or {}).get("selection", {}).get("points", [])
    custom_data = [point.get("customdata") for point in points]
    return list(
        dict.fromkeys(one[0] if isinstance(one, list) and one else one for one in custom_data)
    )


def show_result_table(
    table: SweepTable,
    rows: Sequence[int],
    key: str,
    more: ExtraColumns,
    first: int = DEFAULT_RUNS,
) -> None:
    """Draw a row a run: what differs, its result, and buttons to go on from there.

    Args:
        table: the runs.
        rows: which of them, in order.
        key: prefix of the widgets' keys.
        more: columns beside settings and results.
        first: how many curves are laid over each other where no row is chosen.
    """
    runs = [table.runs[n] for n in rows]
    results = [table.results[n] for n in rows]
    names = group_charts.short_run_names(table.runs)
    titles = dict.fromkeys(title for run in runs for title in more.get(run.id, {}))
    event: Any = st.dataframe(
        {
            t("Best validation accuracy"): [
                None if r is None else round(100 * r, 1) for r in results
            ],
            t("Run"): [names[run.id] for run in runs],
            **{title: [more.get(run.id, {}).get(title) for run in runs] for title in titles},
            t("Epochs"): [format_text.format_epochs(run) for run in runs],
            **{
                group_charts.column_heading(column): [_cell_value(column, n) for n in rows]
                for column in table.columns
            },
            t("Duration"): [format_text.format_duration(run.duration or None) for run in runs],
        },
        column_config={
            t("Run"): st.column_config.TextColumn(width="medium"),
            t("Core-minutes"): st.column_config.NumberColumn(format="%.1f"),
            t("Best validation accuracy"): st.column_config.NumberColumn(format="%.1f%%"),
            **{
                group_charts.column_heading(column): st.column_config.NumberColumn(format="%.3g")
                for column in table.columns
                if column.control and column.control.kind == "float" and column.scale != "named"
            },
        },
        hide_index=True,
        placeholder="–",
        height="content" if len(runs) <= 10 else 385,
        on_select="rerun",
        selection_mode="multi-row",
        # Where other rows come, or another order, those that were selected are others.
        key=f"{key}_table_{crc32(','.join(run.id for run in runs).encode())}",
        alt=t("Runs with their settings and results"),
    )
    st.caption(f"{t(KEPT_EPOCH_TEXT)} {t(BEST_RUN_TEXT)}")
    chosen = [runs[row] for row in event.selection.rows if row < len(runs)]
    _next_steps(chosen, [run for run in runs if run.epochs][:first], key, names)


def overlay_runs(ids: Sequence[str]) -> None:
    """Show the curves of these runs over each other, as many as can be told apart."""
    st.query_params["runs"] = ",".join(ids[: len(charts.RUN_SYMBOLS)])
    st.query_params["tab"] = "runs"


def _remember_picked(key: str) -> None:
    """Remember what was picked on the chart, which forgets it when it is drawn anew."""
    if picked := picked_run_ids(st.session_state.get(_chart_key(key))):
        page_state().compare.picked_runs[key] = picked


def _forget_picked(key: str) -> None:
    page_state().compare.picked_runs.pop(key, None)


def _chart_key(key: str) -> str:
    return f"{key}_chart"


def _drawn_columns(table: SweepTable) -> Sequence[Column]:
    """The settings that have room: those most at one with the result first stay."""
    if len(table.columns) <= group_charts.MAX_SETTINGS:
        return table.columns
    strength = {link.column.name: abs(link.rho) for link in sweep_table.rank_correlations(table)}
    ranked_columns = sorted(table.columns, key=lambda column: -strength.get(column.name, 0.0))
    names = {column.name for column in ranked_columns[: group_charts.MAX_SETTINGS]}
    st.caption(
        t(
            "Showing {n} of {all} settings that differ. The table has all of them.",
            n=len(names),
            all=len(table.columns),
        )
    )
    return [column for column in table.columns if column.name in names]


def _cell_value(column: Column, row: int) -> Any:
    """The value of one run in a table: a number where it is one, so that it sorts as one."""
    value = column.values[row]
    return group_charts.format_value(column, value) if column.scale == "named" else value


def _next_steps(
    chosen: Sequence[RunRecord], first: Sequence[RunRecord], key: str, names: Mapping[str, str]
) -> None:
    """Open what is chosen, or the first: their curves side by side, one of them on its page."""
    runs = chosen or first
    if not runs:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            t("Compare {n} runs", n=len(runs))
            if chosen
            else t("Compare the first {n}", n=len(runs)),
            icon=":material/stacked_line_chart:",
            key=f"{key}_curves",
            on_click=overlay_runs,
            args=([run.id for run in runs],),
        ):
            st.rerun()  # the whole page, not the panel alone
        st.page_link(
            "pages/3_Train.py",
            label=t(
                "Open “{name}”",
                name=escape(shorten_middle(names[runs[0].id], 40)),
            ),
            icon=":material/model_training:",
            query_params=state.link_query(run=runs[0].id, tab="runs"),
        )
    if not chosen:
        st.caption(t("Select rows in the table to open other runs."))


def _chart_summary(table: SweepTable) -> str:
    """What the chart shows now: the best run, and which setting goes with the result."""
    first = sweep_table.rank_runs(table)[0]
    if table.results[first] is None:
        return t(
            "No run has a finished epoch yet. The lines reach the bottom axis after the first one."
        )
    best = t(
        "Best so far: “{name}” at {value}.",
        name=escape(group_charts.short_run_names(table.runs)[table.runs[first].id]),
        value=format_text.format_percent(table.results[first]),
    )
    ended = [
        run.status == "done"
        for run, r in zip(table.runs, table.results, strict=True)
        if r is not None
    ]
    unfinished = t(
        "Results that might be lower because the run is unfinished or ended early: {n} of {all}.",
        n=ended.count(False),
        all=table.measured,
    )
    return " ".join([best, _strongest_link(table), *([] if all(ended) else [unfinished])])


def _strongest_link(table: SweepTable) -> str:
    """Which setting goes with the result most."""
    if table.measured < sweep_table.MIN_RESULTS:
        return t(
            "{n} results can't show which setting matters. You need at least {least}.",
            n=table.measured,
            least=sweep_table.MIN_RESULTS,
        )
    if len({result for result in table.results if result is not None}) == 1:
        return t("All results are the same, so no setting stands out.")
    links = sweep_table.rank_correlations(table)
    if not links:
        return t("These settings have no ordered values to correlate with the result.")
    link = links[0]
    most = t(
        "{setting} correlates most with the result. Its rank correlation is {rho} over {n} runs "
        "(Spearman). Shuffled results look this strong in {part} of cases.",
        setting=escape(t(link.column.label)),
        rho=f"{link.rho:+.2f}".replace("-", "−"),
        n=link.n,
        part=f"{link.chance:.0%}" if link.chance >= 0.01 else t("less than 1%"),
    )
    chance = t("This might be chance. More runs would tell you more.")
    return f"{most} {chance if link.chance > SIGNIFICANCE_LEVEL else _better_side(link)}"


def _better_side(link: Correlation) -> str:
    """Which end of the axis does better."""
    column = link.column
    if column.scale != "named":
        return t("Higher was better.") if link.rho > 0 else t("Lower was better.")
    better = column.order[-1] if link.rho > 0 else column.order[0]
    return t("“{value}” was better.", value=escape(group_charts.format_value(column, better)))
