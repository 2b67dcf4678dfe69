"""Decisions about the photos of a dataset: the callbacks that make them, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from catdog_core import datasets
from catdog_core.curation.choices import Change
from catdog_core.datasets import Choice, Dataset
from catdog_core.errors import CatDogError
from catdog_core.files import shown

from .. import visitors
from ..words import N_, escape, say, t
from .source_parts import SPLITS

_SAID, _ERROR = "decision_said", "decision_error"
_ONE = {
    "exclude": N_("{file} is left out of everything."),
    "move": N_("{file} is moved to {to}."),
    "relabel": N_("{file} counts as {to} now."),
    "keep": N_("{file} is kept as it is."),
    "restore": N_("{file} is back as it lies in its folder."),
}
_MANY = {
    "exclude": N_("{n:,} photos are left out of everything."),
    "move": N_("{n:,} photos are moved to {to}."),
    "relabel": N_("{n:,} photos count as {to} now."),
    "keep": N_("{n:,} photos are kept as they are."),
    "restore": N_("{n:,} photos are back as they lie in their folders."),
}


def decide(dataset_id: str, chosen: Sequence[Choice]) -> None:
    """The callback of a button that decides about photos."""
    try:
        remember(datasets.change(dataset_id, chosen))
    except CatDogError as error:
        _fail(error)


def order(dataset_id: str, names: Sequence[str]) -> None:
    """The callback of a button that sets the order of the classes."""
    try:
        remember(datasets.order_classes(dataset_id, names))
    except CatDogError as error:
        _fail(error)


def remember(dataset: Dataset) -> None:
    """Let the last change of a dataset be told, on this page, with a button that takes it back."""
    _say(dataset, dataset.changes[-1], undone=False)


def told(dataset: Dataset) -> None:
    """What was decided just now, with "Undo", or why it could not be."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(escape(say(error)), icon=":material/error:")
    name, change, undone = st.session_state.get(_SAID, ("", None, False))
    if change is None or name != dataset.id:
        return
    if undone:
        st.info(t("Taken back: {what}", what=sentence(change)), icon=":material/undo:")
    elif dataset.changes and dataset.changes[-1].at == change.at:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check: {sentence(change)}", width="stretch")
            undo_button(dataset, "decision_undo")


def sentence(change: Change) -> str:
    """A change in words, as Markdown."""
    if change.division:
        made = change.division
        return t(
            "The photos are divided anew: seed {seed}, {validation:.0%} to validate, {test:.0%} to"
            " test.",
            seed=made.seed,
            validation=made.validation_fraction,
            test=made.test_fraction,
        )
    if change.order:
        names = escape(shown(", ".join(change.order), 120))
        return t("The classes count in this order: {names}.", names=names)
    parts = []
    ordered = sorted(change.choices, key=lambda choice: (choice.action, choice.to))
    for (action, to), group in groupby(ordered, key=lambda choice: (choice.action, choice.to)):
        files = [choice.file for choice in group]
        parts.append(in_words(action, to, files))
    return " ".join(parts)


def undo_button(dataset: Dataset, key: str) -> None:
    """The button that takes the last decision back."""
    st.button(
        t("Undo"),
        icon=":material/undo:",
        key=key,
        **visitors.gate("change data"),
        on_click=_take_back,
        args=(dataset.id,),
    )


def _take_back(dataset_id: str) -> None:
    try:
        last = datasets.load(dataset_id).changes[-1:]
        found = datasets.undo(dataset_id)
    except CatDogError as error:
        _fail(error)
    else:
        _say(found, last[0], undone=True)


def _say(dataset: Dataset, change: Change, undone: bool) -> None:
    st.session_state[_SAID] = (dataset.id, change, undone)
    what = sentence(change)
    st.toast(t("Taken back: {what}", what=what) if undone else what)


def _fail(error: CatDogError) -> None:
    st.session_state[_ERROR] = error
    st.toast(escape(say(error)), icon=":material/error:")


def in_words(action: str, to: str, files: Sequence[str]) -> str:
    """What was decided about some files, as Markdown; `action` and `to` as in a `Choice`."""
    to = t(SPLITS[to]) if action == "move" else escape(to)
    if len(files) == 1:
        return t(_ONE[action], file=f"**{escape(shown(files[0], 120))}**", to=to)
    return t(_MANY[action], n=len(files), to=to)
