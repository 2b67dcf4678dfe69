"""Where a network looked: Grad-CAM heat maps of photos, for any class and any model it fits.

Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391). With A the last feature map before the network
gives up places, (h, w) of K channels, and y the score of a class before sigmoid or softmax::

    weight of channel k   a_k = mean over all places of  dy / dA_k
    map                   L   = ReLU( sum over k of  a_k A_k )

The score is taken before the sigmoid, since a probability of 0.999 hardly moves any more and its
gradient is rounded away. One sigmoid unit speaks for the second class; for the first the sign of
the gradient is turned, as log(p / (1 - p)) is its negative.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl
from numpy.typing import NDArray

from .errors import ModelError
from .predict import BATCH, Predictor

_CONVOLUTIONS = (kl.Conv2D, kl.DepthwiseConv2D, kl.SeparableConv2D, kl.Conv2DTranspose)
_COARSER = (kl.MaxPooling2D, kl.AveragePooling2D, kl.Dropout, kl.SpatialDropout2D)
"""Layers that say nothing new of the map before them, and show less of where it was."""
_ENDS = ("sigmoid", "softmax")

Mapper = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def heat_maps(
    predictor: Predictor, photos: NDArray[np.uint8], labels: int | Sequence[int]
) -> NDArray[np.float32]:
    """Grad-CAM maps: 1 at the place that speaks most for the class, 0 where nothing does.

    Args:
        predictor: the model.
        photos: fitted photos, (N, S, S, 3) uint8.
        labels: the class to ask about, by its place in `predictor.classes`; or one a photo.

    Returns:
        (N, S, S) float32, 0..1; each map is scaled by its own maximum. All 0 where no place
        speaks for the class.

    Raises:
        ModelError: the network keeps no map of places, so that there is nothing to show.
    """
    wanted = np.broadcast_to(np.asarray(labels, dtype=np.int32), (len(photos),))
    mapper = _mapper(predictor.model, predictor.size)
    parts = [
        mapper(
            tf.constant(predictor.values(photos[start : start + BATCH])),
            tf.constant(wanted[start : start + BATCH]),
        ).numpy()
        for start in range(0, len(photos), BATCH)
    ]
    empty = np.empty((0, predictor.size, predictor.size), np.float32)
    return np.concatenate(parts) if parts else empty


@lru_cache(maxsize=8)
def _mapper(model: keras.Model, size: int) -> Mapper:
    """Values (B, S, S, 3) float32 and labels (B,) int32 to maps (B, S, S), as one graph."""

    def maps(batch: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            walk = _Walk(model)
            walk.through(model, batch)
            if walk.features is None or walk.scores is None:
                raise ModelError(
                    "The model has no convolution whose map a heat map could be made of. Expected"
                    " a network that looks at places of a photo, such as 'notes' or 'transfer'."
                )
            score = _of_class(walk.scores, labels)
        found = tf.cast(walk.features, tf.float32)  # (B, h, w, K)
        gradient = tf.cast(tape.gradient(score, walk.features), tf.float32)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # (B, 1, 1, K)
        heat = tf.nn.relu(tf.reduce_sum(weights * found, axis=-1, keepdims=True))
        heat = tf.image.resize(heat, (size, size))[..., 0]
        return tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True))

    signature = [
        tf.TensorSpec((None, size, size, 3), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    ]
    # Without autograph an error of ours comes out as it was raised.
    mapper: Mapper = tf.function(maps, input_signature=signature, autograph=False)
    return mapper


def _of_class(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The score of each photo's class: (B, units) and (B,) to (B,)."""
    scores = tf.cast(scores, tf.float32)
    if scores.shape[1] == 1:
        return scores[:, 0] * tf.cast(2 * labels - 1, tf.float32)
    return tf.gather(scores, labels, batch_dims=1)


class _Walk:
    """One pass through a network, layer by layer and into nested models, noting two tensors.

    `features` is the last map (B, h, w, K) after a convolution, `scores` what the last layer gives
    before its sigmoid or softmax, (B, units).
    """

    def __init__(self, model: keras.Model) -> None:
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
            if _is_graph(operation):
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
        if self._convolved and places and not isinstance(operation, _COARSER):
            self.features = result


def _is_graph(operation: Any) -> bool:
    return isinstance(operation, keras.Model) and hasattr(operation, "outputs")


def _last_operation(model: keras.Model) -> Any:
    operation = model.outputs[0]._keras_history.operation
    return _last_operation(operation) if _is_graph(operation) else operation


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
