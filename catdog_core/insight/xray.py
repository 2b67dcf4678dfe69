"""What goes on inside a network: its maps of a photo, its first filters, what a unit can see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl
from numpy.typing import NDArray

from ..errors import ModelError
from ..files import shown
from ..predict import BATCH, Predictor
from .walk import Walk, is_graph


@dataclass(frozen=True)
class FeatureMap:
    """What a layer gives of a photo: its name, its kind by Keras's name, (h, w, K) float32."""

    name: str
    kind: str
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """A part of a photo in its pixels, right and bottom not included; may reach beyond its edge."""

    top: int
    left: int
    bottom: int
    right: int


def feature_maps(predictor: Predictor, photo: NDArray[np.uint8]) -> list[FeatureMap]:
    """The maps of one fitted photo, (S, S, 3) uint8, from the first layer to the last with places.

    Layers of nested models stand among the others.
    """
    names, run = _maps(predictor.model, predictor.size)
    found = run(tf.constant(predictor.values(photo[None])))
    return [
        FeatureMap(name, kind, values.numpy()[0])
        for (name, kind), values in zip(names, found, strict=True)
    ]


def filters(predictor: Predictor) -> NDArray[np.float32]:
    """The filters of the first convolution, (K, k, k, 3), 0..1; a weight of 0 is 0.5.

    Each is scaled by itself: trained ones differ in strength by a factor of a hundred.

    Raises:
        ModelError: no convolution looks at the colours of the photo.
    """
    for layer in predictor.model._flatten_layers():
        if isinstance(layer, kl.Conv2D) and layer.kernel.shape[2] == 3:
            kernel = np.asarray(layer.kernel, dtype=np.float32).transpose(3, 0, 1, 2)
            scale = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
            scale[scale == 0] = 1
            return np.asarray(kernel / scale / 2 + 0.5, dtype=np.float32)
    raise ModelError(
        "No convolution of the model looks at a photo's three colours. Expected a network that"
        " begins with one, such as 'notes' or 'transfer'."
    )


def strongest(
    predictor: Predictor, photos: NDArray[np.uint8], name: str, channel: int
) -> NDArray[np.int64]:
    """Places of the photos, (N, S, S, 3) uint8, by how much a channel answers, the most first.

    Args:
        predictor: the model.
        photos: fitted photos.
        name: a layer's, as `feature_maps` tells it.
        channel: of its map, from 0.
    """
    names, run = _maps(predictor.model, predictor.size)
    at = [known for known, _ in names].index(name)
    peaks = [
        run(tf.constant(predictor.values(photos[start : start + BATCH])))[at]
        .numpy()[..., channel]
        .max(axis=(1, 2))
        for start in range(0, len(photos), BATCH)
    ]
    return np.argsort(-np.concatenate(peaks), kind="stable")


def receptive_field(predictor: Predictor, name: str, row: int, column: int) -> Box:
    """All pixels that can reach a unit of a layer's map.

    Args:
        predictor: the model.
        name: the layer's, as `feature_maps` tells it.
        row: of the unit in the map, from 0.
        column: likewise.

    Raises:
        ModelError: a layer makes maps larger again.
    """
    down, across = (_fields(predictor, axis)[name] for axis in (0, 1))
    top, left = (f.start + place * f.step for f, place in ((down, row), (across, column)))
    return Box(top, left, top + down.size, left + across.size)


@lru_cache(maxsize=8)
def _maps(model: keras.Model, size: int) -> tuple[list[tuple[str, str]], Any]:
    """Name and kind of each layer with a map, and a graph from values to all of the maps."""
    names: list[tuple[str, str]] = []

    def maps(batch: tf.Tensor) -> list[tf.Tensor]:
        walk = Walk(model)
        walk.through(model, batch)
        names[:] = [(layer.name, type(layer).__name__) for layer, _ in walk.maps]
        return [tf.cast(result, tf.float32) for _, result in walk.maps]

    signature = [tf.TensorSpec((None, size, size, 3), tf.float32)]
    run = tf.function(maps, input_signature=signature, autograph=False)
    run.get_concrete_function()
    return names, run


@dataclass(frozen=True)
class _Field:
    """Along one axis: a map of `count` units; the first sees `size` pixels from `start` on, and
    each further one begins `step` pixels later."""

    count: int
    start: int = 0
    size: int = 1
    step: int = 1

    def window(self, kernel: int, stride: int, same: bool) -> _Field:
        """After a window of `kernel` units that moves by `stride`."""
        count = -(-self.count // stride) if same else (self.count - kernel) // stride + 1
        pad = max((count - 1) * stride + kernel - self.count, 0) // 2 if same else 0
        return _Field(
            count,
            self.start - pad * self.step,
            self.size + (kernel - 1) * self.step,
            self.step * stride,
        )


def _fields(predictor: Predictor, axis: int) -> dict[str, _Field]:
    """What the layers' units see along an axis, by name."""
    found: dict[str, _Field] = {}

    def through(model: Any, field: _Field) -> Any:
        graph = getattr(model, "_functional", None) or model
        result = graph._run_through_graph(field, operation_fn=step)
        return result[0] if isinstance(result, list | tuple) else result

    def step(layer: Any) -> Any:
        def seen(*args: Any, **_kwargs: Any) -> _Field:
            given = args[0] if isinstance(args[0], list | tuple) else args
            joined = _join([field for field in given if isinstance(field, _Field)])
            if is_graph(layer):
                return through(layer, joined)  # type: ignore[no-any-return]
            found[layer.name] = _after(layer, joined, axis)
            return found[layer.name]

        return seen

    through(predictor.model, _Field(predictor.size))
    return found


def _join(fields: list[_Field]) -> _Field:
    """Of maps laid together: from the earliest pixel any of them sees to the latest."""
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return replace(fields[0], start=start, size=end - start)


def _after(layer: Any, field: _Field, axis: int) -> _Field:
    if isinstance(layer, kl.ZeroPadding2D):
        before, after = layer.padding[axis]
        return replace(
            field, count=field.count + before + after, start=field.start - before * field.step
        )
    if isinstance(layer, kl.Conv2DTranspose | kl.UpSampling2D):
        raise ModelError(
            "The layer {name} makes its map larger. Expected a network whose maps only shrink, as"
            " those of classifiers do.",
            name=shown(layer.name),
        )
    kernel = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if kernel is None:
        return field
    dilation = getattr(layer, "dilation_rate", (1, 1))
    dilation = dilation if isinstance(dilation, tuple) else (dilation,) * 2
    return field.window(
        (kernel[axis] - 1) * dilation[axis] + 1, layer.strides[axis], layer.padding == "same"
    )
