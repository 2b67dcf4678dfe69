"""Measure how far photos are from those a pretrained network was trained on, by its own features.

Only where the features of the training photos are stored, as those of `transfer` are: then a photo
costs one forward pass. A photo is unlike them where it is farther from its nearest ones than 99 of
100 of them are from each other. On 128 drawn pets, this flagged all of 188 real photos and none of
60 other drawn pets; on 128 real photos, half of the drawn pets and 3 of 100 other real photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models.backbones import TRANSFER
from ..runs import Run, RunRecord
from ..storage import shard_cache
from ..training import features, phases
from . import embedding_recorder
from .predict import Predictor

NEIGHBORS = 3
MOST_PHOTOS = 500
"""Training photos that are compared with, evenly spread."""
_USUAL_SHARE = 99.0  # percent of the training photos
_FEWEST = 20


@dataclass(frozen=True, eq=False)
class TrainingFeatures:
    """Features of training photos, (N, D) float32 of length 1, and the largest usual distance."""

    features: NDArray[np.float32]
    usual: float


def load_training_features(run: RunRecord | None) -> TrainingFeatures | None:
    """Return the stored features of a run's training photos; None where there are none.

    Args:
        run: the run of the model, or None for a model file without one.
    """
    if not isinstance(run, Run) or run.model != TRANSFER or run.training.unfreeze:
        return None
    entry = shard_cache.packed_folder(run.dataset_fingerprint, run.training.image_size)
    stored = features.read_features(
        phases.features_path(entry, run.training.backbone, "train", features.FeaturePass())
    )
    if len(stored) < _FEWEST:
        return None
    rows = np.linspace(0, len(stored) - 1, min(len(stored), MOST_PHOTOS)).round().astype(int)
    values = list(stored.values())
    normalized = normalize_rows(np.stack([values[row] for row in rows]))
    own = nearest_distances(normalized, normalized, skip=1)
    return TrainingFeatures(normalized, float(np.percentile(own, _USUAL_SHARE)))


def find_unlike(
    predictor: Predictor, photos: Sequence[NDArray[np.uint8]], training: TrainingFeatures
) -> list[bool]:
    """Return whether each photo is unlike the training photos.

    Args:
        predictor: the run's model.
        photos: fitted for it, (H, W, 3) each.
        training: from `load_training_features`.

    Raises:
        ModelError: the model doesn't give features.
    """
    graph = embedding_recorder.compile_features(predictor)
    unlike: list[bool] = []
    for start in range(0, len(photos), graph.batch):
        batch = predictor.scale_photos(np.stack(photos[start : start + graph.batch]))
        values = normalize_rows(np.asarray(graph.run(batch)[1], np.float32))
        distances = nearest_distances(values, training.features)
        unlike.extend((distances > training.usual).tolist())
    return unlike


def normalize_rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row of features, (N, D), to length 1, so that a product of two is a cosine."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    normalized: NDArray[np.float32] = values / np.maximum(lengths, np.float32(1e-12))
    return normalized


def nearest_distances(
    values: NDArray[np.float32], known: NDArray[np.float32], skip: int = 0
) -> NDArray[np.float32]:
    """Return the mean cosine distance, 0..2, of each row to its nearest known ones, (N,).

    Args:
        values: (N, D) float32 of length 1.
        known: (M, D), the same.
        skip: how many of the nearest don't count.
    """
    distances = np.sort(1 - values @ known.T, axis=1)
    mean: NDArray[np.float32] = distances[:, skip : skip + NEIGHBORS].mean(axis=1)
    return mean
