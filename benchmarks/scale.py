"""From 2,000 photos to 100 million, and a class of 300: the arithmetic of docs/scale.md.

Everything here is a pure function of `Constants`. They are measured by `scale_measured`, stand in a
table of that page, and make all its other tables by `scale_tables`; a test holds these to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = (2_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
SIDE = 150
PIXELS = SIDE * SIDE * 3
"""Bytes of a photo as it is packed."""
SHARD = 32_000_000
"""Bytes of a shard's pixels, at most: `packing.shards.SHARD_BYTES`."""
ORDERS = 4
"""Orders of all photos that are kept at once: see `pipeline.training_batches`."""
BATCH = 20
"""Photos a worker takes at a step."""
STUDENTS = 300
CLASS = 90.0
"""Minutes of a class; each student starts a run every half hour of it."""
EVERY = 30.0


@dataclass(frozen=True)
class Constants:
    """What was measured, or is assumed, in the units of its name."""

    jpeg_bytes: float
    """Of a photo's file."""
    decode_rate: float
    """Photos a second that one core decodes and fits."""
    pack_rate: float
    """Photos a second packed by two cores."""
    read_rate: float
    """Photos a second read at random from shards, one process."""
    framing_bytes: float
    """Of a record of a shard, beside its pixels."""
    table_bytes: float
    """A photo in the tables beside the shards."""
    index_bytes: float
    """A shard in `index.json`."""
    record_bytes: float
    """A photo in `dataset.json`."""
    contents_bytes: float
    """A photo in `contents.json`: its digest."""
    looks_bytes: float
    """A photo in `looks-2.npy`: what the health check saw, a thumbnail with it."""
    names_memory: float
    """Bytes of memory a photo takes in an open dataset."""
    shards_memory: float
    """Bytes of memory a photo takes in a split opened for training."""
    open_rate: float
    """Photos a second of a `dataset.json` that is opened."""
    worker_rate: float
    """Photos a second that one worker on one core trains on, notes' network."""
    pair_rate: float
    """The same by two workers together, one core each."""
    gradient_bytes: float
    """Of all weights that are trained, float32."""
    worker_memory: float
    """Bytes of memory of a worker that trains, without what grows with the photos."""
    server_memory: float
    """Bytes of memory of the pages' server with TensorFlow loaded."""
    session_memory: float
    """Bytes of memory it takes more for each session."""
    sessions: float
    """That one server of two cores answers at once: README, "How much it holds"."""
    notes_minutes: float
    """A run of the notes' network on the class's photos, two cores: README."""
    transfer_minutes: float
    """A run of the pretrained network there."""
    link: float
    """Assumed: bytes a second between machines, and from a file server: 1 Gbit/s."""
    cache: float
    """Bytes of shards a machine keeps of a dataset elsewhere: the limit `shard_cache_bytes`."""
    requests: float
    """Assumed: requests a second that an object store answers for one prefix."""
    machine_memory: float
    """Assumed: bytes of memory a worker may have."""


def stored(c: Constants, photos: int) -> dict[str, float]:
    """Bytes on disks, by what they are."""
    return {
        "photos (JPEG)": photos * c.jpeg_bytes,
        "shards": photos * (PIXELS + c.framing_bytes),
        "tables beside them": photos * c.table_bytes,
        "`index.json`": math.ceil(photos * PIXELS / SHARD) * c.index_bytes,
        "`dataset.json`": photos * c.record_bytes,
        "`contents.json`": photos * c.contents_bytes,
        "`looks-2.npy`": photos * c.looks_bytes,
    }


def kept(c: Constants, photos: int) -> dict[str, float]:
    """Bytes of memory that grow with the photos, in each worker of a training."""
    return {
        "where each record lies, and its label": photos * c.shards_memory,
        "whose each record is": photos * 8.0,
        "the orders of four epochs": photos * 8.0 * ORDERS,
    }


def memory(c: Constants, photos: int) -> float:
    """Bytes of memory of one worker."""
    return c.worker_memory + sum(kept(c, photos).values())


def opened(c: Constants, photos: int) -> float:
    """Bytes of memory that names and labels take in whoever opens the dataset."""
    return photos * c.names_memory


def waiting(c: Constants, workers: int) -> float:
    """Seconds of a step in which workers wait for each other.

    In a ring each sends 2 (W - 1) / W times the gradients, so what two workers lose is what is
    lost by sending them once; W workers lose at most twice that.
    """
    pair = 2 * BATCH / c.pair_rate - BATCH / c.worker_rate
    return max(pair, 0.0) * 2 * (workers - 1) / workers


def rate(c: Constants, workers: int) -> float:
    """Photos a second of W workers on one core each, each with a batch of its own at a step."""
    return workers * BATCH / (BATCH / c.worker_rate + waiting(c, workers))


def step(c: Constants, workers: int) -> dict[str, float]:
    """What a step comes to: bytes read and sent by each worker, and seconds."""
    return {
        "read": BATCH * PIXELS,
        "sent": c.gradient_bytes * 2 * (workers - 1) / workers,
        "seconds": workers * BATCH / rate(c, workers),
    }


def needed(c: Constants, photos: int, seconds: float = 3600.0) -> int:
    """The fewest workers whose epoch takes no longer than that."""
    workers = 1
    while photos / rate(c, workers) > seconds:
        workers = max(workers + 1, int(workers * 1.01))
    return workers


def loads(c: Constants, photos: int, workers: int) -> dict[str, float]:
    """How much of each resource an epoch at full speed takes: 1 is all of it.

    A file server has one link and gives every record once an epoch. Of an object store each worker,
    on a machine of its own, keeps what there is room for, which is its own part of the shards; the
    rest it asks for record by record. What a worker has in memory grows with all photos.
    """
    speed, bytes_each = rate(c, workers), PIXELS + c.framing_bytes
    asked = max(0.0, 1 - workers * c.cache / (photos * bytes_each))
    one = step(c, workers)
    return {
        "file server": speed * bytes_each / c.link,
        "requests": speed * asked / c.requests,
        "gradients": one["sent"] / one["seconds"] / c.link,
        "memory": memory(c, photos) / c.machine_memory,
    }


def erlang(load: float, slots: int) -> float:
    """The chance that a run has to wait, where `load` runs would run at once on average.

    A. K. Erlang's formula C (1917), for arrivals by chance and runs of scattered length; 1 where
    the slots do not suffice.
    """
    if load >= slots:
        return 1.0
    inverse = 1.0  # of formula B, by its recursion
    for number in range(1, slots + 1):
        inverse = 1.0 + inverse * number / load
    blocked = 1.0 / inverse
    return blocked / (1.0 - load / slots * (1.0 - blocked))


def wait(minutes: float, slots: int) -> float:
    """Minutes a run waits on average; infinite where the queue only grows."""
    load = STUDENTS / EVERY * minutes
    return erlang(load, slots) * minutes / (slots - load) if load < slots else math.inf


def last(minutes: float, slots: int) -> float:
    """Minutes until the last run starts, where all students start one at the same moment."""
    return (math.ceil(STUDENTS / slots) - 1) * minutes
