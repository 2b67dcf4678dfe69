"""Heat maps drawn over photos."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .images import Photo


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
    values = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
    levels = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    mixed = cv2.addWeighted(photo, 1 - opacity, colours, opacity, 0)
    return np.asarray(mixed, dtype=np.uint8)
