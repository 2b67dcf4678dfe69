"""The verdict on a training, in words: what happened, why, and what to try next."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core.outcomes.verdicts import Said, Verdict

from .words import N_, t

KINDS: dict[str, tuple[str, str, str]] = {
    # kind: (word, Streamlit colour, icon)
    "overfitting": (N_("overfitting"), "orange", ":material/trending_up:"),
    "underfitting": (N_("underfitting"), "orange", ":material/trending_flat:"),
    "healthy": (N_("healthy"), "green", ":material/favorite:"),
    "diverged": (N_("diverged"), "red", ":material/bolt:"),
    "too_short": (N_("too short to tell"), "gray", ":material/hourglass_empty:"),
}


def show(verdict: Verdict, key: str) -> None:
    """The verdict with what it rests on, and what to try next."""
    _, color, icon = KINDS[verdict.kind]
    with st.container(border=True, gap="small", key=key):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(t("**The verdict**"), width="content")
            st.badge(word(verdict), color=color, icon=icon)  # type: ignore[arg-type]
        st.markdown(sentence(verdict))
        if verdict.remarks or verdict.steps:
            more(verdict)


def more(verdict: Verdict) -> None:
    """What is worth knowing, and what to try next."""
    sides = st.grid(2, min_column_width=320, gap="medium")
    with sides.container():
        if verdict.steps:
            _list(t("What to try next"), verdict.steps)
    with sides.container():
        if verdict.remarks:
            _list(t("Worth knowing"), verdict.remarks)


def word(verdict: Verdict) -> str:
    """The verdict in one or two words."""
    return t(KINDS[verdict.kind][0])


def sentence(verdict: Verdict) -> str:
    """The verdict's own sentence."""
    return t(verdict.message, **verdict.params)


def _list(title: str, sentences: Sequence[Said]) -> None:
    lines = [f"- {t(said.message, **said.params)}" for said in sentences]
    st.caption("\n".join([f"{title}\n", *lines]))
