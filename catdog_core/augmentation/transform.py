"""One random change to a photo: its values, and how they are drawn from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from ..config import Augmentation, FillMode

_SMALLEST_AREA = 0.02  # of random erasing, as in its paper
_LONGEST = log(10 / 3)  # its rectangles' sides are at most 3.3 to 1


@dataclass(frozen=True)
class Transform:
    """One random draw, for photos of one size.

    `theta` and `shear` are degrees; `shift_x` (left-right) and `shift_y` (up-down) are pixels of
    the source; `zx` scales columns and `zy` rows, above 1 showing more of the scene, as in Keras;
    `brightness`, `contrast` and `saturation` are factors, `hue` is degrees in the sense of HSV,
    `channel_shift` is added to values of 0..255; `blur` is a standard deviation in pixels, `noise`
    one of values of 0..255, its pattern told by `noise_seed`; `erased` is (left, top, width,
    height) in pixels, painted over with the RGB colour `paint`; `cval` is 0..255.
    """

    theta: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    shear: float = 0.0
    zx: float = 1.0
    zy: float = 1.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    brightness: float = 1.0
    channel_shift: float = 0.0
    fill_mode: FillMode = "nearest"
    cval: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    erased: tuple[int, int, int, int] | None = None
    paint: tuple[int, int, int] = (0, 0, 0)


def sample_transform(
    settings: Augmentation, size: tuple[int, int], rng: np.random.Generator
) -> Transform:
    """Draw one transform.

    Every value takes its turn in the generator whether or not its range is zero, so that moving
    one slider leaves the others' draws as they were.

    Args:
        settings: the ranges; each value is uniform within its own, each flip has probability 1/2.
        size: (H, W) of the photos in pixels; shifts are fractions of these.
        rng: the source of chance.
    """
    height, width = size
    unit = rng.uniform(-1.0, 1.0, size=7).tolist()
    chance = rng.random(16).tolist()  # each in [0, 1)
    return Transform(
        theta=settings.rotation_range * unit[0],
        shift_x=settings.width_shift_range * width * unit[1],
        shift_y=settings.height_shift_range * height * unit[2],
        shear=settings.shear_range * unit[3],
        zx=1.0 + settings.zoom_range * unit[4],
        zy=1.0 + settings.zoom_range * unit[5],
        flip_horizontal=settings.horizontal_flip and chance[0] < 0.5,
        flip_vertical=settings.vertical_flip and chance[1] < 0.5,
        brightness=_factor(settings.brightness_range, chance[2]),
        channel_shift=settings.channel_shift_range * unit[6],
        fill_mode=settings.fill_mode,
        cval=settings.cval,
        contrast=_factor(settings.contrast_range, chance[3]),
        saturation=_factor(settings.saturation_range, chance[4]),
        hue=settings.hue_range * (1 - 2 * chance[5]),
        blur=settings.blur_range * chance[6],
        noise=settings.noise_range * chance[7],
        noise_seed=int(chance[8] * 2**32),
        erased=_rectangle(settings, size, chance[9:14]),
        paint=_colour(chance[14], chance[15]),
    )


def _factor(limits: tuple[float, float] | None, chance: float) -> float:
    return 1.0 if limits is None else limits[0] + (limits[1] - limits[0]) * chance


def _colour(first: float, second: float) -> tuple[int, int, int]:
    red, rest = divmod(first * 65536, 256)
    return int(red), int(rest), int(second * 256)


def _rectangle(
    settings: Augmentation, size: tuple[int, int], chance: list[float]
) -> tuple[int, int, int, int] | None:
    """The rectangle of random erasing (Zhong et al. 2017, arXiv:1708.04896), or None.

    The paper draws again when a rectangle does not fit; here its long side is cut to the photo.
    """
    whether, area, ratio, across, down = chance
    if whether >= settings.erasing_probability:
        return None
    height, width = size
    share = _SMALLEST_AREA + (settings.erasing_area - _SMALLEST_AREA) * area
    stretch = sqrt(exp(_LONGEST * (2 * ratio - 1)))  # log-uniform: tall as likely as wide
    side = sqrt(share * height * width)
    w = min(width, max(1, round(side * stretch)))
    h = min(height, max(1, round(side / stretch)))
    return int(across * (width - w + 1)), int(down * (height - h + 1)), w, h
