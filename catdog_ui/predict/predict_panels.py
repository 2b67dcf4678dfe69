"""What the panels of the Predict page that look closer at a single photo have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import streamlit as st

from catdog_core.errors import PhotoError
from catdog_core.files import shown
from catdog_core.images import Photo

from .. import pictures
from ..startup import guard
from ..words import t

if TYPE_CHECKING:
    from catdog_core.predict import Predictor

Photos: TypeAlias = Sequence[tuple[str, str, bytes]]
"""Name, key and file of each photo that could be read."""


def switched(
    label: str,
    key: str,
    panel: Callable[[Predictor, Photos], None],
    model: Predictor,
    photos: Photos,
) -> None:
    """A panel that opens by a switch with this label and key, and redraws itself alone."""

    def guarded() -> None:
        with guard():
            if st.toggle(label, key=key):
                panel(model, photos)

    st.fragment(guarded)()


def choose(model: Predictor, photos: Photos, key: str) -> Photo:
    """Let the user choose a photo; it comes fitted for the model, (S, S, 3) uint8.

    Raises:
        PhotoError: its file cannot be read any more.
    """
    chosen = st.selectbox(
        t("Photo"),
        range(len(photos)),
        format_func=lambda n: shown(photos[n][0]),
        key=f"{key}_{len(photos)}",  # other photos, another choice
        width=300,
    )
    _, name, data = photos[chosen]
    photo = pictures.uploaded(name, data, model.size)
    if isinstance(photo, PhotoError):
        raise photo
    return photo
