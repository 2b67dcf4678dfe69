"""Runs side by side: curves over each other, a table of what differs, and care of one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.runs import Run

from . import charts, phrases
from .startup import guard
from .words import escape, t

FIRST = 3
"""How many runs are shown before anything is picked."""
MOST = len(charts.RUN_COLORS)
"""As many runs as there are colours to tell apart."""


def pick(found: Sequence[Run]) -> list[Run]:
    """Let the user choose runs; the choice is kept in the URL as ``runs=id,id``."""
    by_id = {run.id: run for run in found}
    asked = [key for key in st.query_params.get("runs", "").split(",") if key in by_id]
    newest = [run.id for run in found if run.epochs][:FIRST]
    if "compare_runs" in st.session_state:  # a run deleted meanwhile is no option any more
        kept = [key for key in st.session_state.compare_runs if key in by_id]
        st.session_state.compare_runs = kept
        start: dict[str, Any] = {}
    else:
        start = {"default": (asked or newest)[:MOST]}
    chosen = st.multiselect(
        t("Runs to compare"),
        list(by_id),
        format_func=lambda key: label(by_id[key]),
        max_selections=MOST,
        key="compare_runs",
        placeholder=t("Choose runs"),
        **start,
    )
    st.query_params["runs"] = ",".join(chosen)
    return [by_id[key] for key in chosen]


def label(run: Run) -> str:
    """A run in a list of runs: its name, its time and what it is doing."""
    return f"{run.name or run.id} · {phrases.moment(run.created)} · {phrases.status(run)}"


def curves(chosen: Sequence[Run]) -> None:
    """Accuracy and loss of the chosen runs, overlaid."""
    shown = [run for run in chosen if run.training and run.epochs]
    if not shown:
        st.info(t("None of the chosen runs has a whole epoch yet; curves appear with the first."))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(_legend([run.name for run in shown]), width="stretch")
        training = st.toggle(t("Show training curves"), value=True, key="compare_training")
    lines = [_curve(run) for run in shown]
    left, right = st.columns(2)
    for column, metric in ((left, "accuracy"), (right, "loss")):
        with column:
            st.plotly_chart(
                charts.overlay(metric, lines, training=training),  # type: ignore[arg-type]
                key=f"compare_{metric}",
                config={"displaylogo": False, "displayModeBar": False},
            )


def table(chosen: Sequence[Run]) -> None:
    """One row a run: what it was, what came of it, and only the settings that differ."""
    rows = [run for run in chosen if run.training]
    different = phrases.differing(rows)
    augmented = phrases.differs_in_augmentation(rows)
    words = [phrases.preset_or_own(run.augmentation) for run in rows]
    notes = [run.note for run in rows]
    st.dataframe(
        {
            t("Run"): [run.name for run in rows],
            t("Best validation accuracy"): [_percent(phrases.best_row(run)) for run in rows],
            t("Best epoch"): [_best(run) for run in rows],
            t("Last validation accuracy"): [_percent(_last(run)) for run in rows],
            t("Gap"): [phrases.points(phrases.gap(run)) for run in rows],
            **{
                t(c.label): [_value(run, c) for run in rows]
                for c in different
                if c.name != "epochs"
            },
            **({t("Augmentation"): words} if augmented else {}),
            t("Epochs"): [_trained(run) for run in rows],
            t("Duration"): [phrases.duration(run.duration) for run in rows],
            t("Model"): [run.model for run in rows],
            t("Dataset"): [run.dataset_name for run in rows],
            t("Status"): [phrases.status(run) for run in rows],
            **({t("Note"): notes} if any(notes) else {}),
        },
        hide_index=True,
        key="compare_table",
        alt=t("The chosen runs with their settings and results"),
    )
    alike = not different and not augmented and len(rows) > 1
    st.caption(
        t(
            "Gap: training minus validation accuracy of the last epoch; the larger, the more the"
            " model has learnt by heart."
        )
        + " "
        + (
            t("All settings of these runs are the same.")
            if alike
            else t("Only settings that differ are shown.")
            if len(rows) > 1
            else ""
        )
    )


def care(found: Sequence[Run]) -> None:
    """Rename, note, clone or delete one run."""
    by_id = {run.id: run for run in found}
    if st.session_state.get("care_run") not in by_id:
        st.session_state.pop("care_run", None)  # deleted meanwhile
    asked = st.query_params.get("run")
    key = st.selectbox(
        t("Run"),
        list(by_id),
        index=list(by_id).index(asked) if asked in by_id else 0,
        format_func=lambda key: label(by_id[key]),
        key="care_run",
    )
    run = by_id[key]
    st.query_params["run"] = run.id
    if run.status == "damaged":
        st.error(t("This run is damaged: {problem}", problem=escape(run.problem)))
    else:
        _names(run)
    with st.container(horizontal=True):
        if run.training and st.button(
            t("Use its settings for a new run"), icon=":material/content_copy:", key="clone"
        ):
            st.session_state["train_clone"] = run.id
            st.switch_page("pages/3_Train.py", query_params=_clone_query(run))
        if st.button(t("Delete…"), icon=":material/delete:", disabled=run.is_active, key="delete"):
            st.dialog(t("Delete this run?"))(_confirm)(run)
        if run.is_active:
            st.caption(t("It is training. Stop it on the Train page before you delete it."))


def _names(run: Run) -> None:
    with st.form(f"names_{run.id}", border=False):
        name = st.text_input(t("Name"), run.name, max_chars=80, key=f"name_{run.id}")
        note = st.text_area(
            t("Note"),
            run.note,
            max_chars=2000,
            height=100,
            key=f"note_{run.id}",
            placeholder=t("What did you want to find out? What did you see?"),
        )
        if st.form_submit_button(t("Save name and note"), icon=":material/save:"):
            runs.rename(run.folder, name)
            runs.annotate(run.folder, note)
            st.toast(t("Saved."))
            st.rerun()


def _confirm(run: Run) -> None:
    st.write(
        t(
            "“{name}” with {n} trained epochs and its model will be moved to the trash folder of"
            " the workspace, from where it can be fetched back by hand.",
            name=escape(run.name or run.id),
            n=len(run.epochs),
        )
    )
    with st.container(horizontal=True):
        if st.button(t("Delete"), type="primary", key="delete_sure", on_click=_delete, args=(run,)):
            st.rerun()
        if st.button(t("Keep it"), key="delete_not"):
            st.rerun()


def _delete(run: Run) -> None:
    with guard():
        runs.remove(run.folder)
        st.query_params.pop("run", None)


def _clone_query(run: Run) -> dict[str, str]:
    kept = {k: v for k, v in st.query_params.to_dict().items() if k not in ("run", "runs")}
    return {**kept, "dataset": run.dataset_id} if run.dataset_id else kept


def _curve(run: Run) -> charts.Curve:
    assert run.training is not None
    return charts.Curve(
        epochs=run.epochs,
        planned=len(run.epochs) if not run.is_active else run.training.epochs,
        classes=max(len(run.classes), 2),
        best=run.best_epoch,
        name=run.name,
    )


def _legend(names: Sequence[str]) -> str:
    entries = [(name, charts.run_color(number), "line") for number, name in enumerate(names)]
    return charts.legend([*entries, (t("Validation"), "", "line"), (t("Training"), "", "dots")])


def _value(run: Run, control: Any) -> str:
    return phrases.setting(control, getattr(run.training, control.name))


def _trained(run: Run) -> str:
    """Epochs trained of epochs planned."""
    return f"{len(run.epochs)} / {run.training.epochs if run.training else '–'}"


def _best(run: Run) -> int | None:
    return None if run.best_epoch is None else run.best_epoch + 1


def _last(run: Run) -> dict[str, Any] | None:
    return run.epochs[-1] if run.epochs else None


def _percent(row: dict[str, Any] | None) -> str:
    return phrases.percent(row.get("val_accuracy") if row else None)
