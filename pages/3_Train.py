"""Start a training and watch it learn."""

import streamlit as st

from catdog_core import runs
from catdog_ui import startup, state
from catdog_ui.i18n import N_, t
from catdog_ui.train import train_form, train_view

startup.setup_page(N_("Train"))

with startup.guard():
    startup.show_title(t("Train"))
    run = state.choose_run() if runs.list_runs() else None
    if run is not None:
        with st.container(border=True):
            train_view.show_run_panel(run.id)
with startup.guard(), st.container(border=True):
    st.subheader(t("New run"), anchor=False)
    train_form.show_form()
