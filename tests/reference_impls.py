"""What other libraries make of the same drawn values, to compare with."""

import numpy as np
import pytest

from catdog_core.augmentation import augment

# Keras itself calls SciPy by a name SciPy deprecates.
IGNORE_SCIPY_WARNING = pytest.mark.filterwarnings(
    "ignore:Please import .affine_transform.:DeprecationWarning"
)


def keras_transform(photo, drawn):
    """The photo as Keras's own warp (SciPy, order 1) and flips leave it: float32 0..255."""
    from tensorflow.keras.preprocessing.image import apply_affine_transform

    result = apply_affine_transform(
        photo.astype(np.float32),
        theta=drawn.theta,
        tx=drawn.shift_x,
        ty=drawn.shift_y,
        shear=drawn.shear,
        zx=drawn.zx,
        zy=drawn.zy,
        row_axis=0,
        col_axis=1,
        channel_axis=2,
        fill_mode=drawn.fill_mode,
        cval=drawn.cval,
        order=1,
    )
    result = result[:, ::-1] if drawn.flip_horizontal else result
    return result[::-1] if drawn.flip_vertical else result


def inside_mask(drawn, size):
    """(H, W) bool: the pixels of the result whose source lies inside the photo."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    (a, b, c), (d, e, f) = augment.affine_matrix(drawn, size)
    u, v = a * x + b * y + c, d * x + e * y + f
    return (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
