"""The graph of a network: its layers one by one, those of nested models too, and what each gives.

Keras nests models within models and shares layers between them. Heat maps, activations and
embeddings need "the map that goes into the last pooling" whatever the nesting, so the network is
called once more on symbolic inputs, and each call of a layer becomes a node of one flat graph.
"""

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
"""Layers that compute nothing new from the map before them: a heat map of their result would only
be coarser (pooling) or have holes (dropout)."""
_OUTPUT_ACTIVATIONS = ("sigmoid", "softmax")
DEFAULT_SIZE = 150
"""Pixels of a side for a network that takes photos of any size: the notes'."""


@dataclass(frozen=True)
class GraphNode:
    """One call of a layer.

    Attributes:
        layer: the Keras layer.
        input_indices: of the nodes whose results it takes; below 0 for an input of the network,
            -1 the first one.
        shape: of its result, the batch's None included.
    """

    layer: Any
    input_indices: tuple[int, ...]
    shape: tuple[int | None, ...]

    @property
    def is_feature_map(self) -> bool:
        """Whether its result is a feature map, (B, h, w, K), of more than one row and column."""
        return len(self.shape) == 4 and self.shape[1] != 1 and self.shape[2] != 1


@dataclass(frozen=True)
class ModelGraph:
    """A network as nodes in topological order: each comes after those whose results it takes.

    Attributes:
        nodes: the calls of layers.
        full_model: a model of the same layers that gives the results of all nodes.
        output_indices: of the nodes whose results are the network's own.
    """

    nodes: tuple[GraphNode, ...]
    full_model: keras.Model
    output_indices: tuple[int, ...]

    def submodel(self, indices: Sequence[int]) -> keras.Model:
        """Return a model of the same layers that gives the results of some nodes.

        Args:
            indices: of the nodes; below 0 for an input. Of a single one the model gives the
                result itself, else a list.
        """
        inputs, outputs = self.full_model.inputs, self.full_model.outputs
        results = [outputs[index] if index >= 0 else inputs[-1 - index] for index in indices]
        return keras.Model(_unwrap_single(inputs), results)

    @property
    def output_node(self) -> GraphNode:
        """The node that gives the network's answer."""
        return self.nodes[self.output_indices[0]]

    @property
    def last_feature_map(self) -> int | None:
        """The index of the last feature map made by or after a convolution, before it is pooled.

        It is the one Grad-CAM looks at: the deepest layer that still knows where things are.
        None where the network has none.
        """
        last_map, convolved = None, False
        for index, node in enumerate(self.nodes):
            convolved = convolved or isinstance(node.layer, _CONVOLUTIONS)
            if convolved and node.is_feature_map and not isinstance(node.layer, _COARSENING_LAYERS):
                last_map = index
        return last_map


def photo_size(model: keras.Model) -> tuple[int, int]:
    """Return the height and width of a network's photos; the notes' size where it takes any."""
    _, height, width = (*model.inputs[0].shape[:3], None, None, None)[:3]
    return int(height or width or DEFAULT_SIZE), int(width or height or DEFAULT_SIZE)


@lru_cache(maxsize=16)
def build_model_graph(model: keras.Model, size: tuple[int, int] | None = None) -> ModelGraph:
    """Return the graph of a functional or sequential model, which may hold such models itself.

    Args:
        model: the network.
        size: height and width of the photos in pixels, for a network that takes any.
    """
    return _GraphBuilder(model, size).build()


def list_layers(model: keras.Model) -> list[Any]:
    """Return every layer of a model: those of nested models, pipelines and wrappers as well."""
    layers: list[Any] = []
    waiting: list[Any] = [model]
    while waiting:
        layer = waiting.pop()
        layers.append(layer)
        inner = [*getattr(layer, "layers", ()), getattr(layer, "layer", None)]
        waiting += [each for each in reversed(inner) if isinstance(each, keras.Layer)]
    return layers


def compute_logits(layer: Any, inputs: tf.Tensor, result: tf.Tensor) -> tf.Tensor | None:
    """Return the logits: what the last layer gives before its sigmoid or softmax, (B, units).

    They are computed anew from the layer's weights, in float32: from probabilities they could not
    be won back, since 1 - 1e-9 is rounded to 1.

    Args:
        layer: of the output node.
        inputs: what it takes, (B, features), or logits where it is an activation alone.
        result: what it gives, (B, units).

    Returns:
        The logits; None where the layer is neither dense nor an activation.
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
    """Return a single input without its list: Keras expects calls in the form of the inputs."""
    return inputs[0] if len(inputs) == 1 else inputs


class _GraphBuilder:
    """Calls the layers of a model once more, on symbolic tensors, and notes what they take."""

    def __init__(self, model: keras.Model, size: tuple[int, int] | None) -> None:
        self.nodes: list[GraphNode] = []
        self.results: list[Any] = []
        self.inputs: list[Any] = []
        self.tensor_indices: dict[
            int, int
        ] = {}  # index of the node that gives a symbolic tensor, by id()
        for x in model.inputs:
            shape = list(x.shape)
            for axis in range(1, len(shape)):
                if size is not None and shape[axis] is None:
                    shape[axis] = size[axis == 2]
            self.inputs.append(keras.Input(batch_shape=shape, dtype=x.dtype))
            self.tensor_indices[id(self.inputs[-1])] = -len(self.inputs)
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

    def build(self) -> ModelGraph:
        return ModelGraph(
            nodes=tuple(self.nodes),
            full_model=keras.Model(_unwrap_single(self.inputs), self.results),
            output_indices=tuple(self.tensor_indices[id(x)] for x in self.outputs),
        )

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        flat = keras.tree.flatten(args)
        input_indices = tuple(
            self.tensor_indices[id(x)] for x in flat if id(x) in self.tensor_indices
        )
        if not (isinstance(layer, keras.Model) and hasattr(layer, "outputs")):
            result = layer(*args, **kwargs)
            for x in keras.tree.flatten(result):
                self._add(GraphNode(layer, input_indices, tuple(x.shape)), x)
            return result
        inner = build_model_graph(layer)
        offset = len(self.nodes)
        results = inner.full_model(*args)  # a single one comes without a list around it
        results = results if isinstance(results, list) else [results]
        for node, x in zip(inner.nodes, results, strict=True):
            shifted_indices = tuple(
                index + offset if index >= 0 else input_indices[-1 - index]
                for index in node.input_indices
            )
            self._add(GraphNode(node.layer, shifted_indices, tuple(x.shape)), x)
        outputs = [self.results[index + offset] for index in inner.output_indices]
        return outputs[0] if len(outputs) == 1 else outputs

    def _add(self, node: GraphNode, result: Any) -> None:
        self.tensor_indices[id(result)] = len(self.nodes)
        self.nodes.append(node)
        self.results.append(result)
