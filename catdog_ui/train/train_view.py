"""The panel of one run: what it does now, its curves, and what can be done with it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.networks import backbones
from catdog_core.outcomes import histories
from catdog_core.outcomes.verdicts import Verdict
from catdog_core.runs import Run

from .. import chart_marks, charts, curve_words, loaders, phrases, tiles, verdict, visitors
from ..learn.terms import terms
from ..startup import guard
from ..words import N_, escape, say, t
from . import run_care, run_status, tensorboard_view

POLL = 1.0
"""Seconds between two looks at the files of a run that is active."""
MARK = "rgba(128,128,128,0.95)"
"""Grey that is seen on white and on black."""
RECENT = 5
"""Epochs whose inner points are drawn."""


def panel(run_id: str) -> None:
    """Show a run; while it is active, look again every second."""
    run = runs.load(run_id)
    every = POLL if run.is_active else None
    st.fragment(_panel, run_every=every)(run_id, run.status)


def _panel(run_id: str, drawn_as: str) -> None:
    with guard():
        runs.reap_children()
        run = runs.load(run_id)
        if run.is_active != (drawn_as in ("queued", "running", "stalled")):
            st.rerun()  # it ended, or goes on: the whole page tells, and the polling changes
        _header(run)
        if run.status == "damaged" and run.problem:
            st.error(t("This run is damaged: {problem}", problem=escape(say(run.problem))))
        if run.training is None:
            return
        _numbers(run)
        run_status.show(run)
        found = histories.of_run(run)
        _curves(run, found)
        if run.epochs or found.kind == "diverged":
            verdict.show(found, "verdict")
        tensorboard_view.show(run)
        if not run.is_active and run.best_model:
            _results(run)


_CONTINUES = N_(
    "Fills the form below with this run's settings. The new run begins with the weights of this"
    " one's best epoch."
)


def _header(run: Run) -> None:
    word, color, icon = phrases.STATUS[run.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(run.name or run.id), anchor=False, width="content")
        st.badge(t(word), color=color, icon=icon)  # type: ignore[arg-type]
        st.space("stretch")
        # One that hangs may be asked again: who asked it first may be gone, and no one waits.
        if run.is_active and run.status != "stalled" and (run.folder / "stop").exists():
            st.button(t("Stopping…"), disabled=True, key="stopping")
        elif run.is_active and st.button(
            t("Stop"),
            icon=":material/stop:",
            key="stop_run",
            **visitors.gate("manage run", run.owner),
        ):
            runs.stop(run.folder)
            st.rerun(scope="fragment")
        elif run.can_resume:
            _resume_button(run)
    st.caption(
        t("Data: {dataset}", dataset=escape(run.dataset_name)) + " · " + phrases.settings_line(run)
    )
    if run.workers > 1 and run.can_resume:
        st.caption(t("This run had {n} workers. It resumes with one.", n=run.workers))
    if run.parent:
        st.caption(
            t(
                "Began with the weights of “{name}”, epoch {n}.",
                name=escape(str(run.parent.get("name"))),
                n=int(run.parent.get("epoch") or 0) + 1,
            )
        )
    if run.note:
        st.caption(escape(run.note))


def _resume_button(run: Run) -> None:
    started = bool(run.state or run.epochs)
    label = t("Resume") if started else t("Start")
    if st.button(
        label,
        icon=":material/play_arrow:",
        type="primary",
        key="resume_run",
        **visitors.gate("manage run", run.owner),
    ):
        runs.start(run.folder, follow=bool(run.group))
        st.rerun()


def _numbers(run: Run) -> None:
    assert run.training is not None
    best, last = phrases.best_row(run), run.epochs[-1] if run.epochs else {}
    best_label = t("Best, epoch {n}", n=best["epoch"] + 1) if best else t("Best epoch")
    accuracies = [
        (t("Training accuracy"), phrases.percent(last.get("accuracy"))),
        (t("Validation accuracy"), phrases.percent(last.get("val_accuracy"))),
        (best_label, phrases.percent(best.get("val_accuracy") if best else None)),
    ]
    if run.is_active:
        tiles.show(_progress_numbers(run) + accuracies[1:])
        return
    tiles.show(
        [
            (t("Epochs"), f"{len(run.epochs)} / {run.training.epochs}"),
            (t("Duration"), phrases.duration(run.duration)),
            *accuracies,
            (t("Gap"), phrases.points(phrases.gap(run))),
        ]
    )


def _progress_numbers(run: Run) -> list[tuple[str, str]]:
    assert run.training is not None
    state = run.state
    live = run.status != "queued" and "epoch" in state
    epoch = state["epoch"] + 1 if live else len(run.epochs)
    steps = state.get("steps") or run.training.steps_per_epoch
    rate = state.get("images_per_second") if live else None
    eta = state.get("eta_seconds") if live else None
    return [
        (t("Epoch"), f"{epoch} / {run.training.epochs}"),
        (t("Batch"), f"{state.get('batch', 0)} / {steps}" if live else "–"),
        (t("Photos a second"), f"{rate:,.0f}" if rate else "–"),
        (t("Time left"), phrases.duration(eta)),
    ]


def _curves(run: Run, found: Verdict) -> None:
    assert run.training is not None
    curve = charts.Curve(
        epochs=run.epochs,
        planned=run.training.epochs,
        classes=max(len(run.classes), 2),
        best=run.best_epoch,
        batches=_inside(run),
    )
    st.html(charts.live_legend())
    left, right = st.columns(2)
    for column, metric in ((left, "accuracy"), (right, "loss")):
        with column:
            figure = charts.live(metric, curve)  # type: ignore[arg-type]
            chart_marks.band(figure, metric, run.epochs)  # type: ignore[arg-type]
            chart_marks.onset(figure, found.since)
            if run.status == "done" and 0 < len(run.epochs) < run.training.epochs:
                _mark_end(figure, run.epochs[-1]["epoch"] + 1)
            st.plotly_chart(
                figure,
                key=f"live_{metric}",
                config={"displaylogo": False, "displayModeBar": False},
                alt=curve_words.alt(metric),  # type: ignore[arg-type]
            )
            now = curve_words.live(metric, curve)  # type: ignore[arg-type]
            st.caption(curve_words.told(curve_words.LIVE[metric], now))
    terms("overfitting", "gap", "accuracy", "loss", "epoch", "validation")


def _mark_end(figure: Any, epoch: int) -> None:
    """Mark the last epoch, from 1, of a run that early stopping has ended."""
    figure.add_vline(
        x=epoch,
        line={"color": MARK, "width": 1.5, "dash": "dot"},
        annotation={
            "text": t("stopped early after epoch {n}", n=epoch),
            "font": {"size": 11, "color": MARK},
        },
        annotation_position="bottom left",
    )


def _inside(run: Run) -> list[dict[str, Any]]:
    """The points inside the latest epochs; those of all epochs would hide the curves.

    An epoch that a resume trains again still has its old points; the ones ahead are left out.
    """
    rows = runs.batches(run.folder)
    newest = max((row["epoch"] for row in rows), default=0)
    if not run.is_active and newest >= RECENT:
        return []
    at = (run.state.get("epoch"), run.state.get("batch"))
    if run.status == "running" and all(isinstance(number, int) for number in at):
        newest = at[0]
        rows = [row for row in rows if (row["epoch"], row["batch"]) <= at]
    return [row for row in rows if row["epoch"] > newest - RECENT]


def _continue(run_id: str) -> None:
    st.session_state["train_clone"] = st.session_state["train_parent"] = run_id


def _results(run: Run) -> None:
    st.caption(
        t(
            "The model of the best epoch, to take away: Keras' own format, or the older .h5 of the"
            " class notes."
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        stem = loaders.stem(run)
        best = run.best_model
        assert best is not None
        st.download_button(
            t("Download {file}", file=f"{stem}.keras"),
            data=best.read_bytes,
            file_name=f"{stem}.keras",
            icon=":material/download:",
            on_click="ignore",
            key="download_keras",
        )
        st.download_button(
            t("Download {file}", file=f"{stem}.h5"),
            data=lambda: loaders.as_h5(run.folder),
            file_name=f"{stem}.h5",
            icon=":material/download:",
            on_click="ignore",
            key="download_h5",
            help=t("Converted when you press it; the first time takes a few seconds."),
        )
        is_transfer = run.model == backbones.TRANSFER
        if st.button(
            t("Continue with other settings"),
            icon=":material/fork_right:",
            key="continue_run",
            on_click=_continue,
            args=(run.id,),
            disabled=is_transfer,
            help=t(run_care.NOT_CONTINUED if is_transfer else _CONTINUES),
        ):
            st.rerun()  # the form lies outside this part of the page
        st.page_link(
            "pages/4_Compare.py",
            label=t("Compare with other runs"),
            icon=":material/compare_arrows:",
            query_params={**st.query_params.to_dict(), "run": run.id},
        )
        st.page_link(
            "pages/6_Predict.py",
            label=t("Try it on photos"),
            icon=":material/image_search:",
            query_params={**st.query_params.to_dict(), "run": run.id, "try": "1"},
        )
