"""Runs side by side."""

import streamlit as st

from catdog_core import runs
from catdog_ui import compare_view, startup
from catdog_ui.words import N_, t

startup.page(N_("Compare"))

with startup.guard():
    st.title(t("Compare"), anchor=False)
    found = runs.listing()
    if not found:
        st.info(t("There is nothing to compare yet: no run has been trained."))
        st.page_link(
            "pages/3_Train.py",
            label=t("Train the first one"),
            icon=":material/model_training:",
            query_params=st.query_params.to_dict(),
        )
        st.stop()
    chosen = compare_view.pick(found)
    if chosen:
        compare_view.curves(chosen)
        compare_view.table(chosen)
    else:
        st.info(t("Choose one or more runs above to see their curves."))
    with st.container(border=True):
        st.subheader(t("Name, note, copy or delete a run"), anchor=False)
        compare_view.care(found)
