"""The doors of the X-ray to the heavy rooms: TensorFlow loads when they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.images import Photo
from catdog_core.jobs import Job

from .. import loaders
from ..words import t

if TYPE_CHECKING:
    from catdog_core.insight.pooled import Pooling
    from catdog_core.insight.xray import Answer, Box, Layer
    from catdog_core.predict import Predictor


def layers(model: Predictor) -> list[Layer]:
    """The layers of a model that give maps."""
    from catdog_core.insight import xray

    return xray.layers(model)


def layer_map(model: Predictor, photo: Photo, place: int) -> NDArray[np.float32]:
    """What a layer gives of a fitted photo, (S, S, 3) to (h, w, K); below 0 the photo itself."""
    from catdog_core.insight import xray

    found: NDArray[np.float32] = xray.maps(model, photo[None], place)[0]
    return found


def pooling(model: Predictor, place: int) -> tuple[Pooling, int]:
    """How a max pooling layer goes about, and the place of the layer whose map it takes."""
    from catdog_core.insight import xray

    return xray.pooling(model, place)


def strongest(
    model: Predictor, photos: Iterable[Photo], place: int, channel: int, tell: Callable[[int], None]
) -> list[Answer]:
    """The photos a channel of a layer answers to most."""
    from catdog_core.insight import xray

    return xray.strongest(model, photos, place, channel, progress=tell)


def filters(model: Predictor) -> NDArray[np.float32]:
    """The filters of the first convolution, (K, k, k, 3), 0..1. Raises ModelError."""
    from catdog_core.insight import xray

    return xray.filters(model)


def receptive_field(model: Predictor, place: int, row: int, column: int) -> Box:
    """The pixels that reach a unit of a layer's map. Raises ModelError."""
    from catdog_core.insight import xray

    return xray.receptive_field(model, place, row, column)


def through_epochs(
    path: Path, epochs: Sequence[Path], photo: Photo, place: int, channel: int, job: Job
) -> list[NDArray[np.float32]]:
    """A channel's map of a fitted photo after earlier epochs of a run. Raises ModelError."""
    from catdog_core.insight import xray

    found = []
    for one in xray.through_epochs(path, epochs, photo, place, channel):
        found.append(one)
        job.tell("", len(found), len(epochs))
    return found


def at_epoch(path: Path, weights: Path) -> Predictor:
    """A run's model with the weights of an earlier epoch. Raises ModelError."""
    with st.spinner(t("Loading the weights of this epoch…")):
        stamps = path.stat().st_mtime_ns, weights.stat().st_mtime_ns
        return _at_epoch(str(path), str(weights), stamps)


@st.cache_resource(show_spinner=False, max_entries=8)
def _at_epoch(path: str, weights: str, changed: tuple[int, int]) -> Predictor:
    from catdog_core import predict as room

    model = room.at_epoch(Path(path), Path(weights))
    loaders.settle()
    return model
