"""The two tabs of the Train page: the form of a new training, and the runs there are."""

from __future__ import annotations

from catdog_core import runs
from catdog_core.base import access

from .. import state
from ..i18n import N_, t
from ..session import page_state

NEW, RUNS = "new", "runs"
_TITLES = {NEW: N_("New training"), RUNS: N_("My runs")}
_ICONS = {NEW: ":material/add_circle:", RUNS: ":material/show_chart:"}


def choose_tab() -> str:
    """Let the user choose a tab; return `NEW` or `RUNS`."""
    return state.choose_tab(
        {name: f"{_ICONS[name]} {t(title)}" for name, title in _TITLES.items()},
        default=_find_default(),
    )


def _find_default() -> str:
    """The tab of an address without one: the form, unless a run is asked for or is active."""
    if page_state().train.form_request is not None:
        return NEW
    # Every link between pages carries the run: only another one than the session knew is meant.
    if "run" in page_state().led_by:
        return RUNS
    own = (run for run in runs.list_runs() if access.is_own(run.owner))
    return RUNS if any(run.is_active for run in own) else NEW
