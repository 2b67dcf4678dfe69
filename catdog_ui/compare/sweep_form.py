"""The form of a new sweep: what all runs share, what varies, how it is searched, and where."""

from __future__ import annotations

from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.cluster import grid as grids
from catdog_core.cluster import sweeps
from catdog_core.cluster.grid import Asha, Grid
from catdog_core.datasets import Dataset
from catdog_core.outcomes import budget, experiments
from catdog_core.outcomes.experiments import Member, Plan
from catdog_core.settings import NETWORKS, Augmentation, Network, Training

from .. import state, visitors
from ..learn.glossary_view import terms
from ..words import t
from . import experiment_form, sweep_fields, sweep_where, sweep_words
from .sweep_where import Where

KEY = sweep_fields.KEY
_SHARED = ["model", "epochs", "batch_size", "learning_rate", "image_size", "seed"]
_SAMPLES = 8
_NAMED = 4
"""Trials named before they are made."""


def show() -> None:
    """Draw the form; starting makes the runs and opens the sweep above."""
    st.caption(
        t(
            "Many runs of the same network whose settings differ: which of them matter, and where"
            " is the best place?"
        )
    )
    dataset = state.chosen_dataset()
    if dataset is None:
        return
    training = experiment_form.training(_SHARED, KEY, sweep_fields.chosen())
    augmentation = _augmentation()
    varied = sweep_fields.choose(_base(dataset, training, augmentation))
    if not any(varied.values()):
        st.info(t("Choose at least one setting to vary."))
        return
    search = _search(varied)
    sweep_where.missing()
    where = sweep_where.choose(KEY)
    search["asha"] = _asha(training.epochs) if where.address is not None else None
    grid = grids.parse({**varied, **search})
    members = grids.members(grid, training, augmentation)
    _told(Plan("sweep", dataset, members), grid, where, training.epochs)
    _start(dataset, training, augmentation, grid, members, where)


def _augmentation() -> Augmentation | None:
    is_on = st.toggle(t("Augment the photos"), key=f"{KEY}_augmented", persist_state="session")
    return experiment_form.augmentation() if is_on else None


def _base(
    dataset: Dataset, training: Training, augmentation: Augmentation | None
) -> dict[str, Any]:
    """What all runs share, by name, from which values to try are suggested."""
    network = training.network or NETWORKS.get(training.model, Network())
    photos = {
        "train_photos": len(dataset.items("train")) // 2
    }  # half of them, so that all are next
    changed = augmentation.model_dump() if augmentation else {}
    return {**network.model_dump(), **training.model_dump(), **photos, **changed}


def _search(varied: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All combinations, or some drawn at random; ranges can only be drawn from."""
    has_range = any(isinstance(c, dict) for part in varied.values() for c in part.values())
    kinds = {"all": t("All combinations"), "random": t("Drawn at random")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            t("Search"),
            list(kinds),
            format_func=kinds.__getitem__,
            default="all",
            required=True,
            key=f"{KEY}_search",
            persist_state="session",
            disabled=has_range,
            help=t(
                "Where only few settings matter, as many random draws show more different values of"
                " each than a grid does (Bergstra and Bengio, 2012)."
            ),
        )
        if kind == "all" and not has_range:
            return {}
        samples = st.number_input(
            t("Runs"),
            min_value=2,
            max_value=grids.MOST_RUNS,
            value=_SAMPLES,
            key=f"{KEY}_samples",
            persist_state="session",
            width=140,
        )
        seed = st.number_input(
            t("Seed of the draw"),
            min_value=0,
            max_value=2**31 - 1,
            value=0,
            key=f"{KEY}_draw",
            persist_state="session",
            width=160,
        )
    if has_range:
        st.caption(t("A range has no end of values, so they are drawn at random."))
    return {"samples": samples, "seed": seed}


def _asha(epochs: int) -> dict[str, int] | None:
    """Whether and when bad trials are ended early."""
    if not st.toggle(
        t("End bad trials early (ASHA)"),
        value=True,
        key=f"{KEY}_asha",
        persist_state="session",
    ):
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        grace = st.number_input(
            t("Epochs every trial has"),
            min_value=1,
            max_value=1000,
            value=2,
            key=f"{KEY}_grace",
            persist_state="session",
            width=180,
        )
        reduction = st.number_input(
            t("One of how many goes on"),
            min_value=2,
            max_value=10,
            value=3,
            key=f"{KEY}_reduction",
            persist_state="session",
            width=180,
        )
    st.caption(sweep_words.asha(Asha(grace=grace, reduction=reduction), epochs))
    terms("sweep", "trial", "asha", key="sweep_form")
    return {"grace": grace, "reduction": reduction}


def _told(plan: Plan, grid: Grid, where: Where, epochs: int) -> None:
    """How many runs it makes, which, and how long they take."""
    count = len(plan.members)
    seconds = budget.seconds(plan, runs.listing())
    st.markdown(sweep_words.plan(count, seconds, grid, where.address, _most(where), epochs))
    names = [member.name for member in plan.members[:_NAMED]]
    rest = t("and {n} more", n=count - _NAMED) if count > _NAMED else ""
    st.caption(" · ".join([*names, *([rest] if rest else [])]))


def _most(where: Where) -> int | None:
    """How many train at once; a cluster has told its processors to nobody here."""
    on_this_machine = where.address in (None, "local")
    return sweep_where.at_once(where) if on_this_machine else where.at_once


def _start(
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    grid: Grid,
    members: tuple[Member, ...],
    where: Where,
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Name of the sweep"),
            key=f"{KEY}_name",
            max_chars=60,
            placeholder=t("for example: which learning rate?"),
        )
        if not st.button(
            t("Start the sweep"),
            type="primary",
            icon=":material/tune:",
            key=f"{KEY}_start",
            **visitors.gate("train"),
        ):
            return
    if where.address is None:
        key = experiments.create(Plan("sweep", dataset, members), name)
        experiments.start(key)
    else:
        key = sweeps.create(
            dataset, training, augmentation, grid, name, where.address, at_once=where.at_once
        )
        sweeps.start(key)
    st.query_params["group"] = key
    st.rerun()
