"""The game of the Learn page: plant wrong labels in memory, list suspects, measure what they cost.

No file and no dataset changes. What a wrong label costs is the accuracy, on photos with right
labels, of the last layer of `transfer` trained with and without the planted ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis import feature_regression, label_errors
from ..analysis.similar_photos import PhotoFeatures
from ..base.errors import DatasetError

SHARE = 0.05
"""Part of the training labels that are planted wrong, 0..1."""
LIST_SHARE = 0.07
"""Part of the training photos that the list of suspects holds, 0..1."""
SHOWN = 12
"""Photos that the learner looks at: half from the top of the list, half from anywhere else."""
_FEWEST = 40


@dataclass(frozen=True)
class ShownPhoto:
    """A photo to look at: its name, the label it has in the game, and whether that was planted."""

    file: str
    label: int
    is_planted: bool


@dataclass(frozen=True)
class PlantedErrors:
    """A round of the game.

    Attributes:
        photos: training photos.
        planted: how many of their labels were made wrong.
        listed: photos on the list of suspects.
        found: planted labels among these.
        shown: photos to look at, in random order.
        held_out: photos with right labels that measure the cost.
        clean_accuracy: fraction of these right after training with right labels.
        planted_accuracy: the same with the planted labels.
    """

    photos: int
    planted: int
    listed: int
    found: int
    shown: tuple[ShownPhoto, ...]
    held_out: int
    clean_accuracy: float
    planted_accuracy: float

    @property
    def precision(self) -> float:
        """Fraction of the list that is planted."""
        return self.found / self.listed


def plant_errors(known: PhotoFeatures, seed: int) -> PlantedErrors:
    """Make 5% of the training labels wrong, and look for them.

    Args:
        known: a dataset's photos; validation photos, else test photos, measure the cost.
        seed: chooses which labels are planted, and as what.

    Raises:
        DatasetError: there are too few photos.
    """
    labels = np.array([item.label for item in known.items], np.int64)
    splits = np.array([item.split for item in known.items])
    numbers, counts = np.unique(labels[splits == "train"], return_counts=True)
    present = numbers[counts >= label_errors.FOLDS]  # smaller classes don't play
    plays = np.isin(labels, present)
    train = np.flatnonzero(plays & (splits == "train"))
    measured = "validation" if "validation" in splits else "test"
    held_out = np.flatnonzero(plays & (splits == measured))
    if len(train) < _FEWEST or len(present) < 2 or not len(held_out):
        raise DatasetError(
            "The game needs at least {least} training photos of two classes, and validation "
            "photos. Choose another dataset.",
            least=_FEWEST,
        )
    rng = np.random.default_rng(seed)
    planted = rng.choice(len(train), max(2, round(SHARE * len(train))), replace=False)
    wrong = labels[train].copy()
    for row in planted:
        wrong[row] = rng.choice(present[present != wrong[row]])
    features, groups = known.features[train], label_errors.group_alike(known)[train]
    ranking = label_errors.judge_labels(features, wrong, groups, seed).ranking
    listed = ranking[: round(LIST_SHARE * len(train))]
    accuracies = []
    for trained in (labels[train], wrong):
        probabilities = feature_regression.fit_and_predict(
            features, trained, known.features[held_out], int(labels.max()) + 1
        )
        accuracies.append(float((probabilities.argmax(axis=1) == labels[held_out]).mean()))
    shown = rng.permutation(_choose_shown(ranking, rng))
    return PlantedErrors(
        photos=len(train),
        planted=len(planted),
        listed=len(listed),
        found=int(np.isin(listed, planted).sum()),
        shown=tuple(
            ShownPhoto(known.items[train[row]].file, int(wrong[row]), bool(row in planted))
            for row in shown
        ),
        held_out=len(held_out),
        clean_accuracy=accuracies[0],
        planted_accuracy=accuracies[1],
    )


def _choose_shown(ranking: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows from the top of the list, and as many of the others."""
    top = ranking[: SHOWN // 2]
    others = rng.choice(ranking[SHOWN // 2 :], SHOWN - SHOWN // 2, replace=False)
    return np.concatenate([top, others])
