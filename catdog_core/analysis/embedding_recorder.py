"""What the last layer of a network gets of photos, taken along while the network is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..imaging import decode
from ..models import memory
from ..models.memory import BatchedGraph
from . import embedding, model_outputs
from .embedding import Embedding
from .model_graph import build_model_graph
from .predict import Predictor, RemoteModel

THUMBNAIL_SIZE = 64
"""Pixels of the longer side of a thumbnail."""
MAX_UNPROJECTED = 2048
"""Values of a photo that are kept as they are; more are projected."""
_PROJECTED_SIZE = 512
_SKETCH_SIZE = 1 << 16
"""Values that are left of more than `_MAX_UNSKETCHED`, before they are projected."""
_MAX_UNSKETCHED = 1 << 17


class EmbeddingRecorder:
    """Records what a model's last layer gets of photos, while `predictor` is used as usual.

    Of a feature map the mean over its positions is taken. More than `MAX_UNPROJECTED` values a
    photo, as of a network that flattens a large map, are projected by a random matrix of a fixed
    seed: distances change by a few per cent (Johnson and Lindenstrauss, 1984), and memory stays
    small. Of more than 131,072 values those whose indices are the same modulo 65,536 are summed
    before, with random signs (a count sketch, Charikar et al. 2002): the matrix would take
    gigabytes.
    """

    def __init__(self, predictor: Predictor, wanted: Collection[str]) -> None:
        if predictor.remote is not None:
            self._both: Callable[..., Any] = partial(_ask_remote, predictor.remote)
            batch = int(predictor.remote.call("features_at_once"))
        else:
            both = compile_features(predictor)
            self._both, batch = both.run, both.batch
        self.predictor = replace(predictor, run_batch=self._run, batch=batch)
        self._wanted = frozenset(wanted)
        self._values = 0
        self._latest: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._matrix: NDArray[np.float32] | None = None
        self._recorded: dict[str, tuple[NDArray[np.float32], bytes]] = {}

    def record(self, names: Sequence[str], photos: Sequence[decode.Photo]) -> None:
        """Store features and thumbnails of the last batch: N names, photos (H, W, 3) uint8."""
        for name, photo, row in zip(names, photos, self._latest, strict=True):
            if name in self._wanted:
                small = decode.encode_photo(
                    decode.make_thumbnail(photo, THUMBNAIL_SIZE), quality=70
                )
                self._recorded[name] = (row, small)

    def build_embedding(self) -> Embedding | None:
        """Return the embedding of all recorded photos; None of no photo, or of NaN values."""
        if not self._recorded:
            return None
        features = np.stack([row for row, _ in self._recorded.values()])
        if not np.isfinite(features).all():
            return None
        thumbnails = [small for _, small in self._recorded.values()]
        return embedding.build_embedding(list(self._recorded), features, thumbnails, self._values)

    def _run(self, batch: NDArray[np.float32]) -> tuple[Any, Any]:
        outputs, features = self._both(batch)
        values = np.asarray(features)
        self._values = values.shape[1]
        if self._values > MAX_UNPROJECTED:
            values = _count_sketch(values) if self._values > _MAX_UNSKETCHED else values
            if self._matrix is None:
                shape = (values.shape[1], _PROJECTED_SIZE)
                drawn = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
                self._matrix = drawn / np.float32(np.sqrt(_PROJECTED_SIZE))
            values = values @ self._matrix
        self._latest = values
        return outputs, outputs[:, :0]


def _count_sketch(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reduce (B, D) to (B, 65,536) by a count sketch: lengths are kept on average."""
    drawn = np.random.default_rng(1)
    sketch = np.zeros((len(values), _SKETCH_SIZE), np.float32)
    for start in range(0, values.shape[1], _SKETCH_SIZE):
        part = values[:, start : start + _SKETCH_SIZE]
        signs = drawn.integers(0, 2, part.shape[1], np.int8) * 2 - 1
        sketch[:, : part.shape[1]] += part * signs.astype(np.float32)
    return sketch


def _ask_remote(remote: RemoteModel, batch: NDArray[np.float32]) -> tuple[Any, Any]:
    outputs, features = remote.call("features", values=batch)
    return outputs, features


def compile_features(predictor: Predictor) -> BatchedGraph:
    """Compile one graph from a batch to the probabilities and to what the last layer gets, (B, D).

    Raises:
        ModelError: no layer has a kernel.
    """
    graph = build_model_graph(predictor.model, predictor.size)
    weighing = [step for step in graph.nodes if hasattr(step.layer, "kernel")]
    if not weighing:
        raise ModelError(
            "No layer of the model has weights for its inputs. Use a network with such a last "
            "layer, for example a classifier."
        )
    before = weighing[-1].input_indices[0]
    part = graph.submodel([graph.output_indices[0], before])
    # A convolution's map becomes its mean over the positions; of a flattened one all is projected.
    shape = graph.nodes[before].shape if before >= 0 else ()
    wide = min(shape[-1] or 0, _MAX_UNSKETCHED) if len(shape) == 2 else 0
    kind = model_outputs.find_output_kind(graph)

    def both(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs, features = part(batch, training=False)
        features = tf.cast(features, tf.float32)
        if len(features.shape) > 2:
            features = tf.reduce_mean(features, axis=list(range(1, len(features.shape) - 1)))
        return model_outputs.convert_outputs(kind, outputs), features

    matrix = (
        wide * _PROJECTED_SIZE * 4 * 2 if wide > MAX_UNPROJECTED else 0
    )  # and while it is drawn
    return memory.compile_batched(both, predictor.input_shape, extra_bytes=matrix)
