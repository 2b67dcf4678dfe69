"""Which records of the shards belong to which worker of a training, and who takes what of a batch.

Both are pure functions, so that every worker knows of all others without asking. The records of a
split, in the order of its shards, are cut into one stretch a worker, equally long up to one record:
a shard belongs to two workers only where a cut goes through it. A batch is drawn from all records,
as for a single worker; of its photos each worker takes those of its own stretch. Where these are
more than its equal part, the others take the rest, and read that from shards that are not theirs.
Light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """Records `first` ≤ number < `last` of a shard's file, numbered from 0 within it."""

    file: str
    first: int
    last: int


def stretch(records: int, workers: int, rank: int) -> tuple[int, int]:
    """The records first ≤ number < last of worker `rank`, numbered from 0 in the split."""
    return records * rank // workers, records * (rank + 1) // workers


def owners(records: int, workers: int) -> Ranks:
    """The worker of each record of a split, (records,)."""
    lengths = np.diff([records * rank // workers for rank in range(workers + 1)])
    return np.repeat(np.arange(workers), lengths)


def spans(index: Mapping[str, Any], split: str, workers: int, rank: int) -> list[Span]:
    """What worker `rank` has of the shards of a split: each record is some worker's, once.

    Args:
        index: of the folder of shards, from `shard_index.read`.
        split: "train", "validation" or "test".
        workers: how many there are.
        rank: which of them, from 0.
    """
    shards = [row for row in index["shards"] if row["file"].startswith(f"{split}-")]
    first, last = stretch(sum(row["photos"] for row in shards), workers, rank)
    found, start = [], 0
    for row in shards:
        inside = max(first - start, 0), min(last - start, row["photos"])
        if inside[0] < inside[1]:
            found.append(Span(row["file"], *inside))
        start += row["photos"]
    return found


def takers(owner: Ranks, workers: int) -> Ranks:
    """Who takes each photo of a batch: its owner, as long as that has less than its equal part.

    Args:
        owner: of each of the batch's photos, (B,).
        workers: how many there are, at most B.

    Returns:
        (B,) ranks; each of them B / workers times, up to one.
    """
    count = len(owner)
    parts = np.diff([count * (rank + 1) // workers for rank in range(-1, workers)])
    taker = owner.copy()
    kept = np.zeros(workers, np.int64)
    spare = []
    for place, rank in enumerate(owner):
        if kept[rank] < parts[rank]:
            kept[rank] += 1
        else:
            spare.append(place)
    taker[spare] = np.repeat(np.arange(workers), parts - kept)
    return taker
