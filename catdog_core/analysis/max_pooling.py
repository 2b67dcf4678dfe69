"""Max pooling done by hand: which value of each window won. Imports no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pooling:
    """The settings of a max pooling layer, as Keras's `MaxPooling2D` names them.

    Attributes:
        pool: height and width of a window.
        strides: rows and columns from one window to the next.
        padding: "same" lets windows reach beyond the map; nothing wins there.
    """

    pool: tuple[int, int]
    strides: tuple[int, int]
    padding: Literal["valid", "same"]


@dataclass(frozen=True)
class PoolingWinners:
    """The winners of max pooling's windows on one channel of a map.

    Attributes:
        rows: of the map, the row of the winner of each window, (h, w) int.
        columns: likewise.
        window_positions: where in its window each winner lies, along its rows from 0, (h, w) int.
        tied: windows all of whose values are the same, so that the first stands for all, (h, w).
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    window_positions: NDArray[np.int64]
    tied: NDArray[np.bool_]

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which values of the map, of this (H, W) shape, won in any window, as booleans."""
        mask = np.zeros(shape, dtype=bool)
        mask[self.rows, self.columns] = True
        return mask


def find_pooling_winners(values: NDArray[np.float32], pooling: Pooling) -> PoolingWinners:
    """Find the winners as Keras's `MaxPooling2D` does; of equal values the first one.

    Args:
        values: one channel of the map that is pooled, (H, W).
        pooling: how.
    """
    pool, strides = pooling.pool, pooling.strides
    before = [0, 0]
    if pooling.padding == "same":
        total_padding = [
            max((-(-n // step) - 1) * step + side - n, 0)
            for n, side, step in zip(values.shape, pool, strides, strict=True)
        ]
        before = [pad // 2 for pad in total_padding]
        around = [(first, pad - first) for first, pad in zip(before, total_padding, strict=True)]
        values = np.pad(values, around, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(values, pool)[:: strides[0], :: strides[1]]
    flat = windows.reshape(*windows.shape[:2], -1)
    winners = flat.argmax(axis=-1)
    down, across = np.indices(winners.shape)
    inside = np.where(np.isfinite(flat), flat, np.nan)
    return PoolingWinners(
        rows=down * strides[0] + winners // pool[1] - before[0],
        columns=across * strides[1] + winners % pool[1] - before[1],
        window_positions=winners,
        tied=np.nanmax(inside, axis=-1) == np.nanmin(inside, axis=-1),
    )
