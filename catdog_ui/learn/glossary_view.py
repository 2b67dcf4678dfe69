"""The glossary: links to terms beside charts, and every term with its sentence and its section."""

from __future__ import annotations

import streamlit as st

from catdog_core.base.files import truncate_for_display
from catdog_core.learn.curriculum import SECTIONS
from catdog_core.learn.glossary import TERMS

from .. import widgets
from ..i18n import escape, t

LEARN_PAGE = "pages/8_Learn.py"
ALL_TERMS = "all"
"""The term in the address of the glossary that begins with none."""


def show_terms(*names: str, key: str = "") -> None:
    """Draw a small button that explains terms, for below a chart.

    Args:
        names: ids of the glossary, the most important first.
        key: set where the same terms are explained twice on a page.
    """
    with st.popover(
        t("Terms"),
        type="tertiary",
        icon=":material/menu_book:",
        key=f"terms_{key or '_'.join(names)}",
    ):
        for name in names:
            term = TERMS[name]
            st.markdown(f"**{t(term.name)}** – {t(term.meaning)}")
        widgets.page_link(LEARN_PAGE, t("More in the glossary"), "school", term=names[0])


def show_glossary(term_id: str | None) -> None:
    """Draw all terms, or those a search finds; the one the address asks for stands first.

    Args:
        term_id: the id of a term, or "all"; that an unknown one is missing is said.
    """
    if term_id in TERMS:
        with st.container(border=True):
            _show_term(term_id)
    elif term_id and term_id != ALL_TERMS:
        st.warning(
            t(
                "The glossary has no term “{name}”.",
                name=escape(truncate_for_display(term_id, 60)),
            ),
            icon=":material/link_off:",
        )
    wanted = st.text_input(
        t("Search terms"),
        key="learn_search",
        icon=":material/search:",
        placeholder=t("for example: overfitting"),
        width=420,
    )
    matches = [name for name in sorted(TERMS, key=_term_sort_key) if _matches(name, wanted)]
    if not matches:
        st.info(t("No term matches. Try a shorter search."))
    with st.grid(2, min_column_width=300, gap="medium"):
        for name in matches:
            with st.container(gap=None):
                _show_term(name)


def _show_term(name: str) -> None:
    term = TERMS[name]
    st.markdown(f"**{t(term.name)}** – {t(term.meaning)}")
    widgets.page_link(
        LEARN_PAGE, t(SECTIONS[term.section].title), "arrow_forward", section=term.section
    )


def _term_sort_key(name: str) -> str:
    return t(TERMS[name].name).casefold()


def _matches(name: str, wanted: str) -> bool:
    term, letters = TERMS[name], wanted.strip().casefold()
    return any(letters in text.casefold() for text in (name, t(term.name), t(term.meaning)))
