"""The glossary: every term with its sentence and the section that shows it."""

from __future__ import annotations

import streamlit as st

from catdog_core.learn.curriculum import SECTIONS
from catdog_core.learn.glossary import TERMS

from .. import state
from ..words import t
from .terms import PAGE


def show(asked: str | None) -> None:
    """All terms, or those a search finds; the one the address asks for stands first.

    Args:
        asked: the id of a term; an unknown one is passed over.
    """
    if asked in TERMS:
        with st.container(border=True):
            _term(asked)
    wanted = st.text_input(
        t("Search the terms"),
        key="learn_search",
        icon=":material/search:",
        placeholder=t("for example: overfitting"),
        width=420,
    )
    found = [name for name in sorted(TERMS, key=_name) if _fits(name, wanted)]
    if not found:
        st.info(t("No term of the lab holds these letters. Try fewer of them."))
    with st.grid(2, min_column_width=300, gap="medium"):
        for name in found:
            with st.container(gap=None):
                _term(name)


def _term(name: str) -> None:
    term = TERMS[name]
    st.markdown(f"**{t(term.name)}** – {t(term.meaning)}")
    st.page_link(
        PAGE,
        label=t(SECTIONS[term.section].title),
        icon=":material/arrow_forward:",
        query_params=state.query(section=term.section),
    )


def _name(name: str) -> str:
    return t(TERMS[name].name).casefold()


def _fits(name: str, wanted: str) -> bool:
    term, letters = TERMS[name], wanted.strip().casefold()
    return any(letters in text.casefold() for text in (name, t(term.name), t(term.meaning)))
