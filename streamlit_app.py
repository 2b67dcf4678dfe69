"""Home."""

import streamlit as st

from catdog_ui import startup
from catdog_ui.words import N_, t

startup.page(N_("Home"), ":material/home:")

with startup.guard():
    st.title(t("CatDog Lab"), anchor=False)
