"""Maps of a network as pictures, and drawn over photos."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..imaging.decode import Photo


def overlay_heatmap(photo: Photo, heat: NDArray[np.float32], opacity: float = 0.5) -> Photo:
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
    mixed = cv2.addWeighted(photo, 1 - opacity, apply_colormap(values), opacity, 0)
    return np.asarray(mixed, dtype=np.uint8)


def apply_colormap(values: NDArray[np.float32]) -> Photo:
    """Return values 0..1 in the colours of "inferno", (h, w) to (h, w, 3) uint8."""
    levels = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return np.asarray(colours, dtype=np.uint8)


def draw_frame(photo: Photo, box: tuple[int, int, int, int], dim: float = 1 / 3) -> Photo:
    """Draw a frame around a part of a photo, and dim what is outside of it.

    Args:
        photo: (H, W, 3) uint8.
        box: top, left, bottom and right of the part in pixels; cut at the photo's edge.
        dim: what is left of the light outside, 0..1.
    """
    top, left, bottom, right = clip_box(photo, box)
    result = (photo * dim).astype(np.uint8)
    result[top:bottom, left:right] = photo[top:bottom, left:right]
    around = cv2.rectangle(result, (left - 1, top - 1), (right, bottom), (255, 255, 255))
    return np.asarray(around, dtype=np.uint8)


def add_inset(photo: Photo, box: tuple[int, int, int, int]) -> Photo:
    """Draw a framed part of a photo once more, enlarged, in the corner farthest from it.

    A part of more than a third of the photo is large enough as it is, and only framed.
    """
    height, width = photo.shape[:2]
    top, left, bottom, right = clip_box(photo, box)
    result = draw_frame(photo, box, dim=0.7)
    side = min(height, width) * 2 // 5
    if max(bottom - top, right - left) > side * 5 // 6 or bottom == top or right == left:
        return result
    part = cv2.resize(photo[top:bottom, left:right], (side, side), interpolation=cv2.INTER_NEAREST)
    part = cv2.rectangle(part, (0, 0), (side - 1, side - 1), (255, 255, 255), 2)
    y = height - side if top + bottom < height else 0
    x = width - side if left + right < width else 0
    result[y : y + side, x : x + side] = part
    return result


def clip_box(photo: Photo, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return a box without what of it lies beyond the photo: top, left, bottom, right."""
    height, width = photo.shape[:2]
    top, left = min(max(box[0], 0), height), min(max(box[1], 0), width)
    return top, left, max(min(box[2], height), top), max(min(box[3], width), left)
