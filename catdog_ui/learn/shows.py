"""The buttons that show a thing happening: another page, set up for it, with the own data."""

from __future__ import annotations

import streamlit as st

from catdog_core.learn.section import Section, Show
from catdog_core.settings import NO_AUGMENTATION, PRESETS, RECIPES, Augmentation, Training

from .. import forms, state
from ..augment import augment_controls
from ..words import t
from .learner import Learner

PAGES = {
    "data": ("pages/1_Data.py", ":material/photo_library:"),
    "augment": ("pages/2_Augment.py", ":material/auto_awesome:"),
    "train": ("pages/3_Train.py", ":material/model_training:"),
    "compare": ("pages/4_Compare.py", ":material/compare_arrows:"),
    "evaluate": ("pages/5_Evaluate.py", ":material/fact_check:"),
    "predict": ("pages/6_Predict.py", ":material/image_search:"),
    "export": ("pages/7_Export.py", ":material/ios_share:"),
}
"""By the names sections know them by: file and icon."""


def buttons(section: Section, learner: Learner) -> None:
    """One button for each way to see it."""
    st.caption(t("See it happen with your own data"))
    with st.container(horizontal=True):
        for number, show in enumerate(section.shows):
            if st.button(
                t(show.label),
                icon=PAGES[show.page][1],
                type="secondary" if number else "primary",
                key=f"learn_show_{section.id}_{number}",
            ):
                go(show, learner)


def go(show: Show, learner: Learner) -> None:
    """Set up the page a button leads to, and turn to it."""
    if show.page == "augment" and show.augmentation is not None:
        augment_controls.fill(_augmentation(show))
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
    st.switch_page(PAGES[show.page][0], query_params=query)


def _augmentation(show: Show) -> Augmentation:
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
        settings = _augmentation(show)
        st.session_state["train_augmentation"] = settings.model_dump()
        st.session_state["train_augment"] = "notes" if settings == PRESETS["notes"] else "mine"
