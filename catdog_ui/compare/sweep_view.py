"""Sweeps on the Compare page: the one that is chosen, and the form of a new one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core.outcomes.experiments import Group

from ..startup import guard
from ..words import t
from . import group_pick, sweep_form, sweep_panel


def show(groups: Sequence[Group]) -> None:
    """The sweep that is chosen, and the form of a new one."""
    if groups:
        group = group_pick.pick(groups, t("Sweep"), "sweep")
        with st.container(border=True):
            sweep_panel.panel(group)
    with guard(), st.container(border=True):
        st.subheader(t("A new sweep"), anchor=False)
        sweep_form.show()
