"""Runs side by side: curves over each other, their verdicts, and a table of what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from catdog_core.analysis import accuracy_gap, histories, sweep_table
from catdog_core.analysis.photo_overlap import KEPT_EPOCH_TEXT
from catdog_core.base.metric_rows import EpochRow
from catdog_core.base.palette import NEUTRAL
from catdog_core.runs import DamagedRun, Run, RunRecord

from .. import captions, charts, final_evaluation_view, format_text, state
from ..i18n import t
from ..learn.glossary_view import show_terms
from ..session import COMPARE_VIEW_KEY
from ..train import run_actions
from . import import_history, run_table

DEFAULT_RUNS = 3
"""How many runs are shown before anything is picked."""
MAX_BANDS = 3
"""More runs' bands at once would cover each other."""
_NAME_WIDTH = 130
"""Pixels: on a phone the best accuracy and the gap are seen beside the names, which stay."""
MAX_RUNS = len(charts.RUN_SYMBOLS)
"""As many runs as there are colours to tell apart."""


def choose_view() -> str:
    """Let the user choose runs or groups of them; an address with a group opens groups."""
    names = {"runs": t("Runs side by side"), "experiments": t("Experiments and sweeps")}
    if COMPARE_VIEW_KEY not in st.session_state:
        start = "experiments" if st.query_params.get("group") else "runs"
        st.session_state[COMPARE_VIEW_KEY] = start
    view = st.segmented_control(
        t("Compare"),
        list(names),
        format_func=names.__getitem__,
        required=True,
        key=COMPARE_VIEW_KEY,
        label_visibility="collapsed",
    )
    if view == "runs":
        st.query_params.pop("group", None)
    return str(view)


def show_no_runs() -> None:
    """Say what to do where nothing has been trained."""
    st.info(t("There's nothing to compare yet, because no run has been trained."))
    st.page_link(
        "pages/3_Train.py",
        label=t("Train a model"),
        icon=":material/model_training:",
        query_params=st.query_params.to_dict(),
    )
    import_history.render_history_import()


def render_run_comparison(runs: Sequence[RunRecord]) -> None:
    """Draw the chosen runs' curves, verdicts and settings, and what can be done with one."""
    chosen = choose_runs(runs)
    if chosen:
        show_curves(chosen)
        show_verdicts(chosen)
        show_run_table(chosen)
        final_evaluation_view.show_measure_button(chosen)
        _show_settings(chosen)
    else:
        st.info(t("Choose one or more runs above to see their curves."))
    import_history.render_history_import()
    with st.container(border=True):
        st.subheader(t("Rename, annotate, copy or delete a run"), anchor=False)
        run_actions.show_run_actions(runs)


def choose_runs(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Let the user choose runs; the choice is kept in the address as ``runs=id,id``."""
    by_id = {run.id: run for run in runs}
    chosen = state.choose_several_from_address(
        "runs",
        {key: format_text.run_label(run) for key, run in by_id.items()},
        t("Runs to compare"),
        default=[run.id for run in runs if run.epochs][:DEFAULT_RUNS],
        most=MAX_RUNS,
        placeholder=t("Choose runs"),
    )
    return [by_id[key] for key in chosen]


def show_curves(chosen: Sequence[RunRecord]) -> None:
    """Draw accuracy and loss of the chosen runs, overlaid."""
    shown = [run for run in chosen if run.epochs]
    if not shown:
        st.info(
            t(
                "None of the selected runs has a finished epoch yet. Curves appear after the first "
                "one."
            )
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_legend_html([run.name for run in shown]), width="stretch")
        training = st.toggle(t("Show training curves"), value=True, key="compare_training")
    lines = [_learning_curve(run) for run in shown]
    since = [histories.diagnose_run(run).since for run in shown]
    left, right = st.columns(2)
    metrics: tuple[charts.Metric, ...] = ("accuracy", "loss")
    for column, metric in zip((left, right), metrics, strict=True):
        figure = charts.overlay_figure(metric, lines, training=training)
        for number, run in enumerate(shown):
            if training and len(shown) <= MAX_BANDS:
                color = charts.run_color(number)
                charts.draw_gap(figure, metric, run.epochs, color, NEUTRAL)
            charts.mark_overfitting_of_one(figure, metric, run.epochs, number, since[number])
        with column:
            st.plotly_chart(
                figure,
                key=f"compare_{metric}",
                config={"displaylogo": False, "displayModeBar": False},
                alt=captions.chart_alt(metric),
            )
            now = captions.overlay_caption(metric, lines)
            st.caption(captions.format_caption(captions.OVERLAY_HINTS[metric], now))
    show_terms("overfitting", "gap", "accuracy", "loss", "validation")


def show_verdicts(chosen: Sequence[RunRecord]) -> None:
    """Say what happened in each of the runs, and what to try next."""
    for number, run in enumerate(run for run in chosen if run.epochs):
        verdict = histories.diagnose_run(run)
        _, color, icon = captions.VERDICTS[verdict.kind]
        with st.container(gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                name = charts.legend_html([(run.name, charts.run_color(number), "line")])
                st.html(name, width="content")
                st.badge(captions.verdict_word(verdict), color=color, icon=icon)  # type: ignore[arg-type]
                with st.popover(t("What to try next"), type="tertiary"):
                    captions.verdict_details(verdict)
            st.caption(captions.verdict_sentence(verdict))


def show_run_table(chosen: Sequence[RunRecord]) -> None:
    """Draw one row a run: its results, and only the settings in which the runs differ."""
    rows = [run for run in chosen if not isinstance(run, DamagedRun)]
    different = format_text.differing_settings(rows)
    augmented = format_text.differs_in_augmentation(rows)
    words = [
        format_text.augmentation_label(r.augmentation) if isinstance(r, Run) else "–" for r in rows
    ]
    notes = [run.note for run in rows]
    gap_kind = accuracy_gap.shared_kind(rows)
    gaps = [accuracy_gap.measure_gap(run, gap_kind) for run in rows]
    st.dataframe(
        {
            t("Run"): [run.name for run in rows],
            t("Best validation accuracy"): [
                _format_accuracy(format_text.best_epoch_row(run)) for run in rows
            ],
            t("Gap"): list(map(format_text.format_gap, gaps)),
            **{
                t(c.label): [_setting_value(run, c) for run in rows]
                for c in different
                if c.name != "epochs"
            },
            **({t("Augmentation"): words} if augmented else {}),
            t("Best epoch"): [_best_epoch(run) for run in rows],
            t("Final validation accuracy"): [_format_accuracy(_last_row(run)) for run in rows],
            t("Epochs"): [format_text.format_epochs(run) for run in rows],
            t("Duration"): [format_text.format_duration(run.duration or None) for run in rows],
            t("Model"): [run.model or "–" for run in rows],
            t("Dataset"): [run.dataset_name for run in rows],
            t("Status"): [format_text.format_status(run) for run in rows],
            **({t("Note"): notes} if any(notes) else {}),
        },
        hide_index=True,
        key="compare_table",
        column_config={
            t("Run"): st.column_config.TextColumn(width=_NAME_WIDTH, pinned=True),
            t("Best validation accuracy"): st.column_config.TextColumn(
                t("Best"), help=t("Best validation accuracy"), width="small"
            ),
            t("Gap"): st.column_config.TextColumn(
                t(accuracy_gap.GAP_COLUMNS[gap_kind]), width="small"
            ),
        },
        alt=t("Selected runs with their settings and results"),
    )
    known = [run for run in rows if isinstance(run, Run)]
    alike = not different and not augmented and len(known) == len(rows) > 1
    st.caption(
        t(accuracy_gap.GAP_MEANINGS[gap_kind])
        + " "
        + t(KEPT_EPOCH_TEXT)
        + " "
        + (
            t("These runs have identical settings.")
            if alike
            else t("Showing only settings that differ.")
            if len(rows) > 1
            else ""
        )
    )


def _show_settings(chosen: Sequence[RunRecord]) -> None:
    """Settings against results, where several runs differ in them."""
    if len(chosen) > 2 and sweep_table.build_sweep_table(chosen).columns:
        with st.expander(t("Settings and results of these runs"), icon=":material/tune:"):
            run_table.show_parallel_coordinates(
                chosen,
                "compare",
                {r.id: {t("Status"): format_text.format_status(r)} for r in chosen},
            )


def _learning_curve(run: RunRecord) -> charts.LearningCurve:
    return charts.LearningCurve(
        epochs=run.epochs,
        planned=(run.planned_epochs or 0) if run.is_active else len(run.epochs),
        guess_accuracy=run.guess_accuracy,
        guess_loss=run.guess_loss,
        best=run.best_epoch,
        name=run.name,
    )


def _legend_html(names: Sequence[str]) -> str:
    entries = [(name, charts.run_color(number), "line") for number, name in enumerate(names)]
    return charts.legend_html(
        [*entries, (t("Validation"), "", "line"), (t("Training"), "", "dots")]
    )


def _setting_value(run: RunRecord, control: Any) -> str:
    if not isinstance(run, Run):
        return "–"
    return format_text.format_setting(control, getattr(run.training, control.name))


def _best_epoch(run: RunRecord) -> int | None:
    return None if run.best_epoch is None else run.best_epoch + 1


def _last_row(run: RunRecord) -> EpochRow | None:
    return run.epochs[-1] if run.epochs else None


def _format_accuracy(row: EpochRow | None) -> str:
    return format_text.format_percent(row.get("val_accuracy") if row else None)
