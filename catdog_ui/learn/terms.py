"""Terms of the field beside a chart: a small popover with a sentence on each, and the way on."""

from __future__ import annotations

import streamlit as st

from catdog_core.learn.glossary import TERMS

from .. import state
from ..words import t

PAGE = "pages/8_Learn.py"


def terms(*names: str, key: str = "") -> None:
    """A small button that explains terms, for below a chart.

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
        st.page_link(
            PAGE,
            label=t("More in the glossary"),
            icon=":material/school:",
            query_params=state.query(term=names[0]),
        )
