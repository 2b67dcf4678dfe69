"""Writing a dataset as TFRecord shards: in parallel, each whole or not there, and resumable.

Which photo comes into which shard follows from the dataset alone. So a packing that was killed
goes on from the shards that are there and verify, and packing twice gives the same bytes.

Beside ``train-00000.tfrecord`` lies its table ``train-00000.json``, written after it: for each
record where the image's bytes begin, their CRC-32, label and file, so that any photo can be read
and checked on its own.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .. import datasets, files, images
from ..cluster.tasks import Hands, follow, threads
from ..datasets import Dataset, Item
from ..errors import CatDogError, DatasetError, PhotoError
from ..sources import contents
from ..sources.places import Place, Remote
from .shard_index import FORMAT

SHARD_BYTES = 32_000_000
"""A shard's pixels, at most. Larger ones read no quicker; a broken packing would lose more."""
_MIX_SEED = 20
_WRITERS = 2
_TABLE_BYTES = 50_000_000
_AHEAD = 8  # photos elsewhere that a writer has asked for

Progress = Callable[[int, int], None]
Mark = str | tuple[int, int, int] | None
"""A digest of a photo's file; else its size, time of change and number on the disk; else none."""


@dataclass(frozen=True)
class Shard:
    """A shard to be written: "train-00000", its photos, and a digest of all that decides it.

    `marks` tell what each photo's file was when the dataset was understood; see `_mark`.
    """

    name: str
    items: Sequence[Item]
    plan: str
    marks: Sequence[Mark] = ()


class _Cancelled(Exception):  # noqa: N818 - no error: another shard failed, or a stop is wanted
    pass


def plan(dataset: Dataset, size: int) -> list[Shard]:
    """Divide a dataset into shards of about equal length, each split in a seeded mixed order."""
    found = []
    digests = _digests(dataset)
    for split in sorted(dataset.counts()):
        items = dataset.items(split)
        order = np.random.default_rng(_MIX_SEED).permutation(len(items))
        count = -(-len(items) * size * size * 3 // SHARD_BYTES)
        for number, part in enumerate(np.array_split(order, min(count, len(items)))):
            name = f"{split}-{number:05d}"
            mixed = [items[place] for place in part]
            marks = [_mark(item, digests) for item in mixed]
            found.append(Shard(name, mixed, _plan_digest(dataset, size, name, mixed), marks))
    return found


def write_all(
    shards: Sequence[Shard],
    folder: Place,
    size: int,
    progress: Progress | None,
    hands: Hands | None = None,
) -> list[dict[str, Any]]:
    """Write the shards that are not yet whole in `folder`, several at a time.

    Args:
        shards: from `plan`.
        folder: exists, or is elsewhere; may hold shards of an earlier attempt.
        size: side of the stored squares in pixels.
        progress: called in this thread with (photos done, photos in all). What it raises ends
            the writing; whole shards stay.
        hands: the threads that write to a place elsewhere.

    Returns:
        The `summary` of each.
    """
    if isinstance(folder, Remote):
        work = [(shard, folder, size) for shard in shards]
        lengths = [len(shard.items) for shard in shards]
        return (hands or Hands()).each(write, work, lengths, progress)
    return _write_here(shards, folder, size, progress)


def write(shard: Shard, folder: Place, size: int) -> dict[str, Any]:
    """Write a shard, unless it is whole in `folder` already; its `summary`. Runs anywhere."""
    if not is_whole(folder, shard.name, shard.plan):
        _write(shard, folder, size, lambda _photos: None)
    return summary(folder, shard.name)


def _write_here(
    shards: Sequence[Shard], folder: Path, size: int, progress: Progress | None
) -> list[dict[str, Any]]:
    total = sum(len(shard.items) for shard in shards)
    done = 0
    counting, cancelled = threading.Lock(), threading.Event()

    def count(photos: int) -> None:
        nonlocal done
        if cancelled.is_set():
            raise _Cancelled
        with counting:
            done += photos

    def job(shard: Shard) -> None:
        if is_whole(folder, shard.name, shard.plan):
            count(len(shard.items))
        else:
            _write(shard, folder, size, count)

    if progress:  # whoever wants to stop says so before anything has begun
        progress(0, total)
    with threads(_WRITERS) as pool:
        jobs = [pool.submit(job, shard) for shard in shards]
        try:
            follow(jobs, lambda: progress(done, total) if progress else None)
        except BaseException:
            cancelled.set()
            raise
    return [summary(folder, shard.name) for shard in shards]


def is_whole(folder: Place, name: str, wanted_plan: str | None = None) -> bool:
    """Whether a shard lies there with its table and verifies by SHA-256.

    Elsewhere its size is enough: nothing is half written there, and to read it is to pack it anew.

    Args:
        folder: of shards.
        name: such as "train-00000".
        wanted_plan: when given, the shard must also be the one planned.
    """
    path = folder / f"{name}.tfrecord"
    try:
        table = json.loads(_table_bytes(folder / f"{name}.json"))
        return bool(
            table["format"] == FORMAT
            and wanted_plan in (None, table["plan"])
            and path.stat().st_size == table["bytes"]
            and (isinstance(path, Remote) or sha256(path) == table["sha256"])
        )
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return False


def summary(folder: Place, name: str) -> dict[str, Any]:
    """A written shard as the index tells of it."""
    data = _table_bytes(folder / f"{name}.json")
    table = json.loads(data)
    return {
        "file": f"{name}.tfrecord",
        "photos": len(table["files"]),
        "bytes": table["bytes"],
        "sha256": table["sha256"],
        "table_sha256": hashlib.sha256(data).hexdigest(),
        "unreadable": table["unreadable"],
    }


def _table_bytes(path: Place) -> bytes:
    return path.read(_TABLE_BYTES) if isinstance(path, Remote) else path.read_bytes()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(shard: Shard, folder: Place, size: int, count: Callable[[int], None]) -> None:
    if isinstance(folder, Remote):
        with files.temporary_folder("shards") as place:
            _write(shard, place, size, count)
            for suffix in (".tfrecord", ".json"):  # the table, which tells that all is there, last
                (folder / f"{shard.name}{suffix}").put(place / f"{shard.name}{suffix}")
        return
    path = folder / f"{shard.name}.tfrecord"
    columns: dict[str, list[Any]] = {"offsets": [], "crc32": [], "labels": [], "files": []}
    unreadable: list[dict[str, Any]] = []
    end = 0
    with files.replacing(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            marks = shard.marks or [None] * len(shard.items)
            for (item, read), mark in zip(_reading(shard.items), marks, strict=True):
                count(1)
                try:
                    data = _unchanged(item, read, mark)
                    pixels = images.load(data, size).tobytes()
                except PhotoError as error:
                    if not item.path.exists():
                        raise _gone(item) from error
                    unreadable.append(_told(item, error))
                    continue
                record = _example(item, pixels)
                writer.write(record)
                row = (end + _HEAD + record.index(pixels), zlib.crc32(pixels))
                for column, value in zip(columns, (*row, item.label, item.file), strict=True):
                    columns[column].append(value)
                end += _HEAD + len(record) + _TAIL
        count(0)  # not to be made whole any more once the packing was given up
        told = {"bytes": temporary.stat().st_size, "sha256": sha256(temporary)}
    table = {"format": FORMAT, "plan": shard.plan, **told, **columns, "unreadable": unreadable}
    # Escaped, since a file's name may hold bytes that are no UTF-8.
    text = json.dumps(table, separators=(",", ":"))
    files.write_bytes(path.with_suffix(".json"), text.encode())


# TFRecord puts a record's length (8 bytes) and that length's CRC (4) before it, its own CRC after.
_HEAD, _TAIL = 12, 4


def _reading(items: Sequence[Item]) -> Iterator[tuple[Item, Callable[[], bytes]]]:
    """Photos in order, each with what gives its bytes: those elsewhere are asked for ahead."""
    if not items or not isinstance(items[0].path, Remote):
        for item in items:
            yield item, partial(images.read, item.path)
        return
    coming: deque[Future[bytes]] = deque()
    with threads(_AHEAD) as pool:
        for item, later in zip_longest(items, items[_AHEAD:]):
            if not coming:
                coming.extend(pool.submit(images.read, each.path) for each in items[:_AHEAD])
            if later is not None:
                coming.append(pool.submit(images.read, later.path))
            yield item, coming.popleft().result


def _digests(dataset: Dataset) -> contents.Known:
    """What is remembered of the photos' files, where that is of this very dataset."""
    record = datasets.root() / dataset.id
    found = contents.read(record)  # first: whoever opens the dataset again writes it last
    with suppress(CatDogError):
        datasets.as_of(dataset.id, dataset.fingerprint)
        return found
    return {}


def _mark(item: Item, digests: contents.Known) -> Mark:
    if item.file in digests:
        return digests[item.file][2]
    return None if isinstance(item.path, Remote) else _stamp(item.path)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (-1, -1, -1)
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def _unchanged(item: Item, read: Callable[[], bytes], mark: Mark) -> bytes:
    """A photo's bytes, which are those of when the dataset was understood.

    Else a training on other photos would pass for one on these, and so would what is packed.

    Raises:
        PhotoError: it cannot be read, nor could it be then.
        DatasetError: it has changed.
    """
    if isinstance(item.path, Path) and item.path.exists() and not item.path.is_file():
        raise _altered(item)  # a pipe would be waited for
    try:
        data = read()
    except PhotoError:
        if item.path.exists() and isinstance(mark, str) and contents.digest(item.path) != mark:
            raise _altered(item) from None
        raise
    if isinstance(mark, str):
        same = hashlib.blake2b(data, digest_size=16).hexdigest() == mark
    else:
        same = mark is None or isinstance(item.path, Remote) or _stamp(item.path) == mark
    if not same:
        raise _altered(item)
    return data


def _altered(item: Item) -> DatasetError:
    return DatasetError(
        "The photo {file} changed after the dataset was opened. Put it back, or open the dataset"
        " again and start a new run.",
        file=files.shown(item.file, 200),
    )


def _example(item: Item, pixels: bytes) -> bytes:
    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[item.label]))
    name = item.file.encode("utf-8", "surrogateescape")
    feature = {"image": raw(pixels), "label": label, "file": raw(name)}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    # Else the order of the three, and with it the shard's digest, could be any.
    return bytes(example.SerializeToString(deterministic=True))


def _gone(item: Item) -> DatasetError:
    # A photo that was listed and is no more makes another dataset: packed without it, this one
    # would be remembered as it never was.
    return DatasetError(
        "The photo {file} is gone from its folder. Expected the photos as they were when the"
        " dataset was opened. Put it back, or open the folder anew.",
        file=files.shown(item.file, 200),
    )


def _told(item: Item, error: PhotoError) -> dict[str, Any]:
    params = {key: str(value) for key, value in error.params.items()}
    return {"file": item.file, "message": error.message, "params": params}


def _plan_digest(dataset: Dataset, size: int, name: str, items: Sequence[Item]) -> str:
    digest = hashlib.blake2b(f"{FORMAT} {dataset.fingerprint} {size} {name}".encode())
    for item in items:
        digest.update(f"\0{item.file}\0{item.label}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:40]
