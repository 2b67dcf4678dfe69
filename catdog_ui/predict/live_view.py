"""Predict → Live: the camera answers while one moves; assets/live.js does it without reruns."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from catdog_core.analysis.heatmap import apply_colormap
from catdog_core.base.palette import CLASS_COLORS
from catdog_core.runs import RunRecord
from catdog_core.server import live

from .. import camera, state
from ..i18n import t
from ..learn.glossary_view import show_terms
from ..session import InputPhoto, page_state
from . import predict_inputs, predict_panels

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Predictor

VIEWS = "view"
"""The parameter of the address that tells photos from the camera."""
_KEY = "predict_live"
_LONGEST_FRAME = 20_000_000  # letters of a frozen frame in base64
_live_camera = camera.build_component("live")


def choose_view() -> str:
    """Let the user choose between photos and the camera: "photos" or "live"."""
    views = {
        "photos": ":material/photo_library: " + t("Photos"),
        "live": ":material/videocam: " + t("Live"),
    }
    return state.choose_tab(views, VIEWS)


def show_live() -> None:
    """Draw the model's choice, its threshold, and the camera with what the model says of it."""
    controls, view, notes = st.container(), st.container(), st.container()
    left, right = controls.columns([2, 3], gap="large")
    with left:
        choice = predict_inputs.choose_model(notes)
    if choice is None:
        return
    if choice.run is None:
        st.info(t("Import the model to use it with the camera."))
        return
    model = choice.load()
    with right:
        least = predict_panels.choose_threshold(choice, model.classes, notes)
        st.caption(
            t(
                "The lab predicts the camera's frames and stores none of them. Only a frame you "
                "freeze stays, until you clear it or leave."
            )
        )
    with view:
        _mount_camera(choice.run, choice.key, model, least)
        st.caption(
            t(
                "Bright areas raised the score of the shown class most. Each heat map is scaled"
                " to its own brightest area. Below the threshold, no class is shown."
            )
        )
    with notes:
        show_terms("heat-map", "probability", "threshold")


def _mount_camera(run: RunRecord, key: str, model: Predictor, least: float) -> None:
    height, width = model.size
    _live_camera(
        key=_KEY,
        on_frozen_change=_keep_frozen_frame,
        data={
            "model": f"{run.id}:{key.rpartition(':')[2]}",  # no path of this machine
            "request": camera.request_data(f"{live.PATH}?{urlencode({'model': run.id})}"),
            "size": [width, height],
            "classes": list(model.classes),
            "colors": list(CLASS_COLORS),
            "least": least,
            "colormap": _colormap(),
            "sentences": camera.camera_sentences(),
            "words": _words(len(model.classes)),
        },
    )


def _words(classes: int) -> dict[str, str]:
    return {
        "start": t("Start camera"),
        "stop": t("Stop camera"),
        "freeze": t("Freeze frame"),
        "freezeHelp": t("Stop the camera and take a closer look at this frame."),
        "camera": t("Camera"),
        "map": t("Heat map"),
        "wait": t("Predicting…"),
        "offline": t("The lab doesn't answer. It might have stopped. Trying again…"),
        "opacity": t("Map opacity"),
        "smooth": t("Smooth over a few frames"),
        "neither": t("Neither") if classes == 2 else t("None of these"),
        "speed": t(
            "Frames per second: {fps}. Time per frame: {ms} ms, including {model} ms for the model."
        ),
    }


@cache
def _colormap() -> str:
    """The colors of heat maps, 256 times red, green and blue, in base64."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[np.newaxis]
    return base64.b64encode(apply_colormap(levels).tobytes()).decode()


def _keep_frozen_frame() -> None:
    """Make a frozen frame a photo of the page, and show it there."""
    frozen: Any = st.session_state[_KEY].get("frozen")
    if not isinstance(frozen, str) or len(frozen) > _LONGEST_FRAME:
        return
    try:
        data = base64.b64decode(frozen, validate=True)
    except binascii.Error:
        return
    frames = page_state().predict.frozen_frames
    key = hashlib.sha256(data).hexdigest()
    name = t("frame {n}.jpg", n=len(frames) + 1)
    frames[:] = [InputPhoto(name, key, data), *frames][: predict_inputs.MOST_FROZEN]
    st.query_params[VIEWS] = "photos"
    st.session_state[predict_inputs.SOURCE_KEY] = "frozen"
