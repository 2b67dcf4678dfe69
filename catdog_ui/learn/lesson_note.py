"""What a button of the Learn page set on another page: said there, with the way back."""

from __future__ import annotations

import streamlit as st

from catdog_core.base.field_specs import describe_fields
from catdog_core.config import NO_AUGMENTATION, RECIPES, Training
from catdog_core.learn.curriculum import DemoLink

from .. import format_text, state, widgets
from ..i18n import t
from ..session import page_state

PAGE_TITLES = {
    name: name.capitalize()
    for name in ("data", "augment", "train", "compare", "evaluate", "predict", "export")
}
"""Titles of the pages, as `startup.setup_page` gets them, by the names sections know them by."""


def show_lesson_note(target: str = "") -> None:
    """Say what was set for the lesson this page was opened from; draw nothing without one.

    Args:
        target: the part of the page that follows, by its name in the address or as
            `DemoLink.target` names it; empty below the page's title. The part a lesson is about is
            brought into view once.
    """
    lesson = page_state().lesson
    if lesson is None or not is_about(target):
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="lesson_note"):
        text = " ".join(part for part in (_describe_settings(lesson.link), t(lesson.link.look)))
        st.markdown(f":material/school: {text.strip()}", width="stretch")
        st.page_link(
            "pages/8_Learn.py",
            label=t("Back to the lesson"),
            icon=":material/arrow_back:",
            query_params=state.link_query(section=lesson.section),
        )
    if target and not lesson.is_shown:
        widgets.scroll_into_view("lesson_note")
    lesson.is_shown = True


def is_about(target: str) -> bool:
    """Return whether this page was opened for a lesson about this part of it."""
    lesson, title = page_state().lesson, page_state().page_title
    if lesson is None or PAGE_TITLES[lesson.link.page] != title:
        return False
    return target == (lesson.link.target or lesson.link.query.get("part", ""))


def _describe_settings(link: DemoLink) -> str:
    """The sentence that names what the button has set; empty where it has set nothing."""
    parts = []
    if "model" in link.training:
        recipe = RECIPES[link.training["model"]].training
        shown = {"model": recipe.model, "epochs": recipe.epochs, **link.training}
    else:
        shown = dict(link.training)
    for control in describe_fields(Training):
        if control.name in shown:
            value = format_text.format_setting(control, shown[control.name])
            parts.append(t(control.label) + f" {value}")
    if link.augmentation is not None:
        settings = NO_AUGMENTATION.model_copy(update=dict(link.augmentation))
        parts.append(t("Augmentation") + " " + format_text.augmentation_label(settings))
    elif "model" in link.training:
        parts.append(t("Augmentation") + " " + t("off"))
    return t("Set for this lesson: {settings}.", settings=", ".join(parts)) if parts else ""
