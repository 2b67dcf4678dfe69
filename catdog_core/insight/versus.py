"""Two models on the same photos: who is right where, and whether that can be chance. Light."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .predictions import Table
from .scores import guesses

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Versus:
    """The photos both models were asked about, as row numbers of the first one's table.

    `p` is McNemar's: how often models equally good would differ by this much or more, 0..1.
    """

    both: Rows
    only_first: Rows
    only_second: Rows
    neither: Rows
    p: float

    @property
    def n(self) -> int:
        """Photos in all."""
        return sum(map(len, (self.both, self.only_first, self.only_second, self.neither)))


def compare(first: Table, second: Table, threshold: float = 0.5) -> Versus:
    """Set two models against each other, photo by photo.

    Args:
        first, second: their answers; photos that only one was asked about are left aside.
        threshold: for both, with two classes.

    Raises:
        ModelError: they tell other classes apart, or have no photo in common.
    """
    if set(first.classes) != set(second.classes):
        raise ModelError(
            "One model tells {first} apart, the other {second}. Expected the same classes.",
            first=", ".join(first.classes),
            second=", ".join(second.classes),
        )
    places = {file: row for row, file in enumerate(second.files)}
    rows = np.array([row for row, file in enumerate(first.files) if file in places], np.int64)
    if not len(rows):
        raise ModelError("The two models were asked about no photo in common. Expected some.")
    others = np.array([places[first.files[row]] for row in rows])
    columns = [second.classes.index(name) for name in first.classes]
    turned = Table(
        tuple(first.files[row] for row in rows),
        first.classes,
        first.labels[rows],
        second.probabilities[others][:, columns],
    )
    one = (guesses(first, threshold) == first.labels)[rows]
    two = guesses(turned, threshold) == turned.labels
    return Versus(
        both=rows[one & two],
        only_first=rows[one & ~two],
        only_second=rows[~one & two],
        neither=rows[~one & ~two],
        p=mcnemar(int((one & ~two).sum()), int((~one & two).sum())),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test, two-sided: the chance of a split as uneven, by tossing a coin.

    Args:
        only_first, only_second: photos on which one alone is right.
    """
    n = only_first + only_second
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**n))
