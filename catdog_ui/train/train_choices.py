"""The two choices of a new training that everybody makes, as cards: which network, how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from catdog_core.base.field_specs import describe_fields
from catdog_core.config import RECIPES, Augmentation, Training
from catdog_core.data.datasets import Dataset
from catdog_core.runs import RunRecord
from catdog_core.training import time_estimate

from .. import format_text, forms
from ..i18n import N_, t
from . import form_requests

_LENGTH_KEY = "train_length"
_EPOCHS_KEY = forms.field_key(form_requests.FORM_KEY, "epochs")
_OWN = "own"  # a number of epochs that is none of the lengths
LENGTHS: dict[str, str] = {
    "try": N_("Try"),
    "usual": N_("Usual"),
    "thorough": N_("Thorough"),
    _OWN: N_("Your number"),
}
_NETWORK_SENTENCES: dict[str, str] = {
    "notes": N_("The course network: three convolutions and one output unit."),
    "notes-deep": N_("The course network with a fourth convolution and Dense(512)."),
    "compact": N_("A small modern network with its own recipe. It also starts from nothing."),
    "transfer": N_("A pretrained network. Only its last layer trains, in seconds."),
    "custom": N_("Your own network, built from blocks."),
}


def lengths(model: str) -> dict[str, int]:
    """Return the epochs of each length by its name: a tenth of the recipe's, these, twice these."""
    usual = RECIPES[model].training.epochs
    return {"try": max(3, round(usual / 10)), "usual": usual, "thorough": 2 * usual}


def choose_network(dataset: Dataset, every: Sequence[RunRecord]) -> str:
    """Let the user choose a network; each card says what to expect of it here.

    Args:
        dataset: what it would train on.
        every: all runs, which tell accuracy and time.
    """
    control = next(c for c in describe_fields(Training) if c.name == "model")
    return _show_cards(
        t(control.label),
        {name: name for name in control.choices},
        [_describe_network(name, dataset, every) for name in control.choices],
        form_requests.MODEL_KEY,
        persist_state="session",
    )


def choose_length(
    training: Training,
    augmentation: Augmentation | None,
    dataset: Dataset,
    every: Sequence[RunRecord],
) -> None:
    """Let the user choose how long to train; the number of epochs follows.

    Args:
        training: the settings as they stand, whose epochs are one of the lengths or another number.
        augmentation: of the training photos.
        dataset: what it trains on.
        every: all runs, which tell the time.
    """
    epochs_by_length = lengths(training.model)
    known = [name for name, epochs in epochs_by_length.items() if epochs == training.epochs]
    if not known:
        epochs_by_length[_OWN] = training.epochs
    st.session_state[_LENGTH_KEY] = known[0] if known else _OWN
    captions = []
    for epochs in epochs_by_length.values():
        text = t("{n} epochs", n=epochs)
        planned = training.model_copy(update={"epochs": epochs})
        estimate = time_estimate.estimate_training(planned, augmentation, dataset, every)
        if estimate is not None:
            text += "  \n:material/timer: " + t(
                "about {time}", time=format_text.format_duration(estimate.seconds)
            )
        captions.append(text)
    _show_cards(
        t("How long"),
        {name: t(LENGTHS[name]) for name in epochs_by_length},
        captions,
        _LENGTH_KEY,
        on_change=_set_epochs,
        args=(epochs_by_length,),
    )


def _set_epochs(epochs_by_length: Mapping[str, int]) -> None:
    st.session_state[_EPOCHS_KEY] = epochs_by_length[st.session_state[_LENGTH_KEY]]


def _describe_network(model: str, dataset: Dataset, every: Sequence[RunRecord]) -> str:
    """What to expect of a network, in three lines of Markdown."""
    recipe = RECIPES[model]
    lines = [t(_NETWORK_SENTENCES[model])]
    own = [
        accuracy
        for run in every
        if run.model == model and run.dataset_fingerprint == dataset.fingerprint
        if run.best_row is not None and (accuracy := run.best_row.get("val_accuracy")) is not None
    ]
    if own:
        lines.append(t("**{accuracy:.1%}** is the best here so far", accuracy=max(own)))
    elif recipe.course_accuracy is not None:
        lines.append(t("**{accuracy:.0%}** on the course photos", accuracy=recipe.course_accuracy))
    # As many photos as are chosen further down, so that both times are of the same training.
    photos = st.session_state.get(forms.field_key(form_requests.FORM_KEY, "train_photos")) or None
    planned = recipe.training.model_copy(update={"train_photos": photos})
    estimate = time_estimate.estimate_training(planned, recipe.augmentation, dataset, every)
    if estimate is not None:
        lines.append(
            ":material/timer: "
            + t(
                "about {time} for {n} epochs here",
                time=format_text.format_duration(estimate.seconds),
                n=recipe.training.epochs,
            )
        )
    return "  \n".join(lines)


def _show_cards(
    label: str,
    names: Mapping[str, str],
    captions: Sequence[str],
    key: str,
    on_change: Callable[..., None] | None = None,
    **options: Any,
) -> str:
    if on_change is not None:
        options["on_change"] = on_change
    chosen = st.radio(
        label,
        list(names),
        format_func=names.__getitem__,
        captions=captions,
        horizontal=True,
        key=key,
        width="stretch",
        label_visibility="collapsed",
        **options,
    )
    return str(chosen)
