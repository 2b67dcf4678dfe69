"""Packed photos as values: a folder of shards, what its index tells, and one split of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ..base.errors import PhotoError
from .shard_images import PartImages, ShardImages


@dataclass(frozen=True)
class PackedDataset:
    """A folder of shards, and what its index tells.

    `counts` is photos by split; `unreadable` names the files left out, each with its reason;
    `shards` is how many there are, `bytes` their size on the disk. `hold` keeps a cache entry from
    being cleared while somebody has it.
    """

    path: Path
    size: int
    classes: tuple[str, ...]
    counts: dict[str, int]
    unreadable: list[tuple[str, PhotoError]]
    shards: int
    bytes: int
    hold: FileLock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_index(cls, path: Path, index: dict[str, Any]) -> Self:
        """A folder of shards whose index was read."""
        told = [(row["file"], row["message"], row["params"]) for row in index["unreadable"]]
        return cls(
            path=path,
            size=int(index["size"]),
            classes=tuple(index["classes"]),
            counts={str(split): int(count) for split, count in index["counts"].items()},
            unreadable=[(str(file), PhotoError(text, **params)) for file, text, params in told],
            shards=len(index["shards"]),
            bytes=sum(int(row["bytes"]) for row in index["shards"]),
        )


@dataclass(frozen=True)
class PhotoSplit:
    """One split: images (N, S, S, 3) uint8, labels (N,) int64, file names.

    The images lie in memory, or are read from the shards when indexed; see `load`. In their place
    there may be what a pretrained network sees in them, (N, D) float32; see `features`.
    """

    images: NDArray[Any] | ShardImages | PartImages
    labels: NDArray[np.int64]
    files: list[str]
    hold: FileLock | None = field(default=None, compare=False, repr=False)
