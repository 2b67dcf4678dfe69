"""Read photos of a split from their shards, in any order, in bounded memory.

Files are read, not mapped into memory: mapped pages would count as the training's memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import DatasetError


@dataclass(frozen=True)
class ShardTable:
    """What lies where in a shard, record by record.

    Attributes:
        offsets: (N,) int64, the byte of the file at which each image begins.
        crc32: (N,) int64, the CRC-32 of each image's bytes.
        labels: (N,) int64, label numbers.
        files: the photos' paths in their dataset.
    """

    offsets: NDArray[np.int64]
    crc32: NDArray[np.int64]
    labels: NDArray[np.int64]
    files: list[str]


class ShardImages:
    """Looks like an array (N, S, S, 3) uint8; indexing reads from the shards and checks CRCs.

    Args:
        shards: (file of the shard, its table) in order; see `shard_writer`.
        size: side of the photos in pixels, S.
        damaged: makes the error to raise when a shard is not as its table tells.

    Raises:
        DatasetError: when indexed: a shard is missing, cut short or damaged.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        shards: Sequence[tuple[Path, ShardTable]],
        size: int,
        damaged: Callable[[Path], DatasetError],
    ) -> None:
        self._paths = [path for path, _ in shards]
        self._damaged = damaged
        lengths = [len(table.offsets) for _, table in shards]
        self._shards = np.repeat(np.arange(len(shards)), lengths)
        self._offsets = concatenate_int64([table.offsets for _, table in shards])
        self._crcs = concatenate_int64([table.crc32 for _, table in shards])
        self.shape = (len(self._shards), size, size, 3)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels together."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        """Read one photo (S, S, 3) by its number, or several (n, S, S, 3) as NumPy indexes."""
        indices = np.arange(len(self))[key]
        pixels = np.empty((indices.size, *self.shape[1:]), np.uint8)
        self._read(np.atleast_1d(indices), pixels)
        return pixels[0] if indices.ndim == 0 else pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _read(self, indices: NDArray[np.int64], pixels: NDArray[np.uint8]) -> None:
        shards = self._shards[indices]
        order = np.argsort(shards, kind="stable")  # so that each file is opened once
        starts = np.nonzero(np.diff(shards[order]))[0] + 1
        for rows in np.split(order, starts) if len(order) else ():
            path, wanted = self._paths[shards[rows[0]]], indices[rows]
            arrays = [pixels[row] for row in rows]
            try:
                good = _read_records(path, self._offsets[wanted], self._crcs[wanted], arrays)
            except OSError as error:
                raise self._damaged(path) from error
            if not good:
                raise self._damaged(path)


class PartImages:
    """Some of the images of an array, read only when they are indexed.

    Looks like an array (n, S, S, 3) uint8.

    Args:
        images: the array they are chosen from, (N, S, S, 3) uint8.
        indices: (n,) int64, which ones, each from 0 to N - 1.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self, images: NDArray[np.uint8] | ShardImages | PartImages, indices: NDArray[np.int64]
    ) -> None:
        self._images, self._indices = images, indices
        self.shape: tuple[int, ...] = (len(indices), *images.shape[1:])

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        return self._images[self._indices[key]]


def _read_records(
    path: Path,
    offsets: NDArray[np.int64],
    crcs: NDArray[np.int64],
    rows: Sequence[NDArray[np.uint8]],
) -> bool:
    """Fill arrays from these offsets on; whether each has the CRC-32 it was written with.

    Raises:
        OSError: the shard cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        for offset, crc, row in zip(offsets, crcs, rows, strict=True):
            file.seek(offset)
            if file.readinto(row.data) != row.size or zlib.crc32(row.data) != crc:
                return False
    return True


def concatenate_int64(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join columns of numbers, (N₁,), (N₂,) … int64, into one; of none, an empty one."""
    return np.concatenate([np.empty(0, np.int64), *columns])
