"""Random changes to photos: one matrix, one warp, one table of values.

Meaning and units are those `ImageDataGenerator` documents. The matrix is the one of
`keras.preprocessing.image.apply_affine_transform`: rotation, shift, shear and zoom about the
centre, read as a map from a pixel of the result to the pixel it is taken from. Flips join the
same matrix, so a photo is resampled once; OpenCV does it on uint8.

The preview draws with `variants`, the training with `batch`; both call `draw` and `apply`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from .images import Photo
from .settings import Augmentation, FillMode

_BORDERS: dict[FillMode, int] = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
    "constant": cv2.BORDER_CONSTANT,
}


@dataclass(frozen=True)
class Transform:
    """One random draw, for photos of one size.

    `theta` and `shear` are degrees; `shift_x` (left-right) and `shift_y` (up-down) are pixels of
    the source; `zx` scales columns and `zy` rows, above 1 showing more of the scene, as in Keras;
    `brightness` is a factor, `channel_shift` is added to values of 0..255; `cval` is 0..255.
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

    def as_dict(self) -> dict[str, float | bool | str]:
        """The drawn values by name."""
        return asdict(self)


def draw(settings: Augmentation, size: tuple[int, int], rng: np.random.Generator) -> Transform:
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
    coins = rng.random(2).tolist()
    darkest, brightest = settings.brightness_range or (1.0, 1.0)
    return Transform(
        theta=settings.rotation_range * unit[0],
        shift_x=settings.width_shift_range * width * unit[1],
        shift_y=settings.height_shift_range * height * unit[2],
        shear=settings.shear_range * unit[3],
        zx=1.0 + settings.zoom_range * unit[4],
        zy=1.0 + settings.zoom_range * unit[5],
        flip_horizontal=settings.horizontal_flip and coins[0] < 0.5,
        flip_vertical=settings.vertical_flip and coins[1] < 0.5,
        brightness=darkest + (brightest - darkest) * float(rng.random()),
        channel_shift=settings.channel_shift_range * unit[6],
        fill_mode=settings.fill_mode,
        cval=settings.cval,
    )


def matrix(transform: Transform, size: tuple[int, int]) -> NDArray[np.float64]:
    """The (2, 3) map from (x, y) of the result to (x, y) of the source, in pixels."""
    height, width = size
    theta, shear = radians(transform.theta), radians(transform.shear)
    # rotation @ shift @ shear @ zoom; the shift is turned with the photo.
    xx = cos(theta) * transform.zx
    xy = -sin(theta + shear) * transform.zy
    yx = sin(theta) * transform.zx
    yy = cos(theta + shear) * transform.zy
    shift_x = cos(theta) * transform.shift_x - sin(theta) * transform.shift_y
    shift_y = sin(theta) * transform.shift_x + cos(theta) * transform.shift_y
    # Keras takes half the height as the centre's x and half the width as its y. On squares, which
    # is what trains, it makes no difference; on other shapes equality with Keras is kept.
    x, y = (height - 1) / 2, (width - 1) / 2
    move_x = shift_x + x - xx * x - xy * y
    move_y = shift_y + y - yx * x - yy * y
    if transform.flip_horizontal:  # the result's x is read from the right edge
        move_x, move_y, xx, yx = move_x + xx * (width - 1), move_y + yx * (width - 1), -xx, -yx
    if transform.flip_vertical:
        move_x, move_y, xy, yy = move_x + xy * (height - 1), move_y + yy * (height - 1), -xy, -yy
    return np.array([[xx, xy, move_x], [yx, yy, move_y]], dtype=np.float64)


def apply(image: Photo, transform: Transform) -> Photo:
    """Apply one transform to one photo: (H, W, 3) uint8 in and out."""
    return _apply_into(image, transform, np.empty_like(image))


def variants(
    image: Photo, settings: Augmentation, count: int = 20, seed: int = 0
) -> list[tuple[Photo, Transform]]:
    """`count` random variants of one photo, each with the values drawn for it.

    Variant i depends on (seed, i) alone, so asking for more keeps the first ones.
    """
    size = image.shape[:2]
    drawn = [draw(settings, size, np.random.default_rng((seed, i))) for i in range(count)]
    return [(apply(image, transform), transform) for transform in drawn]


def batch(images: Photo, settings: Augmentation, rng: np.random.Generator) -> Photo:
    """Transform every photo of a batch by a draw of its own: uint8 (B, H, W, 3) in and out."""
    result = np.empty_like(images)
    size = images.shape[1:3]
    for source, target in zip(images, result, strict=True):
        _apply_into(source, draw(settings, size, rng), target)
    return result


def _apply_into(image: Photo, transform: Transform, target: Photo) -> Photo:
    height, width = image.shape[:2]
    cv2.warpAffine(
        image,
        matrix(transform, (height, width)),
        (width, height),
        dst=target,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=_BORDERS[transform.fill_mode],
        borderValue=(transform.cval,) * 3,
    )
    if transform.brightness != 1.0 or transform.channel_shift:
        values = (np.arange(256) + transform.channel_shift).clip(0, 255) * transform.brightness
        cv2.LUT(target, values.clip(0, 255).round().astype(np.uint8), dst=target)
    return target
