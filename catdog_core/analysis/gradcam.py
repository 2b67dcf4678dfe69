"""Where a network looked: Grad-CAM heat maps of photos, for any class and any model it fits.

Grad-CAM is by Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization", ICCV 2017, arXiv:1610.02391. With A the last feature map, (h, w) of K
channels, and y the score of a class before sigmoid or softmax::

    weight of channel k   a_k = mean over all positions of  dy / dA_k
    map                   L   = ReLU( sum over k of  a_k A_k )

Which layer: the last convolution's map, before pooling or flattening gives up positions. Later
layers do not know where anything is; earlier ones know edges rather than ears. For the notes'
network at 150 px it has 34 × 34 positions, so a map is never sharper than some 4 pixels.

Why ReLU: only positions that raise the score of the class are asked for. What lowers it, which
belongs to other classes, is cut off; the paper shows that maps with it locate worse.

Why the score and not the probability: a probability of 0.999 hardly moves any more, and its
gradient is rounded away. One sigmoid unit speaks for the second class; for the first the sign of
the gradient is turned, as log(p / (1 - p)) of one class is the negative of the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..models import memory
from ..models.memory import BatchedGraph
from . import model_graph, model_outputs
from .predict import Predictor


def heat_maps(
    predictor: Predictor, photos: NDArray[np.uint8], labels: int | Sequence[int]
) -> NDArray[np.float32]:
    """Return Grad-CAM maps: 1 where the photo speaks most for the class, 0 where nothing does.

    Args:
        predictor: the model.
        photos: fitted photos, (N, H, W, 3) uint8.
        labels: the class to explain, by its index in `predictor.classes`; or one a photo.

    Returns:
        (N, H, W) float32, 0..1; each map is scaled by its own maximum, so maps of two photos
        cannot be compared. All 0 where no position speaks for the class.

    Raises:
        ModelError: the network has no feature map, so that there is nothing to show.
    """
    wanted = np.broadcast_to(np.asarray(labels, dtype=np.int32), (len(photos),))
    if predictor.remote is not None:
        values = predictor.scale_photos(photos)
        return np.asarray(predictor.remote.call("heat_maps", values=values, labels=wanted))
    maps = _compile_gradcam(predictor.model, predictor.input_shape)
    parts = [
        maps.run(predictor.scale_photos(photos[rows]), wanted[rows])[2].numpy()
        for rows in maps.slices(len(photos))
    ]
    empty = np.empty((0, *predictor.size), np.float32)
    return np.concatenate(parts) if parts else empty


def predict_with_maps(
    predictor: Predictor, photos: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return probabilities, and the map of each photo's most likely class, in one pass.

    The forward pass, which a prediction and a map both need, is made once.

    Args:
        predictor: the model.
        photos: fitted photos, (B, H, W, 3) uint8; at most `predictor.batch`, and as many as
            memory allows.

    Returns:
        Probabilities (B, classes); and maps (B, h, w), 0..1, of the last feature map's size.

    Raises:
        ModelError: the network has no feature map, or its outputs are no probabilities.
    """
    values = predictor.scale_photos(photos)
    if predictor.remote is not None:
        outputs, maps = predictor.remote.call("predict_with_maps", values=values)
    else:
        outputs, maps = run_with_maps(predictor, values)
    return predictor.read_outputs(outputs), np.asarray(maps)


def run_with_maps(predictor: Predictor, values: NDArray[np.float32]) -> tuple[Any, Any]:
    """Return outputs (B, units) and small maps of the likeliest classes, as `predict_with_maps`.

    Args:
        predictor: a model of this process.
        values: its input, (B, H, W, C).
    """
    graph = _compile_gradcam(predictor.model, predictor.input_shape)
    labels = np.full(len(values), _PREDICTED, np.int32)
    parts = [graph.run(values[rows], labels[rows]) for rows in graph.slices(len(values))]
    outputs, maps, _ = zip(*parts, strict=True)
    return np.concatenate(outputs), np.concatenate(maps)


_PREDICTED = -1
"""Instead of a label: the class that the network finds likeliest."""


@lru_cache(maxsize=8)
def _compile_gradcam(model: keras.Model, input_shape: tuple[int, int, int]) -> BatchedGraph:
    """Compile values (B, H, W, C) float32 and labels (B,) int32 to one graph.

    It gives outputs (B, units), maps as small as the feature map, (B, h, w), and maps of the
    photos' size, (B, H, W).
    """

    size = input_shape[:2]
    graph = model_graph.build_model_graph(model, size)
    if graph.last_feature_map is None:
        raise ModelError(
            "The model has no convolution to draw a heat map from. Use a convolutional network, "
            "such as 'notes' or 'transfer'."
        )
    last = graph.output_node
    part = graph.submodel([graph.last_feature_map, last.input_indices[0], graph.output_indices[0]])
    kind = model_outputs.find_output_kind(graph, "")

    def maps(batch: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            features, before, result = part(batch, training=False)
            scores = model_graph.compute_logits(last.layer, before, result)
            outputs = model_outputs.convert_outputs(kind, result)
            labels = tf.where(labels == _PREDICTED, _likeliest(outputs), labels)
            score = _class_scores(result if scores is None else scores, labels)
        activations = tf.cast(features, tf.float32)  # (B, h, w, K)
        gradient = tf.cast(tape.gradient(score, features), tf.float32)
        # In a batch each score depends on its own photo only, so one gradient of their sum holds
        # those of all photos.
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # a_k: (B, 1, 1, K)
        heat = tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1, keepdims=True))
        large = tf.image.resize(heat, size)
        return outputs, _scale_by_maximum(heat), _scale_by_maximum(large)

    return memory.compile_batched(maps, input_shape, extra_dtypes=[tf.int32])


def _scale_by_maximum(heat: tf.Tensor) -> tf.Tensor:
    """Return maps (B, h, w, 1) as (B, h, w), 0..1."""
    heat = heat[..., 0]
    return tf.math.divide_no_nan(heat, tf.reduce_max(heat, axis=(1, 2), keepdims=True))


def _likeliest(outputs: tf.Tensor) -> tf.Tensor:
    """Return each photo's most likely class: (B, units) to (B,) int32."""
    if outputs.shape[1] == 1:  # as `np.argmax` of both classes: the first one where they are equal
        return tf.cast(outputs[:, 0] > 0.5, tf.int32)
    return tf.argmax(outputs, axis=-1, output_type=tf.int32)


def _class_scores(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the score of each photo's class: (B, units) and (B,) to (B,)."""
    scores = tf.cast(scores, tf.float32)
    if scores.shape[1] == 1:
        return scores[:, 0] * tf.cast(2 * labels - 1, tf.float32)
    return tf.gather(scores, labels, batch_dims=1)
