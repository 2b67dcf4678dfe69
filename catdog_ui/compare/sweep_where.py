"""Where an experiment or a sweep trains: on this machine with Ray, on a cluster, or in turn."""

from __future__ import annotations

import os
from dataclasses import dataclass

import streamlit as st

from catdog_core import access
from catdog_core.cluster import ray_here, sweeps
from catdog_core.outcomes import experiments

from ..words import N_, t

INSTALL = "pip install -r requirements-cluster.txt"
_PLACES: dict[str, str] = {
    "local": N_("This machine, several at once"),
    "cluster": N_("A cluster"),
    "turn": N_("One after another"),
}
_AUTO = "auto"


@dataclass(frozen=True)
class Where:
    """Where to train; `address` is None for one run after another, without Ray.

    `at_once` is how many trials at one time, None for as many as there is room for.
    """

    address: str | None
    at_once: int | None = None


def choose(key: str, first: str = "local") -> Where:
    """Let the user choose.

    Args:
        key: prefix of the widgets' keys.
        first: what is chosen at first: local, cluster or turn.
    """
    if not ray_here.is_installed():
        return Where(None)
    place = st.segmented_control(
        t("Where"),
        list(_PLACES),
        format_func=lambda name: t(_PLACES[name]),
        default=first,
        required=True,
        key=f"{key}_where",
        persist_state="session",
        help=t(
            "Ray trains several runs at the same time, starts one again that failed, and can use"
            " other machines. One after another needs no Ray, and ends none early."
        ),
    )
    if place == "turn":
        return Where(None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        address = ray_here.LOCAL if place == "local" else _AUTO
        if place == "cluster" and access.may("choose a cluster"):
            address = st.text_input(
                t("Address of the cluster"),
                value=_AUTO,
                key=f"{key}_address",
                persist_state="session",
                max_chars=200,
                width=300,
                help=t(
                    "HOST:PORT such as 10.0.0.5:6379, ray://HOST:PORT, or auto for a Ray that runs"
                    " on this machine. Its machines need this lab's folder and workspace at the"
                    " same paths; docs/cluster.md tells more."
                ),
            )
        at_once = st.number_input(
            t("At once, at most"),
            min_value=1,
            max_value=500,
            value=None,
            placeholder=t("as many as fit"),
            key=f"{key}_at_once",
            persist_state="session",
            width=180,
        )
    if address == _AUTO:
        st.caption(t("The Ray that runs on this machine, with all machines that joined it."))
    return Where(address, at_once)


def at_once(where: Where) -> int:
    """How many runs train at one time on this machine: one for each two processors."""
    if where.address is None:
        return 1
    return where.at_once or max(1, (os.cpu_count() or 2) // 2)


def missing() -> None:
    """What to install for several runs at once, and what goes without."""
    if ray_here.is_installed():
        return
    st.info(
        t(
            "Ray is not installed here, so the runs train one after another and none is ended"
            " early. For several at once, or on other machines: `{command}`, then start the lab"
            " anew.",
            command=INSTALL,
        ),
        icon=":material/lan:",
    )


def start(key: str, where: Where) -> None:
    """Start an experiment whose runs are there, or go on with it.

    Raises:
        CatDogError: it runs already, has nothing left to train, or belongs to somebody else.
    """
    if where.address is None:
        experiments.start(key)
    else:
        sweeps.of_experiment(key, where.address, at_once=where.at_once)
        sweeps.start(key, where.address, at_once=where.at_once)
