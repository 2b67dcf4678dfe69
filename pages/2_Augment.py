"""Augment: sliders, and 20 variants of one photo at once."""

import streamlit as st

from catdog_core import datasets
from catdog_ui import augment_view, startup, state
from catdog_ui.words import N_, t

startup.page(N_("Augment"), ":material/auto_awesome:")

with startup.guard():
    st.title(t("Augment"), anchor=False)
    st.markdown(
        t(
            "Small changes to a photo make many of one: the usual remedy against overfitting."
            " What you see here is exactly what trains."
        )
    )
    dataset = state.chosen_dataset() if datasets.listing() else None
    if dataset is None:
        st.caption(t("Photos of a dataset appear here once there is one; your own work at once."))
    photo = augment_view.photo(dataset)
    if photo is not None:
        augment_view.workbench(photo)
