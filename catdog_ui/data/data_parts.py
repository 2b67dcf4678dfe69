"""The parts of the Data page: one is open at a time, and only that one is worked out."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from catdog_core.datasets import Dataset

from ..learn.terms import terms
from ..startup import guard
from ..words import N_, t
from . import (
    batch_view,
    decide,
    decisions_view,
    health_view,
    labels_view,
    race_view,
    shards_view,
    split_view,
)

_KEY = "data_part"


def _race_terms(_: Dataset) -> None:
    terms("latency", "tfrecord", "imagedatagenerator")


PARTS: dict[str, tuple[str, str, tuple[Callable[[Dataset], None], ...]]] = {
    "photos": (N_("Photos"), ":material/grid_view:", (batch_view.show,)),
    "health": (
        N_("Health"),
        ":material/health_and_safety:",
        (decide.told, health_view.show, decisions_view.show),
    ),
    "split": (
        N_("Split & labels"),
        ":material/label:",
        (decide.told, split_view.show, labels_view.show, decisions_view.show),
    ),
    "tfrecord": (N_("TFRecord"), ":material/inventory_2:", (shards_view.show,)),
    "race": (N_("Loading race"), ":material/sports_score:", (race_view.show, _race_terms)),
}
"""By their name in the address: name, icon, and what they draw."""


def show(dataset: Dataset) -> None:
    """Choose a part, kept as ``?part=`` in the address, and draw it."""
    asked = st.query_params.get("part")
    st.session_state[_KEY] = asked if asked in PARTS else "photos"
    part = st.segmented_control(
        t("Part of the page"),
        list(PARTS),
        format_func=lambda part: f"{PARTS[part][1]} {t(PARTS[part][0])}",
        required=True,
        key=_KEY,
        label_visibility="collapsed",
        on_change=_remember,
    )
    for draw in PARTS[part or "photos"][2]:
        with guard():
            draw(dataset)


def _remember() -> None:
    st.query_params["part"] = st.session_state[_KEY]
