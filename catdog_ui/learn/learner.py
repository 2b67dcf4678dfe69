"""Whose page it is: the dataset and run the Learn page speaks of, and their photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from catdog_core import datasets, runs
from catdog_core.datasets import Dataset, Item
from catdog_core.errors import PhotoError
from catdog_core.images import Photo
from catdog_core.learn import own_numbers
from catdog_core.runs import Run

from .. import pictures, state
from ..data import source_parts
from ..words import escape, t

SIZE = 150
"""Side of the photos shown, in pixels: what the notes' network takes."""
_AT = "learn_at"
_TRIES = 20


@dataclass(frozen=True)
class Learner:
    """The chosen dataset, the chosen run where it has an epoch, and what may be told of both."""

    dataset: Dataset | None
    run: Run | None
    facts: Mapping[str, Any]


def choose(ask: bool) -> Learner:
    """Let the learner choose of what there is.

    Args:
        ask: offer the demo dataset where there is nothing yet.
    """
    found, trained = datasets.listing(), runs.listing()
    dataset = run = None
    if found or trained:
        with st.grid(2, min_column_width=260, gap="medium"):
            if found:
                dataset = state.chosen_dataset(t("Your dataset"))
            if trained:
                run = state.chosen_run(t("Your run"))
    elif ask:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info(
                t(
                    "Nothing is here yet, so the numbers are the class notes' own. Make the demo"
                    " dataset, and every section shows your photos."
                ),
                icon=":material/school:",
            )
            source_parts.demo_button("learn_demo")
    if run is not None and (run.training is None or not run.epochs):
        run = None
    return Learner(dataset, run, own_numbers.of(dataset, run))


def escaped(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts for a sentence that is rendered as Markdown: names are plain text in it."""
    return {key: escape(v) if isinstance(v, str) else v for key, v in facts.items()}


def photo(dataset: Dataset, size: int = SIZE) -> tuple[Item, Photo] | None:
    """The photo the page shows, (size, size, 3) uint8, with a button for another one."""
    items = dataset.items("train")
    start: int = st.session_state.get(_AT, 0)
    for step in range(min(_TRIES, len(items))):
        item = items[(start + step) * 37 % len(items)]
        found = pictures.fitted(item.path, size)
        if not isinstance(found, PhotoError):
            return item, found
    st.info(t("None of the first photos can be read. The Data page's health check says why."))
    return None


def another() -> None:
    """A button that takes another photo of the dataset."""
    st.button(t("Another photo"), icon=":material/shuffle:", key="learn_another", on_click=_next)


def _next() -> None:
    st.session_state[_AT] = st.session_state.get(_AT, 0) + 1
