"""Heat maps on the Predict page: which class to ask about, how much of the map to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.errors import ModelError, PhotoError
from catdog_core.files import shown
from catdog_core.images import Photo

from .. import loaders, pictures
from ..words import escape, say, t

if TYPE_CHECKING:
    from catdog_core.predict import Prediction, Predictor

_SAID = -1
"""Asks each photo about the class the model gave it."""


@dataclass(frozen=True)
class Heat:
    """Maps of the photos on the page, (N, S, S) float32, 0..1; `label` is what they speak for."""

    maps: NDArray[np.float32]
    opacity: float
    label: int


def ask(model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]]) -> Heat | None:
    """The controls, and the maps they ask for; None while they are switched off or impossible.

    Args:
        model: the model.
        photos: key, file and prediction of each photo on the page.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if not st.toggle(t("Heat map: what speaks for a class"), key="predict_heat"):
            return None
        label = st.selectbox(
            t("Class"),
            [_SAID, *range(len(model.classes))],
            format_func=lambda n: _title(model, n),
            key=f"predict_heat_class_{len(model.classes)}",
            label_visibility="collapsed",
            width=220,
        )
        percent = st.slider(
            t("Opacity of the map"),
            0,
            100,
            50,
            5,
            format="%d%%",
            key="predict_heat_opacity",
            width=220,
        )
    try:
        return Heat(_maps(model, photos, label), percent / 100, label)
    except ModelError as error:
        st.warning(escape(say(error)))
        return None


def explain(model: Predictor, heat: Heat | None) -> None:
    """One sentence on how to read the maps and what they do not say, one on what they show now."""
    if heat is None:
        return
    empty = int(sum(not one.any() for one in heat.maps))
    if empty:
        st.caption(
            t(
                "In {n} of {total} photos no place speaks for this class: those maps are dark.",
                n=empty,
                total=len(heat.maps),
            )
        )
    st.caption(
        t(
            "Grad-CAM: bright places raised the score of the class most; each map is scaled by its"
            " own brightest place, so compare places within a photo, not photos. It shows where the"
            " network looked, coarsely; not what it saw there, nor whether that was right."
        )
    )


def _title(model: Predictor, label: int) -> str:
    if label == _SAID:
        return t("for its own answer")
    return t("for {name}", name=shown(model.classes[label]))


def _maps(
    model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]], label: int
) -> NDArray[np.float32]:
    """The maps; those made just before are not made again, since the opacity changes none."""
    labels = [
        int(np.argmax(row.probabilities)) if label == _SAID else label for _, _, row in photos
    ]
    key = (id(model.run_batch), model.input_scale, [key for key, _, _ in photos], labels)
    if st.session_state.get("predict_heat_memo", (None,))[0] != key:
        with st.spinner(t("Looking where it looked…")):
            fitted = np.stack([_fitted(key, data, model.size) for key, data, _ in photos])
            maps = loaders.heat_maps(model, fitted, labels)
        st.session_state.predict_heat_memo = (key, maps)
    found: NDArray[np.float32] = st.session_state.predict_heat_memo[1]
    return found


def _fitted(key: str, data: bytes, size: int) -> Photo:
    found = pictures.uploaded(key, data, size)
    assert not isinstance(found, PhotoError)  # the model has answered to it
    return found
