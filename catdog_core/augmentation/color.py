"""Change the values of a photo's pixels, once they are in their places.

In this order, as light comes into a camera: channel shift, brightness and contrast by one table
of 256 values; saturation and hue by one 3 × 3 matrix; blur; noise; an erased rectangle. All on
uint8, in place; a step that is not asked for costs nothing.
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import PIPELINE_VERSION
from ..imaging.decode import Photo
from .transform import Transform

# From RGB to luminance and two colour differences, by the coefficients of the NTSC (1953).
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_ANGLES_TRIED = 9
_LEVELS = np.arange(256, dtype=np.float64)


def apply_pixel_ops(target: Photo, transform: Transform, pipeline: int = PIPELINE_VERSION) -> None:
    """Change the values of a (H, W, 3) uint8 photo in place.

    Args:
        target: the photo.
        transform: the values drawn.
        pipeline: the version, see `config.PIPELINE_VERSION`.
    """
    if transform.brightness != 1.0 or transform.channel_shift or transform.contrast != 1.0:
        cv2.LUT(target, _lookup_table(target, transform, pipeline), dst=target)
    if transform.saturation != 1.0 or transform.hue:
        cv2.transform(target, colour_matrix(transform.saturation, transform.hue), dst=target)
    if transform.blur:
        cv2.GaussianBlur(target, (0, 0), transform.blur, dst=target)
    if transform.noise:
        rng = np.random.Generator(np.random.SFC64(transform.noise_seed))
        noise: Any = rng.standard_normal(target.shape, dtype=np.float32)
        noise *= transform.noise
        cv2.add(target, noise, dst=target, dtype=cv2.CV_8U)
    if transform.erased:
        left, top, width, height = transform.erased
        target[top : top + height, left : left + width] = transform.paint


def _lookup_table(target: Photo, transform: Transform, pipeline: int) -> NDArray[np.uint8]:
    """New value by old value.

    A channel shift stays within the values the photo has, as `keras.preprocessing.image.
    apply_channel_shift` keeps it. Contrast is about the mean grey of what came before it, as in
    `PIL.ImageEnhance.Contrast`: where shift and brightness clip values, of the clipped ones.
    """
    values = _LEVELS
    if transform.channel_shift:
        low, high, _, _ = cv2.minMaxLoc(target.reshape(target.shape[0], -1))
        values = (values + transform.channel_shift).clip(low, high)
    if transform.brightness != 1.0:
        values = (values * transform.brightness).clip(0, 255)
    if transform.contrast != 1.0:
        if pipeline < 2:  # as runs that began so go on: what the two clip is not in the mean
            grey = transform.brightness * (
                float(np.dot(_YIQ[0], cv2.mean(target)[:3])) + transform.channel_shift
            )
            middle = min(max(grey, 0.0), 255.0)
        else:
            before = target if values is _LEVELS else cv2.LUT(target, _round_levels(values))
            middle = float(np.dot(_YIQ[0], cv2.mean(before)[:3]))
        values = (values - middle) * transform.contrast + middle
    return _round_levels(values)


def _round_levels(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return values.clip(0, 255).round().astype(np.uint8)


def colour_matrix(saturation: float, hue: float) -> NDArray[np.float64]:
    """Return the (3, 3) matrix from RGB to RGB that scales saturation and turns the hue.

    Both act on the two colour values of YIQ (NTSC, 1953) and leave its luminance: the saturation
    equals a blend with the grey photo, as in `PIL.ImageEnhance.Color`; the hue is an angle. In
    YIQ's plane, red, yellow and green follow each other clockwise, hence the signs. Vivid colours
    can get values below 0 or above 255, which are clipped; `measure_clipping` says how many.

    Args:
        saturation: 0 grey, 1 unchanged.
        hue: degrees, in the sense of HSV: from red to yellow, green, blue; 0 unchanged.
    """
    a, b = saturation * cos(radians(hue)), saturation * sin(radians(hue))
    change = np.array([[1, 0, 0], [0, a, b], [0, -b, a]])
    matrix: NDArray[np.float64] = np.linalg.inv(_YIQ) @ change @ _YIQ
    return matrix


def measure_clipping(photo: Photo, hue: float) -> float:
    """Return the fraction of a photo's pixels that one turn of the hue clips at 0 or 255.

    Args:
        photo: (H, W, 3) uint8.
        hue: degrees.
    """
    turned = cv2.transform(photo.astype(np.float32), colour_matrix(1.0, hue))
    return float(((turned < -0.5) | (turned >= 255.5)).any(axis=2).mean())


def largest_clipping(photo: Photo, hue_range: float) -> float:
    """Return the largest fraction of pixels that any turn within ±`hue_range` degrees clips."""
    if not hue_range:
        return 0.0
    angles = np.linspace(-hue_range, hue_range, _ANGLES_TRIED)
    return max(measure_clipping(photo, float(angle)) for angle in angles)
