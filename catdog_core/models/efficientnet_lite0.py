"""EfficientNet-Lite0: the network in Keras, and its pretrained weights put into it.

Tan and Le's EfficientNet-B0 made plain for small machines (TensorFlow's `efficientnet/lite`): no
squeeze-and-excitation, ReLU6 for swish, stem and head of fixed width. A block widens the channels
(1×1), filters each by itself (depthwise), narrows them again (1×1), and adds its input where the
shapes agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from numpy.typing import NDArray

from .backbones import LITE0_HEAD, LITE0_STEM, Lite0Block, lite0_blocks

BATCH_NORM_EPSILON = 1e-3
"""Of batch normalisation: what TensorFlow's own training added to the variance."""


def build_lite0(size: int) -> keras.Model:
    """The network, with weights to be filled by `load_lite0_weights`.

    Batch normalisation is merged into the convolution before it: the same mathematics in half the
    operations, and a third quicker. Statistics of ImageNet, which a handful of photos would only
    spoil, stay as they are when the network is trained on.

    Args:
        size: side of the square photos in pixels, S.

    Returns:
        A model from (B, S, S, 3), values 0..255, to (B, 1280) features.
    """
    photos = keras.Input((size, size, 3), name="photos")
    x = kl.Rescaling(1 / 128, -127 / 128, name="rescale")(photos)
    x = _lite0_conv(x, "stem", LITE0_STEM, 3, 2)
    for number, block in enumerate(lite0_blocks()):
        x = _lite0_block(x, f"block{number}", block)
    x = _lite0_conv(x, "head", LITE0_HEAD)
    x = kl.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(photos, x, name="efficientnet_lite0")


def _lite0_block(x: Any, name: str, block: Lite0Block) -> Any:
    before = x
    if block.expand > 1:
        x = _lite0_conv(x, f"{name}_expand", block.channels_in * block.expand)
    x = _lite0_conv(x, f"{name}_depthwise", None, block.kernel, block.stride)
    x = _lite0_conv(x, f"{name}_project", block.channels, active=False)
    if block.adds:
        x = kl.Add(name=f"{name}_add")([x, before])
    return x


def _lite0_conv(
    x: Any, name: str, filters: int | None, kernel: int = 1, stride: int = 1, active: bool = True
) -> Any:
    """A convolution and ReLU6; depthwise where `filters` is None."""
    shared: dict[str, Any] = {"strides": stride, "padding": "same", "name": f"{name}_conv"}
    if filters is None:
        x = kl.DepthwiseConv2D(kernel, **shared)(x)
    else:
        x = kl.Conv2D(filters, kernel, **shared)(x)
    return kl.ReLU(max_value=6.0, name=f"{name}_relu")(x) if active else x


def load_lite0_weights(model: keras.Model, weights: Mapping[str, NDArray[Any]]) -> None:
    """Put pretrained weights, named and laid out as PyTorch does, into a model of `build_lite0`."""
    for name, conv, norm in _lite0_weight_names():
        kernel = weights[f"{conv}.weight"]  # (out, in or 1, height, width)
        parts = ("weight", "bias", "running_mean", "running_var")
        scale, shift, mean, variance = (weights[f"{norm}.{part}"] for part in parts)
        factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        folded = kernel * factor[:, None, None, None]
        depthwise = name.endswith("_depthwise")
        order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        model.get_layer(f"{name}_conv").set_weights(
            [folded.transpose(order), shift - mean * factor]
        )


def _lite0_weight_names() -> list[tuple[str, str, str]]:
    """Our name of each convolution, and PyTorch's names of it and of its normalisation."""
    found = [("stem", "_conv_stem", "_bn0")]
    for number, block in enumerate(lite0_blocks()):
        theirs = f"_blocks.{number}"
        if block.expand > 1:
            found.append((f"block{number}_expand", f"{theirs}._expand_conv", f"{theirs}._bn0"))
        for name, norm in (("depthwise", "_bn1"), ("project", "_bn2")):
            found.append((f"block{number}_{name}", f"{theirs}._{name}_conv", f"{theirs}.{norm}"))
    return [*found, ("head", "_conv_head", "_bn1")]
