"""The compact network: a small residual network (He et al. 2015, arXiv:1512.03385) for CPUs.

Plain 3×3 convolutions throughout, since depthwise ones are slow on processors. Where a block
halves the map, its way past the convolutions averages before it changes the channels (He et al.
2018, arXiv:1812.01187), so that no pixel is left out. The last batch norm of a block starts at 0:
at first a block passes on what it gets, and the network learns as if it were shallow.
"""

from __future__ import annotations

import keras
from keras import KerasTensor
from keras import layers as kl

from .architecture import DROPOUT, STEM, WIDTHS


def build(image_size: int, units: int) -> keras.Model:
    """Build the untrained network.

    Args:
        image_size: side of the square photos in pixels, S.
        units: 1 for a sigmoid output, more for softmax.

    Returns:
        A model from (B, S, S, 3), values 0..255, to (B, units) probabilities.
    """
    photos = keras.Input((image_size, image_size, 3))
    x = kl.Rescaling(1 / 64, -2)(photos)  # -2..2, about the range that batch norms keep later
    x = kl.Activation("relu")(_convolve(x, WIDTHS[0], STEM, stride=2))
    x = kl.MaxPooling2D(3, 2, padding="same")(x)
    for index, filters in enumerate(WIDTHS):
        x = _block(x, filters, stride=2 if index else 1)
    x = kl.GlobalAveragePooling2D()(x)
    x = kl.Dropout(DROPOUT)(x)
    activation = "sigmoid" if units == 1 else "softmax"
    # Probabilities use 32 bits even after 16-bit layers: 16 bits would round them.
    out = kl.Dense(units, activation=activation, dtype="float32")(x)
    return keras.Model(photos, out, name="compact")


def _block(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
    """(B, H, W, C) to (B, H / stride, W / stride, filters): two convolutions and a shortcut."""
    y = kl.Activation("relu")(_convolve(x, filters, 3, stride))
    y = _convolve(y, filters, 3, scale="zeros")
    if stride > 1:
        x = kl.AveragePooling2D(stride, padding="same")(x)
        x = _convolve(x, filters, 1)
    return kl.Activation("relu")(kl.Add()([x, y]))


def _convolve(
    x: KerasTensor, filters: int, kernel: int, stride: int = 1, scale: str = "ones"
) -> KerasTensor:
    """Return a convolution and a batch norm. `scale` names the initializer of its scale."""
    x = kl.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,  # the batch norm has its own
        kernel_initializer="he_normal",
    )(x)
    return kl.BatchNormalization(gamma_initializer=scale)(x)
