"""Runs side by side, and experiments: groups of runs that differ in one thing."""

import streamlit as st

from catdog_core import runs
from catdog_core.outcomes import experiments
from catdog_ui import startup
from catdog_ui.compare import compare_view, experiment_form, experiments_view
from catdog_ui.words import N_, t

startup.page(N_("Compare"))

with startup.guard():
    st.title(t("Compare"), anchor=False)
    view = compare_view.choose_view()
    found, groups = runs.listing(), experiments.listing()
    if view == "experiments":
        if groups:
            group = experiments_view.pick(groups)
            with st.container(border=True):
                experiments_view.panel(group)
        with startup.guard(), st.container(border=True):
            st.subheader(t("A new experiment"), anchor=False)
            experiment_form.show()
    elif found:
        compare_view.show(found)
    else:
        compare_view.empty()
