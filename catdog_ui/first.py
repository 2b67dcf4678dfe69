"""The first training: short enough to watch from start to end."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.datasets import Dataset
from catdog_core.settings import Training

from . import state, visitors
from .words import t

TRAINING = Training(epochs=5, learning_rate=1e-3)
"""Quick enough to learn something in a minute."""


def button(dataset: Dataset | None, key: str, kind: str = "secondary") -> None:
    """A button that starts it and opens the Train page.

    Args:
        dataset: what to train on; without one the button waits.
        key: of the widget.
        kind: "primary" or "secondary".
    """
    clicked = st.button(
        t("Train it now"),
        type=kind,  # type: ignore[arg-type]
        icon=":material/play_arrow:",
        key=key,
        **visitors.gate("train", disabled=dataset is None),
    )
    if clicked and dataset is not None:
        folder = runs.create(dataset, TRAINING, None, name=t("My first training"))
        runs.start(folder)
        st.switch_page("pages/3_Train.py", query_params=state.query(run=folder.name))
