"""Home: what the lab is, one-click starts, what is there."""

import streamlit as st

from catdog_ui import home_view, startup
from catdog_ui.words import N_, t

startup.page(N_("Home"), ":material/home:")
st.title(t("Learn image classification by doing"))
st.markdown(
    t(
        "Change photos and watch what the network learns from them: see your data, set the"
        " augmentation, train a small network live, find where it overfits, and ask it about"
        " photos of your own. Everything runs on this machine."
    )
)
with startup.guard():
    home_view.first_steps()
with startup.guard():
    home_view.what_is_there()
