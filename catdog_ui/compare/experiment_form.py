"""The form of a new experiment: a twin, or the same network on more and more photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from catdog_core import runs
from catdog_core.controls import parse
from catdog_core.datasets import Dataset
from catdog_core.outcomes import budget, experiments
from catdog_core.outcomes.experiments import Budget, Plan
from catdog_core.settings import PRESETS, RECIPES, Augmentation, Training

from .. import forms, phrases, state, visitors
from ..words import N_, t
from . import sweep_where

KEY = "experiment"
ABOUT = {
    "twin": N_(
        "Two runs that differ in nothing but augmentation: the same photos, seed and epochs. What"
        " does it do to the gap between training and validation?"
    ),
    "small-data": N_(
        "The same network on more and more photos, a small choice within the larger ones. How much"
        " would more data bring, and what helps where there is little?"
    ),
}
_EPOCHS = 15  # enough to see the curves part, and not a night's work


def show() -> None:
    """Draw the form; starting makes the runs and opens the experiment above."""
    kind = st.segmented_control(
        t("Kind"),
        list(ABOUT),
        format_func=lambda key: t(experiments.NAMES[key]),
        required=True,
        default="twin",
        key="experiment_kind",
        label_visibility="collapsed",
    )
    st.caption(t(ABOUT[kind]))
    dataset = state.chosen_dataset()
    if dataset is None:
        return
    plan = _twin(dataset) if kind == "twin" else _small_data(dataset)
    if plan is not None:
        _start(plan)


def _twin(dataset: Dataset) -> Plan:
    shared = training(["model", "epochs", "learning_rate", "seed"])
    return experiments.twin(dataset, shared, augmentation())


def _small_data(dataset: Dataset) -> Plan | None:
    there = experiments.sizes(dataset)
    if len(there) < 2:
        st.info(
            t(
                "This dataset has {n} training photos; a small-data experiment needs more than 100,"
                " to take parts of them. Choose another dataset.",
                n=there[0] if there else 0,
            )
        )
        return None
    with st.grid(2, min_column_width=320, gap="medium"):
        chosen = st.pills(
            t("Training photos"),
            there,
            selection_mode="multi",
            default=there,
            format_func=lambda size: f"{size:,}",
            key="experiment_sizes",
        )
        variants = st.pills(
            t("Variants"),
            [False, True],
            selection_mode="multi",
            default=[False, True],
            format_func=lambda is_on: t("augmented") if is_on else t("plain"),
            key="experiment_variants",
        )
        models = st.pills(
            t("Networks"),
            [model for model in RECIPES if model != "custom"],
            selection_mode="multi",
            default=["notes"],
            key="experiment_models",
            help=t("Each by its own recipe; transfer begins with a network that knows photos."),
        )
        kinds: tuple[Budget, ...] = ("steps", "epochs")
        budget_kind = st.segmented_control(
            t("Equal for all sizes"),
            kinds,
            default="steps",
            required=True,
            format_func=lambda key: t("changes of the weights") if key == "steps" else t("epochs"),
            key="experiment_budget",
            help=t(
                "With equal changes of the weights, runs differ in their photos alone. With equal"
                " epochs small runs are quicker, and learn less for that reason too."
            ),
        )
    if len(chosen) < 2 or not variants or not models:
        st.info(t("Choose at least two sizes, one variant and one network."))
        return None
    epochs = _epochs_of_all()
    trainings = [_recipe(model, epochs) for model in models]
    changed = augmentation() if True in variants else None
    augmentations = [changed if is_on else None for is_on in sorted(variants)]
    return experiments.small_data(dataset, trainings, chosen, augmentations, budget_kind)


def _epochs_of_all() -> int:
    return int(
        st.number_input(
            t("Epochs of each run"),
            min_value=1,
            max_value=200,
            value=_EPOCHS,
            key="experiment_small_epochs",
            width=200,
        )
    )


def _recipe(model: str, epochs: int) -> Training:
    return RECIPES[model].training.model_copy(update={"epochs": epochs})


def training(names: list[str], form: str = KEY, disabled: Sequence[str] = ()) -> Training:
    """The settings runs share: some fields shown, all others as the network's recipe has them.

    Args:
        names: the fields to show.
        form: prefix of the widgets' keys.
        disabled: fields that are shown but have no effect now.
    """
    key = f"{form}_epochs"
    if key not in st.session_state:
        st.session_state[key] = _EPOCHS
    model = st.session_state.get(f"{form}_model", "notes")
    if st.session_state.get(f"{form}_recipe") != model:  # each network with its own rate
        st.session_state[f"{form}_recipe"] = model
        rate = RECIPES[model].training.learning_rate
        forms.fill(Training, form, {"learning_rate": rate})
    shown: dict[str, Any] = forms.form(Training, form, names, columns=2, disabled=disabled)
    return parse(
        Training, {**RECIPES[shown["model"]].training.model_dump(), **shown}, t("the form")
    )


def augmentation() -> Augmentation:
    """The notes' augmentation, or what was set on the Augment page."""
    mine = st.session_state.get("train_augmentation")
    if not mine:
        st.caption(
            t(
                "Augmentation: {words}. Another one is set on the Augment page.",
                words=phrases.augmentation(PRESETS["notes"]),
            )
        )
        return PRESETS["notes"]
    chosen = parse(Augmentation, mine, t("the Augment page"))
    st.caption(
        t("Augmentation, from the Augment page: {words}.", words=phrases.augmentation(chosen))
    )
    return chosen


def _start(plan: Plan) -> None:
    count = len(plan.members)
    seconds = budget.seconds(plan, runs.listing())
    if seconds is None:
        text = t(
            "**{n} runs, one after another.** How long they take is not known yet: no run of this"
            " network has been timed here.",
            n=count,
        )
    else:
        text = t(
            "**{n} runs, one after another, about {time} here** while nothing else trains.",
            n=count,
            time=phrases.duration(seconds),
        )
    st.markdown(text)
    where = sweep_where.choose(KEY, first="turn")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Name of the experiment"),
            key="experiment_name",
            max_chars=60,
            placeholder=t("for example: does augmentation help?"),
        )
        if st.button(
            t("Start the experiment"),
            type="primary",
            icon=":material/science:",
            key="experiment_start",
            **visitors.gate("train"),
        ):
            key = experiments.create(plan, name)
            sweep_where.start(key, where)
            st.query_params["group"] = key
            st.rerun()
