"""The panel of one run: what it does now, its curves, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import accuracy_gap, histories
from catdog_core.analysis.diagnose import Verdict
from catdog_core.analysis.photo_overlap import KEPT_EPOCH_TEXT
from catdog_core.base.errors import RunError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import BatchRow
from catdog_core.runs import DamagedRun, ImportedHistory, Run, RunRecord
from catdog_core.training import tensorboard_export, time_estimate

from .. import (
    captions,
    charts,
    final_evaluation_view,
    format_text,
    gallery,
    loaders,
    permissions,
    state,
    widgets,
)
from ..i18n import N_, escape, say, t
from ..learn.glossary_view import show_terms
from ..session import page_state
from ..startup import guard, guarded_fragment
from . import train_advice

POLL_SECONDS = 1.0
"""Seconds between two looks at the files of a run that is active."""
MARK_COLOR = "rgba(128,128,128,0.95)"
"""Grey that is seen on white and on black."""
_SCROLL_TO_TOP = "<script>document.querySelector('[data-testid=stMain]')?.scrollTo(0, 0)</script>"
RECENT_EPOCHS = 5
"""Epochs whose inner points are drawn."""


def show_runs() -> None:
    """Let the user choose a run and show it."""
    if not runs.list_runs():
        st.info(t("There's no run yet. Start one under “New training”."))
        return
    run = state.choose_run()
    if run is None:
        return
    with st.container(border=True):
        show_run_panel(run.id)
    _announce_start(run)  # at the end: a second click breaks the page off before, and it runs again


def _announce_start(run: RunRecord) -> None:
    """Say once that a run was started: the page has turned from the form to the run."""
    if page_state().train.announced_run == run.id:
        # Streamlit keeps the place in a page that is drawn anew, which was the form's.
        st.html(_SCROLL_TO_TOP, unsafe_allow_javascript=True)
        st.toast(
            t(
                "“{name}” has started. You can leave this page.",
                name=escape(truncate_for_display(run.name, 40)),
            ),
            icon=":material/play_arrow:",
        )
    page_state().train.announced_run = ""


def show_run_panel(run_id: str) -> None:
    """Show a run; while it is active, look again every second."""
    run = runs.load_run(run_id)
    every = POLL_SECONDS if run.is_active else None
    guarded_fragment(_show_panel, every)(run_id, run.status)


def _show_panel(run_id: str, drawn_as: str) -> None:
    runs.reap_children()
    run = runs.load_run(run_id)
    if run.is_active != (drawn_as in ("queued", "running", "stalled")):
        st.rerun()  # it ended, or goes on: the whole page tells, and the polling changes
    _show_header(run)
    if run.status == "damaged" and run.problem:
        st.error(t("This run is damaged: {problem}", problem=escape(say(run.problem))))
    if isinstance(run, DamagedRun):
        return
    _show_numbers(run)
    _show_status(run)
    verdict = histories.diagnose_run(run)
    _show_curves(run, verdict)
    if run.epochs or verdict.kind == "diverged":
        captions.show_verdict(verdict, "verdict")
    if not run.is_active:
        train_advice.show_advice(run, verdict)
    final_evaluation_view.show_final_evaluation(run)
    if not run.is_active and run.best_model:
        _show_downloads(run)
    _show_tensorboard(run)


def _show_header(run: RunRecord) -> None:
    word, color, icon = format_text.status_badge(run)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(format_text.model_name(run)), anchor=False, width="content")
        st.badge(word, color=color, icon=icon)  # type: ignore[arg-type]
        st.space("stretch")
        # One that hangs may be asked again: who asked it first may be gone, and no one waits.
        if run.is_active and run.status != "stalled" and (run.folder / "stop").exists():
            st.button(t("Stopping…"), disabled=True, key="stopping")
        elif run.is_active and permissions.action_button(
            t("Stop"), "stop_run", "manage run", icon="stop", owner=run.owner
        ):
            runs.stop_run(run.folder)
            st.rerun(scope="fragment")
        elif run.can_resume:
            _show_resume_button(run)
    st.caption(
        t("Data: {dataset}", dataset=escape(run.dataset_name))
        + " · "
        + format_text.settings_line(run)
    )
    if isinstance(run, Run) and run.workers > 1 and run.can_resume:
        st.caption(t("This run had {n} workers. It resumes with one.", n=run.workers))
    if isinstance(run, Run) and run.parent:
        st.caption(
            t(
                "Started from the weights of “{name}”, epoch {n}.",
                name=escape(str(run.parent.get("name"))),
                n=int(run.parent.get("epoch") or 0) + 1,
            )
        )
    if run.note:
        st.caption(escape(run.note))


def _show_resume_button(run: RunRecord) -> None:
    started = bool(run.state or run.epochs)
    label = t("Resume") if started else t("Start")
    if permissions.action_button(
        label, "resume_run", "manage run", icon="play_arrow", owner=run.owner, type="primary"
    ):
        runs.start_run(run.folder, follow=bool(run.group))
        st.rerun()


def _show_numbers(run: RunRecord) -> None:
    best = format_text.best_epoch_row(run)
    gap = accuracy_gap.measure_gap(run)
    training = run.epochs[-1].get("accuracy") if run.epochs else None
    validation = run.epochs[-1].get("val_accuracy") if run.epochs else None
    best_label = t("Best (epoch {n})", n=best["epoch"] + 1) if best else t("Best epoch")
    accuracies = [
        (
            t("Training accuracy"),
            format_text.format_percent(training),
        ),
        (
            t("Validation accuracy"),
            format_text.format_percent(validation),
        ),
        (best_label, format_text.format_percent(best.get("val_accuracy") if best else None)),
    ]
    if run.is_active:
        gallery.metric_row(_progress_numbers(run) + accuracies[1:])
        return
    gallery.metric_row(
        [
            (t("Epochs"), format_text.format_epochs(run)),
            (t("Duration"), format_text.format_duration(run.duration)),
            *accuracies,
            (
                t(accuracy_gap.GAP_NAMES[gap.kind if gap else "curves"]),
                format_text.format_gap(gap),
            ),
        ]
    )


def _progress_numbers(run: RunRecord) -> list[tuple[str, str]]:
    state = run.state
    live = run.status != "queued" and "epoch" in state
    epoch = state["epoch"] + 1 if live else len(run.epochs)
    steps = state.get("steps") or (run.training.steps_per_epoch if isinstance(run, Run) else None)
    rate = state.get("images_per_second") if live else None
    eta = state.get("eta_seconds") if live else None
    return [
        (t("Epoch"), f"{epoch} / {run.planned_epochs or '–'}"),
        (t("Batch"), f"{state.get('batch', 0)} / {steps}" if live else "–"),
        (t("Photos per second"), f"{rate:,.0f}" if rate else "–"),
        (t("Time left"), format_text.format_duration(eta)),
    ]


def _show_curves(run: RunRecord, verdict: Verdict) -> None:
    curve = charts.LearningCurve(
        epochs=run.epochs,
        # Early stopping leaves a part of the plan that no epoch will fill any more.
        planned=len(run.epochs) if run.status == "done" else run.planned_epochs or 0,
        guess_accuracy=run.guess_accuracy,
        guess_loss=run.guess_loss,
        best=run.best_epoch,
        batches=_read_recent_batches(run),
    )
    evaluation = run.final_evaluation
    st.html(charts.live_legend_html(evaluated=evaluation is not None))
    for column, metric in zip(st.columns(2), charts.METRICS, strict=True):
        with column:
            figure = charts.live_figure(metric, curve)
            charts.draw_gap(figure, metric, run.epochs)
            charts.mark_overfitting(figure, verdict.since)
            if evaluation is not None:
                charts.mark_clean_photos(figure, metric, evaluation)
            if run.status == "done" and 0 < len(run.epochs) < (run.planned_epochs or 0):
                _mark_early_stop(figure, run.epochs[-1]["epoch"] + 1)
            widgets.plot_figure(figure, key=f"live_{metric}", alt=captions.chart_alt(metric))
            now = captions.live_caption(metric, curve)
            st.caption(captions.format_caption(captions.LIVE_HINTS[metric], now))
    show_terms("overfitting", "gap", "accuracy", "loss", "epoch", "validation")


def _mark_early_stop(figure: Any, epoch: int) -> None:
    """Mark the last epoch, from 1, of a run that early stopping has ended."""
    figure.add_vline(
        x=epoch,
        line={"color": MARK_COLOR, "width": 1.5, "dash": "dot"},
        annotation={
            "text": t("stopped early after epoch {n}", n=epoch),
            "font": {"size": 11, "color": MARK_COLOR},
        },
        annotation_position="bottom left",
    )


def _read_recent_batches(run: RunRecord) -> list[BatchRow]:
    """The points inside the latest epochs; those of all epochs would hide the curves.

    An epoch that a resume trains again still has its old points; the ones ahead are left out.
    """
    rows = runs.read_batches(run.folder)
    newest = max((row["epoch"] for row in rows), default=0)
    if not run.is_active and newest >= RECENT_EPOCHS:
        return []
    epoch, batch = run.state.get("epoch"), run.state.get("batch")
    if run.status == "running" and isinstance(epoch, int) and isinstance(batch, int):
        newest = epoch
        rows = [row for row in rows if (row["epoch"], row["batch"]) <= (epoch, batch)]
    return [row for row in rows if row["epoch"] > newest - RECENT_EPOCHS]


def _show_downloads(run: RunRecord) -> None:
    """Render a folded panel with the files of the best epoch's model."""
    best = run.best_model
    assert best is not None
    stem = loaders.download_stem(run)
    with st.expander(t("Download model"), icon=":material/download:"):
        st.caption(
            t(
                "The best epoch's model, in Keras's own format or the course notes' older .h5 "
                "format."
            )
        )
        with st.container(horizontal=True, vertical_alignment="center"):
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
                data=lambda: loaders.export_h5(run.folder),
                file_name=f"{stem}.h5",
                icon=":material/download:",
                on_click="ignore",
                key="download_h5",
                help=t(
                    "Conversion starts when you press the button. The first time takes a few "
                    "seconds."
                ),
            )


def _show_status(run: RunRecord) -> None:
    """One line, always in this place: progress, or why there is none and what to do."""
    match run.status:
        case "running":
            st.progress(*_get_progress(run))
        case "queued":
            st.info(_waiting_text(run), icon=":material/hourglass_empty:")
        case "stalled":
            st.warning(
                t(
                    "No update for 15 seconds. The computer might be asleep or busy. If this "
                    "continues, press Stop, then Resume."
                ),
                icon=":material/warning:",
            )
        case "lost":
            st.warning(
                t(
                    "The training process is gone. The computer might have been switched off or "
                    "run out of memory. Finished epochs are saved. Press Resume to continue after "
                    "epoch {n}.",
                    n=len(run.epochs),
                ),
                icon=":material/power_off:",
            )
            _show_log(run)
        case "failed":
            _show_failure(run)
        case "stopped":
            st.info(_stopped_text(run), icon=":material/pause_circle:")
        case "done" if isinstance(run, ImportedHistory):
            st.info(
                t(
                    "Imported history. You can compare and diagnose it, but it has no model to "
                    "train or predict with."
                ),
                icon=":material/input:",
            )
        case "done":
            st.success(_done_text(run), icon=":material/check_circle:")


_PHOTO_PHASES = {
    "packing": N_("Preparing the photos: {done:,} of {n:,}"),
    "features": N_("The pretrained network is looking at the photos: {done:,} of {n:,}"),
    "evaluation": N_("Training has ended. Evaluating the model on clean photos: {done:,} of {n:,}"),
}
"""What is said while each photo is handled once, by the phase of a run's state."""


def _get_progress(run: RunRecord) -> tuple[float, str]:
    state, total = run.state, run.planned_epochs or 1
    phase, epoch = state.get("phase"), int(state.get("epoch", len(run.epochs)))
    if phase in _PHOTO_PHASES:
        done, photos = int(state.get("packed", 0)), max(int(state.get("photos", 1)), 1)
        return min(done / photos, 1.0), t(_PHOTO_PHASES[phase], done=done, n=photos)
    steps = max(int(state.get("steps") or 1), 1)
    fraction = min((epoch + int(state.get("batch", 0)) / steps) / total, 1.0)
    if phase == "validation":
        return fraction, t("Epoch {n} of {total}: validating", n=epoch + 1, total=total)
    if phase == "train":
        return fraction, t("Epoch {n} of {total}: training", n=epoch + 1, total=total)
    return len(run.epochs) / total, t("Loading TensorFlow. This takes a few seconds…")


def _waiting_text(run: RunRecord) -> str:
    if not run.runs_ahead:
        return t("Starting the training process…")
    return _queue_text(run)


def _stopped_text(run: RunRecord) -> str:
    if not run.state:
        return t("This run hasn't been started yet.")
    if not run.epochs:
        return t("Stopped before the first epoch finished. Press Resume to start it again.")
    return t(
        "Stopped. Press Resume to continue after epoch {n}, the last finished one.",
        n=len(run.epochs),
    )


def _done_text(run: RunRecord) -> str:
    if run.best_model is None:
        return t(
            "Done, but best.keras, the model file, is missing from the run folder. Restore it, or "
            "train again."
        )
    best = format_text.best_epoch_row(run)
    if best is None:
        return t("Done. The model is saved.")
    text = t(
        "Done. The best epoch is {n}, with {accuracy} validation accuracy. Its model is saved.",
        n=best["epoch"] + 1,
        accuracy=format_text.format_percent(best.get("val_accuracy")),
    )
    if len(run.epochs) > 1:
        text += " " + t(KEPT_EPOCH_TEXT)
    planned = run.planned_epochs or 0
    if len(run.epochs) < planned:
        text += " " + t(
            "Early stopping ended the run {n} epochs ahead of plan.",
            n=planned - len(run.epochs),
        )
    return text


def _show_failure(run: RunRecord) -> None:
    error: Mapping[str, Any] = run.state.get("error") or {}
    message = str(error.get("message") or N_("Training ended without giving a reason."))
    try:
        text = say(RunError(message, **dict(error.get("params") or {})))
    except (KeyError, ValueError, IndexError, TypeError):
        text = message
    st.error(escape(text), icon=":material/error:")
    _show_log(run)


def _show_log(run: RunRecord) -> None:
    log = _read_tail(run.folder / "log.txt")
    if log:
        with st.expander(t("End of the log")):
            st.code(log, language=None)


def _read_tail(path: Path, size: int = 6000) -> str:
    """The last `size` bytes of a text file, empty when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - size, 0))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""


_MAX_NAMED = 3
"""Runs named at most."""


def _queue_text(run: RunRecord) -> str:
    """A run that waits, in a sentence or two of Markdown."""
    line = time_estimate.queue_position(run, runs.list_runs())
    if not line.ahead:
        return t("Starting the training process…")
    names = [_format_queued_name(other) for other in line.ahead[:_MAX_NAMED]]
    if len(line.ahead) > _MAX_NAMED:
        names.append(t("{n} more", n=len(line.ahead) - _MAX_NAMED))
    first = t(
        "Waiting for its turn. Ahead of it: {names}.",
        names=", ".join(names),
    )
    if line.seconds is not None:
        first += " " + t(
            "This might take about {time}.", time=format_text.format_duration(line.seconds)
        )
    return first + " " + t("It starts automatically. You can leave this page.")


def _format_queued_name(run: RunRecord) -> str:
    name = escape(truncate_for_display(run.name or run.id))
    if not run.owner:
        return f"“{name}”"
    return t("{owner}'s “{run}”", run=name, owner=escape(truncate_for_display(run.owner)))


def _show_tensorboard(run: RunRecord) -> None:
    """Render a folded panel; nothing where the run has no epoch."""
    if not run.epochs:
        return
    with st.expander(t("TensorBoard"), icon=":material/monitoring:"), guard():
        st.caption(
            t(
                "Saves this run's curves and settings as event files, then shows the command to "
                "view them."
            )
        )
        clicked = permissions.action_button(
            t("Create event files"), "tensorboard_write", "run a job", icon="save"
        )
        if clicked:
            with st.spinner(t("Saving…")):
                folder = tensorboard_export.write_event_files(
                    run, tensorboard_export.default_logdir()
                )
            st.success(t("Saved event files with {n} epochs.", n=len(run.epochs)))
            st.code(
                tensorboard_export.tensorboard_command(folder.parent),
                language=None,
                wrap_lines=True,
            )
