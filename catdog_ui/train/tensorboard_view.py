"""TensorBoard beside a run: the command that starts it, and where it is installed a button."""

from __future__ import annotations

import streamlit as st

from catdog_core import access
from catdog_core.runs import Run
from catdog_core.training import tensorboard_server

from ..startup import guard
from ..words import t


def show(run: Run) -> None:
    """A folded place; nothing where the run has no event files."""
    if not (run.folder / "tensorboard").is_dir():
        return
    with st.expander(t("TensorBoard"), icon=":material/monitoring:"), guard():
        folder = run.folder.parent
        st.caption(
            t(
                "Every run writes event files: its curves, the network's graph, its settings and"
                " its first batch. This command shows those of all runs:"
            )
        )
        st.code(tensorboard_server.command(folder), language=None, wrap_lines=True)
        if access.settings().shared:
            return  # it would open on the server's machine, which is another one
        if not tensorboard_server.is_installed():
            st.caption(t("It is not installed here: pip install tensorboard"))
            return
        url = tensorboard_server.address(folder)
        with st.container(horizontal=True, vertical_alignment="center"):
            if not url:
                clicked = st.button(
                    t("Start TensorBoard"), icon=":material/play_arrow:", key="tensorboard_start"
                )
                if clicked:
                    with st.spinner(t("Starting TensorBoard…")):
                        tensorboard_server.start(folder)
                    st.rerun(scope="fragment")
                return
            st.link_button(t("Open TensorBoard"), url, icon=":material/open_in_new:")
            if st.button(t("Stop it"), icon=":material/stop:", key="tensorboard_stop"):
                tensorboard_server.stop(folder)
                st.rerun(scope="fragment")
            st.caption(t("It runs on this machine only and ends with the lab's server."))
