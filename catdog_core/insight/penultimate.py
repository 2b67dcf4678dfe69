"""What the last layer of a network gets of photos, taken along while the network is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .. import images, predict
from ..errors import ModelError
from ..predict import Predictor
from . import embedding
from .embedding import Embedding
from .walk import inside

SIDE = 64
"""Pixels of the longer side of a thumbnail."""
WIDEST = 2048
"""Values of a photo that are kept as they are; more are projected."""
_PROJECTED = 512


class Watch:
    """A model that is asked as usual, `predictor`, while what its last layer gets is noted.

    Where that is a map of places, its mean over them is taken. More than `WIDEST` values a photo,
    as of a network that flattens a large map, are projected by a random matrix of a fixed seed:
    distances change by a few per cent (Johnson and Lindenstrauss), and memory stays small.
    """

    def __init__(self, predictor: Predictor, wanted: Collection[str]) -> None:
        self.predictor = replace(predictor, run_batch=self._run)
        self._both = _compiled(predictor.model, predictor.size)
        self._wanted = frozenset(wanted)
        self._values = 0
        self._latest: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._matrix: NDArray[np.float32] | None = None
        self._found: dict[str, tuple[NDArray[np.float32], bytes]] = {}

    def take(self, names: Sequence[str], photos: Sequence[images.Photo]) -> None:
        """Keep what was noted of the last batch: of N fitted photos, (S, S, 3) uint8, by name."""
        for name, photo, row in zip(names, photos, self._latest, strict=True):
            if name in self._wanted:
                small = images.encode(images.thumbnail(photo, SIDE), quality=70)
                self._found[name] = (row, small)

    def embedding(self) -> Embedding | None:
        """All that was kept, reduced; None of no photo, or where the values are no numbers."""
        if not self._found:
            return None
        features = np.stack([row for row, _ in self._found.values()])
        if not np.isfinite(features).all():
            return None
        thumbnails = [small for _, small in self._found.values()]
        return embedding.make(list(self._found), features, thumbnails, self._values)

    def _run(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        said, features = self._both(batch)
        values = features.numpy()
        self._values = values.shape[1]
        if self._values > WIDEST:
            if self._matrix is None:
                shape = (self._values, _PROJECTED)
                drawn = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
                self._matrix = drawn / np.float32(np.sqrt(_PROJECTED))
            values = values @ self._matrix
        self._latest = values
        return said, said[:, :0]


def _compiled(model: keras.Model, size: int) -> Any:
    """One graph from a batch to the probabilities and to what the last layer gets, (B, D).

    Raises:
        ModelError: no layer has a kernel.
    """
    opened = inside(model, size)
    weighing = [step for step in opened.steps if hasattr(step.layer, "kernel")]
    if not weighing:
        raise ModelError(
            "No layer of the model weighs what it gets. Expected a network whose last layer does,"
            " as that of a classifier."
        )
    part = opened.part([opened.ends[0], weighing[-1].given[0]])
    raw = predict.gives_raw_scores(model)

    def both(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        said, features = part(batch, training=False)
        features = tf.cast(features, tf.float32)
        if len(features.shape) > 2:
            features = tf.reduce_mean(features, axis=list(range(1, len(features.shape) - 1)))
        if raw:
            said = tf.sigmoid(said) if said.shape[1] == 1 else tf.nn.softmax(said)
        return said, features

    signature = [tf.TensorSpec((None, size, size, 3), tf.float32)]
    run = tf.function(both, input_signature=signature, autograph=False)
    run.get_concrete_function()
    return run
