"""Runs side by side: curves over each other, their verdicts, and a table of what differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from catdog_core.analysis import accuracy_gap, comparability, histories, sweep_table
from catdog_core.analysis.photo_overlap import KEPT_EPOCH_TEXT
from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import EpochRow
from catdog_core.base.names import shorten_names
from catdog_core.base.palette import NEUTRAL
from catdog_core.runs import DamagedRun, Run, RunRecord

from .. import captions, charts, final_evaluation_view, format_text, state
from ..i18n import N_, escape, t
from ..learn.glossary_view import show_terms
from ..train import run_actions, train_advice
from . import import_history, run_table, seed_view

NO_BEST = N_("No run is named the best, because these runs can't be compared.")
MAX_BANDS = 3
"""More runs' bands at once would cover each other."""
_NAME_WIDTH, _NAME_LENGTH = 200, 26
"""Pixels and characters: on a phone the best accuracy is seen beside the names, which stay."""
_DATASET_WIDTH, _DATASET_LENGTH = 110, 14
MAX_RUNS = len(charts.RUN_SYMBOLS)
"""As many runs as there are colours to tell apart."""


def choose_view() -> str:
    """Let the user choose runs, groups of them or the form of a new one."""
    names = {
        "runs": t("Runs side by side"),
        "experiments": t("Experiments and sweeps"),
        "new": t("New experiment"),
    }
    is_group = bool(st.query_params.get("group"))
    view = state.choose_tab(names, default="experiments" if is_group else "runs")
    if view == "runs":
        st.query_params.pop("group", None)
    return view


def show_no_runs() -> None:
    """Say what to do where nothing has been trained."""
    st.info(t("There's nothing to compare yet, because no run has been trained."))
    st.page_link(
        "pages/3_Train.py",
        label=t("Train a model"),
        icon=":material/model_training:",
        query_params=state.link_query(),
    )
    import_history.render_history_import()


def render_run_comparison(runs: Sequence[RunRecord]) -> None:
    """Draw the chosen runs' curves, verdicts and settings, and what can be done with one."""
    chosen = choose_runs(runs)
    if chosen:
        _warn_of_differences(chosen)
        names = format_text.name_runs(chosen)
        show_curves(chosen, names)
        show_verdicts(chosen, names)
        show_run_table(chosen, names)
        seed_view.show_seeds(chosen, "compare")
        final_evaluation_view.show_measure_button(chosen)
        _show_settings(chosen)
    else:
        st.info(t("Choose one or more runs above to see their curves."))
    import_history.render_history_import()
    with st.container(border=True):
        st.subheader(t("Rename, annotate, copy or delete a run"), anchor=False)
        run_actions.show_run_actions(runs)


def choose_runs(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Let the user choose runs; the choice is kept in the URL as ``runs=id,id``.

    It begins with the run of the address, or else the newest, and others of the same photos.
    """
    by_id = {run.id: run for run in runs}
    current = by_id.get(st.query_params.get("run", ""))
    chosen = state.choose_several_from_address(
        "runs",
        {run.id: _run_option(run) for run in runs},
        t("Runs to compare"),
        default=[run.id for run in comparability.suggest_runs(runs, current)],
        most=MAX_RUNS,
        placeholder=t("Choose runs"),
    )
    return [by_id[key] for key in chosen]


def _run_option(run: RunRecord) -> str:
    name = format_text.model_name(run, 60)
    dataset = truncate_for_display(run.dataset_name, 40)
    return " · ".join(part for part in (name, dataset, format_text.format_status(run)) if part)


def _warn_of_differences(chosen: Sequence[RunRecord]) -> None:
    """Say why the chosen runs can't be compared, and offer to keep those that can."""
    remarks = comparability.describe_differences(chosen)
    if not remarks:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        text = " ".join(escape(t(remark.message, **remark.params)) for remark in remarks)
        st.warning(text, icon=":material/rule:")
        alike = comparability.find_comparable(chosen[0], chosen)
        if len(alike) > 1:
            st.button(
                t("Keep comparable runs"),
                key="compare_alike",
                on_click=run_table.overlay_runs,
                args=([run.id for run in alike],),
            )


def show_curves(chosen: Sequence[RunRecord], names: Sequence[str]) -> None:
    """Draw accuracy and loss of the chosen runs, overlaid."""
    shown = [run for run in chosen if run.epochs]
    shown_names = [name for run, name in zip(chosen, names, strict=True) if run.epochs]
    if not shown:
        st.info(
            t(
                "None of the selected runs has a finished epoch yet. Curves appear after the first "
                "one."
            )
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_legend_html(shown_names), width="stretch")
        training = st.toggle(t("Show training curves"), value=True, key="compare_training")
    lines = [_learning_curve(run, name) for run, name in zip(shown, shown_names, strict=True)]
    is_comparable = comparability.are_comparable(shown)
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
            now = captions.overlay_caption(metric, lines) if is_comparable else t(NO_BEST)
            st.caption(captions.format_caption(captions.OVERLAY_HINTS[metric], now))
    show_terms("overfitting", "gap", "accuracy", "loss", "validation")


def show_verdicts(chosen: Sequence[RunRecord], names: Sequence[str]) -> None:
    """Say what happened in each of the runs, and what to try next."""
    shown = [(run, name) for run, name in zip(chosen, names, strict=True) if run.epochs]
    for number, (run, run_name) in enumerate(shown):
        verdict = histories.diagnose_run(run)
        _, color, icon = captions.VERDICTS[verdict.kind]
        with st.container(gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                name = charts.legend_html([(run_name, charts.run_color(number), "line")])
                st.html(name, width="content")
                st.badge(captions.verdict_word(verdict), color=color, icon=icon)  # type: ignore[arg-type]
                train_advice.show_next_steps(run, verdict)
            st.caption(captions.verdict_sentence(verdict))


def show_run_table(chosen: Sequence[RunRecord], names: Sequence[str]) -> None:
    """Draw one row a run: its results, and only the settings in which the runs differ."""
    named = zip(chosen, names, strict=True)
    sound = [(run, name) for run, name in named if not isinstance(run, DamagedRun)]
    rows = [run for run, _ in sound]
    different = format_text.differing_settings(rows)
    augmented = format_text.differs_in_augmentation(rows)
    words = [
        format_text.augmentation_label(r.augmentation) if isinstance(r, Run) else "–" for r in rows
    ]
    notes = [run.note for run in rows]
    datasets = shorten_names([run.dataset_name for run in rows], _DATASET_LENGTH)
    differ = not comparability.are_comparable(rows)
    gap_kind = accuracy_gap.shared_kind(rows)
    gaps = [accuracy_gap.measure_gap(run, gap_kind) for run in rows]
    st.dataframe(
        {
            t("Run"): shorten_names([name for _, name in sound], _NAME_LENGTH),
            t("Best validation accuracy"): [
                _format_accuracy(format_text.best_epoch_row(run)) for run in rows
            ],
            **({t("Dataset"): datasets} if differ else {}),  # on a phone, in view
            t("Gap"): list(map(format_text.format_gap, gaps)),
            t("Dataset"): datasets,
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
            t("Status"): [format_text.format_status(run) for run in rows],
            **({t("Note"): notes} if any(notes) else {}),
        },
        hide_index=True,
        placeholder="–",
        key="compare_table",
        column_config={
            t("Run"): st.column_config.TextColumn(width=_NAME_WIDTH, pinned=True),
            t("Best validation accuracy"): st.column_config.TextColumn(
                t("Best"), help=t("Best validation accuracy"), width="small"
            ),
            t("Dataset"): st.column_config.TextColumn(width=_DATASET_WIDTH),
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
    """Settings against results, where several runs that can be compared differ in them."""
    if not comparability.are_comparable(chosen):
        return
    if len(chosen) > 2 and sweep_table.build_sweep_table(chosen).columns:
        with st.expander(t("Settings and results of these runs"), icon=":material/tune:"):
            run_table.show_parallel_coordinates(
                chosen,
                "compare",
                {r.id: {t("Status"): format_text.format_status(r)} for r in chosen},
            )


def _learning_curve(run: RunRecord, name: str) -> charts.LearningCurve:
    return charts.LearningCurve(
        epochs=run.epochs,
        planned=(run.planned_epochs or 0) if run.is_active else len(run.epochs),
        guess_accuracy=run.guess_accuracy,
        guess_loss=run.guess_loss,
        best=run.best_epoch,
        name=name,
        dataset=run.dataset_name,
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
