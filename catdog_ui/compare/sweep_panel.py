"""A sweep on the Compare page: its trials live, what they showed, and its end."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.outcomes import experiments
from catdog_core.outcomes.experiments import Group

from ..startup import guard
from . import experiments_view, sweep_runs, sweep_status

POLL = 2.0
"""Seconds between two looks at a sweep that trains."""


def panel(group: Group) -> None:
    """Show a sweep; while it trains, look again every two seconds."""
    sweep = sweep_status.load(group.id)
    status = sweep.status if sweep else group.status
    is_quiet = status in ("done", "failed", "stopped", "lost") and not group.active
    st.fragment(_panel, run_every=None if is_quiet else POLL)(group.id, status)


def _panel(key: str, drawn_as: str) -> None:
    with guard():
        runs.reap_children()
        sweep = sweep_status.load(key)
        group = sweep.group if sweep else experiments.load(key)
        if (sweep.status if sweep else group.status) != drawn_as:
            st.rerun()
        if sweep is None:
            experiments_view.header(group)
            sweep_runs.show(group.runs, "sweep", is_live=group.active is not None)
        else:
            sweep_status.header(sweep)
            sweep_status.facts(sweep)
            told = {
                run: sweep_status.trial_words(sweep, trial) for run, trial in sweep.trials.items()
            }
            sweep_runs.show(group.runs, "sweep", told, is_live=sweep.is_active)
        experiments_view.remove_button(group, is_busy=bool(sweep and sweep.is_active))
