"""What max pooling keeps of a channel's map: the winners of its windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core import images
from catdog_core.images import Photo
from catdog_core.insight.heat import coloured
from catdog_core.insight.pooled import Kept, kept

from .. import gallery
from ..words import t
from . import xray_doors
from .xray_look import Look, enlarged

if TYPE_CHECKING:
    from catdog_core.insight.xray import Layer

_SIDE = 480
_CLOSE = 8  # windows along a side of the close-up


def show(look: Look) -> None:
    """The map before the pooling, the winners on it, some windows close by, and the map after."""
    layer = _pooling(look)
    if layer is None:
        st.info(
            t(
                "No max pooling follows here: from this layer on the network makes its maps smaller"
                " by strides, or not at all."
            )
        )
        return
    how, before = xray_doors.pooling(look.model, layer.place)
    values = xray_doors.layer_map(look.model, look.photo, before)
    channel = min(look.channel, values.shape[-1] - 1)
    values = values[..., channel]
    found = kept(values, how)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1.0)
    marked = _marked(scaled, found)
    top, left = _strongest_part(values, found)
    close = slice(top, top + _CLOSE * how.strides[0]), slice(left, left + _CLOSE * how.strides[1])
    after = coloured(scaled[found.rows, found.columns])
    shown = [coloured(scaled), marked, _gridded(marked[close], how.strides), after]
    titles = [t("before"), t("kept: bright"), t("a part of it, close"), t("after")]
    sizes = [one.shape[:2] for one in (values, values, marked[close], after)]
    gallery.grid(
        [images.encode(enlarged(one, _SIDE), "png") for one in shown],
        captions=[
            f"{title} · {height} × {width}"
            for title, (height, width) in zip(titles, sizes, strict=True)
        ],
        columns=4,
        least=150,
    )
    mask = found.mask(values.shape)
    st.caption(
        t(
            "{name}, channel {n}: of each window of {height} × {width} values the largest goes on"
            " and the others are dropped. Bright squares won, dark ones are gone.",
            name=f"{layer.kind} ({layer.name})",
            n=channel + 1,
            height=how.pool[0],
            width=how.pool[1],
        )
        + " "
        + t(
            "Now: {kept:,} of {total:,} values go on, {mean} on average where all have {all}; in"
            " {tied} of the windows all values are the same.",
            kept=int(mask.sum()),
            total=mask.size,
            mean=f"{values[mask].mean():.3g}",
            all=f"{values.mean():.3g}",
            tied=f"{found.tied.mean():.0%}",
        )
    )


def _pooling(look: Look) -> Layer | None:
    """The layer itself if it pools, else the next one that does."""
    after = (one for one in look.layers if one.place >= look.layer.place)
    return next((one for one in after if one.kind == "MaxPooling2D"), None)


def _marked(scaled: NDArray[np.float32], found: Kept) -> Photo:
    """The winners in their colours, all else dark and grey."""
    mask = found.mask((scaled.shape[0], scaled.shape[1]))[..., None]
    grey = np.repeat((30 + 60 * scaled[..., None]).astype(np.uint8), 3, axis=-1)
    bright = coloured(0.35 + 0.65 * scaled)  # so that a winner of 0 is seen as well
    return np.where(mask, bright, grey)


def _strongest_part(values: NDArray[np.float32], found: Kept) -> tuple[int, int]:
    """Row and column of the map where the close-up begins: a window near the largest value."""
    at = np.unravel_index(int(values[found.rows, found.columns].argmax()), found.rows.shape)
    row, column = (
        min(max(int(place) - _CLOSE // 2, 0), max(count - _CLOSE, 0))
        for place, count in zip(at, found.rows.shape, strict=True)
    )
    step_down = values.shape[0] // found.rows.shape[0]
    step_across = values.shape[1] // found.rows.shape[1]
    return row * step_down, column * step_across


def _gridded(part: Photo, strides: tuple[int, int]) -> Photo:
    """Enlarged, with a line between windows."""
    large = enlarged(part, _SIDE).copy()
    factor = large.shape[0] // part.shape[0]
    for line in range(0, large.shape[0], factor * strides[0]):
        large[line : line + 2] = 255
    for line in range(0, large.shape[1], factor * strides[1]):
        large[:, line : line + 2] = 255
    return large
