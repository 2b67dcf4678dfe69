"""The photos behind a number: by loss, by doubt, by cell; and the way to train without some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.files import shown
from catdog_core.insight import scores
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Result

from .. import state
from ..data import decide
from ..words import N_, escape, t
from . import evaluate_cards, evaluate_link, evaluate_words
from .evaluate_link import GUESS, LIST, TRUTH
from .evaluate_pick import Subject

BEFORE = "evaluate_before"
"""Where the session keeps the run to compare with: the one that was to be trained again."""
_LISTS = {
    "loss": N_("Largest loss"),
    "uncertain": N_("Least certain"),
    "wrong": N_("Most surely wrong"),
    "cell": N_("A cell of the matrix"),
}


def section(subject: Subject, table: Table, result: Result, threshold: float) -> None:
    """The lists of photos that tell most, one at a time."""
    st.subheader(t("The photos behind it"), anchor=False)
    st.session_state.setdefault(LIST, "loss")  # a click on the matrix sets it, too
    kind = st.segmented_control(
        t("Photos"),
        list(_LISTS),
        format_func=lambda key: t(_LISTS[key]),
        required=True,
        key=LIST,
        label_visibility="collapsed",
        wrap=True,
    )
    if kind == "cell":
        rows, told = _cell(table, result)
    else:
        evaluate_link.keep(truth=None, called=None)
        rows = scores.ranked(table, kind, threshold)  # type: ignore[arg-type]
        told = evaluate_words.ranked(str(kind), table, rows, threshold)
    st.caption(told)
    decide.told(subject.dataset)
    evaluate_cards.show(subject, table, result.guesses, rows, f"evaluate_{kind}")
    if subject.run.training is not None:  # not of a model from elsewhere
        _again(subject)


def choose_cell(classes: Sequence[str]) -> None:
    """The callback of a click on the matrix: open the cell, or close it."""
    points = st.session_state.evaluate_matrix.selection.points
    if points:
        truth, guess = points[0]["customdata"][:2]
        _open(classes[int(truth)], classes[int(guess)])


def choose_mix_up(classes: Sequence[str], listed: Sequence[tuple[int, int, int]]) -> None:
    """The callback of a line of the list of mistakes: open its cell."""
    for row in st.session_state.evaluate_mix_ups.selection.rows:
        truth, guess, _ = listed[row]
        _open(classes[truth], classes[guess])


def _open(truth: str, guess: str) -> None:
    st.session_state[TRUTH], st.session_state[GUESS] = truth, guess
    st.session_state[LIST] = "cell"
    st.session_state.pop("evaluate_cell_page", None)


def opened(classes: Sequence[str]) -> tuple[int, int] | None:
    """The cell that is open, as (true class, answer)."""
    if st.session_state.get(LIST) != "cell":
        return None
    names = (st.session_state.get(key) for key in (TRUTH, GUESS))
    found = [classes.index(name) for name in names if name in classes]
    return (found[0], found[1]) if len(found) == 2 else None


def _cell(table: Table, result: Result) -> tuple[NDArray[np.int64], str]:
    """Let the user choose a cell also without a mouse; its rows and what it is."""
    start = np.unravel_index(int(_mistakes(result).argmax()), result.confusion.shape)
    fields = st.grid(min_column_width=170, gap="small", width=480)
    picked = []
    for key, title, place in zip((TRUTH, GUESS), (t("Truly"), t("Called")), start, strict=True):
        if st.session_state.get(key) not in table.classes:
            st.session_state[key] = table.classes[int(place)]
        with fields.container():
            name = st.selectbox(
                title, list(table.classes), format_func=lambda name: shown(name, 60), key=key
            )
        picked.append(table.classes.index(name))
    truth, guess = picked
    evaluate_link.keep(truth=table.classes[truth], called=table.classes[guess])
    rows = np.flatnonzero((table.labels == truth) & (result.guesses == guess))
    rows = rows[np.argsort(-table.probabilities[rows, guess], kind="stable")]
    told = t(
        "{n:,} photos of {truth} are called {guess}; the surest come first.",
        n=len(rows),
        truth=escape(shown(table.classes[truth], 40)),
        guess=escape(shown(table.classes[guess], 40)),
    )
    return rows, told


def _mistakes(result: Result) -> NDArray[np.int64]:
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    return wrong


def _again(subject: Subject) -> None:
    """The way to a new run with the same settings on the photos as they are now."""
    changed = subject.dataset.fingerprint != subject.run.dataset_fingerprint
    whole = str(subject.run.folder)  # the model that comes with the lab is none of the workspace
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if st.button(
            t("Train again and compare"),
            type="primary" if changed else "secondary",
            icon=":material/model_training:",
            key="evaluate_again",
        ):
            st.session_state["train_clone"] = whole
            st.session_state[BEFORE] = subject.run.id
            query = state.query(dataset=subject.dataset.id)
            query.pop("run", None)
            st.switch_page("pages/3_Train.py", query_params=query)
        st.caption(
            t(
                "Its settings are filled in on the Train page, the photos are taken as you left"
                " them. No file is touched, and every decision can be taken back, here or on the"
                " Data page. When the new run has its first epoch, choose it above; further down it"
                " is set against this one."
            ),
            width="stretch",
        )
