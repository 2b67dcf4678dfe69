"""Augment: sliders, and 20 variants of one photo at once."""

import streamlit as st

from catdog_core.data import datasets
from catdog_ui import startup, state
from catdog_ui.augment import augment_view
from catdog_ui.data import sources
from catdog_ui.i18n import N_, t

startup.setup_page(N_("Augment"))

with startup.guard():
    startup.show_title(t("Augment"))
    st.markdown(
        t(
            "Small changes turn one photo into many, a common remedy for overfitting. The network "
            "trains on exactly what you see here."
        )
    )
    dataset = state.choose_dataset() if datasets.list_datasets() else None
    if dataset is None:
        st.info(
            t("There's no dataset yet. Use your own photo, or create the demo dataset."),
            icon=":material/photo_library:",
        )
        sources.demo_button("augment_demo")
    augment_view.render_augment_page(dataset)
