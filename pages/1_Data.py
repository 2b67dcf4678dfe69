"""Data: choose, bring or make a dataset; its health; a batch as the model sees it."""

import streamlit as st

from catdog_ui import data_view, startup, state
from catdog_ui.words import N_, t

startup.page(N_("Data"), ":material/photo_library:")
st.title(t("Data"))
st.markdown(
    t("Deep learning wants much data; in practice there is little. See what there is, as it is.")
)
with startup.guard():
    data_view.sources()
with startup.guard():
    dataset = state.chosen_dataset()
    if dataset:
        overview, batch, health = st.tabs(
            [t("Overview"), t("A batch as the model sees it"), t("Health")], key="data_tabs"
        )
        with overview, startup.guard():
            data_view.overview(dataset)
        with batch, startup.guard():
            data_view.batch(dataset)
        with health, startup.guard():
            data_view.findings(dataset)
