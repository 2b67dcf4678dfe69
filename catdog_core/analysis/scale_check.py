"""What a model answers to the same photos with each scale of input values.

A model that gets other values than it was trained with mostly gives all photos nearly the same
answer, or gets most of them wrong. Neither proves a scale, but both help to choose one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..runs.model_registry import InputScale
from .predict import Predictor

MAX_PHOTOS = 16
"""Photos that are asked about with each scale."""
ALIKE = 0.05
"""A spread below which the answers to different photos are nearly the same."""


@dataclass(frozen=True)
class ScaleAnswers:
    """A model's answers to some photos with one scale.

    Attributes:
        scale: the scale.
        counts: photos of each predicted class.
        spread: half the mean distance of the probabilities from their mean, 0..1; 0 where all
            photos have the same answer.
        right: photos whose label is predicted; None without labels.
    """

    scale: InputScale
    counts: tuple[int, ...]
    spread: float
    right: int | None

    @property
    def alike(self) -> bool:
        """Whether all photos have nearly the same answer."""
        return self.spread < ALIKE


def compare_scales(
    predictor: Predictor, photos: NDArray[np.uint8], labels: Sequence[int] | None = None
) -> list[ScaleAnswers]:
    """Predict the same photos with each scale; one that gives no numbers is left out.

    Args:
        predictor: the model.
        photos: fitted photos, (N, H, W, 3) uint8; the first `MAX_PHOTOS` are taken.
        labels: output columns of their true classes, where these are known.
    """
    photos = photos[:MAX_PHOTOS]
    results = []
    for scale in predictor.scales:
        try:
            probabilities = predictor.with_scale(scale).predict(photos)
        except ModelError:
            continue
        called = probabilities.argmax(axis=1)
        counts = np.bincount(called, minlength=len(predictor.classes))
        distances = np.abs(probabilities - probabilities.mean(axis=0)).sum(axis=1)
        right = None if labels is None else int((called == np.asarray(labels[: len(photos)])).sum())
        results.append(ScaleAnswers(scale, tuple(counts.tolist()), distances.mean() / 2, right))
    return results
