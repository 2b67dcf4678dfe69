"""Find photos with a label that looks wrong: confident learning on features of `transfer`.

C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", JAIR 70 (2021), arXiv:1911.00068. A logistic regression judges each photo after it has
learned from others only: one that has learned a wrong label repeats it. Near-duplicates are judged
together, since one of them would tell the label of the other.

scikit-learn is imported inside the functions: it takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_, DatasetError
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..data import decisions, photo_scan
from ..data.datasets import Dataset, Item
from . import similar_photos
from .feature_regression import fit_and_predict
from .photo_distance import NEIGHBORS
from .similar_photos import PhotoFeatures, Progress

SuspectKind = Literal["wrong_label", "no_class", "outlier"]
SUSPECT_KINDS: tuple[SuspectKind, ...] = ("wrong_label", "no_class", "outlier")
"""Kinds of suspects, also for the edit "keep", which hides a photo from a list."""
FOLDS = 5
UNFIT_SHARE = 0.6
"""A photo fits no class when no class reaches this part of its threshold. In the course photos,
20 of 3,000: people, two animals at once, animals that are small in the picture."""
OUTLIER_SPREAD = 2.5
"""Interquartile ranges above the third quartile (Tukey 1977) from which a distance is an outlier's.
In the course photos: two drawings, a building and a trailer, and no photo of an animal."""
_MOST_COMPARED = 5000  # photos each one is compared with, evenly spread, to find outliers
_CHUNK = 1000  # photos compared at once

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelJudgment:
    """What photos look like to a regression that has not learned from them: N photos, K classes.

    Attributes:
        probabilities: (N, K) of each class, 0..1.
        thresholds: (K,) the mean probability of a class among the photos of its label.
        margins: (N,) probability of the label less that of the likeliest other class, -1..1. The
            lower, the more suspicious.
        is_likely: (N,) whether the label is likely wrong: as many photos as the joint distribution
            of given and true labels says, those of the lowest margins.
    """

    probabilities: Floats
    thresholds: Floats
    margins: Floats
    is_likely: NDArray[np.bool_]

    @property
    def ranking(self) -> Rows:
        """Rows of all photos, the most suspicious label first."""
        return np.argsort(self.margins, kind="stable").astype(np.int64)


@dataclass(frozen=True)
class Suspect:
    """A photo to look at.

    Attributes:
        kind: "wrong_label" looks more like another class, "no_class" like none of them, "outlier"
            is far from every other photo.
        item: the photo.
        probability: of its label, 0..1.
        guess: label of the likeliest other class.
        guess_probability: of that class, 0..1.
        is_likely: whether its label is likely wrong, see `LabelJudgment`.
    """

    kind: SuspectKind
    item: Item
    probability: float
    guess: int
    guess_probability: float
    is_likely: bool = False


@dataclass(frozen=True)
class LabelErrors:
    """What was found in the labels of a dataset.

    Attributes:
        suspects: by kind, in the order of `SUSPECT_KINDS`, the most suspicious first. A photo can
            be both an outlier and one of the others.
        ranking: names of all judged photos, the most suspicious label first.
        accuracy: fraction of judged photos whose label is the likeliest class.
        unreadable: names of files that can't be read.
        small_classes: classes whose photos weren't judged, since there are fewer than `FOLDS`.
    """

    suspects: tuple[Suspect, ...]
    ranking: tuple[str, ...]
    accuracy: float
    unreadable: tuple[str, ...]
    small_classes: tuple[str, ...]

    def of_kind(self, kind: SuspectKind) -> tuple[Suspect, ...]:
        """Return the suspects of a kind, the most suspicious first."""
        return tuple(suspect for suspect in self.suspects if suspect.kind == kind)

    @property
    def likely(self) -> int:
        """How many labels are likely wrong."""
        return sum(suspect.is_likely for suspect in self.suspects)


def find_label_errors(
    dataset: Dataset, seed: int = 0, progress: Progress | None = None
) -> LabelErrors:
    """Find photos of a dataset whose label looks wrong; those that people kept are left out.

    Nothing is changed. 3,000 photos take a few seconds once their features are known.

    Args:
        dataset: opened, with any number of classes and photos.
        seed: another one divides the photos otherwise.
        progress: as for `similar_photos.load_photo_features`.

    Raises:
        DatasetError: fewer than two classes have enough photos.
        ModelError: the network's weights aren't installed.
    """
    known = similar_photos.load_photo_features(dataset, progress)
    labels = np.array([item.label for item in known.items], np.int64)
    groups = group_alike(known)
    enough = [label for label in np.unique(labels) if _count_groups(groups, labels, label) >= FOLDS]
    if len(enough) < 2:
        raise DatasetError(
            "'{name}' has too few photos to judge its labels. Add photos until at least two"
            " classes have {least} different ones each.",
            name=dataset.name,
            least=FOLDS,
        )
    rows = np.flatnonzero(np.isin(labels, enough))
    check = partial(progress, len(rows), len(rows)) if progress else None
    judgment = judge_labels(known.features[rows], labels[rows], groups[rows], seed, check)
    outliers = rank_outliers(known.features[rows], groups[rows])
    small = [name for label, name in enumerate(dataset.classes) if label not in enough]
    return LabelErrors(
        suspects=tuple(
            _list_suspects(dataset, [known.items[row] for row in rows], judgment, outliers)
        ),
        ranking=tuple(known.items[rows[row]].file for row in judgment.ranking),
        accuracy=float((judgment.margins > 0).mean()),
        unreadable=known.unreadable,
        small_classes=tuple(small),
    )


def is_dismissed(dataset: Dataset, file: str, kind: SuspectKind) -> bool:
    """Return whether somebody kept a suspect as it is, or confirmed its label in a review."""
    return bool({"", kind, decisions.CONFIRMED} & dataset.dismissed_findings.get(file, frozenset()))


def describe_label_errors(found: LabelErrors) -> list[Message]:
    """Say how many labels look wrong, how well they can be judged, and what wasn't judged."""
    messages = [
        Message(
            N_("{n:,} of {total:,} labels are likely wrong."),
            {"n": found.likely, "total": len(found.ranking)},
        )
        if found.likely
        else Message(
            N_("None of the {total:,} labels is clearly wrong."), {"total": len(found.ranking)}
        ),
        Message(
            N_("{share:.1%} of the labels match the photos."),
            {"share": found.accuracy},
        ),
    ]
    if found.small_classes:
        messages.append(
            Message(
                N_("Classes with fewer than {least} different photos weren't judged: {names}."),
                {
                    "least": FOLDS,
                    "names": truncate_for_display(", ".join(found.small_classes), 200),
                },
            )
        )
    if found.unreadable:
        messages.append(
            Message(
                N_("{n:,} photos can't be read and weren't judged."), {"n": len(found.unreadable)}
            )
        )
    return messages


def judge_labels(
    features: NDArray[np.float32],
    labels: Rows,
    groups: Rows,
    seed: int = 0,
    check: Callable[[], None] | None = None,
) -> LabelJudgment:
    """Judge N labels out of fold by confident learning.

    Args:
        features: (N, D) float32 of length 1.
        labels: (N,) of at least two classes; unused numbers are allowed.
        groups: (N,) photos of the same number show the same picture.
        seed: of the folds.
        check: called before each fold. What it raises ends the work.
    """
    classes = int(labels.max()) + 1
    probabilities = np.zeros((len(labels), classes))
    folds = divide_folds(labels, groups, seed)
    for fold in range(FOLDS):
        if check:
            check()
        inside = folds == fold
        if inside.any():
            probabilities[inside] = fit_and_predict(
                features[~inside], labels[~inside], features[inside], classes
            )
    thresholds = np.full(classes, np.inf)  # a class without photos reaches nothing
    for label in np.unique(labels):
        own = probabilities[labels == label, label]
        thresholds[label] = max(float(own.mean()), np.finfo(float).tiny)
    return LabelJudgment(
        probabilities,
        thresholds,
        compute_margins(probabilities, labels),
        _select_likely(probabilities, thresholds, labels),
    )


def divide_folds(labels: Rows, groups: Rows, seed: int) -> Rows:
    """Divide N photos into `FOLDS` folds, (N,): by class, a group in one fold, by seed."""
    folds = np.zeros(len(labels), np.int64)
    counts = np.zeros((int(labels.max()) + 1, FOLDS), np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    members: dict[int, list[int]] = {}
    for row in order:
        members.setdefault(int(groups[row]), []).append(int(row))
    for rows in sorted(members.values(), key=len, reverse=True):  # large ones while there's room
        label = labels[rows[0]]
        fold = int(np.lexsort((counts.sum(axis=0), counts[label]))[0])
        folds[rows] = fold
        np.add.at(counts[:, fold], labels[rows], 1)
    return folds


def compute_margins(probabilities: Floats, labels: Rows) -> Floats:
    """Return the probability of each label less that of the likeliest other class, (N,), -1..1."""
    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -1
    margins: Floats = probabilities[rows, labels] - others.max(axis=1)
    return margins


def rank_outliers(features: NDArray[np.float32], groups: Rows) -> Rows:
    """Return rows of photos that are far from all others, the farthest first.

    The distance is the mean cosine distance to the nearest photos of other groups, so that a copy
    makes an odd photo no less odd.

    Args:
        features: (N, D) float32 of length 1.
        groups: (N,) as for `judge_labels`.
    """
    compared = np.linspace(0, len(features) - 1, min(len(features), _MOST_COMPARED))
    columns = np.unique(compared.round().astype(np.int64))
    distances = np.empty(len(features), np.float32)
    for start in range(0, len(features), _CHUNK):
        part = slice(start, start + _CHUNK)
        near = 1 - features[part] @ features[columns].T
        near[groups[part, None] == groups[None, columns]] = np.inf
        nearest = np.partition(near, min(NEIGHBORS, near.shape[1]) - 1, axis=1)[:, :NEIGHBORS]
        distances[part] = nearest.mean(axis=1)
    low, high = np.percentile(distances, [25, 75])
    far = np.flatnonzero(distances > high + OUTLIER_SPREAD * (high - low))
    return np.asarray(far[np.argsort(-distances[far], kind="stable")], np.int64)


def _select_likely(probabilities: Floats, thresholds: Floats, labels: Rows) -> NDArray[np.bool_]:
    """Photos whose label is likely wrong, (N,): "prune by noise rate" of the paper.

    The confident joint counts photos of one label that reach the threshold of a class, scaled to
    the photos of each label. So many of each pair are taken, those with the largest difference of
    the two probabilities, if another class is likelier at all.
    """
    classes = len(thresholds)
    reached = probabilities >= thresholds
    best = np.where(reached, probabilities, -1).argmax(axis=1)
    joint = np.zeros((classes, classes))
    counted = reached.any(axis=1)
    np.add.at(joint, (labels[counted], best[counted]), 1)
    totals = np.bincount(labels, minlength=classes)
    joint *= (totals / np.maximum(joint.sum(axis=1), 1))[:, None]
    likely = np.zeros(len(labels), bool)
    for label, guess in np.argwhere(joint.round() > 0):
        if label != guess:
            rows = np.flatnonzero(labels == label)
            difference = probabilities[rows, label] - probabilities[rows, guess]
            order = np.argsort(difference, kind="stable")[: int(joint[label, guess].round())]
            likely[rows[order[difference[order] < 0]]] = True
    return likely


def group_alike(known: PhotoFeatures) -> Rows:
    """Return a number for each photo, (N,), the same for those that show the same picture."""
    groups = np.arange(len(known.items))
    for alike in photo_scan.group_similar_photos(known.infos):
        groups[alike] = alike[0]
    return groups


def _count_groups(groups: Rows, labels: Rows, label: int) -> int:
    return len(np.unique(groups[labels == label]))


def _list_suspects(
    dataset: Dataset, items: Sequence[Item], judgment: LabelJudgment, outliers: Rows
) -> list[Suspect]:
    best = (judgment.probabilities / judgment.thresholds).max(axis=1)
    is_unfit = (best < UNFIT_SHARE) & ~judgment.is_likely
    ranking = judgment.ranking
    rows_by_kind: dict[SuspectKind, Rows] = {
        "wrong_label": ranking[(judgment.margins[ranking] < 0) & ~is_unfit[ranking]],
        "no_class": np.flatnonzero(is_unfit)[np.argsort(best[is_unfit], kind="stable")],
        "outlier": outliers,
    }
    suspects = []
    for kind, rows in rows_by_kind.items():
        for row in map(int, rows):
            item = items[row]
            if is_dismissed(dataset, item.file, kind):
                continue
            others = judgment.probabilities[row].copy()
            others[item.label] = -1
            guess = int(others.argmax())
            suspects.append(
                Suspect(
                    kind,
                    item,
                    probability=float(judgment.probabilities[row, item.label]),
                    guess=guess,
                    guess_probability=float(others[guess]),
                    is_likely=kind == "wrong_label" and bool(judgment.is_likely[row]),
                )
            )
    return suspects
