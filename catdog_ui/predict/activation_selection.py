"""What the X-ray's panels share: the selected channel, its map as a picture, the forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis.heatmap import apply_colormap
from catdog_core.base.jobs import Job
from catdog_core.imaging.decode import Photo
from catdog_core.server import loaded_models

from ..i18n import t
from .predict_inputs import ModelChoice
from .predict_panels import PhotoFiles

if TYPE_CHECKING:
    from catdog_core.analysis.activations import Box, ChannelActivation, MapLayer
    from catdog_core.analysis.max_pooling import Pooling
    from catdog_core.analysis.predict import Predictor


@dataclass(frozen=True)
class ActivationSelection:
    """What is looked at: a channel of a layer's map of a photo, by a model at an epoch.

    `values` is the map, (h, w, K); `epochs` are the files of the run's kept epochs, from 0.
    """

    choice: ModelChoice
    model: Predictor
    photo: Photo
    photos: PhotoFiles
    layers: list[MapLayer]
    layer: MapLayer
    channel: int
    values: NDArray[np.float32]
    epochs: dict[int, Path]

    @property
    def channel_map(self) -> NDArray[np.float32]:
        """The map of the channel, (h, w)."""
        return self.values[..., self.channel]


def map_picture(values: NDArray[np.float32], side: int = 96) -> Photo:
    """Return a channel's map, (h, w), in colours scaled by itself; small ones are made larger.

    Args:
        values: the map.
        side: pixels the longer side shall have at least about; its squares stay sharp.
    """
    low, high = float(values.min()), float(values.max())
    return enlarge_pixels(apply_colormap((values - low) / (high - low or 1.0)), side)


def enlarge_pixels(small: Photo, side: int) -> Photo:
    """Return a picture whose every pixel is a square, as large as fits `side` pixels."""
    factor = max(1, side // max(small.shape[:2]))
    large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)


def map_layers(model: Predictor) -> list[MapLayer]:
    """Return the layers of a model that give maps."""
    from catdog_core.analysis import activations

    return activations.list_map_layers(model)


def layer_map(model: Predictor, photo: Photo, layer_index: int) -> NDArray[np.float32]:
    """Return a layer's output for a fitted photo, (S, S, 3) to (h, w, K); below 0 the photo."""
    from catdog_core.analysis import activations

    feature_map: NDArray[np.float32] = activations.compute_activations(
        model, photo[None], layer_index
    )[0]
    return feature_map


def pooling_spec(model: Predictor, layer_index: int) -> tuple[Pooling, int]:
    """Return the settings of a max pooling layer, and the index of the layer before it."""
    from catdog_core.analysis import activations

    return activations.pooling_of_layer(model, layer_index)


def top_activations(
    model: Predictor,
    photos: Iterable[Photo],
    layer_index: int,
    channel: int,
    tell: Callable[[int], None],
) -> list[ChannelActivation]:
    """Return the photos a channel of a layer answers to most."""
    from catdog_core.analysis import activations

    return activations.top_activations(model, photos, layer_index, channel, progress=tell)


def first_filters(model: Predictor) -> NDArray[np.float32]:
    """Return the filters of the first convolution, (K, k, k, 3), 0..1. Raises ModelError."""
    from catdog_core.analysis import activations

    return activations.first_layer_filters(model)


def compute_receptive_field(model: Predictor, layer_index: int, row: int, column: int) -> Box:
    """Return the pixels that reach a unit of a layer's map. Raises ModelError."""
    from catdog_core.analysis import activations

    return activations.receptive_field(model, layer_index, row, column)


def maps_through_epochs(
    path: Path, epochs: Sequence[Path], photo: Photo, layer_index: int, channel: int, job: Job
) -> list[NDArray[np.float32]]:
    """Return a channel's map of a photo after earlier epochs of a run. Raises ModelError."""
    from catdog_core.analysis import activations

    feature_maps = []
    for one in activations.activations_by_epoch(path, epochs, photo, layer_index, channel):
        feature_maps.append(one)
        job.tell("", len(feature_maps), len(epochs))
    return feature_maps


def load_at_epoch(path: Path, weights: Path) -> Predictor:
    """Return a run's model with the weights of an earlier epoch. Raises ModelError."""
    with st.spinner(t("Loading the weights of this epoch…")):
        stamps = path.stat().st_mtime_ns, weights.stat().st_mtime_ns
        return _load_at_epoch(str(path), str(weights), stamps)


@st.cache_resource(show_spinner=False, max_entries=8)
def _load_at_epoch(path: str, weights: str, changed: tuple[int, int]) -> Predictor:
    from catdog_core.analysis import predict

    model = predict.load_predictor_at_epoch(Path(path), Path(weights))
    loaded_models.freeze_gc()
    return model
