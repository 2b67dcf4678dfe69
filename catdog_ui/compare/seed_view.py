"""How much seeds change the results of runs, and the button that trains more seeds."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import seed_runs
from catdog_core.base.errors import CatDogError
from catdog_core.runs import Run, RunRecord, run_names
from catdog_core.tuning import groups, plans

from .. import permissions, state
from ..i18n import escape, say, t
from ..session import page_state

SEEDS = 3
"""How many seeds the button makes in all."""


def show_seeds(chosen: Sequence[RunRecord], key: str) -> None:
    """Say how far apart the seeds of runs are, and whether runs differ by more.

    Args:
        chosen: the runs; those that are not done, or whose settings are unknown, are passed over.
        key: the start of the buttons' keys.
    """
    _open_started_group()
    known = runs.list_runs()
    remarks = seed_runs.describe_seeds(chosen, known)
    if not remarks:
        return
    if error := page_state().compare.repeat_error:
        st.error(escape(say(error)), icon=":material/error:")
        page_state().compare.repeat_error = None
    texts = [escape(t(remark.message, **remark.params)) for remark in remarks]
    meaning = texts.pop() if remarks[-1].id == "meaning" else ""
    st.markdown("\n".join(f"- {text}" for text in texts))
    if meaning:
        st.caption(meaning)
    _repeat_buttons(chosen, known, key)


def _repeat_buttons(chosen: Sequence[RunRecord], known: Sequence[RunRecord], key: str) -> None:
    """A button for each run that has too few seeds, or that more of them train already."""
    offered: set[str] = set()
    with st.container(horizontal=True, vertical_alignment="center"):
        for run in chosen:
            summary = seed_runs.summarize_seeds(run, known)
            if summary is None or not isinstance(run, Run) or summary.name in offered:
                continue
            offered.add(summary.name)
            if summary.planned:
                st.caption(
                    t(
                        "{n} more seeds of “{name}” are training or waiting.",
                        n=summary.planned,
                        name=escape(summary.name),
                    ),
                    width="content",
                )
            elif len(summary.accuracies) < SEEDS:
                label = t("Repeat with {n} seeds", n=SEEDS)
                permissions.action_button(
                    label if len(chosen) == 1 else f"{label}: {escape(summary.name)}",
                    f"{key}_repeat_{run.id}",
                    "train",
                    _repeat_run,
                    run,
                    icon="replay",
                )


def _repeat_run(run: Run) -> None:
    """Train the seeds a run lacks, and open them as an experiment on the Compare page."""
    try:
        plan = plans.plan_repeat(run, runs.list_runs(), SEEDS)
        plans.check_plan(plan)
        key = groups.create_group(plan, run_names.own_name(run))
        groups.start_group(key)
    except CatDogError as error:
        page_state().compare.repeat_error = error
        return
    page_state().compare.repeat_started = key


def _open_started_group() -> None:
    """Turn to the experiment that a button just started, if one did."""
    key, page_state().compare.repeat_started = page_state().compare.repeat_started, ""
    if key:
        st.switch_page(
            "pages/4_Compare.py", query_params=state.link_query(tab="experiments", group=key)
        )
