"""Data: bring, make or choose a dataset; its photos, health, split, labels, files."""

import streamlit as st

from catdog_core.data import datasets
from catdog_ui import startup, state
from catdog_ui.data import data_view, download_source, sort_view
from catdog_ui.i18n import N_, t

startup.setup_page(N_("Data"))

with startup.guard():
    startup.show_title(t("Data"))
    st.markdown(
        t(
            "Deep learning needs lots of data, and you rarely have enough. See your photos as the "
            "network sees them."
        )
    )
    download_source.show_background_jobs()
    if sort_view.show_chosen_pile():
        st.stop()
    dataset_count = len(datasets.list_datasets())
    dataset = state.choose_dataset() if dataset_count else None
    data_view.show_add_dataset(dataset_count)
    data_view.show_damaged_records()
    if dataset is not None:
        with startup.guard():
            data_view.show_overview(dataset)
        data_view.show_part(dataset)
