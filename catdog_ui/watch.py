"""A job in the background, watched by a part of a page that redraws itself while it runs."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from catdog_core import jobs
from catdog_core.jobs import Job

from .startup import guard

Draw = Callable[[Job | None], None]


def job(key: str, draw: Draw, seconds: float = 0.5) -> None:
    """Draw what a job is at, again and again while it runs.

    When it begins or ends, the whole page is drawn anew: it begins to look, or need not any more.

    Args:
        key: of the job; there may be none yet.
        draw: called with the job or None; its buttons may start or stop it by their callbacks.
        seconds: between two looks.
    """
    running = is_running(key)
    st.fragment(_look, run_every=seconds if running else None)(key, draw, running)


def is_running(key: str) -> bool:
    """Whether a job of this key is at work."""
    found = jobs.get(key)
    return found is not None and found.status == "running"


def _look(key: str, draw: Draw, was_running: bool) -> None:
    with guard():  # what a fragment raises passes its page's guard by
        if is_running(key) != was_running:
            st.rerun()
        draw(jobs.get(key))
