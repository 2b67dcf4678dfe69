"""The Learn page: a chapter, a section of it, its demo, the ways to see it, its questions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from catdog_core.config import NO_AUGMENTATION, PRESETS, RECIPES, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.learn.curriculum import CHAPTERS, SECTIONS, Question, Section, Show, chapter_of
from catdog_core.learn.glossary import TERMS

from .. import forms, state, widgets
from ..augment import augment_controls
from ..data import source_widgets
from ..i18n import N_, t
from ..startup import fragment, guard
from ..train import run_actions
from . import demos_network, demos_photos, glossary_view, learner_context
from .learner_context import Learner, escaped_facts

_CHAPTER, _SECTION = "learn_chapter", "learn_section"
_GLOSSARY = "glossary"
_ICONS = {
    "photos": ":material/photo_library:",
    "network": ":material/account_tree:",
    "training": ":material/model_training:",
    "augmentation": ":material/auto_awesome:",
    _GLOSSARY: ":material/menu_book:",
}


def show_learn() -> None:
    """Draw the page as its address says: ``?section=`` or ``?term=``."""
    asked = st.query_params.get("section", "")
    term = st.query_params.get("term")
    section = SECTIONS.get(asked) or next(iter(SECTIONS.values()))
    chapter = _GLOSSARY if term is not None else chapter_of(section.id)
    _chapters(chapter)
    if chapter == _GLOSSARY:
        glossary_view.show_glossary(term)
        return
    _sections(chapter, section)
    who = learner_context.choose_context(ask=section.needs == "nothing")
    with guard():
        _section(section, who)
    _neighbours(section)


def _chapters(now: str) -> None:
    names = {name: title for name, (title, _) in CHAPTERS.items()} | {_GLOSSARY: N_("Glossary")}
    st.session_state[_CHAPTER] = now
    widgets.choose_one(
        t("Chapter"),
        {name: f"{_ICONS[name]} {t(title)}" for name, title in names.items()},
        _CHAPTER,
        label_visibility="collapsed",
        on_change=_on_chapter,
        wrap=True,
    )


def _on_chapter() -> None:
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
        on_change=_on_section,
    )


def _on_section() -> None:
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
        _page_buttons(section, who)
    with sides.container(border=True):
        if _is_ready(section, who):
            fragment(DEMOS[section.id])(who)
    st.subheader(t("Try yourself"), anchor=False)
    with st.grid(2, min_column_width=320, gap="medium"):
        _quiz(section, who)


def _is_ready(section: Section, who: Learner) -> bool:
    """Whether there is what the miniature shows; if not, say how to get it."""
    if section.needs == "dataset" and who.dataset is None:
        st.info(
            t("Here you will see it with your photos. The demo dataset takes a few seconds."),
            icon=":material/photo_library:",
        )
        source_widgets.demo_button("learn_demo_here", "secondary")
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
            run_actions.quick_train_button(
                found[0] if who.dataset is None else who.dataset, "learn_train"
            )
        else:
            source_widgets.demo_button("learn_demo_here", "secondary")
        return False
    return True


def _terms(section: Section) -> None:
    links = []
    for name in section.terms:
        links.append(f"**{t(TERMS[name].name)}**: {t(TERMS[name].meaning)}")
    with st.expander(t("Terms of this section"), icon=":material/menu_book:"):
        st.markdown("\n".join(f"- {line}" for line in links))


def _neighbours(section: Section) -> None:
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


def _quiz(section: Section, learner: Learner) -> None:
    """Draw the questions; none is counted, and each may be answered again."""
    for number, question in enumerate(section.questions):
        _question(question, f"learn_quiz_{section.id}_{number}", learner)


def _question(question: Question, key: str, learner: Learner) -> None:
    with st.container(border=True, gap="small"):
        chosen = st.radio(
            t(question.text),
            range(len(question.options)),
            index=None,
            format_func=lambda place: t(question.options[place]),
            key=key,
            persist_state="session",
            width="stretch",
        )
        if chosen is None:
            return
        why = t(question.because, **escaped_facts(learner.facts))
        if chosen == question.right:
            st.success(t("Right. {why}", why=why), icon=":material/check_circle:")
        else:
            right = t(question.options[question.right])
            st.info(
                t("Not quite: **{answer}**. {why}", answer=right, why=why),
                icon=":material/lightbulb:",
            )


_PAGES = {
    "data": ("pages/1_Data.py", ":material/photo_library:"),
    "augment": ("pages/2_Augment.py", ":material/auto_awesome:"),
    "train": ("pages/3_Train.py", ":material/model_training:"),
    "compare": ("pages/4_Compare.py", ":material/compare_arrows:"),
    "evaluate": ("pages/5_Evaluate.py", ":material/fact_check:"),
    "predict": ("pages/6_Predict.py", ":material/image_search:"),
    "export": ("pages/7_Export.py", ":material/ios_share:"),
}
"""By the names sections know them by: file and icon."""


def _page_buttons(section: Section, learner: Learner) -> None:
    """One button for each way to see it."""
    st.caption(t("See it happen with your own data"))
    with st.container(horizontal=True):
        for number, show in enumerate(section.shows):
            if st.button(
                t(show.label),
                icon=_PAGES[show.page][1],
                type="secondary" if number else "primary",
                key=f"learn_show_{section.id}_{number}",
            ):
                _open_page(show, learner)


def _open_page(show: Show, learner: Learner) -> None:
    """Set up the page a button leads to, and turn to it."""
    if show.page == "augment" and show.augmentation is not None:
        augment_controls.fill_controls(_fill_augmentation(show))
        st.session_state["augment_arrived"] = True  # so that no address is followed instead
    if show.page == "train":
        _fill_form(show)
    for name, value in show.state.items():
        st.session_state[name] = value
    query = state.query(**show.query)
    if learner.dataset is not None:
        query["dataset"] = learner.dataset.id
    if learner.run is not None:
        query["run"] = learner.run.id
    st.switch_page(_PAGES[show.page][0], query_params=query)


def _fill_augmentation(show: Show) -> Augmentation:
    return NO_AUGMENTATION.model_copy(update=dict(show.augmentation or {}))


def _fill_form(show: Show) -> None:
    """Fill the Train form: a named model brings its whole recipe, else one field is changed."""
    if not show.training:
        return
    values = dict(show.training)
    if "model" in values:
        values = {**RECIPES[values["model"]].training.model_dump(), **values}
        st.session_state["train_recipe"] = values["model"]  # so that it is not filled in again
        st.session_state["train_augment"] = "off"
    forms.fill(Training, "train", values)
    if show.augmentation is not None:
        settings = _fill_augmentation(show)
        st.session_state["train_augmentation"] = settings.model_dump()
        st.session_state["train_augment"] = "notes" if settings == PRESETS["notes"] else "mine"


DEMOS: dict[str, Callable[[Learner], None]] = {
    "little-data": demos_photos.little_data,
    "photo-array": demos_photos.photo_array,
    "read-again": demos_photos.read_again,
    "tfrecord": demos_photos.tfrecord,
    "rescale": demos_photos.rescale,
    "squares": demos_photos.squares,
    "labels": demos_photos.labels,
    "class-mode": demos_photos.class_mode,
    "batch": demos_photos.batch,
    "convolution": demos_network.convolution,
    "pooling": demos_network.pooling,
    "network": demos_network.network_table,
    "dropout": demos_network.dropout,
    "sigmoid": demos_network.sigmoid,
    "loss": demos_network.loss,
    "learning-rate": demos_network.learning_rate,
    "steps": demos_network.steps,
    "validation": demos_network.validation,
    "result": demos_network.result,
    "save": demos_network.save,
    "overfitting": demos_network.overfitting,
    "augmentation": demos_photos.augmentation,
    "validation-plain": demos_photos.validation_plain,
    "twin": demos_photos.twin,
}
