"""All decisions about a dataset in force, and the photos they are about, to take them back."""

from __future__ import annotations

import streamlit as st

from catdog_core.datasets import Choice, Dataset

from .. import visitors
from ..drawer import drawer
from ..phrases import moment
from ..words import t
from . import finding_photos
from .decide import decide, in_words, sentence, undo_button

_ROWS, _CARDS = 10, 12


def show(dataset: Dataset) -> None:
    """All decisions in force, the last of which can be undone, and the photos they are about."""
    if not dataset.changes:
        return
    title = t("What was decided ({n})", n=len(dataset.changes))
    with drawer(title, f"decisions_{dataset.id}", ":material/history:") as is_open:
        if is_open:
            _list(dataset)
            _photos(dataset)


def _list(dataset: Dataset) -> None:
    st.caption(
        t(
            "No file is ever deleted or changed: the lab only remembers what to do with it."
            " Models trained earlier keep the photos they were trained on."
        )
    )
    changes = dataset.changes[::-1]
    first = finding_photos.pager(len(changes), _ROWS, "decisions_page")
    for number, change in enumerate(changes[first : first + _ROWS], first):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":gray[{moment(change.at)}]  {sentence(change)}", width="stretch")
            if not number:
                undo_button(dataset, "decisions_undo")


def standing(dataset: Dataset) -> dict[str, list[Choice]]:
    """By file, the choices about it that are in force."""
    found: dict[str, list[Choice]] = {}
    for change in dataset.changes:
        for choice in change.choices:
            if choice.action == "restore":
                found.pop(choice.file, None)
            else:
                found.setdefault(choice.file, []).append(choice)
        if change.division:  # it divides moved photos with all others
            left = {f: [c for c in group if c.action != "move"] for f, group in found.items()}
            found = {file: group for file, group in left.items() if group}
    return found


def _photos(dataset: Dataset) -> None:
    about = standing(dataset)
    if not about:
        return
    st.markdown(t("**The photos it is about**"))
    gone = [file for file in dataset.excluded if file in about]
    if len(gone) > 1:
        st.button(
            t("Restore all {n:,} excluded", n=len(gone)),
            icon=":material/restore:",
            key="decisions_restore_all",
            **visitors.gate("change data"),
            on_click=decide,
            args=(dataset.id, [Choice(file, "restore") for file in gone]),
        )
    files = sorted(about)
    first = finding_photos.pager(len(files), _CARDS, "decisions_photos")
    with st.grid(min_column_width=finding_photos.CARD, gap="small"):
        for file in files[first : first + _CARDS]:
            with st.container(gap="xsmall"):
                last = about[file][-1]
                what = in_words(last.action, last.to, [file])
                finding_photos.picture(dataset.root / file, file, [])
                st.caption(what)
                st.button(
                    t("As in the folder"),
                    icon=":material/restore:",
                    key=f"restore_{finding_photos.short(file)}",
                    **visitors.gate("change data"),
                    on_click=decide,
                    args=(dataset.id, [Choice(file, "restore")]),
                )
