"""Networks built from settings, layer for layer as `architecture` lists them."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as kl

from ..config.network import Network


def build_custom_network(network: Network, image_size: int, units: int, name: str) -> keras.Model:
    """Build an untrained network from settings that `architecture` has found possible.

    Args:
        network: the settings.
        image_size: side of the square photos in pixels, S.
        units: of the output layer; one is a sigmoid, more are a softmax.
        name: the model's.

    Returns:
        A model from (B, S, S, 3), values 0..255, to (B, units) probabilities.
    """
    stack: list[Any] = [keras.Input((image_size, image_size, 3)), kl.Rescaling(1 / 255)]
    for filters in network.filters:
        stack += _block(network, filters)
    stack.append(kl.Flatten() if network.head == "flatten" else kl.GlobalAveragePooling2D())
    if network.dropout:
        stack.append(kl.Dropout(network.dropout))
    if network.dense:
        stack.append(kl.Dense(network.dense, activation=network.activation))
    # Probabilities in 32 bits, whatever the layers before compute in: 16 would round them.
    stack.append(
        kl.Dense(units, activation="sigmoid" if units == 1 else "softmax", dtype="float32")
    )
    return keras.Sequential(stack, name=name.replace("-", "_"))


def _block(network: Network, filters: int) -> list[Any]:
    layers: list[Any] = [
        kl.Conv2D(
            filters,
            network.kernel,
            strides=2 if network.pooling == "stride" else 1,
            padding=network.padding,
            activation=None if network.batch_norm else network.activation,
            use_bias=not network.batch_norm,
        )
    ]
    if network.batch_norm:
        layers += [kl.BatchNormalization(), kl.Activation(network.activation)]
    if network.pooling == "max":
        layers.append(kl.MaxPooling2D(2))
    elif network.pooling == "average":
        layers.append(kl.AveragePooling2D(2))
    return layers
