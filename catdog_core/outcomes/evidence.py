"""How much a few numbers can tell: intervals, smoothing, and the scatter of a curve.

Accuracies are fractions 0..1, intervals hold with 95 % confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]

Z = 1.96
"""Standard errors to either side of a 95 % interval."""


def standard_error(accuracy: float, photos: int) -> float:
    """The binomial standard error of an accuracy measured on so many photos.

    It is taken a little inside 0..1, since "all right" of a few photos is not certain either.
    """
    share = (min(max(accuracy, 0.0), 1.0) * photos + 1) / (photos + 2)
    return sqrt(share * (1 - share) / photos)


def window(count: int) -> int:
    """Epochs to average of a curve of `count` epochs: 3 of a short one, at most 7."""
    return int(np.clip(2 * (count // 20) + 1, 3, 7))


def means(values: Values, size: int) -> Values:
    """Means over all runs of `size` neighbours: (N,) to (N - size + 1,); the last is the end."""
    return np.convolve(values, np.full(size, 1 / size), mode="valid")


def scatter(values: Values) -> float:
    """The standard deviation of single values about a smooth curve through them.

    Each value is held against the mean of its neighbours. The median makes it robust: a sharp
    bend or one wild epoch hardly moves it. 0 for fewer than three values.
    """
    if len(values) < 3:
        return 0.0
    off = values[1:-1] - (values[:-2] + values[2:]) / 2
    return float(1.4826 * np.median(np.abs(off)) / sqrt(1.5))


def halves(values: Values) -> tuple[Values, Values]:
    """The last half of a curve, at least four values where there are, itself halved."""
    late = values[-max(4, len(values) // 2) :]
    return late[: len(late) // 2], late[len(late) // 2 :]


def fell_late(values: Values, noise: float) -> bool:
    """Whether a curve with this scatter surely still fell in its last half."""
    first, second = halves(values)
    error = noise * sqrt(1 / len(first) + 1 / len(second))
    return bool(first.mean() - second.mean() > 2 * error)


def array(values: Sequence[float]) -> Values:
    """Numbers as an array (N,) of float64."""
    return np.asarray(values, dtype=np.float64)
