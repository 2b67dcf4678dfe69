"""The two tabs of the Train page: the form of a new training, and the runs there are."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.base import access

from .. import state
from ..i18n import N_, t
from ..session import page_state

NEW, RUNS = "new", "runs"
_TITLES = {NEW: N_("New training"), RUNS: N_("My runs")}
_TITLES_SHARED = _TITLES | {RUNS: N_("Runs")}
"""In a shared lab everybody's runs are there."""
_ICONS = {NEW: ":material/add_circle:", RUNS: ":material/show_chart:"}


def choose_tab() -> str:
    """Let the user choose a tab; return `NEW` or `RUNS`."""
    default = NEW if "tab" in st.query_params else _open_default()
    titles = _TITLES_SHARED if access.load_access_settings().shared else _TITLES
    return state.choose_tab(
        {name: f"{_ICONS[name]} {t(title)}" for name, title in titles.items()}, default=default
    )


def _open_default() -> str:
    """Return the tab of an address without one: the form, unless a run is meant or is active."""
    if page_state().train.form_request is not None:
        return NEW
    # Every link between pages carries the run: only another one than the session knew is meant.
    if "run" in page_state().led_by:
        return RUNS
    active = [run.id for run in runs.list_runs() if run.is_active and access.is_own(run.owner)]
    if not active:
        return NEW
    if st.query_params.get("run") not in active:
        st.query_params["run"] = active[0]
    return RUNS
