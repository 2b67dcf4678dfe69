"""The report of a history from a file, which has no model to be written in any other format."""

from __future__ import annotations

import streamlit as st

from catdog_core import files
from catdog_core.exports import report, tongue
from catdog_core.runs import Run

from .. import loaders
from ..words import language, t


def offer(run: Run) -> None:
    """Say what there is of it, and let the user download the report."""
    st.info(
        t("This is a history from a file: it has no model. Its curves and its verdict can be kept.")
    )
    code = language()  # read here: what is made at the click knows no session
    st.download_button(
        t("Download the report"),
        data=lambda: _made(run, code),
        file_name=f"{loaders.stem(run)}.html",
        mime="text/html",
        icon=":material/summarize:",
        type="primary",
        on_click="ignore",
        key="download_report",
    )


def _made(run: Run, code: str) -> bytes:
    with files.temporary_folder("report") as folder:
        path = folder / "report.html"
        report.html(run.folder, path, tongue.of(code), code)
        return path.read_bytes()
