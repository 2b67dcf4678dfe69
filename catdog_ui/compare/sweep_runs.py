"""Any runs by their settings and results: the chart, what it shows, a table, and ways on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import streamlit as st

from catdog_core.files import shown
from catdog_core.outcomes import sweep_table
from catdog_core.outcomes.sweep_table import Column, Table
from catdog_core.runs import Run

from .. import captions, charts, phrases, state
from ..learn.glossary_view import terms
from ..words import escape, t
from . import sweep_chart, sweep_words

_BARE = {"displaylogo": False, "displayModeBar": False}
_FIRST = 3
"""How many of the best are laid over each other where none is chosen."""


def show(
    members: Sequence[Run],
    key: str,
    told: Mapping[str, Mapping[str, Any]] | None = None,
    is_live: bool = False,
) -> None:
    """The chart of parallel coordinates and the table below it.

    Args:
        members: the runs of a sweep, or those ticked.
        key: tells the widgets of one place from those of another.
        told: more columns for the table, by run id and title, instead of the run's status.
        is_live: whether results still come, which change the order of the rows.
    """
    found = sweep_table.table(members)
    if len(found.runs) < 2 or not found.columns:
        st.info(
            t(
                "Settings and results are drawn for two runs or more whose settings differ. Choose"
                " such runs, or make a sweep."
            )
        )
        return
    columns = _drawn(found)
    there = {run.id for run in found.runs}
    chosen = [run for run in st.session_state.get(f"{key}_picked", []) if run in there]
    figure = sweep_chart.figure(found, columns, chosen, st.context.theme.type == "dark")
    figure.update_layout(dragmode=False if _is_telephone() else "select", clickmode="event+select")
    st.plotly_chart(
        figure,
        key=f"{key}_chart",
        config=_BARE,
        on_select=lambda: _pick(key),
        selection_mode=("points", "box"),
        alt=t("Parallel coordinates of settings and results; the words below tell what they show"),
    )
    st.caption(captions.caption(sweep_words.READ, sweep_words.now(found)))
    terms("parallel-coordinates", "rank-correlation", "sweep", key=f"{key}_terms")
    _table(found, chosen, key, told or {}, is_live)


def _is_telephone() -> bool:
    """Whether a finger that is drawn over the chart is meant to scroll the page."""
    return "Mobi" in st.context.headers.get("User-Agent", "")


def _drawn(found: Table) -> Sequence[Column]:
    """The settings that have room: those most at one with the result first stay."""
    if len(found.columns) <= sweep_chart.MOST:
        return found.columns
    strength = {link.column.name: abs(link.rho) for link in sweep_table.links(found)}
    kept = sorted(found.columns, key=lambda column: -strength.get(column.name, 0.0))
    names = {column.name for column in kept[: sweep_chart.MOST]}
    st.caption(
        t(
            "{n} of {all} settings that differ are drawn; the table tells all.",
            n=len(names),
            all=len(found.columns),
        )
    )
    return [column for column in found.columns if column.name in names]


def _pick(key: str) -> None:
    """Remember what was picked on the chart, which forgets it when it is drawn anew."""
    found = picked(st.session_state.get(f"{key}_chart"))
    if found:
        st.session_state[f"{key}_picked"] = found


def picked(selection: Any) -> list[str]:
    """The ids of the runs whose points were clicked or lie in a box drawn on the chart."""
    points = (selection or {}).get("selection", {}).get("points", [])
    return list(dict.fromkeys(_one(point.get("customdata")) for point in points))


def _one(customdata: Any) -> Any:
    return customdata[0] if isinstance(customdata, list) and customdata else customdata


def _table(
    found: Table,
    chosen: Sequence[str],
    key: str,
    told: Mapping[str, Mapping[str, Any]],
    is_live: bool,
) -> None:
    order = [
        place for place in sweep_table.best(found) if not chosen or found.runs[place].id in chosen
    ]
    runs = [found.runs[place] for place in order]
    if chosen:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                t("{n} of {all} runs, picked on the chart", n=len(order), all=len(found.runs)),
                width="content",
            )
            st.button(
                t("Show all"),
                type="tertiary",
                icon=":material/filter_alt_off:",
                key=f"{key}_all",
                on_click=st.session_state.pop,
                args=(f"{key}_picked", None),
            )
    words = _told(runs, told)
    event: Any = st.dataframe(
        {
            t("Best validation accuracy"): [
                None if (result := found.results[place]) is None else 100 * result
                for place in order
            ],
            t("Run"): [sweep_words.name(run) for run in runs],
            t("Status"): words.pop(t("Status")),
            t("Epochs"): [phrases.trained(run) for run in runs],
            **{
                sweep_words.heading(column): [sweep_words.cell(column, p) for p in order]
                for column in found.columns
            },
            **words,
            t("Duration"): [phrases.duration(run.duration or None) for run in runs],
        },
        column_config={
            t("Run"): st.column_config.TextColumn(width="medium"),
            t("Core-minutes"): st.column_config.NumberColumn(format="%.1f"),
            t("Best validation accuracy"): st.column_config.NumberColumn(format="%.1f%%"),
            **{
                sweep_words.heading(column): st.column_config.NumberColumn(format="%.3g")
                for column in found.columns
                if column.control and column.control.kind == "float" and column.scale != "named"
            },
        },
        hide_index=True,
        height="content" if len(runs) <= 10 else 385,
        on_select="rerun",
        selection_mode="multi-row",
        key=f"{key}_table_{_digest(runs)}" if is_live else f"{key}_table",
        alt=t("The runs with their settings and results, the best first"),
    )
    rows = [row for row in event.selection.rows if row < len(runs)]
    _ways_on([runs[row] for row in rows], runs, key)


def _told(runs: Sequence[Run], told: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The status of runs, or what else is told of each, by the columns' titles."""
    every = [told.get(run.id) or {t("Status"): phrases.status(run)} for run in runs]
    titles = dict.fromkeys(title for words in every for title in words)
    return {title: [words.get(title) for words in every] for title in titles}


def _digest(runs: Sequence[Run]) -> int:
    """Of the order of rows: where it changes, rows that were selected are others."""
    return crc32(",".join(run.id for run in runs).encode())


def _ways_on(chosen: Sequence[Run], listed: Sequence[Run], key: str) -> None:
    """Open what is chosen, or the best: their curves side by side, one of them on its page."""
    runs = list(chosen) or [run for run in listed if run.epochs][:_FIRST]
    if not runs:
        return
    text = (
        t("Curves of the {n} chosen side by side", n=len(runs))
        if chosen
        else t("Curves of the best {n} side by side", n=len(runs))
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            text,
            icon=":material/stacked_line_chart:",
            key=f"{key}_curves",
            on_click=lay_over,
            args=([run.id for run in runs],),
        ):
            st.rerun()  # the whole page, not the panel alone
        st.page_link(
            "pages/3_Train.py",
            label=t("Open “{name}”", name=escape(shown(sweep_words.name(runs[0]), 40))),
            icon=":material/model_training:",
            query_params=state.query(run=runs[0].id),
        )
    if not chosen:
        st.caption(
            t(
                "Select rows of the table to open other runs. A click on a line of the chart, or a"
                " box drawn over a part of an axis, leaves only such runs in the table."
            )
        )


def lay_over(ids: Sequence[str]) -> None:
    """Show the curves of these runs over each other, as many as can be told apart."""
    st.session_state.compare_runs = list(ids)[: len(charts.RUN_SYMBOLS)]
    st.session_state.compare_view = "runs"
