"""The Learn page: a chapter, a section of it, its miniature, the ways to see it, its questions."""

from __future__ import annotations

import streamlit as st

from catdog_core import datasets
from catdog_core.learn.curriculum import CHAPTERS, SECTIONS, chapter_of
from catdog_core.learn.glossary import TERMS
from catdog_core.learn.section import Section

from .. import first, state
from ..data import source_parts
from ..startup import guard
from ..words import N_, t
from . import glossary_view, learner, live, quiz, shows
from .learner import Learner

_CHAPTER, _SECTION = "learn_chapter", "learn_section"
_GLOSSARY = "glossary"
_ICONS = {
    "photos": ":material/photo_library:",
    "network": ":material/account_tree:",
    "training": ":material/model_training:",
    "augmentation": ":material/auto_awesome:",
    _GLOSSARY: ":material/menu_book:",
}


def show() -> None:
    """Draw the page as its address says: ``?section=`` or ``?term=``."""
    asked = st.query_params.get("section", "")
    term = st.query_params.get("term")
    section = SECTIONS.get(asked) or next(iter(SECTIONS.values()))
    chapter = _GLOSSARY if term is not None else chapter_of(section.id)
    _chapters(chapter)
    if chapter == _GLOSSARY:
        glossary_view.show(term)
        return
    _sections(chapter, section)
    who = learner.choose(ask=section.needs == "nothing")
    with guard():
        _section(section, who)
    _on(section)


def _chapters(now: str) -> None:
    names = {name: title for name, (title, _) in CHAPTERS.items()} | {_GLOSSARY: N_("Glossary")}
    st.session_state[_CHAPTER] = now
    st.segmented_control(
        t("Chapter"),
        list(names),
        format_func=lambda name: f"{_ICONS[name]} {t(names[name])}",
        required=True,
        key=_CHAPTER,
        label_visibility="collapsed",
        on_change=_turn_to_chapter,
        wrap=True,
    )


def _turn_to_chapter() -> None:
    chapter = st.session_state[_CHAPTER]
    if chapter == _GLOSSARY:
        st.query_params["term"] = "all"
    else:
        _open(CHAPTERS[chapter][1][0].id)


def _sections(chapter: str, now: Section) -> None:
    st.session_state[_SECTION] = now.id
    st.pills(
        t("Section"),
        [section.id for section in CHAPTERS[chapter][1]],
        format_func=lambda name: t(SECTIONS[name].title),
        required=True,
        key=_SECTION,
        label_visibility="collapsed",
        on_change=_turn_to_section,
    )


def _turn_to_section() -> None:
    _open(st.session_state[_SECTION])


def _open(section_id: str) -> None:
    st.query_params["section"] = section_id
    st.query_params.pop("term", None)


def _section(section: Section, who: Learner) -> None:
    st.header(t(section.title), anchor=False)
    sides = st.grid(2, min_column_width=380, gap="large")
    with sides.container():
        st.markdown(t(section.text))
        _terms(section)
        shows.buttons(section, who)
    with sides.container(border=True):
        if _is_ready(section, who):
            st.fragment(_live)(section.id, who)
    st.subheader(t("Try yourself"), anchor=False)
    with st.grid(2, min_column_width=320, gap="medium"):
        quiz.show(section, who)


def _live(section_id: str, who: Learner) -> None:
    with guard():  # what a fragment raises passes its page's guard by
        live.LIVE[section_id](who)


def _is_ready(section: Section, who: Learner) -> bool:
    """Whether there is what the miniature shows; if not, say how to get it."""
    if section.needs == "dataset" and who.dataset is None:
        st.info(
            t("Here you will see it with your photos. The demo dataset takes a few seconds."),
            icon=":material/photo_library:",
        )
        source_parts.demo_button("learn_demo_here", "secondary")
        return False
    if section.needs == "dataset" and who.dataset and not who.dataset.items("train"):
        st.info(
            t("This dataset has no training photos left. Choose another one, or restore some."),
            icon=":material/photo_library:",
        )
        return False
    if section.needs == "run" and who.run is None:
        found = datasets.listing()
        st.info(
            t("Here you will see the numbers of your own run, once its first epoch has ended."),
            icon=":material/model_training:",
        )
        if found:
            first.button(found[0] if who.dataset is None else who.dataset, "learn_train")
        else:
            source_parts.demo_button("learn_demo_here", "secondary")
        return False
    return True


def _terms(section: Section) -> None:
    links = []
    for name in section.terms:
        links.append(f"**{t(TERMS[name].name)}**: {t(TERMS[name].meaning)}")
    with st.expander(t("Terms of this section"), icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {line}" for line in links))


def _on(section: Section) -> None:
    """The sections before and after."""
    order = list(SECTIONS)
    place = order.index(section.id)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for step, icon, side in ((-1, "arrow_back", "left"), (1, "arrow_forward", "right")):
            if 0 <= place + step < len(order):
                other = SECTIONS[order[place + step]]
                st.page_link(
                    "pages/8_Learn.py",
                    label=t(other.title),
                    icon=f":material/{icon}:",
                    icon_position=side,  # type: ignore[arg-type]
                    query_params=state.query(section=other.id),
                )
