"""A run's curves for TensorBoard: a button that writes them, and the command that shows them."""

from __future__ import annotations

import streamlit as st

from catdog_core.runs import Run
from catdog_core.training import tensorboard_export

from .. import visitors
from ..startup import guard
from ..words import t


def show(run: Run) -> None:
    """Render a folded panel; nothing where the run has no epoch."""
    if not run.epochs:
        return
    with st.expander(t("TensorBoard"), icon=":material/monitoring:"), guard():
        st.caption(
            t("Writes this run's curves and settings as event files. The command shows them.")
        )
        clicked = st.button(
            t("Write event files"),
            icon=":material/save:",
            key="tensorboard_write",
            **visitors.gate("run a job"),
        )
        if clicked:
            with st.spinner(t("Writing…")):
                folder = tensorboard_export.write(run, tensorboard_export.root())
            st.success(t("Written. They hold {n} epochs.", n=len(run.epochs)))
            st.code(tensorboard_export.command(folder.parent), language=None, wrap_lines=True)
