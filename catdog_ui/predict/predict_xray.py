"""A photo's way through the network, on the Predict page: maps, filters, what a unit sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core import images
from catdog_core.errors import ModelError
from catdog_core.images import Photo
from catdog_core.insight.heat import coloured, framed

from .. import gallery, loaders
from ..words import escape, say, t
from . import predict_panels
from .predict_panels import Photos

if TYPE_CHECKING:
    from catdog_core.insight.xray import FeatureMap
    from catdog_core.predict import Predictor

MOST = 32
_SIDE = 96  # pixels a small map is enlarged to, so that its squares stay sharp


def show(model: Predictor, photos: Photos) -> None:
    """The panel, folded until it is asked for."""
    label = t("X-ray: a photo inside the network")
    predict_panels.switched(label, "predict_xray", _panel, model, photos)


def _panel(model: Predictor, photos: Photos) -> None:
    with st.container(horizontal=True):
        photo = predict_panels.choose(model, photos, "predict_xray_photo")
        found = loaders.feature_maps(model, photo)
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
    _maps(layer)
    left, right = st.columns(2, gap="large")
    with left:
        _field(model, photo, layer)
    with right:
        _filters(model)


def _first_convolution(found: Sequence[FeatureMap]) -> int:
    return next((n for n, one in enumerate(found) if "Conv" in one.kind), 0)


def _title(layer: FeatureMap, place: int) -> str:
    height, width, channels = layer.values.shape
    return f"{place + 1}. {layer.kind} · {height} × {width} × {channels}"


def _maps(layer: FeatureMap) -> None:
    """The channels that answer most, the strongest first, each scaled by itself."""
    peaks = layer.values.max(axis=(0, 1))
    order = np.argsort(-peaks, kind="stable")[:MOST].tolist()
    gallery.grid(
        [images.encode(_picture(layer.values[..., n]), "png") for n in order],
        captions=[str(n + 1) for n in order],
        columns=16,
        alts=[t("Channel {n}", n=n + 1) for n in order],
        least=56,
    )
    silent = int((layer.values.max(axis=(0, 1)) <= layer.values.min(axis=(0, 1))).sum())
    st.caption(
        t(
            "The {shown} of {total} channels that answer most to this photo, each scaled by"
            " itself: bright is a strong answer there. The same everywhere: {silent}.",
            shown=len(order),
            total=len(peaks),
            silent=silent,
        )
    )


def _picture(values: NDArray[np.float32]) -> Photo:
    low, high = float(values.min()), float(values.max())
    picture = coloured((values - low) / (high - low or 1.0))
    factor = max(1, _SIDE // max(picture.shape[:2]))
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)


def _field(model: Predictor, photo: Photo, layer: FeatureMap) -> None:
    """The pixels a chosen unit of the layer can see."""
    height, width = layer.values.shape[:2]
    with st.container(horizontal=True):
        row = _place(t("Row"), height, "row")
        column = _place(t("Column"), width, "column")
    try:
        box = loaders.receptive_field(model, layer.name, row, column)
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    picture = framed(photo, box.top, box.left, box.bottom, box.right)
    gallery.grid([images.encode(picture)], columns=1, width=260, alts=[t("What the unit sees")])
    st.caption(
        t(
            "The unit at this place of the map sees {width} × {height} px of {size} × {size}:"
            " nothing outside the frame can change its answer.",
            width=box.right - box.left,
            height=box.bottom - box.top,
            size=model.size,
        )
    )


def _place(label: str, count: int, name: str) -> int:
    if count == 1:
        return 0
    key = f"predict_xray_{name}_{count}"
    return int(st.slider(label, 1, count, count // 2 + 1, key=key, width=180)) - 1


def _filters(model: Predictor) -> None:
    """The first convolution's filters as small colour pictures."""
    try:
        found = loaders.filters(model)
    except ModelError as error:
        st.caption(escape(say(error)))
        return
    large = [
        cv2.resize(np.round(one * 255).astype(np.uint8), (48, 48), interpolation=cv2.INTER_NEAREST)
        for one in found[: 2 * MOST]
    ]
    gallery.grid(
        [images.encode(np.asarray(one, dtype=np.uint8), "png") for one in large],
        columns=8,
        alts=[t("Filter {n}", n=n + 1) for n in range(len(large))],
        least=36,
    )
    st.caption(
        t(
            "Filters of the first convolution, {n} of {side} × {side} px, each scaled by itself:"
            " grey is a weight of 0; a filter answers most to patches that look like itself.",
            n=len(found),
            side=found.shape[1],
        )
    )
