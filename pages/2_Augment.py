"""Augment."""

import streamlit as st

from catdog_ui import startup
from catdog_ui.words import N_, t

startup.page(N_("Augment"), ":material/auto_awesome:")

with startup.guard():
    st.title(t("Augment"), anchor=False)
