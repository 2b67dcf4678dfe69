"""Work of the Predict page that takes long: in the background, with its progress, then kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar
from uuid import uuid4

import streamlit as st

from catdog_core import jobs
from catdog_core.jobs import Job

from .. import watch
from ..words import t

Result = TypeVar("Result")


def result(
    slot: str,
    key: Hashable,
    work: Callable[[Job], Result],
    count: int,
    quick: int,
    words: str,
) -> Result | None:
    """What a piece of work comes to; while it is at it, None and a bar with a button that stops it.

    The page stays usable meanwhile, and is drawn anew in the end. A result is kept in the session
    until another one is asked for in its slot.

    Args:
        slot: names the kind of work; a session has one of a kind at a time.
        key: what is asked for; work for another key is stopped.
        work: tells the job its progress and ends early, with what there is, when it is stopped.
        count: how many photos it is about.
        quick: up to so many are done at once, without a job.
        words: what is said meanwhile, in the session's language.

    Raises:
        CatDogError: the work failed.
    """
    kept = st.session_state.get(f"{slot}_memo")
    if kept is None or kept[0] != key:
        name = _name(slot)
        job = jobs.get(name)
        if job is not None and job.status != "running" and st.session_state[f"{slot}_key"] == key:
            jobs.forget(name)
            kept = (key, job.result, job.error)
        elif job is None and count <= quick:
            kept = (key, _at_once(work, words), None)
        else:
            _begin(slot, key, name, work, job)
            watch.job(name, lambda now: _draw(now, words, name))
            return None
        st.session_state[f"{slot}_memo"] = kept
    if kept[2] is not None:
        raise kept[2]
    found: Result = kept[1]
    return found


def _name(slot: str) -> str:
    return f"{slot}:{st.session_state.setdefault('predict_session', uuid4().hex)}"


def _begin(
    slot: str, key: Hashable, name: str, work: Callable[[Job], object], job: Job | None
) -> None:
    """Start the work unless it runs already; other work of the slot has to end first."""
    if job is not None and job.status == "running":
        if st.session_state[f"{slot}_key"] != key:
            job.stop()
        return
    st.session_state[f"{slot}_key"] = key
    jobs.start(name, work, action=None)  # a look at photos; the audience may have it, too


def _at_once(work: Callable[[Job], Result], words: str) -> Result:
    with st.spinner(words):
        return work(Job(""))


def _draw(job: Job | None, words: str, name: str) -> None:
    if job is None or job.status != "running":
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.done / job.total if job.total else 0.0, _told(job, words))
        st.button(t("Stop"), icon=":material/stop:", key=f"stop_{name}", on_click=job.stop)


def _told(job: Job, words: str) -> str:
    if not job.total:
        return words
    count = t("{done:,} of {n:,}", done=job.done, n=job.total)
    return f"{words} {count}"
