"""Data."""

import streamlit as st

from catdog_ui import startup
from catdog_ui.words import N_, t

startup.page(N_("Data"), ":material/photo_library:")

with startup.guard():
    st.title(t("Data"), anchor=False)
