"""A network opened: its layers one by one, those of nested models too, and what each gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl

_CONVOLUTIONS = (kl.Conv2D, kl.DepthwiseConv2D, kl.SeparableConv2D, kl.Conv2DTranspose)
_COARSENING_LAYERS = (kl.MaxPooling2D, kl.AveragePooling2D, kl.Dropout, kl.SpatialDropout2D)
"""Layers that say nothing new of the map before them, and show less of where it was."""
_OUTPUT_ACTIVATIONS = ("sigmoid", "softmax")


@dataclass(frozen=True)
class GraphNode:
    """A layer at work: `given` are the places of the steps whose results it takes.

    A place below 0 is an input of the network: -1 the first one. `shape` is that of its result,
    the batch's None included.
    """

    layer: Any
    given: tuple[int, ...]
    shape: tuple[int | None, ...]

    @property
    def has_places(self) -> bool:
        """Whether its result is a map, (B, h, w, K), of more than one row and column."""
        return len(self.shape) == 4 and self.shape[1] != 1 and self.shape[2] != 1


@dataclass(frozen=True)
class ModelGraph:
    """A network opened: its steps in an order in which they can be done.

    `whole` shares the network's layers and gives the results of all steps; `ends` are the places
    of those that are the network's own.
    """

    steps: tuple[GraphNode, ...]
    whole: keras.Model
    ends: tuple[int, ...]

    def part(self, indices: Sequence[int]) -> keras.Model:
        """A model of the same layers that gives the results of these steps, or of the only one."""
        results = [self.whole.outputs[p] if p >= 0 else self.whole.inputs[-1 - p] for p in indices]
        return keras.Model(_unwrap_single(self.whole.inputs), results)

    @property
    def last(self) -> GraphNode:
        """The step that gives the network's answer."""
        return self.steps[self.ends[0]]

    @property
    def features(self) -> int | None:
        """The place of the last map made by or after a convolution that nothing made coarser."""
        last_map, convolved = None, False
        for index, step in enumerate(self.steps):
            convolved = convolved or isinstance(step.layer, _CONVOLUTIONS)
            if convolved and step.has_places and not isinstance(step.layer, _COARSENING_LAYERS):
                last_map = index
        return last_map


@lru_cache(maxsize=16)
def build_model_graph(model: keras.Model, size: int | None = None) -> ModelGraph:
    """Open a functional or sequential model whose layers may be such models themselves.

    Args:
        model: the network.
        size: side of the photos for one that takes any.
    """
    return _GraphBuilder(model, size).done()


def compute_logits(layer: Any, inputs: tf.Tensor, result: tf.Tensor) -> tf.Tensor | None:
    """What the last layer gives before its sigmoid or softmax, (B, units).

    Args:
        layer: of the last step.
        inputs: what it takes.
        result: what it gives.

    Returns:
        The scores; None where the layer is of a kind whose inside is not known.
    """
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    if isinstance(layer, kl.Softmax) or (
        isinstance(layer, kl.Activation) and name in _OUTPUT_ACTIVATIONS
    ):
        return inputs
    if isinstance(layer, kl.Dense) and name in _OUTPUT_ACTIVATIONS:
        scores = tf.matmul(tf.cast(inputs, tf.float32), tf.cast(layer.kernel, tf.float32))
        return scores + tf.cast(layer.bias, tf.float32) if layer.use_bias else scores
    return result if isinstance(layer, kl.Dense) and name == "linear" else None


def _unwrap_single(inputs: list[Any]) -> Any:
    """The one input of a model without a list around it, which Keras would expect at calls."""
    return inputs[0] if len(inputs) == 1 else inputs


class _GraphBuilder:
    """The layers of a model called once more, by symbols, with what they take and give noted."""

    def __init__(self, model: keras.Model, size: int | None) -> None:
        self.steps: list[GraphNode] = []
        self.results: list[Any] = []
        self.inputs: list[Any] = []
        self.places: dict[int, int] = {}  # of symbols, by their identity
        for x in model.inputs:
            shape = [size if axis and n is None else n for axis, n in enumerate(x.shape)]
            self.inputs.append(keras.Input(batch_shape=shape, dtype=x.dtype))
            self.places[id(self.inputs[-1])] = -len(self.inputs)
        if isinstance(model, keras.Sequential):
            x = self.inputs[0]
            for layer in model.layers:
                x = self._call(layer, x)
            self.outputs = [x]
        else:
            inputs = keras.tree.pack_sequence_as(model.input, self.inputs)
            again = keras.models.clone_model(
                model, inputs, clone_function=lambda layer: layer, call_function=self._call
            )
            self.outputs = again.outputs

    def done(self) -> ModelGraph:
        ends = tuple(self.places[id(x)] for x in self.outputs)
        return ModelGraph(
            tuple(self.steps), keras.Model(_unwrap_single(self.inputs), self.results), ends
        )

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        flat = keras.tree.flatten(args)
        input_indices = tuple(self.places[id(x)] for x in flat if id(x) in self.places)
        if not (isinstance(layer, keras.Model) and hasattr(layer, "outputs")):
            result = layer(*args, **kwargs)
            for x in keras.tree.flatten(result):
                self._note(GraphNode(layer, input_indices, tuple(x.shape)), x)
            return result
        inner = build_model_graph(layer)
        offset = len(self.steps)
        results = inner.whole(*args)  # a single one comes without a list around it
        results = results if isinstance(results, list) else [results]
        for step, x in zip(inner.steps, results, strict=True):
            shifted_indices = tuple(
                p + offset if p >= 0 else input_indices[-1 - p] for p in step.given
            )
            self._note(GraphNode(step.layer, shifted_indices, tuple(x.shape)), x)
        ends = [self.results[index + offset] for index in inner.ends]
        return ends[0] if len(ends) == 1 else ends

    def _note(self, step: GraphNode, result: Any) -> None:
        self.places[id(result)] = len(self.steps)
        self.steps.append(step)
        self.results.append(result)
