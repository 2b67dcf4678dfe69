"""Show the loading benchmark: bars that grow while each reader reads photos."""

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
    "prepare": N_("Preparing: packing the photos, then loading each reader's first batches"),
    "cold": N_("Cold: the files aren't in the system's memory, so they're read from disk"),
    "warm": N_("Warm: the files are in the system's memory"),
}
_READERS = {
    "generator": N_("The course notes' flow_from_directory: one photo at a time, fully decoded."),
    "keras": N_(
        "Keras's successor to it. It decodes several photos at a time, in full and before they are "
        "needed."
    ),
    "folder": N_("The same files, but a large JPEG is decoded only as far as needed."),
    "tfrecord": N_(
        "Photos are decoded and resized once, then read from a few large files in any order."
    ),
    "memory": N_(
        "The TFRecord, read once and kept in memory. The lab trains on small datasets this way."
    ),
}


def show_loading_benchmark(dataset: Dataset) -> None:
    """Draw the section; a running benchmark redraws this part alone."""
    st.subheader(t("Loading benchmark"), anchor=False)
    st.caption(
        t(
            "Before a network can learn from a photo, the file must be found, read and decoded. "
            "ImageDataGenerator repeats this for every batch of every epoch, while the network "
            "waits. The course notes call this I/O latency. A reader that reads ahead, or keeps "
            "photos decoded, hardly makes it wait."
        )
    )
    job_fragment.watch_job(_job_key(dataset), partial(_show_loading_benchmark_panel, dataset))


def _job_key(dataset: Dataset) -> str:
    return f"race-{dataset.fingerprint[:20]}"


def _start_benchmark(dataset: Dataset) -> None:
    with guard():
        jobs.start_background_job(
            _job_key(dataset), lambda job: loaders.run_loading_benchmark(dataset, job)
        )


def _show_loading_benchmark_panel(dataset: Dataset, job: Job | None) -> None:
    status = job.status if job is not None else ""
    running = status == "running"
    with st.container(horizontal=True, vertical_alignment="center"):
        permissions.action_button(
            t("Run again") if status == "done" else t("Run benchmark"),
            "race_start",
            "run a job",
            _start_benchmark,
            dataset,
            icon="sports_score",
            disabled=running,
        )
        if running and job is not None:
            job_fragment.stop_button(job, "race_stop")
        elif status != "done":
            st.caption(t("This takes about a minute. It only reads your photos."), width="content")
    if job is not None:
        _show_job(job)


def _show_job(job: Job) -> None:
    result: BenchmarkProgress | list[ReaderResult] | None = job.result
    if isinstance(result, list):
        _show_result(result)
    elif job.status == "running":
        if result is None:
            st.progress(0.0, t("Loading TensorFlow…"))
            return
        st.progress(result.done, t(_PHASES[result.phase]))
        st.html(render_bars(result.results, result.running))
    elif job.error is not None:
        icon = ":material/stop_circle:" if job.status == "stopped" else ":material/error:"
        (st.info if job.status == "stopped" else st.error)(escape(say(job.error)), icon=icon)


def render_bars(results: Sequence[ReaderResult], running: str = "") -> str:
    """Return the readers as HTML: two bars each, as long as their photos a second.

    Args:
        results: in the order drawn.
        running: key of the one whose turn it is.
    """
    fastest = max(
        (rate for result in results for rate in (result.cold, result.warm) if rate), default=1.0
    )
    drawn = "".join(_render_result(result, fastest, result.key == running) for result in results)
    return f'<div style="display:grid;gap:.8rem">{drawn}{_render_legend()}</div>'


def _render_result(result: ReaderResult, fastest: float, at_it: bool) -> str:
    color = _LAB_COLOR if result.ours else _KERAS_COLOR
    weight = "700" if at_it else "600"
    mark = " ▸" if at_it else ""
    rows = "".join(
        _render_bar(label, rate, done, fastest, fill)
        for label, rate, done, fill in (
            (t("cold"), result.cold, result.cold_done, _COLD_FILL.format(color=color)),
            (t("warm"), result.warm, result.warm_done, color),
        )
        if rate is not None or result.left_out is None
    )
    below = say(result.left_out) if result.left_out else t(_READERS[result.key])
    return (
        f'<div><div style="font-weight:{weight};overflow-wrap:anywhere">'
        f"{html_escape(t(result.name))}{mark}</div>{rows}"
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
        (_KERAS_COLOR, t("Keras readers")),
        (_COLD_FILL.format(color="currentColor"), t("cold: from disk")),
        ("currentColor", t("warm: from memory")),
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


def _show_result(results: Sequence[ReaderResult]) -> None:
    st.html(render_bars(results))
    first = next((result for result in results if not result.ours and result.warm), None)
    best = max(
        (result for result in results if result.ours and result.warm),
        key=_get_warm_rate,
        default=None,
    )
    if first is not None and best is not None:
        st.markdown(
            t(
                "**{best}** reads {times:.1f} times as many photos per second as **{first}**. An "
                "epoch of 2,000 photos waits {short:.1f} s for its data instead of {long:.1f} s.",
                best=escape(t(best.name)),
                first=escape(t(first.name)),
                times=_get_warm_rate(best) / _get_warm_rate(first),
                short=2000 / _get_warm_rate(best),
                long=2000 / _get_warm_rate(first),
            )
        )
    st.caption(t(_HOW))
    if all(result.cold is None for result in results if result.left_out is None):
        st.caption(t(_NO_COLD))


def _get_warm_rate(result: ReaderResult) -> float:
    return result.warm or 0.0


_HOW = N_(
    "Longer bars mean more photos per second: striped from disk, solid from memory. Each reader "
    "loads the same photos, at most 1,000, in batches of 20 at 150 × 150 px in float32. Readers "
    "take turns, a different one first each round, and the median counts. Other work on this "
    "machine slows them all. One-time packing isn't counted."
)
_NO_COLD = N_(
    "There are no cold results. A file is cold only the first time it's read after the computer "
    "starts. This system offers no way to repeat that."
)
