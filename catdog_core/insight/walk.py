"""A network run layer by layer, with all that lies between a photo and the answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl

_CONVOLUTIONS = (kl.Conv2D, kl.DepthwiseConv2D, kl.SeparableConv2D, kl.Conv2DTranspose)
_COARSER = (kl.MaxPooling2D, kl.AveragePooling2D, kl.Dropout, kl.SpatialDropout2D)
"""Layers that say nothing new of the map before them, and show less of where it was."""
_ENDS = ("sigmoid", "softmax")


class Walk:
    """One pass through a network, layer by layer and into nested models, noting what is inside.

    `maps` are the layers that give a map of places, with it: (B, h, w, K). `features` is the last
    of them that a convolution made and nothing made coarser; `scores` is what the last layer gives
    before its sigmoid or softmax, (B, units).
    """

    def __init__(self, model: keras.Model) -> None:
        self.maps: list[tuple[Any, tf.Tensor]] = []
        self.features: tf.Tensor | None = None
        self.scores: tf.Tensor | None = None
        self._convolved = False
        self._last = _last_operation(model)

    def through(self, model: keras.Model, inputs: Any) -> Any:
        """Run a model, as in prediction, on a batch: what it gives."""
        graph = getattr(model, "_functional", None) or model  # a Sequential holds one
        result = graph._run_through_graph(inputs, operation_fn=self._step)
        return result[0] if isinstance(result, list | tuple) else result

    def _step(self, operation: Any) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            if is_graph(operation):
                return self.through(operation, args[0])
            if operation is self._last:
                self.scores, result = _score(operation, *args)
                return result
            if "training" in inspect.signature(operation.call).parameters:
                kwargs["training"] = False
            result = operation(*args, **kwargs)
            self._note(operation, result)
            return result

        return step

    def _note(self, operation: Any, result: Any) -> None:
        self._convolved = self._convolved or isinstance(operation, _CONVOLUTIONS)
        shape = tuple(getattr(result, "shape", ()))
        places = len(shape) == 4 and shape[1] != 1 and shape[2] != 1
        if places:
            self.maps.append((operation, result))
        if self._convolved and places and not isinstance(operation, _COARSER):
            self.features = result


def is_graph(operation: Any) -> bool:
    """Whether a layer is a model of layers itself."""
    return isinstance(operation, keras.Model) and hasattr(operation, "outputs")


def _last_operation(model: keras.Model) -> Any:
    operation = model.outputs[0]._keras_history.operation
    return _last_operation(operation) if is_graph(operation) else operation


def _score(layer: Any, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The last layer's result before and after its sigmoid or softmax."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    if isinstance(layer, kl.Softmax) or (isinstance(layer, kl.Activation) and name in _ENDS):
        return inputs, layer(inputs)
    if isinstance(layer, kl.Dense) and name in _ENDS:
        scores = tf.matmul(tf.cast(inputs, tf.float32), tf.cast(layer.kernel, tf.float32))
        if layer.use_bias:
            scores += tf.cast(layer.bias, tf.float32)
        return scores, layer.activation(scores)
    result = layer(inputs)  # raw scores already, or a kind of layer whose inside is not known
    return result, result
