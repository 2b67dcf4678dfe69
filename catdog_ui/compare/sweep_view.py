"""Sweeps on the Compare page: the one that is chosen, and the form of a new one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core.outcomes.experiments import Group

from ..words import t
from . import group_pick, sweep_runs


def show(groups: Sequence[Group]) -> None:
    """The sweep that is chosen, and the form of a new one."""
    if not groups:
        st.info(t("There is no sweep yet."))
        return
    group = group_pick.pick(groups, t("Sweep"), "sweep")
    with st.container(border=True):
        sweep_runs.show(group.runs, "sweep")
