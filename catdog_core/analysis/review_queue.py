"""The photos of a dataset in the order in which a person reviews their labels.

The least certain come first where a model's answers are known: uncertainty sampling by least
confidence (Lewis and Gale 1994, arXiv:cmp-lg/9407020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.natural_order import natural_key
from ..data import decisions
from ..data.datasets import Dataset, Item

MAX_QUEUE = 2000
"""Photos of a queue; of more, the first that nobody has reviewed."""


@dataclass(frozen=True)
class ReviewPhoto:
    """A photo to review.

    Attributes:
        file: its name within the dataset.
        label: the number of its class now.
        guess: the number of the class a model takes it for; -1 without a model.
        certainty: the probability of that class, 0..1.
        is_reviewed: whether a person has decided about it already.
    """

    file: str
    label: int
    guess: int = -1
    certainty: float = 0.0
    is_reviewed: bool = False

    def to_row(self) -> tuple[str, int, int, float, int]:
        """Return it as the browser takes it: file, label, guess, certainty, reviewed or not."""
        return self.file, self.label, self.guess, round(self.certainty, 3), int(self.is_reviewed)


@dataclass(frozen=True)
class ReviewQueue:
    """Photos to review, and how many there are in all, more than `MAX_QUEUE` among them."""

    photos: tuple[ReviewPhoto, ...]
    total: int


def build_queue(
    dataset: Dataset,
    label: int | None = None,
    answers: Mapping[str, NDArray[np.float64]] | None = None,
    files: Sequence[str] | None = None,
    least_certain_first: bool = False,
) -> ReviewQueue:
    """Return photos of a dataset in the order of a review.

    Args:
        dataset: as it is now; photos that were excluded are not in it.
        label: only photos of this class.
        answers: a model's probabilities (C,) by file; some may be missing.
        files: only these, in this order; others are passed over.
        least_certain_first: by the answers, photos without one last; else by name.
    """
    answers = answers or {}
    items = [item for item in dataset.items() if label in (None, item.label)]
    items.sort(key=lambda item: natural_key(item.file))
    if files is not None:
        place = {file: number for number, file in enumerate(files)}
        items = sorted((i for i in items if i.file in place), key=lambda i: place[i.file])
    if least_certain_first:
        items.sort(key=_certainty_order(answers))
    done = decisions.reviewed_files(dataset.changes)
    total = len(items)
    if total > MAX_QUEUE:
        items = [item for item in items if item.file not in done][:MAX_QUEUE]
    return ReviewQueue(tuple(_to_photo(item, answers, done) for item in items), total)


def _certainty_order(answers: Mapping[str, NDArray[np.float64]]) -> Callable[[Item], float]:
    return lambda item: float(answers[item.file].max()) if item.file in answers else 2.0


def _to_photo(
    item: Item, answers: Mapping[str, NDArray[np.float64]], done: set[str]
) -> ReviewPhoto:
    row = answers.get(item.file)
    guess = (-1, 0.0) if row is None else (int(row.argmax()), float(row.max()))
    return ReviewPhoto(item.file, item.label, *guess, item.file in done)
