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
from catdog_core.jobs import Job

from .. import loaders, phrases, pictures
from ..learn.terms import terms
from ..words import escape, say, t
from . import predict_work

if TYPE_CHECKING:
    from catdog_core.predict import Prediction, Predictor

_QUICK = 4
"""Photos whose maps are made while the page waits: half a second at most."""
_SAID = -1
"""Asks each photo about the class the model gave it."""


@dataclass(frozen=True)
class Heat:
    """Maps of the photos on the page, (N, S, S) float32, 0..1; of the first only if stopped."""

    maps: NDArray[np.float32]
    opacity: float


def ask(model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]]) -> Heat | None:
    """The controls, and the maps they ask for; None while these are off, impossible, or being made.

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
        maps = _maps(model, photos, label)
    except ModelError as error:
        st.warning(escape(say(error)))
        return None
    return None if maps is None else Heat(maps, percent / 100)


def explain(heat: Heat | None) -> None:
    """One sentence on how to read the maps and what they do not say, one on what they show now."""
    if heat is None or not len(heat.maps):
        return
    st.caption(
        t(
            "Grad-CAM: bright places raised the score of the class most; each map is scaled by its"
            " own brightest place, so compare places within a photo, not photos. It shows where the"
            " network looked, coarsely; not what it saw there, nor whether that was right."
        )
        + " "
        + _now(heat.maps)
    )
    terms("heat-map")


def _now(maps: NDArray[np.float32]) -> str:
    empty = int(sum(not one.any() for one in maps))
    if empty:
        return t(
            "In {n} of {total} photos no place speaks for this class: those maps are dark.",
            n=empty,
            total=len(maps),
        )
    share = float(np.median((maps >= 0.5).mean(axis=(1, 2))))
    return t(
        "Now: half of the full brightness or more covers {share} of a photo, the median of"
        " {total}.",
        share=phrases.percent(share),
        total=len(maps),
    )


def _title(model: Predictor, label: int) -> str:
    if label == _SAID:
        return t("for its own answer")
    return t("for {name}", name=shown(model.classes[label]))


def _maps(
    model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]], label: int
) -> NDArray[np.float32] | None:
    """The maps; those made just before are not made again, since the opacity changes none."""
    labels = [
        int(np.argmax(row.probabilities)) if label == _SAID else label for _, _, row in photos
    ]

    def work(job: Job) -> NDArray[np.float32]:
        fitted = [_fitted(key, data, model.size) for key, data, _ in photos]
        return loaders.heat_maps(model, fitted, labels, job)

    key = (id(model.run_batch), model.input_scale, tuple(key for key, _, _ in photos), *labels)
    words = t("Looking where it looked…")
    return predict_work.result("predict_heat_maps", key, work, len(photos), _QUICK, words)


def _fitted(key: str, data: bytes, size: int) -> Photo:
    found = pictures.uploaded(key, data, size)
    assert not isinstance(found, PhotoError)  # the model has answered to it
    return found
