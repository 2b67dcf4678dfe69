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
    """Photos a second that a training on one core takes, notes' network."""
    worker_memory: float
    """Bytes of memory of a training, without what grows with the photos."""
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
    """Bytes of memory that grow with the photos, in a training."""
    return {
        "where each record lies, and its label": photos * c.shards_memory,
        "the orders of four epochs": photos * 8.0 * ORDERS,
    }


def memory(c: Constants, photos: int) -> float:
    """Bytes of memory of a training."""
    return c.worker_memory + sum(kept(c, photos).values())


def opened(c: Constants, photos: int) -> float:
    """Bytes of memory that names and labels take in whoever opens the dataset."""
    return photos * c.names_memory


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
