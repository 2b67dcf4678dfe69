"""Photos with a model's answers: each, or several chosen at once, left out or relabelled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data.datasets import PhotoEdit

from .. import permissions
from ..data import edit_actions
from ..i18n import escape, t
from ..session import page_state
from . import evaluate_charts
from .model_picker import EvaluationSubject

PER_PAGE = 12
_CARD_WIDTH = 155  # pixels, at least
Rows = Sequence[int] | NDArray[np.int64]


def show_photo_cards(
    subject: EvaluationSubject,
    table: PredictionTable,
    guesses: NDArray[np.int64],
    rows: Rows,
    key: str,
) -> None:
    """Draw photos of a table by row number, some a page, with their answers and buttons.

    A photo that is chosen redraws these cards alone, a decision the whole page.

    Args:
        subject: whose answers they are.
        table: the answers.
        guesses: (N,) what each photo of the table is called.
        rows: the photos to show.
        key: of the list, unique on the page.
    """
    if len(rows):
        subject.fragment(_photo_cards, table, guesses, rows, key)


def page_key(key: str) -> str:
    """Return the key of the pager of a list of photos."""
    return f"{key}_page"


def _bulk_key(key: str) -> str:
    """The key of the menu that decides about all chosen photos of a list."""
    return f"{key}_several"


def _photo_cards(
    subject: EvaluationSubject,
    table: PredictionTable,
    guesses: NDArray[np.int64],
    rows: Rows,
    key: str,
) -> None:
    pages = -(-len(rows) // PER_PAGE)
    if st.session_state.get(page_key(key), 1) > pages:
        st.session_state.pop(page_key(key))  # fewer than there were
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        bar = st.container(horizontal=True, vertical_alignment="center", gap="small")
        with st.container(width="content"):
            first = edit_actions.pager(len(rows), PER_PAGE, page_key(key))
    here = rows[first : first + PER_PAGE]
    with bar:
        _bulk_actions(subject, table, rows, here, key)
    with st.grid(min_column_width=_CARD_WIDTH, gap="small"):
        for row in here:
            _photo_card(subject, table, int(row), int(guesses[row]), key)


def _bulk_actions(
    subject: EvaluationSubject, table: PredictionTable, rows: Rows, here: Rows, key: str
) -> None:
    """How many photos are chosen, the ways to choose more or none, and what to do with them."""
    chosen = set(_chosen_files(key))
    chosen_rows = [int(row) for row in rows if table.files[row] in chosen]
    if chosen_rows:
        st.menu_button(
            t("Review {n:,}", n=len(chosen_rows)),
            ["", *table.classes],
            key=_bulk_key(key),
            **permissions.permission_kwargs("change data"),
            format_func=_bulk_label,
            on_click=_apply_bulk_edit,
            args=(subject.dataset.id, table, chosen_rows, key),
        )
    buttons = [(t("Select this page"), here)]
    if len(rows) > len(here):
        buttons.append((t("Select all {n:,}", n=len(rows)), rows))
    for number, (label, some) in enumerate(buttons):
        files = [table.files[row] for row in some]
        st.button(
            label,
            key=f"{key}_choose{number}",
            on_click=_choose_files,
            args=(key, files),
            type="tertiary",
        )
    if chosen_rows:
        st.button(
            t("Clear selection"),
            key=f"{key}_none",
            on_click=_clear_chosen,
            args=(key,),
            type="tertiary",
        )
    else:
        st.caption(t("Select photos to review several at once."), width="content")


def _photo_card(
    subject: EvaluationSubject, table: PredictionTable, row: int, guess: int, key: str
) -> None:
    file, truth = table.files[row], int(table.labels[row])
    widget = f"{key}_{edit_actions.hash_key(file)}"
    with st.container(border=True, gap="xsmall"):
        lines = evaluate_charts.answer_lines(table, row, guess)
        edit_actions.photo_picture(subject.dataset.root / file, file, lines, class_color(truth))
        likely = np.argsort(-table.probabilities[row], kind="stable")
        others = [table.classes[label] for label in likely if label != truth]
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            # The value is set at each run: "choose all" and "none" change many boxes at once.
            checkbox = f"{widget}_chosen"
            st.session_state[checkbox] = file in _chosen_files(key)
            st.checkbox(
                t("Select {file}", file=escape(truncate_for_display(file, 80))),
                key=checkbox,
                label_visibility="collapsed",
                on_change=_toggle_file,
                args=(key, file),
            )
            st.menu_button(
                t("Review"),
                [
                    PhotoEdit(file, "exclude"),
                    *(PhotoEdit(file, "relabel", name) for name in others),
                ],
                key=widget,
                **permissions.permission_kwargs("change data"),
                format_func=_edit_label,
                on_click=_apply_edit,
                args=(widget, subject.dataset.id),
                width="stretch",
            )
        edit_actions.similar_button(file, widget)


def _edit_label(choice: PhotoEdit) -> str:
    if choice.action == "exclude":
        return t("Exclude")
    return t("Relabel as {name}", name=escape(truncate_for_display(choice.to, 40)))


def _bulk_label(name: str) -> str:
    if not name:
        return t("Exclude")
    return t("Relabel as {name}", name=escape(truncate_for_display(name, 40)))


def _apply_edit(key: str, dataset_id: str) -> None:
    choice = st.session_state.get(key)
    if choice is not None:
        edit_actions.apply_edits(dataset_id, [choice])


def _apply_bulk_edit(
    dataset_id: str, table: PredictionTable, rows: Sequence[int], key: str
) -> None:
    """Decide about all chosen photos as one change, so that one undo takes it back."""
    name = st.session_state.get(_bulk_key(key))
    if name is None:
        return
    if name:
        label = table.classes.index(name)
        rows = [row for row in rows if table.labels[row] != label]
    action = "relabel" if name else "exclude"
    if rows:
        edit_actions.apply_edits(
            dataset_id, [PhotoEdit(table.files[row], action, name) for row in rows]
        )
    else:
        st.toast(
            t(
                "The selected photos are already labeled {name}.",
                name=escape(truncate_for_display(name, 40)),
            )
        )
    _clear_chosen(key)


def _chosen_files(key: str) -> dict[str, None]:
    """The files chosen in a list, in the order they were."""
    return page_state().evaluate.chosen_files.setdefault(key, {})


def _choose_files(key: str, files: Sequence[str]) -> None:
    _chosen_files(key).update(dict.fromkeys(files))


def _toggle_file(key: str, file: str) -> None:
    chosen = _chosen_files(key)
    if file in chosen:
        del chosen[file]
    else:
        chosen[file] = None


def _clear_chosen(key: str) -> None:
    _chosen_files(key).clear()
