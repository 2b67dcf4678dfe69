"""A dataset as TFRecord shards: every photo decoded and fitted once, raw uint8 on disk.

The folder holds ``<split>-00000.tfrecord`` … and ``index.json``. Each record is a
`tf.train.Example` with

    image    bytes   S × S × 3 uint8 RGB, row by row
    label    int64   position of the class in the index's ``classes``
    file     bytes   the photo's path in its dataset, UTF-8

All splits are stored in a seeded mixed order, so that a part of one sees every class.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from . import files, images
from .datasets import Dataset, Item
from .errors import CatDogError, DatasetError, PhotoError

FORMAT = 1
SHARD_BYTES = 64_000_000
_MIX_SEED = 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Packed:
    """A folder of shards.

    `counts` is photos by split; `unreadable` names the files left out, each with its reason.
    """

    path: Path
    size: int
    classes: tuple[str, ...]
    counts: dict[str, int]
    unreadable: list[tuple[str, PhotoError]]


@dataclass(frozen=True)
class Photos:
    """One split in memory: images (N, S, S, 3) uint8, labels (N,) int64, file names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    files: list[str]


def pack(dataset: Dataset, out: Path, size: int = 150, progress: Progress | None = None) -> Packed:
    """Write a dataset as shards. The folder appears whole or not at all.

    Args:
        dataset: the photos; those that cannot be read are left out and named in the index.
        out: a folder that does not exist yet, or is empty.
        size: side of the stored squares in pixels.
        progress: called with (photos done, photos in all).

    Raises:
        DatasetError: `out` holds something, or no photo of a split could be read.
        CatDogError: the disk is full or not writable.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(
            "{folder} already holds something. Expected a new or empty folder for the shards."
            " Name another.",
            folder=out,
        )
    building = out.with_name(f".{out.name}-{uuid4().hex[:8]}")
    try:
        building.mkdir(parents=True)
        index = _write(dataset, building, size, progress)
        files.write_json(building / "index.json", index)
        if out.exists():
            out.rmdir()
        building.replace(out)
    except (OSError, tf.errors.OpError) as error:
        raise CatDogError(
            "The shards could not be written to {folder}: {reason}. Free some disk space or choose"
            " another folder, then try again.",
            folder=out,
            reason=getattr(error, "strerror", None) or str(error)[:200],
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return _packed(out, index)


def cached(dataset: Dataset, size: int, progress: Progress | None = None) -> Packed:
    """The shards of a dataset in the workspace's cache, packed on first use.

    The place is named by the content's fingerprint, so changed photos are packed anew.
    """
    out = files.workspace() / "cache" / f"{dataset.fingerprint[:20]}-{size}"
    return opened(out) if (out / "index.json").is_file() else pack(dataset, out, size, progress)


def opened(path: Path) -> Packed:
    """Read the index of a folder of shards.

    Raises:
        CatDogError: there is no index, it is damaged, or its format is newer.
    """
    index = files.read_json(path / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise DatasetError(
            "{path} holds shards of another format. Expected format {expected}. Pack the dataset"
            " again.",
            path=path,
            expected=FORMAT,
        )
    return _packed(path, index)


def load(packed: Packed, split: str) -> Photos:
    """Read one split into memory, (N, S, S, 3) uint8; checksums of the records are checked.

    Raises:
        DatasetError: a shard is missing or damaged.
    """
    size, count = packed.size, packed.counts.get(split, 0)
    pixels = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    names: list[str] = []
    shards = sorted(str(path) for path in packed.path.glob(f"{split}-*.tfrecord"))
    rows = tf.data.TFRecordDataset(shards).batch(256).map(lambda batch: _parse(batch, size))
    try:
        for images_, labels_, files_ in rows.prefetch(1).as_numpy_iterator():
            start = len(names)
            names += [name.decode() for name in files_]
            pixels[start : len(names)] = images_
            labels[start : len(names)] = labels_
    except (tf.errors.OpError, ValueError) as error:
        raise _damaged(packed) from error
    if len(names) != count:
        raise _damaged(packed)
    return Photos(pixels, labels, names)


def _parse(batch: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
        "file": tf.io.FixedLenFeature([], tf.string),
    }
    rows = tf.io.parse_example(batch, features)
    pixels = tf.io.decode_raw(rows["image"], tf.uint8, fixed_length=None)
    return tf.reshape(pixels, (-1, size, size, 3)), rows["label"], rows["file"]


def _write(dataset: Dataset, folder: Path, size: int, progress: Progress | None) -> dict[str, Any]:
    shards: list[dict[str, Any]] = []
    unreadable: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    done, total = 0, len(dataset.items())
    for split in sorted(dataset.counts()):
        items = dataset.items(split)
        order = np.random.default_rng(_MIX_SEED).permutation(len(items))
        mixed = [items[i] for i in order]
        writer = _ShardWriter(folder, split, size)
        decoded = images.load_all([item.path for item in mixed], size)
        for item, result in zip(mixed, decoded, strict=True):
            done += 1
            if isinstance(result, PhotoError):
                params = {key: str(value) for key, value in result.params.items()}
                unreadable.append({"file": item.file, "message": result.message, "params": params})
            else:
                writer.add(item, result)
            if progress and (done % 16 == 0 or done == total):
                progress(done, total)
        shards += writer.close()
        counts[split] = writer.records
        if items and not writer.records:
            raise DatasetError(
                "None of the {count} {split} photos of '{name}' can be read. Check the dataset on"
                " the Data page or by 'check'.",
                count=len(items),
                split=split,
                name=dataset.name,
            )
    return {
        "format": FORMAT,
        "size": size,
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
        "counts": counts,
        "shards": shards,
        "unreadable": sorted(unreadable, key=lambda row: str(row["file"])),
    }


class _ShardWriter:
    """Writes records of one split into shards of bounded size."""

    def __init__(self, folder: Path, split: str, size: int) -> None:
        self.folder, self.split = folder, split
        self.per_shard = max(1, SHARD_BYTES // (size * size * 3))
        self.records = 0
        self._paths: list[Path] = []
        self._writer: Any = None

    def add(self, item: Item, image: images.Photo) -> None:
        if self.records % self.per_shard == 0:
            self._finish()
            self._paths.append(self.folder / f"{self.split}-{len(self._paths):05d}.tfrecord")
            self._writer = tf.io.TFRecordWriter(str(self._paths[-1]))
        self._writer.write(_example(item, image))
        self.records += 1

    def close(self) -> list[dict[str, Any]]:
        """Finish the last shard; name, size and SHA-256 of each."""
        self._finish()
        return [
            {"file": path.name, "bytes": path.stat().st_size, "sha256": _sha256(path)}
            for path in self._paths
        ]

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _example(item: Item, image: images.Photo) -> bytes:
    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    label = tf.train.Feature(int64_list=tf.train.Int64List(value=[item.label]))
    feature = {"image": raw(image.tobytes()), "label": label, "file": raw(item.file.encode())}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return bytes(example.SerializeToString())


def _packed(path: Path, index: dict[str, Any]) -> Packed:
    told = [(row["file"], row["message"], row["params"]) for row in index["unreadable"]]
    unreadable = [(str(file), PhotoError(message, **params)) for file, message, params in told]
    counts = {str(split): int(count) for split, count in index["counts"].items()}
    return Packed(path, int(index["size"]), tuple(index["classes"]), counts, unreadable)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(packed: Packed) -> DatasetError:
    return DatasetError(
        "The packed photos in {folder} are damaged. Delete that folder; they are packed anew at"
        " the next start.",
        folder=packed.path,
    )
