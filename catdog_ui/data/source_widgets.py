"""What the sources of photos share: headings, a preview, a bar, and the choice of what was made."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset, FolderReading, LabelChoice
from catdog_core.data.label_tables import LabelColumnError
from catdog_core.data.preview import Preview

from .. import permissions
from ..i18n import N_, escape, t
from ..startup import guard

SPLITS = {"train": N_("Training"), "validation": N_("Validation"), "test": N_("Test")}
_ROWS = 12
"""Classes listed at most."""


def show_heading(text: str) -> None:
    """Draw the name of a source."""
    st.markdown(f"**{text}**")


def choose_dataset(dataset: Dataset) -> None:
    """Make a dataset the chosen one on every page, and draw the page again."""
    st.query_params["dataset"] = dataset.id
    st.query_params.pop("source", None)  # folds the sources away
    st.rerun()


def demo_button(key: str, kind: str = "primary") -> None:
    """Draw a button that draws the demo set and makes it the chosen dataset."""
    if permissions.action_button(
        t("Create demo dataset"), key, "change data", icon="brush", type=kind
    ):
        with guard():
            with progress_bar(t("Drawing cats and dogs…")) as tell:
                dataset = datasets.create_demo(progress=tell)
            choose_dataset(dataset)


def show_preview(preview: Preview) -> None:
    """Draw how a folder, an archive or a pile of photos was read."""
    heads = [t("Class"), *(t(SPLITS[split]) for split in preview.counts)]
    classes = list(next(iter(preview.counts.values())))
    rows = [
        [escape(name), *(f"{row[name]:,}" for row in preview.counts.values())]
        for name in classes[:_ROWS]
    ]
    lines = [heads, ["---", *("--:" for _ in preview.counts)], *rows]
    with st.container(border=True):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if len(classes) > _ROWS:
            st.caption(t("and {n} more classes", n=len(classes) - _ROWS))
        sentences = [
            t(message, **{k: escape(v) if isinstance(v, str) else v for k, v in values.items()})
            for message, values in preview.sentences()
        ]
        st.caption("  \n".join(sentences))


def confirm_classes(preview: Preview, key: str) -> bool:
    """Ask whether oddly named folders are classes; return whether they may be added."""
    if not preview.odd:
        return True
    for message, values in preview.odd:
        st.warning(t(message, **{name: escape(value) for name, value in values.items()}))
    return st.checkbox(t("Use these folders as classes"), key=key)


def choose_label_column(
    inspect: Callable[[FolderReading], Preview], key: str
) -> tuple[Preview, FolderReading] | None:
    """Draw a choice of the label column if a table has several, then what was found.

    Args:
        inspect: returns what is in the files, read in a way.
        key: of the choice.

    Returns:
        What was found, and how it was read; None until a column is chosen where that is needed.

    Raises:
        CatDogError: as `inspect`.
    """
    reading = datasets.DEFAULT_READING
    try:
        found = inspect(reading)
        columns, default = found.label_columns, 0
    except LabelColumnError as error:
        columns, default = list(error.columns), None
    if len(columns) < 2:
        return found, reading
    chosen = st.selectbox(
        t("Label column"),
        columns,
        index=default,
        placeholder=t("Choose the column with the classes"),
        key=key,
        width=360,
    )
    if chosen is None:
        return None
    if chosen != columns[0] or default is None:
        reading = FolderReading(LabelChoice(None, "", chosen))
        found = inspect(reading)
    return found, reading


def import_button(key: str, is_confirmed: bool) -> bool:
    """Draw the button that imports previewed photos, off until odd folders are confirmed."""
    return permissions.action_button(
        t("Import photos"),
        key,
        "change data",
        icon="add",
        disabled=not is_confirmed,
        type="primary",
    )


class progress_bar:  # noqa: N801 - used as a function is
    """A bar that takes (done, total) and moves only when a percent more is done."""

    def __init__(self, text: str) -> None:
        self._text, self._percent = text, -1

    def __enter__(self) -> Callable[[int, int], None]:
        self._bar = st.progress(0.0, self._text)
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._bar.empty()

    def _tell(self, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if percent > self._percent:
            self._percent = percent
            self._bar.progress(min(percent, 100), self._text)
