"""Where photos come from: the drawn demo set, a folder of this machine, an uploaded zip."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from catdog_core import datasets, imports
from catdog_core.datasets import Dataset

from .startup import guard
from .words import escape, t


def demo_button(key: str, kind: str = "primary") -> None:
    """A button that draws the demo set and makes it the chosen dataset."""
    if st.button(
        t("Make the demo dataset"),
        type=kind,  # type: ignore[arg-type]
        icon=":material/brush:",
        key=key,
    ):
        with guard():
            with progress(t("Drawing cats and dogs…")) as tell:
                dataset = datasets.create_demo(progress=tell)
            choose(dataset)


def choose(dataset: Dataset) -> None:
    """Make a dataset the chosen one on every page, and draw the page again."""
    st.query_params["dataset"] = dataset.id
    st.rerun()


def panel(demo_kind: str = "secondary") -> None:
    """All three sources, side by side where there is room."""
    with st.grid(3, min_column_width=260, gap="medium"):
        with st.container(border=True, height="stretch"):
            _heading(t("Drawn cats and dogs"), ":material/brush:")
            st.caption(
                t(
                    "600 cartoons, drawn here in a few seconds: 400 to train, 200 to validate."
                    " Nothing is downloaded."
                )
            )
            demo_button("source_demo", demo_kind)
        with st.container(border=True, height="stretch"):
            _heading(t("A folder on this machine"), ":material/folder_open:")
            _folder()
        with st.container(border=True, height="stretch"):
            _heading(t("A zip file"), ":material/folder_zip:")
            _zip()
    st.caption(
        t(
            "A dataset has one folder of photos a class, such as `cats` and `dogs`, maybe inside"
            " `train` and `validation`. Without these two, the lab divides the photos itself,"
            " always in the same way."
        )
    )


def _heading(text: str, icon: str) -> None:
    st.markdown(f"{icon} **{text}**")


def _folder() -> None:
    st.caption(t("The photos stay where they are, and nothing is written beside them."))
    with st.form("source_folder", border=False):
        path = st.text_input(
            t("Path of the folder"), key="source_path", placeholder=t("/home/me/photos")
        )
        if st.form_submit_button(t("Open the folder"), icon=":material/add:") and path.strip():
            with guard():
                with st.spinner(t("Reading the photos…")):
                    dataset = datasets.open_folder(Path(path.strip()).expanduser())
                choose(dataset)


def _zip() -> None:
    st.caption(t("It is unpacked into the lab's own workspace, after a check of what is inside."))
    file = st.file_uploader(
        t("A zip of photos"), type=["zip"], key="source_zip", label_visibility="collapsed"
    )
    if file is None:
        return
    st.caption(escape(file.name))
    if st.button(t("Import the zip"), icon=":material/add:", key="source_import"):
        with guard():
            with progress(t("Unpacking…")) as tell:
                dataset = imports.archive(file, file.name, progress=tell)
            choose(dataset)


class progress:  # noqa: N801 - used as a function is
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
