"""What the closer looks of the X-ray share: what is looked at, and a channel's map as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from catdog_core.images import Photo
from catdog_core.insight.heat import coloured

from .predict_panels import Photos
from .predict_view import Choice

if TYPE_CHECKING:
    from catdog_core.insight.xray import Layer
    from catdog_core.predict import Predictor


@dataclass(frozen=True)
class Look:
    """What is looked at: a channel of a layer's map of a photo, by a model at an epoch.

    `values` is the map, (h, w, K); `epochs` are the files of the run's kept epochs, from 0.
    """

    choice: Choice
    model: Predictor
    photo: Photo
    photos: Photos
    layers: list[Layer]
    layer: Layer
    channel: int
    values: NDArray[np.float32]
    epochs: dict[int, Path]

    @property
    def channel_map(self) -> NDArray[np.float32]:
        """The map of the channel, (h, w)."""
        return self.values[..., self.channel]


def picture(values: NDArray[np.float32], side: int = 96) -> Photo:
    """A channel's map, (h, w), in colours scaled by itself; small ones are made larger.

    Args:
        values: the map.
        side: pixels the longer side shall have at least about; its squares stay sharp.
    """
    low, high = float(values.min()), float(values.max())
    return enlarged(coloured((values - low) / (high - low or 1.0)), side)


def enlarged(small: Photo, side: int) -> Photo:
    """A picture whose every pixel is a square, as large as fits `side` pixels."""
    factor = max(1, side // max(small.shape[:2]))
    large = cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)
