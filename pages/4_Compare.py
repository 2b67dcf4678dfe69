"""Runs side by side, experiments of runs that differ in one thing, and sweeps over settings."""

import streamlit as st

from catdog_core import runs
from catdog_core.outcomes import experiments
from catdog_ui import startup
from catdog_ui.compare import compare_view, experiments_view, sweep_view
from catdog_ui.words import N_, t

startup.page(N_("Compare"))

with startup.guard():
    st.title(t("Compare"), anchor=False)
    found, groups = runs.listing(), experiments.listing()
    view = compare_view.choose_view(groups)
    if view == "experiments":
        experiments_view.show([group for group in groups if group.kind != "sweep"])
    elif view == "sweeps":
        sweep_view.show([group for group in groups if group.kind == "sweep"])
    elif found:
        compare_view.show(found)
    else:
        compare_view.empty()
