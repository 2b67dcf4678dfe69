"""Pack a dataset as TFRecord shards: every photo decoded and resized once, raw uint8 on disk.

The folder holds ``<split>-00000.tfrecord`` …, a table beside each, and ``index.json``, written
last. Each record is a `tf.train.Example` with

    image    bytes   S × S × 3 uint8 RGB, row by row
    label    int64   position of the class in the index's ``classes``
    file     bytes   the photo's path in its dataset, UTF-8

so that anybody's TensorFlow reads them::

    wanted = {name: tf.io.FixedLenFeature([], kind) for name, kind in
              [("image", tf.string), ("label", tf.int64), ("file", tf.string)]}
    def parse(record):
        row = tf.io.parse_single_example(record, wanted)
        return tf.reshape(tf.io.decode_raw(row["image"], tf.uint8), (S, S, 3)), row["label"]
    shards = tf.data.Dataset.list_files("OUT/train-*.tfrecord")
    photos = shards.interleave(tf.data.TFRecordDataset).map(parse)

All splits are stored in a seeded mixed order, so that a part of one sees every class.

`shard_writer` writes them, `shard_images` reads them, `shard_cache` keeps them in the workspace.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import tensorflow as tf

from ..base import files, locks
from ..base.errors import CatDogError, DatasetError
from ..data.datasets import Dataset
from . import shard_cache, shard_index, shard_writer
from .shard_images import ShardImages, concatenate_int64
from .shard_index import PackedDataset, PhotoSplit

__all__ = [
    "PackedDataset",
    "PhotoSplit",
    "fits_in_memory",
    "load_split",
    "open_packed",
    "pack_dataset",
    "pack_to_cache",
    "verify_shards",
]

Progress = Callable[[int, int], None]

IN_MEMORY = 150_000_000
"""A split is kept in memory up to this many bytes of pixels and an eighth of the free memory.

That is the class's 2,000 photos at 150 pixels; larger ones are read from the shards.
"""


def pack_dataset(
    dataset: Dataset,
    out: Path,
    size: int = 150,
    progress: Progress | None = None,
) -> PackedDataset:
    """Write a dataset as shards. The folder appears whole or not at all.

    Until then they lie in a hidden folder beside `out`. After a kill or an interruption the next
    call goes on from the shards that are whole there; after an error nothing is left. An `out`
    that holds this very dataset is verified, and what is damaged is packed anew.

    Args:
        dataset: the photos; those that cannot be read are left out and named in the index.
        out: a folder that does not exist yet, or is empty.
        size: side of the stored squares in pixels.
        progress: called with (photos done, photos in all). What it raises interrupts the packing.

    Raises:
        DatasetError: `out` holds something else, or no photo of a split could be read.
        CatDogError: the disk is full or not writable.
    """
    out = Path(out)
    damaged: list[str] = []
    with _wrap_disk_errors(out), locks.hold_path_lock(out, _waiting_callback(dataset, progress)):
        if shard_index.has_index_of(out, dataset, size):
            damaged = verify_shards(out)
            if not damaged:
                return open_packed(out)
            _reopen_for_packing(out)
        elif files.exists_nonempty(out):
            raise DatasetError(
                "{folder} isn't empty. Choose a new or empty folder for the shards.",
                folder=out,
            )
        return replace(_pack_shards(dataset, out, size, progress), repaired=tuple(damaged))


def pack_to_cache(
    dataset: Dataset,
    size: int,
    progress: Progress | None = None,
    in_use: Collection[str] | None = None,
) -> PackedDataset:
    """Return the shards of a dataset in the workspace's cache, packed on first use.

    The place is named by the content's fingerprint, so changed photos are packed anew. An entry
    of an older format, or with a shard missing or damaged, is mended. Raises as `pack_dataset`.

    Args:
        dataset: whose photos are packed.
        size: side of the square, in pixels.
        progress: called with how many of how many photos are packed.
        in_use: what runs refer to, as `shard_cache.remove_unreferenced` takes it. Where it is
            given, all else that no dataset refers to is removed before packing.
    """
    out = shard_cache.packed_folder(dataset.fingerprint, size)
    with _wrap_disk_errors(out):
        if in_use is not None and not _has_current_shards(out, dataset, size):
            shard_cache.remove_unreferenced(in_use)
        with locks.hold_path_lock(out, _waiting_callback(dataset, progress)):
            if not _has_current_shards(out, dataset, size):
                if out.exists():
                    _reopen_for_packing(out)
                _pack_shards(dataset, out, size, progress)
            return replace(open_packed(out), hold=shard_cache.hold_entry(out))


def open_packed(path: Path) -> PackedDataset:
    """Read the index of a folder of shards.

    Raises:
        CatDogError: there is no index, it is damaged, or its format is another.
    """
    return PackedDataset.from_index(path, shard_index.read_index(path))


def verify_shards(path: Path) -> list[str]:
    """Read all shards of a folder and compare their SHA-256; the names of the damaged ones.

    Raises:
        CatDogError: as `open_packed`.
    """
    rows = shard_index.read_index(path)["shards"]
    return [
        row["file"]
        for row in rows
        if not shard_writer.is_shard_intact(path, Path(row["file"]).stem)
    ]


def load_split(packed: PackedDataset, split: str, in_memory: bool | None = None) -> PhotoSplit:
    """Open one split for reading; every photo's CRC is checked whenever it is read.

    Args:
        packed: from `pack_dataset`, `pack_to_cache` or `open_packed`.
        split: "train", "validation" or "test"; one that is not there is empty.
        in_memory: whether to read all of it now; by default when it is small, see `IN_MEMORY`.

    Raises:
        DatasetError: a shard is missing or damaged; also later, when photos are read.
    """

    def damaged(path: Path) -> DatasetError:
        return _damaged_error(packed, path)

    try:
        index = shard_index.read_index(packed.path)
    except CatDogError as error:  # another reader has met the damage, and taken the index away
        raise damaged(packed.path / "index.json") from error
    rows = [row for row in index["shards"] if row["file"].startswith(f"{split}-")]
    tables = []
    for row in rows:
        path = packed.path / row["file"]
        try:
            tables.append((path, shard_index.read_shard_table(packed.path, row)))
        except (OSError, ValueError) as error:
            raise damaged(path) from error
    stored = ShardImages(tables, packed.size, damaged)
    if len(stored) != packed.counts.get(split, 0):
        raise damaged(packed.path / "index.json")
    if in_memory is None:
        in_memory = fits_in_memory(stored.nbytes)
    return PhotoSplit(
        images=stored[:] if in_memory else stored,
        labels=concatenate_int64([table.labels for _, table in tables]),
        files=[file for _, table in tables for file in table.files],
        hold=None if in_memory else packed.hold,
    )


def fits_in_memory(size: int) -> bool:
    """Tell whether a split of so many bytes of pixels is to be read into memory."""
    return bool(size <= min(IN_MEMORY, psutil.virtual_memory().available // 8))


def _pack_shards(
    dataset: Dataset, out: Path, size: int, progress: Progress | None
) -> PackedDataset:
    building = _building_folder(out)
    try:
        with files.remove_if_interrupted(building, "[!.]*.json"):
            building.mkdir(parents=True, exist_ok=True)
            plan = shard_writer.plan_shards(dataset, size)
            rows = shard_writer.write_shards(plan, building, size, progress)
        index = shard_index.make_index(dataset, size, rows)
        wanted = {f"{shard.name}{suffix}" for shard in plan for suffix in (".tfrecord", ".json")}
        for path in building.iterdir():  # left by a writer that was killed, or by another plan
            if path.name not in wanted:
                path.unlink()
        files.write_bytes(building / "index.json", shard_index.index_to_bytes(index))
        if out.exists():
            out.rmdir()
        os.replace(building, out)
    except (CatDogError, OSError, tf.errors.OpError):
        files.remove_tree(building)
        raise
    except BaseException:  # interrupted: whole shards are worth keeping
        if not any(building.glob("[!.]*.json")):
            files.remove_tree(building)
        raise
    return open_packed(out)


def _has_current_shards(out: Path, dataset: Dataset, size: int) -> bool:
    return shard_index.has_index_of(out, dataset, size) and shard_index.are_shards_complete(out)


def _reopen_for_packing(out: Path) -> None:
    """Make a folder of shards that is not whole one that a packing goes on with."""
    files.remove_tree(_building_folder(out))
    os.replace(out, _building_folder(out))


def _building_folder(out: Path) -> Path:
    return out.with_name(f".{out.name}.packing")


def _waiting_callback(dataset: Dataset, progress: Progress | None) -> Callable[[], None]:
    return lambda: progress(0, len(dataset.photos)) if progress else None


@contextmanager
def _wrap_disk_errors(out: Path) -> Iterator[None]:
    """Turn what the system says of the disk into a sentence."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise CatDogError(
            "The shards couldn't be saved to {folder}: {reason}. Free some disk space or choose "
            "another folder, then try again.",
            folder=out,
            reason=getattr(error, "strerror", None) or str(error)[:200],
        ) from error


def _damaged_error(packed: PackedDataset, path: Path) -> DatasetError:
    if shard_cache.is_cache_entry(
        packed.path
    ):  # without its index it is verified and mended at the next use
        (packed.path / "index.json").unlink(missing_ok=True)
    return DatasetError(
        "Packed photos in {folder} are damaged: {file} has changed. Start again, or pack into "
        "the same folder again, which rebuilds only damaged files.",
        folder=packed.path,
        file=path.name,
    )
