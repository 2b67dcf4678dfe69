"""Work in the background, shown by a part of a page that redraws itself while it runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from catdog_core.base import jobs
from catdog_core.base.jobs import Job

from . import permissions
from .i18n import escape, say, t
from .session import BackgroundSlot, page_state
from .startup import guard, guarded_fragment

Draw = Callable[[Job | None], None]


def watch_job(key: str, draw: Draw, seconds: float = 0.5) -> None:
    """Draw what a job is at, again and again while it runs.

    When it begins or ends, the whole page is drawn anew: it begins to look, or need not any more.

    Args:
        key: of the job; there may be none yet.
        draw: called with the job or None; its buttons may start or stop it by their callbacks.
        seconds: between two looks.
    """
    running = is_running(key)
    guarded_fragment(_redraw, seconds if running else None)(key, draw, running)


def is_running(key: str) -> bool:
    """Return whether a job of this key is at work."""
    job = jobs.get_job(key)
    return job is not None and job.status == "running"


def start_job(key: str, work: jobs.Work) -> None:
    """Start a job from a button's callback; why it cannot start is said on the page."""
    with guard():
        jobs.start_background_job(key, work)


def stop_button(job: Job, key: str) -> None:
    """Draw the button that stops a job."""
    permissions.action_button(t("Stop"), key, job.action, job.stop, icon="stop")


def progress_row(job: Job, text: str, key: str) -> None:
    """Draw how far a job is, with a text, beside the button that stops it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(job.done / job.total, 1.0) if job.total else 0.0, text)
        stop_button(job, key)


def show_job_error(job: Job | None) -> None:
    """Say why a job ended early, if it did."""
    if job is not None and job.error is not None:
        (st.info if job.status == "stopped" else st.error)(escape(say(job.error)))


def _redraw(key: str, draw: Draw, was_running: bool) -> None:
    if is_running(key) != was_running:
        st.rerun()
    draw(jobs.get_job(key))


Result = TypeVar("Result")


def background_result(
    slot: str,
    key: Hashable,
    work: Callable[[Job], Result],
    count: int,
    quick: int,
    message: str,
) -> Result | None:
    """Return the result of a piece of work; None while it is at it, with a bar that stops it.

    The page stays usable meanwhile, and is drawn anew in the end. A result is kept in the session
    until another one is asked for in its slot.

    Args:
        slot: names the kind of work; a session has one of a kind at a time.
        key: what is asked for; work for another key is stopped.
        work: tells the job its progress and ends early, with what there is, when it is stopped.
        count: how many photos it is about.
        quick: up to so many are done at once, without a job.
        message: what is said meanwhile, in the session's language.

    Raises:
        CatDogError: the work failed.
    """
    state = page_state().background.setdefault(slot, BackgroundSlot())
    if state.finished != key:
        name = f"{slot}:{page_state().session_id}"
        job = jobs.get_job(name)
        if job is not None and job.status != "running" and state.requested == key:
            jobs.forget_job(name)
            state.result, state.error = job.result, job.error
        elif job is None and count <= quick:
            state.result, state.error = _run_inline(work, message), None
        else:
            _begin_work(state, key, name, work, job)
            # It may have ended already: then its result is taken in another run of the page.
            draw = lambda now: _draw_progress(now, message, name)  # noqa: E731
            guarded_fragment(_redraw, 0.5)(name, draw, True)
            return None
        state.finished = key
    if state.error is not None:
        raise state.error
    result: Result = state.result
    return result


def _begin_work(
    state: BackgroundSlot,
    key: Hashable,
    name: str,
    work: Callable[[Job], object],
    job: Job | None,
) -> None:
    """Start the work unless it runs already; other work of the slot has to end first."""
    if job is not None and job.status == "running":
        if state.requested != key:
            job.stop()
        return
    state.requested = key
    # Whoever may look at photos may have them looked at: no permission is asked for.
    jobs.start_background_job(name, work, action=None)


def _run_inline(work: Callable[[Job], Result], message: str) -> Result:
    with st.spinner(message):
        return work(Job(""))


def _draw_progress(job: Job | None, message: str, name: str) -> None:
    if job is None or job.status != "running":
        return
    progress_row(job, _progress_text(job, message), f"stop_{name}")


def _progress_text(job: Job, message: str) -> str:
    if not job.total:
        return message
    count = t("{done:,} of {n:,}", done=job.done, n=job.total)
    return f"{message} {count}"
