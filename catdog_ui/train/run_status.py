"""What a run is doing, in one line: its progress, or why there is none and what to do."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from catdog_core.errors import RunError
from catdog_core.runs import Run

from .. import phrases
from ..words import N_, escape, say, t
from . import run_queue


def show(run: Run) -> None:
    """One line, always in this place: progress, or why there is none and what to do."""
    match run.status:
        case "running":
            st.progress(*_progress(run))
        case "queued":
            st.info(_waiting(run), icon=":material/hourglass_empty:")
        case "stalled":
            st.warning(
                t(
                    "The training process lives but has not reported for 15 seconds. The machine"
                    " may be asleep or very busy. Wait a little; if it stays so, press Stop, which"
                    " ends a process that hangs, then Resume."
                ),
                icon=":material/warning:",
            )
        case "lost":
            st.warning(
                t(
                    "The training process is gone, for example because the machine was switched"
                    " off or had no memory left. Whole epochs are kept. Press Resume to go on after"
                    " epoch {n}.",
                    n=len(run.epochs),
                ),
                icon=":material/power_off:",
            )
            _log(run)
        case "failed":
            _failure(run)
        case "stopped":
            st.info(_stopped(run), icon=":material/pause_circle:")
        case "done" if run.is_history:
            st.info(
                t(
                    "A history from a file: it can be compared and judged, but there is no model to"
                    " go on with or to ask about photos."
                ),
                icon=":material/input:",
            )
        case "done":
            st.success(_done(run), icon=":material/check_circle:")


def _progress(run: Run) -> tuple[float, str]:
    assert run.training is not None
    state, total = run.state, run.training.epochs
    phase, epoch = state.get("phase"), int(state.get("epoch", len(run.epochs)))
    if phase == "packing":
        done, photos = int(state.get("packed", 0)), max(int(state.get("photos", 1)), 1)
        text = t("Preparing the photos: {done:,} of {n:,}", done=done, n=photos)
        return min(done / photos, 1.0), text
    if phase == "features":
        done, photos = int(state.get("packed", 0)), max(int(state.get("photos", 1)), 1)
        return min(done / photos, 1.0), t(
            "The pretrained network looks at the photos: {done:,} of {n:,}", done=done, n=photos
        )
    steps = max(int(state.get("steps") or 1), 1)
    fraction = min((epoch + int(state.get("batch", 0)) / steps) / total, 1.0)
    if phase == "validation":
        return fraction, t(
            "Epoch {n} of {total}: measuring on validation photos", n=epoch + 1, total=total
        )
    if phase == "train":
        return fraction, t("Epoch {n} of {total}: training", n=epoch + 1, total=total)
    return len(run.epochs) / total, t("Loading TensorFlow; this takes a few seconds…")


def _waiting(run: Run) -> str:
    if not run.ahead:
        return t("Starting the training process…")
    return run_queue.told(run)


def _stopped(run: Run) -> str:
    if not run.state:
        return t("This run has not been started yet.")
    if not run.epochs:
        return t("Stopped before the first epoch was whole. Resume begins it again.")
    return t("Stopped. Resume goes on after epoch {n}, the last whole one.", n=len(run.epochs))


def _done(run: Run) -> str:
    assert run.training is not None
    if run.best_model is None:
        return t("Done, but its model is gone from its folder: best.keras is missing.")
    best = phrases.best_row(run)
    text = t(
        "Done. The best epoch is {n}, with {accuracy} validation accuracy; its model is kept.",
        n=best["epoch"] + 1 if best else "–",
        accuracy=phrases.percent(best.get("val_accuracy") if best else None),
    )
    if len(run.epochs) < run.training.epochs:
        text += " " + t(
            "Early stopping ended it {n} epochs before the plan.",
            n=run.training.epochs - len(run.epochs),
        )
    return text


def _failure(run: Run) -> None:
    error = run.state.get("error") or {}
    message = str(error.get("message") or N_("The training ended without saying why."))
    try:
        text = say(RunError(message, **dict(error.get("params") or {})))
    except (KeyError, ValueError, IndexError, TypeError):
        text = message
    st.error(escape(text), icon=":material/error:")
    _log(run)


def _log(run: Run) -> None:
    log = _tail(run.folder / "log.txt")
    if log:
        with st.expander(t("The end of the log")):
            st.code(log, language=None)


def _tail(path: Path, size: int = 6000) -> str:
    """The last `size` bytes of a text file, empty when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - size, 0))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""
