"""Guesses for the photos of a pile: by a model or by likeness first, then by the answers so far.

    workspace/piles/<id>/seen.npz     features of the readable photos, and whose guesses come first
                         guesses.npz  a class and a certainty for each photo, after so many answers

This is active learning by uncertainty sampling (Lewis and Gale 1994, arXiv:cmp-lg/9407020): a
person labels the photos the guesses are least certain of, and a logistic regression on the features
of a pretrained network learns from the answers. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import file_cache, jobs
from ..base.errors import DatasetError
from ..base.jobs import Job
from ..data import piles
from ..data.piles import Answer, Pile
from . import metrics
from .feature_regression import fit_and_predict
from .review_queue import MAX_QUEUE, ReviewPhoto

RETRAIN_EVERY = 20
"""Answers after which the guesses are made anew."""
WINDOW = 40
"""Answers that the accuracy of the guesses is measured over."""
TARGET = 0.95
"""Part of the guesses that has to be right for them to count as good."""
_FOLDS = 5
_STARTS, _STEPS = 4, 50  # of k-means
_FORMAT = 1
_SEEN, _GUESSES = "seen.npz", "guesses.npz"

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeenPhotos:
    """What was seen in the readable photos of a pile, N of D features.

    Attributes:
        files: their names; of equal files, the first.
        features: (N, D) float32, each row of length 1.
        first: (N, K) a model's probabilities; (N, 0) without a model.
        names: (K,) the model's class names.
        unreadable: names of files that can't be read.
        copies: names of files that are equal to another one.
    """

    files: tuple[str, ...]
    features: Features
    first: Shares
    names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Guesses:
    """A class for each of N photos.

    Attributes:
        files: names of the photos.
        labels: (N,) numbers in `classes`; -1 for none.
        certainty: (N,) 0..1; of groups, a share that only tells photos apart.
        classes: class names.
        answers: how many answers they have learned from; 0 for the first guesses.
        source: "model", "groups" or "answers".
    """

    files: tuple[str, ...]
    labels: Labels
    certainty: Shares
    classes: tuple[str, ...]
    answers: int = 0
    source: str = ""


@dataclass(frozen=True)
class GuessRecord:
    """How good guesses were, of the answers that had one.

    Attributes:
        answers: answers given, excluded photos among them.
        right: of the last `counted` answers with a guess, those whose guess was right.
        counted: `WINDOW`, or fewer at first.
        interval: 95% Wilson interval of the share.
        reached: after how many answers, without excluded photos, `TARGET` of the last `WINDOW`
            guesses were right for the first time; None until then.
    """

    answers: int
    right: int
    counted: int
    interval: tuple[float, float]
    reached: int | None


def group_photos(features: Features, count: int, seed: int = 0) -> tuple[Labels, Shares]:
    """Group photos by likeness: k-means (Lloyd 1982), begun as k-means++.

    D. Arthur and S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.

    Args:
        features: (N, D) of length 1.
        count: groups, 1 to N.
        seed: of the beginnings, the best of which counts.

    Returns:
        The group of each photo, (N,), the largest first; how much nearer its center is than the
        next one, (N,): 0.5 for as near, 1 for at the center.

    Raises:
        DatasetError: there are fewer photos than groups.
    """
    if not 1 <= count <= len(features):
        raise DatasetError(
            "You asked for {count} groups, but there are {n:,} photos. Choose 1 to {n:,} groups.",
            count=count,
            n=len(features),
        )
    rng = np.random.default_rng(seed)
    tries = [_kmeans(features, count, rng) for _ in range(_STARTS)]
    distances = min(tries, key=lambda each: float(each.min(axis=1).sum()))
    groups = distances.argmin(axis=1)
    order = np.argsort(-np.bincount(groups, minlength=count), kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    if count == 1:
        return rank[groups], np.ones(len(features))
    near = np.sqrt(np.partition(distances, 1, axis=1)[:, :2].clip(0))
    total = near.sum(axis=1)
    share = np.where(total > 0, near[:, 1] / np.where(total > 0, total, 1), 0.5)
    return rank[groups], share


def _kmeans(features: Features, count: int, rng: np.random.Generator) -> Shares:
    """Squared distances of photos to the centers of one run of k-means, (N, count)."""
    centers = features[[rng.integers(len(features))]]
    while len(centers) < count:
        nearest = _squared_distances(features, centers).min(axis=1)
        total = nearest.sum()
        weights = nearest / total if total > 0 else np.full(len(features), 1 / len(features))
        centers = np.concatenate([centers, features[[rng.choice(len(features), p=weights)]]])
    groups = np.full(len(features), -1)
    for _ in range(_STEPS):
        distances = _squared_distances(features, centers)
        new = distances.argmin(axis=1)
        if (new == groups).all():
            break
        groups = new
        centers = np.stack(
            [
                features[groups == number].mean(axis=0) if (groups == number).any() else center
                for number, center in enumerate(centers)
            ]
        )
    return _squared_distances(features, centers)


def _squared_distances(features: Features, centers: Features) -> Shares:
    square = (features**2).sum(axis=1)[:, None] + (centers**2).sum(axis=1)
    return np.asarray((square - 2 * features @ centers.T).clip(0), np.float64)


def head_accuracy(features: Features, labels: Labels, classes: int) -> float:
    """Return the accuracy of a regression on answers it has not learned from: five folds, 0..1."""
    folds = np.empty(len(labels), np.int64)
    order = np.argsort(labels, kind="stable")  # each fold gets its part of each class
    folds[order] = np.arange(len(labels)) % _FOLDS
    right = 0
    for fold in range(_FOLDS):
        inside = folds == fold
        if not inside.any() or len(np.unique(labels[~inside])) < 2:
            continue
        probabilities = fit_and_predict(
            features[~inside], labels[~inside], features[inside], classes
        )
        right += int((probabilities.argmax(axis=1) == labels[inside]).sum())
    return right / len(labels)


def first_guesses(seen: SeenPhotos, pile: Pile) -> Guesses:
    """Return what a model takes the photos for; no guess without a model."""
    if not seen.names:
        none = np.full(len(seen.files), -1, np.int64)
        return Guesses(seen.files, none, np.zeros(len(none)), pile.classes)
    known = _numbers(pile.classes)
    numbers = np.array([known.get(name, -1) for name in seen.names], np.int64)
    labels = numbers[seen.first.argmax(axis=1)]
    return Guesses(seen.files, labels, seen.first.max(axis=1), pile.classes, 0, "model")


def name_groups(
    seen: SeenPhotos, names: Sequence[str], groups: Labels, certainty: Shares
) -> Guesses:
    """Return guesses by the groups that a person has named; groups of one name are one class.

    Args:
        seen: the N photos.
        names: of each group; empty for one whose photos get no guess.
        groups, certainty: (N,), from `group_photos`.
    """
    classes = tuple(dict.fromkeys(name for name in names if name))
    numbers = _numbers(classes)
    labels = np.array([numbers.get(names[group], -1) for group in groups], np.int64)
    return Guesses(seen.files, labels, certainty, classes, 0, "groups")


def is_due(guesses: Guesses, answers: Sequence[Answer]) -> bool:
    """Return whether enough answers have come since the guesses were made."""
    return _count_labels(answers) - guesses.answers >= RETRAIN_EVERY


def learn(pile: Pile, answers: Sequence[Answer], first: Guesses, seen: SeenPhotos) -> Guesses:
    """Guess anew by what was answered.

    The first guesses stay where a head that learned from other answers would be right less often.

    Args:
        pile: with its classes.
        answers: so far.
        first: the guesses of a model or of groups.
        seen: the photos.
    """
    numbers, row_of = _numbers(pile.classes), {file: row for row, file in enumerate(seen.files)}
    pairs = [(row_of[a.file], numbers[a.label]) for a in answers if a.label and a.file in row_of]
    rows = np.array([row for row, _ in pairs], np.int64)
    labels = np.array([label for _, label in pairs], np.int64)
    named = np.array([numbers.get(name, -1) for name in first.classes] or [-1], np.int64)
    before = np.where(first.labels < 0, -1, named[first.labels])
    kept = Guesses(
        seen.files, before, first.certainty, pile.classes, _count_labels(answers), first.source
    )
    if len(np.unique(labels)) < 2:
        return kept
    accuracy = head_accuracy(seen.features[rows], labels, len(pile.classes))
    if accuracy < float((before[rows] == labels).mean()):
        return kept
    probabilities = fit_and_predict(seen.features[rows], labels, seen.features, len(pile.classes))
    return Guesses(
        seen.files,
        probabilities.argmax(axis=1).astype(np.int64),
        probabilities.max(axis=1),
        pile.classes,
        _count_labels(answers),
        "answers",
    )


def learn_in_background(pile_id: str) -> None:
    """Begin to guess a pile's photos anew, unless that is going on."""

    def work(_: Job) -> None:
        pile, seen = piles.load_pile(pile_id), read_seen(pile_id)
        if seen is None:
            return
        first = read_guesses(pile_id, "first") or first_guesses(seen, pile)
        write_guesses(pile_id, learn(pile, piles.read_answers(pile_id), first, seen))

    jobs.start_background_job(job_key(pile_id), work, action=None)


def job_key(pile_id: str) -> str:
    """Return the key of the job of `learn_in_background`."""
    return f"sort-{pile_id}"


def record_guesses(answers: Sequence[Answer]) -> GuessRecord:
    """Measure guesses by the answers: each guess is the one that was shown before its answer.

    The photos that are least certain come first, so on all photos guesses are right more often.
    """
    rights: list[bool] = []
    reached = None
    for number, answer in enumerate(filter(lambda each: each.label, answers), start=1):
        if answer.guess:
            rights.append(answer.guess == answer.label)
            is_good = sum(rights[-WINDOW:]) >= TARGET * WINDOW
            reached = reached or (number if is_good else None)
    recent = rights[-WINDOW:]
    interval = metrics.wilson_interval(sum(recent), len(recent)) if recent else (0.0, 1.0)
    return GuessRecord(len(answers), sum(recent), len(recent), interval, reached)


def build_queue(pile: Pile, guesses: Guesses, answers: Sequence[Answer]) -> list[ReviewPhoto]:
    """Return photos of a pile for a review: the answered ones, then the least certain first.

    At most `MAX_QUEUE` that nobody has answered are among them.
    """
    numbers = _numbers(pile.classes)
    done = {answer.file: answer for answer in answers}
    named = [numbers.get(name, -1) for name in guesses.classes]
    answered = [
        ReviewPhoto(file, numbers.get(answer.label, -1), is_reviewed=True)
        for file, answer in done.items()
    ]
    waiting = []
    mixed = np.random.default_rng(0).permutation(len(guesses.files))  # folders may be classes
    for row in np.lexsort((mixed, guesses.certainty)):
        label, file = int(guesses.labels[row]), guesses.files[row]
        if file not in done:
            guess = named[label] if label >= 0 else -1
            certainty = 0.0 if guesses.source == "groups" else float(guesses.certainty[row])
            waiting.append(ReviewPhoto(file, -1, guess, certainty))
    return answered + waiting[:MAX_QUEUE]


def choose_labels(
    guesses: Guesses, answers: Sequence[Answer], least_certainty: float | None
) -> dict[str, str]:
    """Return the class of each photo for a dataset.

    Args:
        guesses: of all photos.
        answers: they count before guesses, and exclude photos.
        least_certainty: guesses of at least this certainty count, too; None for answers only.
    """
    labels = {answer.file: answer.label for answer in answers}
    if least_certainty is not None:
        for file, label, certainty in zip(
            guesses.files, guesses.labels, guesses.certainty, strict=True
        ):
            if label >= 0 and certainty >= least_certainty:
                labels.setdefault(file, guesses.classes[label])
    return {file: label for file, label in labels.items() if label}


def write_seen(pile_id: str, seen: SeenPhotos) -> None:
    """Keep what was seen in a pile's photos."""
    about = {
        "files": seen.files,
        "names": seen.names,
        "unreadable": seen.unreadable,
        "copies": seen.copies,
    }
    _write(piles.piles_folder() / pile_id / _SEEN, about, features=seen.features, first=seen.first)


def read_seen(pile_id: str) -> SeenPhotos | None:
    """Read what was seen in a pile's photos; None where nothing was, or the file is damaged."""
    found = _read(piles.piles_folder() / pile_id / _SEEN)
    if found is None:
        return None
    about, arrays = found
    try:
        parts = (tuple(map(str, about[name])) for name in ("names", "unreadable", "copies"))
        files = tuple(map(str, about["files"]))
        seen = SeenPhotos(files, arrays["features"], arrays["first"], *parts)
        return seen if len(files) == len(seen.features) == len(seen.first) else None
    except (KeyError, TypeError):
        return None


def write_guesses(pile_id: str, guesses: Guesses, name: str = "") -> None:
    """Keep guesses; those of the `name` "first" beside the newest."""
    about = {
        "files": guesses.files,
        "classes": guesses.classes,
        "answers": guesses.answers,
        "source": guesses.source,
    }
    path = piles.piles_folder() / pile_id / f"{name}{_GUESSES}"
    _write(path, about, labels=guesses.labels, certainty=guesses.certainty)


def read_guesses(pile_id: str, name: str = "") -> Guesses | None:
    """Read guesses; None where there are none, or they are damaged."""
    found = _read(piles.piles_folder() / pile_id / f"{name}{_GUESSES}")
    if found is None:
        return None
    about, arrays = found
    try:
        files, classes = (tuple(map(str, about[name])) for name in ("files", "classes"))
        labels, certainty = arrays["labels"], arrays["certainty"]
        if not len(files) == len(labels) == len(certainty):
            return None
        return Guesses(
            files, labels, certainty, classes, int(about["answers"]), str(about["source"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def _write(path: Path, about: Mapping[str, object], **arrays: NDArray[Any]) -> None:
    text = np.frombuffer(json.dumps({"format": _FORMAT, **about}).encode(), np.uint8)
    file_cache.write_arrays(path, about=text, **arrays)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
    try:
        arrays = file_cache.read_arrays(path)
        about = json.loads(arrays.pop("about").tobytes())
        return (about, arrays) if about["format"] <= _FORMAT else None
    except (*file_cache.ARRAY_READ_ERRORS, KeyError, TypeError):
        return None


def _numbers(classes: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(classes)}


def _count_labels(answers: Sequence[Answer]) -> int:
    return sum(bool(answer.label) for answer in answers)
