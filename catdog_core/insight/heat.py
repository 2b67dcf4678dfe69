"""Maps of a network as pictures, and drawn over photos."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images import Photo


def overlay(photo: Photo, heat: NDArray[np.float32], opacity: float = 0.5) -> Photo:
    """Lay a heat map over a photo.

    The colours are those of "inferno", whose lightness grows evenly with the value: no edge
    appears where the map has none, as it does with a rainbow, and it reads in grey and to
    colour-blind eyes.

    Args:
        photo: (H, W, 3) uint8.
        heat: of the whole photo, (h, w) float32, 0..1; resized to it.
        opacity: 0 shows the photo alone, 1 the map alone.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = photo.shape[:2]
    values = np.asarray(cv2.resize(heat, (width, height)), dtype=np.float32)
    mixed = cv2.addWeighted(photo, 1 - opacity, coloured(values), opacity, 0)
    return np.asarray(mixed, dtype=np.uint8)


def coloured(values: NDArray[np.float32]) -> Photo:
    """Values 0..1 in the colours of "inferno", (h, w) to (h, w, 3) uint8."""
    levels = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return np.asarray(colours, dtype=np.uint8)


def framed(photo: Photo, top: int, left: int, bottom: int, right: int) -> Photo:
    """A photo with a frame around a part of it, in pixels; what is outside the frame is dimmed."""
    height, width = photo.shape[:2]
    top, left = min(max(top, 0), height), min(max(left, 0), width)
    bottom, right = max(min(bottom, height), top), max(min(right, width), left)
    result = (photo // 3).astype(np.uint8)
    result[top:bottom, left:right] = photo[top:bottom, left:right]
    around = cv2.rectangle(result, (left - 1, top - 1), (right, bottom), (255, 255, 255))
    return np.asarray(around, dtype=np.uint8)
