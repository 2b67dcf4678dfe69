"""The loading race: bars that grow while each reader of photos has its turns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape as html_escape
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base import jobs
from catdog_core.base.jobs import Job
from catdog_core.base.palette import NEUTRAL, VALIDATION
from catdog_core.data.datasets import Dataset

from .. import job_fragment, loaders, permissions
from ..i18n import N_, escape, say, t
from ..startup import guard

if TYPE_CHECKING:
    from catdog_core.training.loading_benchmark import BenchmarkProgress, ReaderResult

_LAB_COLOR, _KERAS_COLOR = VALIDATION, NEUTRAL
_COLD_FILL = "repeating-linear-gradient(135deg,{color} 0 3px,transparent 3px 6px)"
_PHASES = {
    "prepare": N_("Getting ready: the photos are packed, every reader reads its first batches"),
    "cold": N_("Cold: the system has forgotten the files, so the disk is read"),
    "warm": N_("Warm: the files lie in the system's memory"),
}
_READERS = {
    "generator": N_("The notes' flow_from_directory: one photo after the other, decoded whole."),
    "keras": N_("Keras' successor of it: decoded whole, several at a time, ahead of need."),
    "folder": N_("The same files; a large JPEG is decoded only as far as its pixels are wanted."),
    "tfrecord": N_("Decoded and resized once, then read from a few large files in any order."),
    "memory": N_("The TFRecord, read once and kept: how the lab trains on a small dataset."),
}


def show_race(dataset: Dataset) -> None:
    """Draw the section; a race that runs redraws this part alone."""
    st.subheader(t("The loading race"), anchor=False)
    st.caption(
        t(
            "Before a network learns from a photo, its file must be found, read and decoded."
            " ImageDataGenerator does all of that anew whenever a batch asks for the photo, epoch"
            " after epoch, and the network waits: the notes call this its I/O latency. A reader"
            " that reads ahead, or keeps the photos decoded, hardly makes it wait."
        )
    )
    job_fragment.watch_job(_job_key(dataset), partial(_show_race_panel, dataset))


def _job_key(dataset: Dataset) -> str:
    return f"race-{dataset.fingerprint[:20]}"


def _start_race(dataset: Dataset) -> None:
    with guard():
        jobs.start_background_job(
            _job_key(dataset), lambda job: loaders.run_loading_benchmark(dataset, job)
        )


def _show_race_panel(dataset: Dataset, job: Job | None) -> None:
    status = job.status if job is not None else ""
    running = status == "running"
    with st.container(horizontal=True, vertical_alignment="center"):
        permissions.action_button(
            t("Race again") if status == "done" else t("Start the race"),
            "race_start",
            "run a job",
            _start_race,
            dataset,
            icon="sports_score",
            disabled=running,
        )
        if running and job is not None:
            job_fragment.stop_button(job, "race_stop")
        elif status != "done":
            st.caption(t("It takes about a minute; the photos are only read."), width="content")
    if job is not None:
        _show_job(job)


def _show_job(job: Job) -> None:
    result: BenchmarkProgress | list[ReaderResult] | None = job.result
    if isinstance(result, list):
        _show_result(result)
    elif job.status == "running":
        if result is None:
            st.progress(0.0, t("TensorFlow is being loaded…"))
            return
        st.progress(result.done, t(_PHASES[result.phase]))
        st.html(render_bars(result.lanes, result.running))
    elif job.error is not None:
        icon = ":material/stop_circle:" if job.status == "stopped" else ":material/error:"
        (st.info if job.status == "stopped" else st.error)(escape(say(job.error)), icon=icon)


def render_bars(lanes: Sequence[ReaderResult], running: str = "") -> str:
    """Return the readers as HTML: two bars each, as long as their photos a second.

    Args:
        lanes: in the order drawn.
        running: key of the one whose turn it is.
    """
    fastest = max((rate for lane in lanes for rate in (lane.cold, lane.warm) if rate), default=1.0)
    drawn = "".join(_render_lane(lane, fastest, lane.key == running) for lane in lanes)
    return f'<div style="display:grid;gap:.8rem">{drawn}{_render_legend()}</div>'


def _render_lane(lane: ReaderResult, fastest: float, at_it: bool) -> str:
    color = _LAB_COLOR if lane.ours else _KERAS_COLOR
    weight = "700" if at_it else "600"
    mark = " ▸" if at_it else ""
    rows = "".join(
        _render_bar(label, rate, done, fastest, fill)
        for label, rate, done, fill in (
            (t("cold"), lane.cold, lane.cold_done, _COLD_FILL.format(color=color)),
            (t("warm"), lane.warm, lane.warm_done, color),
        )
        if rate is not None or lane.left_out is None
    )
    below = say(lane.left_out) if lane.left_out else t(_READERS[lane.key])
    return (
        f'<div><div style="font-weight:{weight};overflow-wrap:anywhere">'
        f"{html_escape(t(lane.name))}{mark}</div>{rows}"
        f'<div style="font-size:.8rem;opacity:.75;overflow-wrap:anywhere">{html_escape(below)}'
        "</div></div>"
    )


def _render_bar(label: str, rate: float | None, done: float, fastest: float, fill: str) -> str:
    share = 100 * (rate or 0.0) * min(done, 1.0) / fastest
    value = t("{n:,.0f} photos/s", n=rate) if rate is not None else "–"
    return (
        '<div style="display:grid;grid-template-columns:3rem 1fr 7.5rem;gap:.5rem;'
        'align-items:center;font-size:.85rem;line-height:1.5">'
        f'<span style="opacity:.75">{html_escape(label)}</span>'
        '<span style="display:block;height:.8rem;border-radius:.2rem;'
        'background:rgba(128,128,128,.14)">'
        f'<span style="display:block;height:100%;min-width:{2 if share else 0}px;'
        f'width:{share:.2f}%;border-radius:.2rem;background:{fill}"></span></span>'
        '<span style="text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap">'
        f"{html_escape(value)}</span></div>"
    )


def _render_legend() -> str:
    items = (
        (_LAB_COLOR, t("the lab's readers")),
        (_KERAS_COLOR, t("Keras' readers")),
        (_COLD_FILL.format(color="currentColor"), t("cold: from the disk")),
        ("currentColor", t("warm: from the system's memory")),
    )
    drawn = "".join(
        '<span style="white-space:nowrap"><span style="display:inline-block;width:.9rem;'
        f'height:.7rem;border-radius:.15rem;margin-right:.35rem;background:{fill}"></span>'
        f"{html_escape(text)}</span>"
        for fill, text in items
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;font-size:.8rem;opacity:.85">'
        f"{drawn}</div>"
    )


def _show_result(lanes: Sequence[ReaderResult]) -> None:
    st.html(render_bars(lanes))
    first = next((lane for lane in lanes if not lane.ours and lane.warm), None)
    best = max(
        (lane for lane in lanes if lane.ours and lane.warm), key=_get_warm_rate, default=None
    )
    if first is not None and best is not None:
        st.markdown(
            t(
                "**{best}** gives {times:.1f} times as many photos a second as **{first}**. An"
                " epoch of 2,000 photos waits {short:.1f} s for its data instead of {long:.1f} s.",
                best=escape(t(best.name)),
                first=escape(t(first.name)),
                times=_get_warm_rate(best) / _get_warm_rate(first),
                short=2000 / _get_warm_rate(best),
                long=2000 / _get_warm_rate(first),
            )
        )
    st.caption(t(_HOW))
    if all(lane.cold is None for lane in lanes if lane.left_out is None):
        st.caption(t(_NO_COLD))


def _get_warm_rate(lane: ReaderResult) -> float:
    return lane.warm or 0.0


_HOW = N_(
    "A longer bar is more photos a second, striped those from the disk, full those from memory."
    " The same photos, at most 1,000, as batches of 20 at 150 × 150 px in float32. The readers take"
    " turns, each round from another one on, and the middle figure counts; other work on this"
    " machine slows all of them. Packing, needed once, is not counted."
)
_NO_COLD = N_(
    "There are no cold figures: a file is cold only when it is read for the first time since the"
    " start of the computer, and this system offers no way to repeat that."
)
