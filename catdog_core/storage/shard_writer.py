"""Write a dataset as TFRecord shards: in parallel, each whole or not there, and resumable.

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
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..base import files
from ..base.errors import CatDogError, DatasetError, PhotoError
from ..data import content_hashes, datasets
from ..data.datasets import Dataset, Item
from ..imaging import decode
from .shard_index import FORMAT, ShardSummary, UnreadablePhoto

SHARD_BYTES = 32_000_000
"""A shard's pixels, at most. Larger ones read no quicker; a broken packing would lose more."""
_MIX_SEED = 20
_WRITERS = 2
_REPORT_SECONDS = 0.1  # seconds between two reports of progress

Progress = Callable[[int, int], None]
FileMark = str | tuple[int, int, int]
"""A digest of a photo's file; else its size, time of change and number on the disk."""


@dataclass(frozen=True)
class Shard:
    """A shard to be written: "train-00000", its photos, and a digest of all that decides it.

    `marks` tell what each photo's file was when the dataset was understood; see `_file_mark`.
    """

    name: str
    items: Sequence[Item]
    plan: str
    marks: Sequence[FileMark]


class _Cancelled(Exception):  # noqa: N818 - no error: another shard failed, or a stop is wanted
    pass


def plan_shards(dataset: Dataset, size: int) -> list[Shard]:
    """Divide a dataset into shards of about equal length, each split in a seeded mixed order."""
    shards = []
    digests = _remembered_digests(dataset)
    for split in sorted(dataset.counts()):
        items = dataset.items(split)
        order = np.random.default_rng(_MIX_SEED).permutation(len(items))
        count = -(-len(items) * size * size * 3 // SHARD_BYTES)
        for number, part in enumerate(np.array_split(order, min(count, len(items)))):
            name = f"{split}-{number:05d}"
            mixed = [items[index] for index in part]
            marks = [_file_mark(item, digests) for item in mixed]
            shards.append(Shard(name, mixed, _plan_digest(dataset, size, name, mixed), marks))
    return shards


def write_shards(
    shards: Sequence[Shard],
    folder: Path,
    size: int,
    progress: Progress | None,
) -> list[ShardSummary]:
    """Write the shards that are not yet whole in `folder`, several at a time.

    Args:
        shards: from `plan_shards`.
        folder: exists; may hold shards of an earlier attempt.
        size: side of the stored squares in pixels.
        progress: called in this thread with (photos done, photos in all). What it raises ends
            the writing; whole shards stay.

    Returns:
        The `summarize_shard` of each.
    """
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
        if is_shard_intact(folder, shard.name, shard.plan):
            count(len(shard.items))
        else:
            _write_shard(shard, folder, size, count)

    if progress:  # whoever wants to stop says so before anything has begun
        progress(0, total)
    with ThreadPoolExecutor(_WRITERS) as pool:
        waiting = {pool.submit(job, shard) for shard in shards}
        try:
            while waiting:
                ended, waiting = wait(waiting, _REPORT_SECONDS, FIRST_COMPLETED)
                for each in ended:
                    each.result()
                if progress:
                    progress(done, total)
        except BaseException:  # what has begun is waited for, so that nothing is written after it
            cancelled.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [summarize_shard(folder, shard.name) for shard in shards]


def is_shard_intact(folder: Path, name: str, wanted_plan: str | None = None) -> bool:
    """Tell whether a shard lies there with its table and verifies by SHA-256.

    Args:
        folder: of shards.
        name: such as "train-00000".
        wanted_plan: when given, the shard must also be the one planned.
    """
    path = folder / f"{name}.tfrecord"
    try:
        table = json.loads((folder / f"{name}.json").read_bytes())
        return bool(
            table["format"] == FORMAT
            and wanted_plan in (None, table["plan"])
            and path.stat().st_size == table["bytes"]
            and sha256_file(path) == table["sha256"]
        )
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return False


def summarize_shard(folder: Path, name: str) -> ShardSummary:
    """Return what the index needs to know of a written shard, read from its table."""
    data = (folder / f"{name}.json").read_bytes()
    table = json.loads(data)
    return {
        "file": f"{name}.tfrecord",
        "photos": len(table["files"]),
        "bytes": table["bytes"],
        "sha256": table["sha256"],
        "table_sha256": hashlib.sha256(data).hexdigest(),
        "unreadable": table["unreadable"],
    }


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_shard(shard: Shard, folder: Path, size: int, count: Callable[[int], None]) -> None:
    path = folder / f"{shard.name}.tfrecord"
    columns: dict[str, list[int | str]] = {"offsets": [], "crc32": [], "labels": [], "files": []}
    unreadable: list[UnreadablePhoto] = []
    end = 0
    with files.atomic_replace(path) as temporary:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for item, mark in zip(shard.items, shard.marks, strict=True):
                count(1)
                try:
                    data = _read_unchanged(item, mark)
                    pixels = decode.decode_and_fit(data, size).tobytes()
                except PhotoError as error:
                    if not item.path.exists():
                        raise _photo_gone_error(item) from error
                    unreadable.append(_unreadable_photo(item, error))
                    continue
                record = _make_example(item, pixels)
                writer.write(record)
                columns["offsets"].append(end + _HEAD + record.index(pixels))
                columns["crc32"].append(zlib.crc32(pixels))
                columns["labels"].append(item.label)
                columns["files"].append(item.file)
                end += _HEAD + len(record) + _TAIL
        count(0)  # not to be made whole any more once the packing was given up
        summary = {"bytes": temporary.stat().st_size, "sha256": sha256_file(temporary)}
    table = {"format": FORMAT, "plan": shard.plan, **summary, **columns, "unreadable": unreadable}
    # Escaped, since a file's name may hold bytes that are no UTF-8.
    text = json.dumps(table, separators=(",", ":"))
    files.write_bytes(path.with_suffix(".json"), text.encode())


# TFRecord puts a record's length (8 bytes) and that length's CRC (4) before it, its own CRC after.
_HEAD, _TAIL = 12, 4


def _remembered_digests(dataset: Dataset) -> content_hashes.KnownDigests:
    """What is remembered of the photos' files, where that is of this very dataset."""
    record = datasets.datasets_folder() / dataset.id
    digests = content_hashes.read_digests(
        record
    )  # first: whoever opens the dataset again writes it last
    with suppress(CatDogError):
        datasets.load_dataset_as_of(dataset.id, dataset.fingerprint)
        return digests
    return {}


def _file_mark(item: Item, digests: content_hashes.KnownDigests) -> FileMark:
    return digests[item.file][2] if item.file in digests else _file_stamp(item.path)


def _file_stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (-1, -1, -1)
    return seen.st_size, seen.st_mtime_ns, seen.st_ino


def _read_unchanged(item: Item, mark: FileMark) -> bytes:
    """A photo's bytes, which are those of when the dataset was understood.

    Else a training on other photos would pass for one on these, and so would what is packed.

    Raises:
        PhotoError: it cannot be read, nor could it be then.
        DatasetError: it has changed.
    """
    if item.path.exists() and not item.path.is_file():
        raise _photo_changed_error(item)  # a pipe would be waited for
    try:
        data = decode.read_photo_bytes(item.path)
    except PhotoError:
        if (
            item.path.exists()
            and isinstance(mark, str)
            and content_hashes.digest_file(item.path) != mark
        ):
            raise _photo_changed_error(item) from None
        raise
    if isinstance(mark, str):
        same = hashlib.blake2b(data, digest_size=16).hexdigest() == mark
    else:
        same = _file_stamp(item.path) == mark
    if not same:
        raise _photo_changed_error(item)
    return data


def _photo_changed_error(item: Item) -> DatasetError:
    return DatasetError(
        "The photo {file} changed after the dataset was opened. Put it back, or open the dataset"
        " again and start a new run.",
        file=files.truncate_for_display(item.file, 200),
    )


def _make_example(item: Item, pixels: bytes) -> bytes:
    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[item.label]))
    name = item.file.encode("utf-8", "surrogateescape")
    feature = {"image": raw(pixels), "label": label, "file": raw(name)}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    # Else the order of the three, and with it the shard's digest, could be any.
    return bytes(example.SerializeToString(deterministic=True))


def _photo_gone_error(item: Item) -> DatasetError:
    # A photo that was listed and is no more makes another dataset: packed without it, this one
    # would be remembered as it never was.
    return DatasetError(
        "The photo {file} is gone from its folder. Put it back, or open the folder again.",
        file=files.truncate_for_display(item.file, 200),
    )


def _unreadable_photo(item: Item, error: PhotoError) -> UnreadablePhoto:
    params = {key: str(value) for key, value in error.params.items()}
    return {"file": item.file, "message": error.message, "params": params}


def _plan_digest(dataset: Dataset, size: int, name: str, items: Sequence[Item]) -> str:
    digest = hashlib.blake2b(f"{FORMAT} {dataset.fingerprint} {size} {name}".encode())
    for item in items:
        digest.update(f"\0{item.file}\0{item.label}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:40]
