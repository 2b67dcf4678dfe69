"""What the driver of a sweep does: its trials, what they cost, what is wrong, and its buttons."""

from __future__ import annotations

from typing import Any

import streamlit as st

from catdog_core.cluster import ray_here, sweeps
from catdog_core.cluster.sweeps import Sweep, Trial
from catdog_core.errors import CatDogError

from .. import phrases, visitors
from ..startup import guard
from ..words import N_, escape, t
from . import sweep_where, sweep_words
from .sweep_where import Where

TRIALS: dict[str, str] = {
    "waiting": N_("waiting"),
    "running": N_("training"),
    "done": N_("done"),
    "pruned": N_("ended early"),
    "stopped": N_("stopped"),
    "failed": N_("failed"),
}
_ENDED = ("done", "pruned", "failed")


def load(key: str) -> Sweep | None:
    """What a driver does with an experiment; None where it has none, or trains without it."""
    try:
        sweep = sweeps.load(key)
    except CatDogError:
        return None
    return None if sweep.group.active and not sweep.is_active else sweep


def header(sweep: Sweep) -> None:
    """Name, status and buttons of a sweep, how far it is, and what went wrong."""
    word, color, icon = phrases.STATUS[sweep.status]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(sweep.name), anchor=False, width="content")
        st.badge(t(word), color=color, icon=icon)  # type: ignore[arg-type]
        st.space("stretch")
        _buttons(sweep)
    if sweep.status != "done":
        st.progress(min(_part(sweep), 1.0), _counts(sweep))
    else:
        st.caption(_counts(sweep))
    if sweep.status == "queued":
        st.caption(t("It begins when the training before it is over, and Ray has started."))
    _trouble(sweep)


def _buttons(sweep: Sweep) -> None:
    mine = visitors.gate("manage run", sweep.group.runs[0].owner)
    if sweep.is_active:
        st.button(
            t("Stop the sweep"),
            icon=":material/stop:",
            key="sweep_stop",
            on_click=_act,
            args=("stop", sweep.id),
            **mine,
        )
        return
    if not sweep.can_start:
        return
    is_new = not any(trial.epoch or trial.tries for trial in sweep.trials.values())
    if ray_here.is_installed():
        st.button(
            t("Start") if is_new else t("Go on"),
            icon=":material/play_arrow:",
            type="primary",
            key="sweep_start_again",
            on_click=_act,
            args=("start", sweep.id),
            **mine,
        )
    else:
        st.button(
            t("Go on, one after another"),
            icon=":material/play_arrow:",
            type="primary",
            key="sweep_turn",
            on_click=_act,
            args=("turn", sweep.id),
            **mine,
        )


def _act(action: str, key: str) -> None:
    with guard():
        if action == "stop":
            sweeps.stop(key)
        elif action == "start":
            sweeps.start(key)
        else:
            sweep_where.start(key, Where(None))


def _part(sweep: Sweep) -> float:
    """How much of a sweep is behind it, 0..1: a trial that was ended early is done."""
    parts = []
    for run in sweep.group.runs:
        trial = sweep.trials[run.id]
        planned = run.training.epochs if run.training else 1
        parts.append(1.0 if trial.status in _ENDED else trial.epoch / planned)
    return sum(parts) / max(len(parts), 1)


def _counts(sweep: Sweep) -> str:
    """How many trials there are of each status."""
    counted = dict.fromkeys(TRIALS, 0)
    for trial in sweep.trials.values():
        counted[trial.status] += 1
    parts = [f"{t(TRIALS[status])}: {n}" for status, n in counted.items() if n]
    return t("{n} trials", n=len(sweep.trials)) + " · " + " · ".join(parts)


def _trouble(sweep: Sweep) -> None:
    """Why a sweep stands still."""
    if sweep.status == "failed" and sweep.error:
        message, params = sweep.error.get("message", ""), sweep.error.get("params", {})
        st.error(escape(t(str(message), **params)), icon=":material/error:")
    elif sweep.status == "lost":
        st.warning(
            t(
                "The process that drives this sweep is gone, for example because the machine was"
                " switched off. Press Go on: trials that have ended count, the others go on after"
                " their last whole epoch."
            ),
            icon=":material/power_off:",
        )
    elif sweep.status == "stalled":
        st.warning(t("The process that drives this sweep gives no sign of life; it may hang."))
    if sweep.can_start:
        sweep_where.missing()


def facts(sweep: Sweep) -> None:
    """What the sweep tries, and what it costs, in two lines."""
    parts = []
    if sweep.core_seconds:
        cost = sweep_words.cost(sweep.core_seconds)
        is_over = not sweep.is_active and not sweep.left
        parts.append(
            t("Cost: {cost}", cost=cost) if is_over else t("Cost so far: {cost}", cost=cost)
        )
    if sweep.eta is not None:
        parts.append(t("about {time} left", time=phrases.duration(sweep.eta)))
    where = t("this machine") if sweep.address == ray_here.LOCAL else escape(sweep.address)
    parts.append(t("trains on: {where}", where=where))
    if sweep.at_once:
        parts.append(t("at most {n} at once", n=sweep.at_once))
    st.caption(
        " · ".join(parts),
        help=t("A core-minute is one processor held for a minute, by a trial that trains."),
    )
    if sweep.grid is not None:
        epochs = max((r.training.epochs for r in sweep.group.runs if r.training), default=1)
        st.caption(sweep_words.grid(sweep.grid, epochs))


def trial_words(sweep: Sweep, trial: Trial) -> dict[str, Any]:
    """One trial for the table: columns by their titles."""
    return {
        t("Status"): t(TRIALS[trial.status]),
        t("Tries"): trial.tries,
        t("Core-minutes"): trial.core_seconds / 60,
    }
