"""Runs side by side, and groups of runs: sweeps, with and without augmentation, more data."""

import streamlit as st

from catdog_core import runs
from catdog_core.tuning import groups
from catdog_ui import startup
from catdog_ui.compare import compare_view, groups_view
from catdog_ui.i18n import N_, t

startup.page(N_("Compare"))

with startup.guard():
    st.title(t("Compare"), anchor=False)
    found = runs.listing()
    if compare_view.choose_view() == "experiments":
        groups_view.show(groups.listing())
    elif found:
        compare_view.show(found)
    else:
        compare_view.empty()
