"""Augment: sliders, and 20 variants of one photo at once."""

import streamlit as st

from catdog_ui import augment_view, startup, state
from catdog_ui.words import N_, t

startup.page(N_("Augment"), ":material/auto_awesome:")
st.title(t("Augment"))
st.markdown(
    t(
        "Small changes to a photo make more photos of it: the usual remedy against overfitting."
        " What you see here is exactly what trains."
    )
)
with startup.guard():
    dataset = state.chosen_dataset()
    photo = augment_view.photo(dataset)
    if photo is not None:
        augment_view.workbench(photo)
