"""The map of the photos as the network sees them: its layouts, and the photos chosen on it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core import jobs
from catdog_core.files import shown
from catdog_core.insight import embedding, layouts
from catdog_core.insight.embedding import Embedding
from catdog_core.insight.layouts import Method, Numbers
from catdog_core.insight.predictions import Table
from catdog_core.jobs import Job

from .. import charts, loaders, visitors, watch
from ..learn.terms import terms
from ..startup import guard
from ..words import escape, say, t
from . import evaluate_cards, evaluate_map_chart, evaluate_map_words
from .evaluate_pick import Subject

_NAMES: dict[str, str] = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
_KEY = "evaluate_map"


def read(subject: Subject) -> Embedding | None:
    """How the model sees the photos, where that is known."""
    return embedding.read(*subject.asked)


def show(
    subject: Subject, table: Table, guesses: NDArray[np.int64], found: Embedding | None
) -> None:
    """The section; what is chosen on the map redraws it alone, a decision the whole page."""
    st.subheader(t("How the network sees the photos"), anchor=False)
    if found is None:
        watch.job(f"look-{subject.key}", partial(_ask, subject))
    else:
        st.fragment(_map)(subject, table, guesses, found, subject.written())


def _map(
    subject: Subject,
    table: Table,
    guesses: NDArray[np.int64],
    found: Embedding,
    written: int,
) -> None:
    with guard():  # what a fragment raises passes its page's guard by
        if subject.written() != written:
            st.rerun()  # something was decided about the photos
        method = _method()
        xy = embedding.read_layout(*subject.asked, method, found)
        if xy is None:
            watch.job(_job(subject, method), partial(_lay_out, subject, method, found))
            return
        places = {file: row for row, file in enumerate(table.files)}
        drawn = [n for n, file in enumerate(found.files) if file in places]
        rows = np.array([places[found.files[n]] for n in drawn], np.int64)
        chosen = _chart(table, guesses, found, xy[drawn], np.array(drawn, np.int64), rows)
        now = evaluate_map_words.drawn(found, table, guesses, method)
        st.caption(f"{t(evaluate_map_words.MAP)} **{now}**")
        if len(chosen):
            st.caption(t("Photos chosen on the map: {n:,}", n=len(chosen)))
            evaluate_cards.show(subject, table, guesses, chosen, _KEY)


def _method() -> Method:
    method: Method = st.segmented_control(
        t("Layout"),
        layouts.methods(),
        format_func=lambda key: _NAMES[key],
        default="pca",
        required=True,
        key=f"{_KEY}_method",
        label_visibility="collapsed",
    )
    return method


def _chart(
    table: Table,
    guesses: NDArray[np.int64],
    found: Embedding,
    xy: Numbers,
    drawn: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Draw the map; the rows of the table that are chosen on it."""
    groups = evaluate_map_chart.groups(table, guesses)
    entries = [(shown(name, 30), color, "dot") for name, color in groups.legend]
    st.html(charts.legend([*entries, (t("wrong answer"), "", "cross")]))
    pictures = [found.thumbnails[n] for n in drawn]
    state: Any = st.vega_lite_chart(
        evaluate_map_chart.data(table, guesses, groups, pictures, xy, rows),
        evaluate_map_chart.spec(groups, is_dark=st.context.theme.type == "dark"),
        width="stretch",
        key=_KEY,
        on_select="rerun",
        alt=t("Map of the photos: near to each other lie those that the network sees alike"),
    )
    terms("embedding", "dense", "class")
    return _chosen(state.selection if state else {}, xy, rows)


def _chosen(selection: Any, xy: Numbers, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of points that were clicked or lie in the rectangle that was drawn."""
    clicked = {int(point["row"]) for point in selection.get("points", []) if "row" in point}
    inside = np.isin(rows, list(clicked))
    area = selection.get("area") or {}
    if {"x", "y"} <= set(area):
        within = [
            (xy[:, axis] >= min(area[name])) & (xy[:, axis] <= max(area[name]))
            for axis, name in enumerate("xy")
        ]
        inside |= within[0] & within[1]
    return rows[inside]


def _ask(subject: Subject, job: Job | None) -> None:
    """The button that lets the model look again, or how far that is."""
    if job is not None and job.status == "running":
        part = job.done / job.total if job.total else 0.0
        st.progress(part, t("{done:,} of {n:,} photos", done=job.done, n=job.total))
        st.button(
            t("Stop"),
            icon=":material/stop:",
            key=f"stop_look_{_KEY}",
            on_click=job.stop,
            **visitors.gate(job.action),
        )
        return
    _tell(job)
    st.button(
        t("Draw the map"),
        icon=":material/scatter_plot:",
        key=f"{_KEY}_look",
        **visitors.gate("run a job"),
        on_click=_look,
        args=(subject,),
    )
    st.caption(
        t(
            "It shows which photos the network finds alike. These answers were kept without what"
            " that takes: the model looks at {n:,} photos once more.",
            n=min(len(subject.dataset.items(subject.split)), embedding.MOST),
        )
    )


def _look(subject: Subject) -> None:
    with guard():
        jobs.start(f"look-{subject.key}", lambda job: loaders.look(*subject.asked, job))


def _lay_out(subject: Subject, method: Method, found: Embedding, job: Job | None) -> None:
    """The button that begins a layout, or that it is at work."""
    name = _NAMES[method]
    if job is not None and job.status == "running":
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(1.0, t("{name} lays {n:,} photos out…", name=name, n=len(found)))
            key = f"stop_{_KEY}_{method}"
            st.button(
                t("Stop"),
                icon=":material/stop:",
                key=key,
                on_click=job.stop,
                **visitors.gate(job.action),
            )
        return
    _tell(job)
    st.button(
        t("Lay the photos out by {name}", name=name),
        icon=":material/scatter_plot:",
        key=f"{_KEY}_{method}",
        **visitors.gate("run a job"),
        on_click=_begin,
        args=(subject, method, found),
    )
    st.caption(
        t(
            "It keeps together what is alike and pulls groups apart, which PCA cannot; how far"
            " groups lie from each other means nothing. It takes seconds to minutes and is kept."
        )
    )


def _begin(subject: Subject, method: Method, found: Embedding) -> None:
    def work(job: Job) -> None:
        xy = layouts.apart(found.parts, method, job.stopped)
        embedding.write_layout(*subject.asked, method, found, xy)

    with guard():
        jobs.start(_job(subject, method), work)


def _job(subject: Subject, method: Method) -> str:
    return f"map-{method}-{subject.key}"


def _tell(job: Job | None) -> None:
    if job is not None and job.error is not None:
        (st.info if job.status == "stopped" else st.error)(escape(say(job.error)))
