"""A photo's way through the network, on the Predict page: its maps, and closer looks at one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core import images
from catdog_core.errors import ModelError
from catdog_core.training import epoch_weights

from .. import gallery
from ..learn.terms import terms
from ..words import escape, say, t
from . import predict_panels, xray_doors, xray_epochs, xray_pooling, xray_strongest, xray_unit
from .predict_panels import Photos
from .predict_view import Choice
from .xray_look import Look, picture

if TYPE_CHECKING:
    from catdog_core.insight.xray import Layer
    from catdog_core.predict import Predictor

MOST = 32
_COLOURFUL = 0.25
"""A filter has colour where its weights of red, green and blue differ by so much of their range."""


def show(choice: Choice, model: Predictor, photos: Photos) -> None:
    """The panel, folded until it is asked for."""

    def panel(model: Predictor, photos: Photos) -> None:
        _panel(choice, model, photos)

    label = t("X-ray: a photo inside the network")
    predict_panels.switched(label, "predict_xray", panel, model, photos)


def _panel(choice: Choice, model: Predictor, photos: Photos) -> None:
    epochs = epoch_weights.listing(choice.path.parent) if choice.path else {}
    with st.container(horizontal=True):
        photo = predict_panels.choose(model, photos, "predict_xray_photo")
        if choice.path and epochs:
            model = _at_epoch(choice.path, model, epochs)
        found = xray_doors.layers(model)
        if not found:
            st.info(t("This network has no layer that keeps places."))
            return
        layer = found[
            st.selectbox(
                t("Layer"),
                range(len(found)),
                index=_first_convolution(found),
                format_func=lambda n: _title(found[n], n),
                key=f"predict_xray_layer_{len(found)}",
                width=360,
            )
        ]
    values = xray_doors.layer_map(model, photo, layer.place)
    order = np.argsort(-values.max(axis=(0, 1)), kind="stable").tolist()
    _maps(values, order[:MOST])
    looks: dict[str, tuple[str, Callable[[Look], None]]] = {
        "unit": (t("What a unit sees"), xray_unit.show),
        "strongest": (t("Photos it answers to"), xray_strongest.show),
        "pooling": (t("What max pooling keeps"), xray_pooling.show),
        "filters": (t("First filters"), _filters),
    }
    if epochs:
        looks["epochs"] = (t("Through the epochs"), xray_epochs.show)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # Not "look": a segmented control forgets a choice whose options change, as by a model.
        name = st.segmented_control(
            t("A closer look"),
            list(looks),
            format_func=lambda key: looks[key][0],
            default="unit",
            required=True,
            key=f"predict_xray_look_{len(looks)}",
        )
        channel = order[0]
        if name != "filters":
            channel = st.selectbox(
                t("Channel"),
                order,
                format_func=lambda n: str(n + 1),
                key=f"predict_xray_channel_{layer.place}_{len(order)}",
                width=120,
                help=t("In the order in which they answer to this photo."),
            )
    looks[name][1](Look(choice, model, photo, photos, found, layer, channel, values, epochs))
    terms("feature-map", "filter", "receptive-field", "max-pooling", "relu")


def _at_epoch(path: Path, model: Predictor, epochs: dict[int, Path]) -> Predictor:
    """The model as it is, or as it was after an earlier epoch."""
    best = -1
    chosen = st.select_slider(
        t("Epoch"),
        [*epochs, best],
        value=best,
        format_func=lambda n: t("best") if n == best else str(n + 1),
        key=f"predict_xray_epoch_{len(epochs)}_{max(epochs)}",
        width=220,
        help=t("Everything below is shown as it was after this epoch."),
    )
    return model if chosen == best else xray_doors.at_epoch(path, epochs[chosen])


def _first_convolution(found: list[Layer]) -> int:
    return next((n for n, one in enumerate(found) if "Conv" in one.kind), 0)


def _title(layer: Layer, place: int) -> str:
    height, width, channels = layer.shape
    return f"{place + 1}. {layer.kind} · {height} × {width} × {channels}"


def _maps(values: NDArray[np.float32], order: list[int]) -> None:
    """The channels that answer most, the strongest first, each scaled by itself."""
    gallery.grid(
        [images.encode(picture(values[..., n]), "png") for n in order],
        captions=[str(n + 1) for n in order],
        columns=16,
        alts=[t("Channel {n}", n=n + 1) for n in order],
        least=56,
    )
    silent = int((values.max(axis=(0, 1)) <= values.min(axis=(0, 1))).sum())
    st.caption(
        t(
            "The {shown} of {total} channels that answer most to this photo, each scaled by"
            " itself: bright is a strong answer there. The same everywhere: {silent}.",
            shown=len(order),
            total=values.shape[-1],
            silent=silent,
        )
    )


def _filters(look: Look) -> None:
    """The first convolution's filters as small colour pictures."""
    try:
        found = xray_doors.filters(look.model)
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    large = [
        cv2.resize(np.round(one * 255).astype(np.uint8), (48, 48), interpolation=cv2.INTER_NEAREST)
        for one in found[: 2 * MOST]
    ]
    gallery.grid(
        [images.encode(np.asarray(one, dtype=np.uint8), "png") for one in large],
        columns=16,
        alts=[t("Filter {n}", n=n + 1) for n in range(len(large))],
        least=36,
    )
    colourful = int((np.ptp(found, axis=-1).max(axis=(1, 2)) > _COLOURFUL).sum())
    st.caption(
        t(
            "Filters of the first convolution, {n} of {side} × {side} px, each scaled by itself:"
            " grey is a weight of 0; a filter answers most to patches that look like itself. Now:"
            " {colourful} of them weigh the colours clearly differently.",
            n=len(found),
            side=found.shape[1],
            colourful=colourful,
        )
    )
