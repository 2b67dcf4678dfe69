"""Two models on the same photos: who is right where, and whether that is chance."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from catdog_core.files import shown
from catdog_core.insight import scores, versus
from catdog_core.insight.predictions import Table
from catdog_core.runs import Run

from .. import tiles
from ..words import N_, t
from . import evaluate_cards, evaluate_photos, evaluate_pick, evaluate_words
from .evaluate_pick import Subject

_LISTS = {
    "fixed": N_("Only the other is right"),
    "broken": N_("Only this one is right"),
    "neither": N_("Both are wrong"),
}


def show(subject: Subject, table: Table, threshold: float) -> None:
    """The section: the other model, the counts, the sentence and the photos."""
    st.subheader(t("Against another model"), anchor=False)
    other = _choose(subject)
    if other is None:
        return
    second = evaluate_pick.answers(replace(subject, run=other))
    if second is None:
        return
    found = versus.compare(table, second, threshold)
    tiles.show(
        [
            (t("Both right"), f"{len(found.both):,}"),
            (t("Only “{name}”", name=_short(other)), f"{len(found.only_second):,}"),
            (t("Only “{name}”", name=_short(subject.run)), f"{len(found.only_first):,}"),
            (t("Both wrong"), f"{len(found.neither):,}"),
        ]
    )
    st.markdown(evaluate_words.versus(found, subject.run.name, other.name))
    if len(table.classes) == 2:
        st.caption(t("Both by the threshold above, {n:.2f}.", n=threshold))
    rows = {"fixed": found.only_second, "broken": found.only_first, "neither": found.neither}
    kind = st.segmented_control(
        t("Photos"),
        list(rows),
        format_func=lambda key: f"{t(_LISTS[key])} ({len(rows[key]):,})",
        default="fixed",
        required=True,
        key="evaluate_versus_list",
        label_visibility="collapsed",
        wrap=True,
    )
    guesses = scores.guesses(table, threshold)
    evaluate_cards.show(subject, table, guesses, rows[str(kind)], f"versus_{kind}")


def _choose(subject: Subject) -> Run | None:
    found = {run.id: run for run in evaluate_pick.others(subject.run)}
    if not found:
        st.caption(
            t("There is no other model for these classes yet. Train one, and see who is right.")
        )
        return None
    if st.session_state.get("evaluate_other") not in found:
        st.session_state.pop("evaluate_other", None)
    before = st.session_state.get(evaluate_photos.BEFORE)
    key = st.selectbox(
        t("The other model"),
        list(found),
        index=list(found).index(before) if before in found else 0,
        format_func=lambda key: evaluate_pick.title(found[key]),
        key="evaluate_other",
        width=420,
    )
    return found[key]


def _short(run: Run) -> str:
    return shown(run.name or run.id, 24)
