"""The photos behind a number: by loss, by doubt, by cell; each can be left out or relabelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.datasets import Choice
from catdog_core.files import shown
from catdog_core.insight import scores
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Result

from ..data import decide, finding_photos
from ..palette import class_color
from ..words import N_, escape, t
from . import evaluate_words
from .evaluate_pick import Subject

PER_PAGE = 12
BEFORE = "evaluate_before"
"""Where the session keeps the run to compare with: the one that was to be trained again."""
_CARD = 155  # pixels, at least
_LISTS = {
    "loss": N_("Largest loss"),
    "uncertain": N_("Least certain"),
    "wrong": N_("Most surely wrong"),
    "cell": N_("A cell of the matrix"),
}


def section(subject: Subject, table: Table, result: Result, threshold: float) -> None:
    """The lists of photos that tell most, one at a time."""
    st.subheader(t("The photos behind it"), anchor=False)
    st.session_state.setdefault("evaluate_list", "loss")  # a click on the matrix sets it, too
    kind = st.segmented_control(
        t("Photos"),
        list(_LISTS),
        format_func=lambda key: t(_LISTS[key]),
        required=True,
        key="evaluate_list",
        label_visibility="collapsed",
        wrap=True,
    )
    if kind == "cell":
        rows, told = _cell(table, result)
    else:
        rows = scores.ranked(table, kind, threshold)  # type: ignore[arg-type]
        told = evaluate_words.ranked(str(kind), table, rows, threshold)
    st.caption(told)
    decide.told(subject.dataset)
    cards(subject, table, result.guesses, rows, f"evaluate_{kind}")
    _again(subject)


def cards(
    subject: Subject,
    table: Table,
    guesses: NDArray[np.int64],
    rows: Sequence[int] | NDArray[np.int64],
    key: str,
) -> None:
    """Photos of a table by row number, some a page, each with its answer and buttons."""
    if not len(rows):
        return
    pages = -(-len(rows) // PER_PAGE)
    if st.session_state.get(f"{key}_page", 1) > pages:
        st.session_state.pop(f"{key}_page")  # fewer than there were
    first = finding_photos.pager(len(rows), PER_PAGE, f"{key}_page")
    with st.grid(min_column_width=_CARD, gap="small"):
        for row in rows[first : first + PER_PAGE]:
            _card(subject, table, int(row), int(guesses[row]), key)


def choose_cell(classes: Sequence[str]) -> None:
    """The callback of a click on the matrix: open the cell, or close it."""
    points = st.session_state.evaluate_matrix.selection.points
    if points:
        truth, guess = points[0]["customdata"][:2]
        st.session_state.evaluate_truth = classes[int(truth)]
        st.session_state.evaluate_guess = classes[int(guess)]
        st.session_state.evaluate_list = "cell"
        st.session_state.pop("evaluate_cell_page", None)


def opened(classes: Sequence[str]) -> tuple[int, int] | None:
    """The cell that is open, as (true class, answer)."""
    if st.session_state.get("evaluate_list") != "cell":
        return None
    names = (st.session_state.get(f"evaluate_{part}") for part in ("truth", "guess"))
    found = [classes.index(name) for name in names if name in classes]
    return (found[0], found[1]) if len(found) == 2 else None


def _cell(table: Table, result: Result) -> tuple[NDArray[np.int64], str]:
    """Let the user choose a cell also without a mouse; its rows and what it is."""
    start = np.unravel_index(int(_mistakes(result).argmax()), result.confusion.shape)
    fields = st.grid(min_column_width=170, gap="small", width=480)
    picked = []
    for part, title, place in zip(
        ("truth", "guess"), (t("Truly"), t("Called")), start, strict=True
    ):
        key = f"evaluate_{part}"
        if st.session_state.get(key) not in table.classes:
            st.session_state[key] = table.classes[int(place)]
        with fields.container():
            name = st.selectbox(
                title, list(table.classes), format_func=lambda name: shown(name, 60), key=key
            )
        picked.append(table.classes.index(name))
    truth, guess = picked
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


def _card(subject: Subject, table: Table, row: int, guess: int, key: str) -> None:
    file, truth = table.files[row], int(table.labels[row])
    with st.container(border=True, gap="xsmall"):
        lines = evaluate_words.answer(table, row, guess)
        finding_photos.picture(Path(subject.dataset.root / file), file, lines, class_color(truth))
        others = [name for label, name in enumerate(table.classes) if label != truth]
        widget = f"{key}_{finding_photos.short(file)}"
        st.menu_button(
            t("Decide"),
            [Choice(file, "exclude"), *(Choice(file, "relabel", name) for name in others)],
            key=widget,
            format_func=_as_words,
            on_click=_picked,
            args=(widget, subject.dataset.id),
            width="stretch",
        )


def _as_words(choice: Choice) -> str:
    if choice.action == "exclude":
        return t("Leave it out")
    return t("It is: {name}", name=escape(shown(choice.to, 40)))


def _picked(key: str, dataset_id: str) -> None:
    choice = st.session_state.get(key)
    if choice is not None:
        decide.decide(dataset_id, [choice])


def _again(subject: Subject) -> None:
    """The way to a new run with the same settings on the photos as they are now."""
    changed = subject.dataset.fingerprint != subject.run.dataset_fingerprint
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        if st.button(
            t("Train again and compare"),
            type="primary" if changed else "secondary",
            icon=":material/model_training:",
            key="evaluate_again",
        ):
            st.session_state["train_clone"] = subject.run.id
            st.session_state[BEFORE] = subject.run.id
            query = {**st.query_params.to_dict(), "dataset": subject.dataset.id}
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
