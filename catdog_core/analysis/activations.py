"""What goes on inside a network: its maps of a photo, its first filters, what a unit can see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..base.files import truncate_for_display
from ..imaging.decode import Photo
from ..models import memory
from ..models.memory import BatchedGraph
from ..training import epoch_weights
from . import model_graph
from .max_pooling import Pooling
from .predict import Predictor, load_predictor


@dataclass(frozen=True)
class MapLayer:
    """A layer that gives a feature map.

    Attributes:
        index: among the nodes of the network's graph.
        name: the layer's own.
        kind: Keras's class, such as "Conv2D".
        shape: of its map, (h, w, K).
    """

    index: int
    name: str
    kind: str
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Box:
    """A part of a photo in its pixels, right and bottom not included; may reach beyond its edge."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class ChannelActivation:
    """How strongly a photo activates a channel.

    Attributes:
        photo: its number, from 0.
        value: the largest or the mean value of the channel's map.
        row, column: of the unit with the largest value.
    """

    photo: int
    value: float
    row: int
    column: int


def list_map_layers(predictor: Predictor) -> list[MapLayer]:
    """List the layers that give a feature map, in order; those of nested models among them."""
    if predictor.remote is not None:
        layers = predictor.remote.call("layers")
        return [
            MapLayer(layer_index, name, kind, tuple(shape))
            for layer_index, name, kind, shape in layers
        ]
    map_layers = []
    for layer_index, step in enumerate(
        model_graph.build_model_graph(predictor.model, predictor.size).nodes
    ):
        if step.is_feature_map:
            height, width, channels = (n or 0 for n in step.shape[1:])
            kind = type(step.layer).__name__
            map_layers.append(
                MapLayer(layer_index, step.layer.name, kind, (height, width, channels))
            )
    return map_layers


def pooling_of_layer(predictor: Predictor, layer_index: int) -> tuple[Pooling, int]:
    """Return a `MaxPooling2D`'s settings, and the index of the layer whose map it takes.

    An index below 0 is the photo, as `compute_activations` takes it.
    """
    if predictor.remote is not None:
        pool, strides, padding, before = predictor.remote.call("pooling", layer_index=layer_index)
        return Pooling(tuple(pool), tuple(strides), padding), before
    step = model_graph.build_model_graph(predictor.model, predictor.size).nodes[layer_index]
    layer = step.layer
    return Pooling(layer.pool_size, layer.strides, layer.padding), step.input_indices[0]


def compute_activations(
    predictor: Predictor, photos: NDArray[np.uint8], layer_index: int
) -> NDArray[np.float32]:
    """Return a layer's activations of fitted photos, (N, H, W, 3) uint8 to (N, h, w, K) float32.

    Args:
        predictor: the model.
        photos: at most as many as memory can hold maps of.
        layer_index: as `list_map_layers` tells it; below 0 for the photo as the network
            gets it.
    """
    values = predictor.scale_photos(photos)
    if layer_index < 0:
        return values
    if predictor.remote is not None:
        return np.asarray(predictor.remote.call("maps", values=values, layer_index=layer_index))
    run = _compile_submodel(predictor.model, predictor.input_shape, layer_index)
    parts = [np.asarray(run.run(values[rows])) for rows in run.slices(len(values))]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def photos_at_once(predictor: Predictor, layer_index: int) -> int:
    """Return how many photos `compute_activations` may get at once for a layer."""
    if predictor.remote is not None:
        return int(predictor.remote.call("photos_at_once", layer_index=layer_index))
    return (
        predictor.batch
        if layer_index < 0
        else _compile_submodel(predictor.model, predictor.input_shape, layer_index).batch
    )


def first_layer_filters(predictor: Predictor) -> NDArray[np.float32]:
    """Return the filters of the first convolution as pictures, (K, k, k, 3), 0..1.

    Each is scaled by itself: trained ones differ in strength by a factor of a hundred. Those for
    grey photos are grey.

    Raises:
        ModelError: no convolution looks at the colours of the photo.
    """
    if predictor.remote is not None:
        filters = np.asarray(predictor.remote.call("filters"))
    else:
        filters = _first_filters(predictor)
    return filters[..., ::-1] if predictor.input_scale == "bgr" else filters


def _first_filters(predictor: Predictor) -> NDArray[np.float32]:
    channels = predictor.input_shape[2]
    for layer in model_graph.list_layers(predictor.model):
        if isinstance(layer, kl.Conv2D) and layer.kernel.shape[2] == channels:
            kernel = np.asarray(layer.kernel, dtype=np.float32).transpose(3, 0, 1, 2)
            scale = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
            scale[scale == 0] = 1
            pictures = np.asarray(kernel / scale / 2 + 0.5, dtype=np.float32)
            return np.repeat(pictures, 3, axis=-1) if channels == 1 else pictures
    raise ModelError(
        "No convolution in the model takes a photo's three colors as input. Use a network that "
        "begins with one, such as 'notes' or 'transfer'."
    )


def activations_by_epoch(
    path: Path, epochs: Iterable[Path], photo: Photo, layer_index: int, channel: int
) -> Iterator[NDArray[np.float32]]:
    """Yield a channel's activations of a fitted photo after earlier epochs of a run, (h, w) each.

    Args:
        path: the run's `best.keras`.
        epochs: files of weights, as `epoch_weights.list_epoch_weights` tells them.
        photo: (H, W, 3) uint8.
        layer_index: of the layer, as `list_map_layers` tells it.
        channel: of its map, from 0.

    Raises:
        ModelError: a file cannot be read.
    """
    predictor = load_predictor(path)  # one of our own: its weights are about to change
    like = predictor.model.get_weights()
    for weights in epochs:
        predictor.model.set_weights(epoch_weights.load_epoch_weights(weights, like))
        yield compute_activations(predictor, photo[None], layer_index)[0, ..., channel]


def top_activations(
    predictor: Predictor,
    photos: Iterable[Photo],
    layer_index: int,
    channel: int,
    most: int = 8,
    by_mean: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[ChannelActivation]:
    """Return the photos that activate a channel most, the strongest first.

    Photos are read and let go of in batches, so there may be any number of them.

    Args:
        predictor: the model.
        photos: fitted photos, (H, W, 3) uint8 each.
        layer_index: of a layer, as `list_map_layers` tells it.
        channel: of its map, from 0.
        most: how many to return.
        by_mean: go by the mean of the channel's map, not by its peak.
        progress: called with the number of photos done.
    """
    activations: list[ChannelActivation] = []
    done, waiting = 0, iter(photos)
    batch = photos_at_once(predictor, layer_index)
    while part := list(islice(waiting, batch)):
        # A copy, so that the other channels are let go of before the next photos come.
        values = np.array(compute_activations(predictor, np.stack(part), layer_index)[..., channel])
        flat = values.reshape(len(part), -1)
        height = flat.mean(axis=1) if by_mean else flat.max(axis=1)
        for n, at in enumerate(flat.argmax(axis=1).tolist()):
            row, column = divmod(at, values.shape[2])
            activations.append(ChannelActivation(done + n, float(height[n]), row, column))
        activations = sorted(activations, key=lambda one: -one.value)[:most]
        done += len(part)
        if progress:
            progress(done)
    return activations


def receptive_field(predictor: Predictor, layer_index: int, row: int, column: int) -> Box:
    """Return the box of all pixels that can reach a unit of a layer's map.

    Args:
        predictor: the model.
        layer_index: the layer's, as `list_map_layers` tells it.
        row: of the unit in the map, from 0.
        column: likewise.

    Raises:
        ModelError: a layer makes maps larger again.
    """
    if predictor.remote is not None:
        return Box(
            *predictor.remote.call(
                "receptive_field", layer_index=layer_index, row=row, column=column
            )
        )
    down, across = (_axis_receptive_field(predictor, layer_index, axis) for axis in (0, 1))
    top, left = (f.start + at * f.step for f, at in ((down, row), (across, column)))
    return Box(top, left, top + down.size, left + across.size)


@lru_cache(maxsize=16)
def _compile_submodel(
    model: keras.Model, input_shape: tuple[int, int, int], layer_index: int
) -> BatchedGraph:
    """Compile the network up to a layer: values (B, H, W, C) to its result, float32."""
    part = model_graph.build_model_graph(model, input_shape[:2]).submodel([layer_index])

    def run(batch: tf.Tensor) -> tf.Tensor:
        return tf.cast(part(batch, training=False), tf.float32)

    return memory.compile_batched(run, input_shape)


@dataclass(frozen=True)
class _ReceptiveField:
    """Along one axis: a map of `count` units; the first sees `size` pixels from `start` on, and
    each further one begins `step` pixels later; with a step of 0 all see the same, the photo."""

    count: int
    start: int = 0
    size: int = 1
    step: int = 1

    def window(self, kernel: int, stride: int, same: bool) -> _ReceptiveField:
        """Return the field after a window of `kernel` units that moves by `stride`."""
        count = -(-self.count // stride) if same else (self.count - kernel) // stride + 1
        pad = max((count - 1) * stride + kernel - self.count, 0) // 2 if same else 0
        return _ReceptiveField(
            count,
            self.start - pad * self.step,
            self.size + (kernel - 1) * self.step,
            self.step * stride,
        )


def _axis_receptive_field(predictor: Predictor, layer_index: int, axis: int) -> _ReceptiveField:
    """Return what the units of a layer see along an axis."""
    fields: dict[int, _ReceptiveField] = {}
    side = predictor.size[axis]
    graph = model_graph.build_model_graph(predictor.model, predictor.size)
    for at, step in enumerate(graph.nodes[: layer_index + 1]):
        input_fields = [_ReceptiveField(side) if p < 0 else fields[p] for p in step.input_indices]
        if input_fields and (step.is_feature_map):
            fields[at] = _field_after_layer(step.layer, _merge_fields(input_fields), axis)
        else:  # without positions it depends on the whole photo, as all that follows
            fields[at] = _ReceptiveField(1, size=side, step=0)
    return fields[layer_index]


def _merge_fields(fields: list[_ReceptiveField]) -> _ReceptiveField:
    """Merge the fields of maps laid together: from the earliest pixel to the latest."""
    if not all(field.step for field in fields):
        return next(field for field in fields if not field.step)
    start = min(field.start for field in fields)
    end = max(field.start + field.size for field in fields)
    return replace(fields[0], start=start, size=end - start)


def _field_after_layer(layer: Any, field: _ReceptiveField, axis: int) -> _ReceptiveField:
    if isinstance(layer, kl.ZeroPadding2D):
        before, after = layer.padding[axis]
        return replace(
            field, count=field.count + before + after, start=field.start - before * field.step
        )
    if isinstance(layer, kl.Conv2DTranspose | kl.UpSampling2D):
        raise ModelError(
            "Layer {name} enlarges its feature map. Use a network with maps that only shrink, "
            "such as a classifier.",
            name=truncate_for_display(layer.name),
        )
    kernel = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if kernel is None:
        return field
    dilation = getattr(layer, "dilation_rate", (1, 1))
    dilation = dilation if isinstance(dilation, tuple) else (dilation,) * 2
    return field.window(
        (kernel[axis] - 1) * dilation[axis] + 1, layer.strides[axis], layer.padding == "same"
    )
