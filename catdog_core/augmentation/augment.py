"""Random changes to photos: one matrix, one warp, one pass over the values.

Meaning and units are those `ImageDataGenerator` documents. The matrix is the one of
`keras.preprocessing.image.apply_affine_transform`: rotation, shift, shear and zoom about the
centre, read as a map from a pixel of the result to the pixel it is taken from. Flips join the
same matrix, so a photo is resampled once; OpenCV does it on uint8. `color` does the rest.

The preview draws with `make_variants`, the training with `augment_batch`; both call
`sample_transform` and the same warp. What mixes photos with each other is in `mixing`.
"""

from __future__ import annotations

from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import PIPELINE_VERSION, Augmentation, FillMode
from ..imaging.decode import Photo
from . import color
from .mixing import mix_batch
from .transform import Transform, sample_transform

__all__ = [
    "Transform",
    "affine_matrix",
    "apply_transform",
    "augment_batch",
    "make_variants",
    "mix_batch",
    "sample_transform",
]

_BORDERS: dict[FillMode, int] = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "wrap": cv2.BORDER_WRAP,
    "constant": cv2.BORDER_CONSTANT,
}


def affine_matrix(transform: Transform, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the map from (x, y) of the result to (x, y) of the source, in pixels.

    The centre of the top left pixel is (0, 0), that of the bottom right one (W - 1, H - 1); so the
    photo's centre is ((W - 1) / 2, (H - 1) / 2), and a flip takes x to W - 1 - x.

    Args:
        transform: the values drawn.
        size: (H, W) of the photo, pixels.

    Returns:
        (2, 3) float64. Its map goes from the result to the source, the opposite of how a photo
        seems to move, since each pixel of the result needs one place to be taken from. That of
        Keras does so too (SciPy's `ndimage.affine_transform`), and OpenCV when it is given
        `WARP_INVERSE_MAP`.
    """
    height, width = size
    theta, shear = radians(transform.theta), radians(transform.shear)
    # The product rotation @ shift @ shear @ zoom, multiplied out, in the order of
    # `keras.preprocessing.image.apply_affine_transform`. The matrix of a shear is
    # [[1, -sin s], [0, cos s]] there; the sums of angles follow by the addition theorems. It slants
    # the photo and makes it 1 / cos s higher. The shift is turned with the photo.
    xx = cos(theta) * transform.zx
    xy = -sin(theta + shear) * transform.zy
    yx = sin(theta) * transform.zx
    yy = cos(theta + shear) * transform.zy
    shift_x = cos(theta) * transform.shift_x - sin(theta) * transform.shift_y
    shift_y = sin(theta) * transform.shift_x + cos(theta) * transform.shift_y
    # All of it is about the centre: shifted there and back, which only changes the last column.
    # Keras takes half the height as the centre's x and half the width as its y. On squares, which
    # is what trains, it makes no difference; on other shapes equality with Keras is kept.
    x, y = (height - 1) / 2, (width - 1) / 2
    move_x = shift_x + x - xx * x - xy * y
    move_y = shift_y + y - yx * x - yy * y
    # A flip comes last, after the product: W - 1 - x, or H - 1 - y, is put in for x or y.
    if transform.flip_horizontal:
        move_x, move_y, xx, yx = move_x + xx * (width - 1), move_y + yx * (width - 1), -xx, -yx
    if transform.flip_vertical:
        move_x, move_y, xy, yy = move_x + xy * (height - 1), move_y + yy * (height - 1), -xy, -yy
    return np.array([[xx, xy, move_x], [yx, yy, move_y]], dtype=np.float64)


def apply_transform(image: Photo, transform: Transform) -> Photo:
    """Apply one transform to one photo: (H, W, 3) uint8 in and out."""
    return _apply_into(image, transform, np.empty_like(image))


def make_variants(
    image: Photo, settings: Augmentation, count: int = 20, seed: int = 0
) -> list[tuple[Photo, Transform]]:
    """Make `count` random variants of one photo, each with the values drawn for it.

    Variant i depends on (seed, i) alone, so asking for more keeps the first ones.
    """
    size = image.shape[:2]
    drawn = [
        sample_transform(settings, size, np.random.default_rng((seed, i))) for i in range(count)
    ]
    return [(apply_transform(image, transform), transform) for transform in drawn]


def augment_batch(
    images: Photo,
    settings: Augmentation,
    rng: np.random.Generator,
    pipeline: int = PIPELINE_VERSION,
) -> Photo:
    """Transform every photo of a batch by a draw of its own: uint8 (B, H, W, 3) in and out.

    Args:
        images: the photos.
        settings: what changes them.
        rng: the source of chance.
        pipeline: the version, see `config.PIPELINE_VERSION`.
    """
    size = images.shape[1:3]
    result = np.empty_like(images)
    for source, target in zip(images, result, strict=True):
        _apply_into(source, sample_transform(settings, size, rng), target, pipeline)
    return result


def _apply_into(
    image: Photo, transform: Transform, target: Photo, pipeline: int = PIPELINE_VERSION
) -> Photo:
    height, width = image.shape[:2]
    cv2.warpAffine(
        image,
        affine_matrix(transform, (height, width)),
        (width, height),
        dst=target,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=_BORDERS[transform.fill_mode],
        borderValue=(transform.cval,) * 3,
    )
    color.apply_pixel_ops(target, transform, pipeline)
    return target
