"""The class notes retold, each statement beside a live miniature of it."""

import streamlit as st

from catdog_ui import startup
from catdog_ui.i18n import N_, t
from catdog_ui.learn import learn_view

startup.setup_page(N_("Learn"))

with startup.guard():
    st.title(t("Learn"), anchor=False)
    learn_view.show_learn()
