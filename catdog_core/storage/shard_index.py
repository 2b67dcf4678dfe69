"""Read and write the index of a folder of shards; read the tables beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypedDict, cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ..base import bounded_readers, files
from ..base.errors import CatDogError, DatasetError, PhotoError, Term
from ..data.datasets import Dataset
from .shard_images import PartImages, ShardImages, ShardTable


class UnreadablePhoto(TypedDict):
    """A photo that was left out of the shards: its file, and the `PhotoError` that says why."""

    file: str
    message: str
    params: dict[str, str]


class ShardRow(TypedDict):
    """A shard as the index lists it: its file's name, size in bytes and digests."""

    file: str
    photos: int
    bytes: int
    sha256: str
    table_sha256: str


class ShardSummary(ShardRow):
    """A shard that was written, with the photos that were left out of it."""

    unreadable: list[UnreadablePhoto]


class ShardIndex(TypedDict):
    """The content of index.json; `size` is the side of the photos in pixels, `counts` by split."""

    format: int
    size: int
    classes: list[str]
    fingerprint: str
    counts: dict[str, int]
    shards: list[ShardRow]
    unreadable: list[UnreadablePhoto]


@dataclass(frozen=True)
class PackedDataset:
    """A folder of shards, and what its index tells.

    `counts` is photos by split; `unreadable` names the files left out, each with its reason;
    `shards` is how many there are, `bytes` their size on the disk. `repaired` names the shards that
    were damaged or missing and are packed anew. `hold` keeps a cache entry from
    being cleared while somebody has it.
    """

    path: Path
    size: int
    classes: tuple[str, ...]
    counts: dict[str, int]
    unreadable: list[tuple[str, PhotoError]]
    shards: int
    bytes: int
    repaired: tuple[str, ...] = ()
    hold: FileLock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_index(cls, path: Path, index: ShardIndex) -> Self:
        """Describe a folder of shards by its index."""
        unreadable = [(row["file"], row["message"], row["params"]) for row in index["unreadable"]]
        return cls(
            path=path,
            size=int(index["size"]),
            classes=tuple(index["classes"]),
            counts={str(split): int(count) for split, count in index["counts"].items()},
            unreadable=[
                (str(file), PhotoError(text, **params)) for file, text, params in unreadable
            ],
            shards=len(index["shards"]),
            bytes=sum(int(row["bytes"]) for row in index["shards"]),
        )


@dataclass(frozen=True)
class PhotoSplit:
    """One split: images (N, S, S, 3) uint8, labels (N,) int64, file names.

    The images lie in memory, or are read from the shards when indexed; see `tfrecord.load_split`.
    In their place there may be what a pretrained network sees in them, (N, D) float32; see
    `features`.
    """

    images: NDArray[Any] | ShardImages | PartImages
    labels: NDArray[np.int64]
    files: list[str]
    hold: FileLock | None = field(default=None, compare=False, repr=False)


FORMAT = 4


def make_index(dataset: Dataset, size: int, rows: Sequence[ShardSummary]) -> ShardIndex:
    """Return the index of a dataset whose shards are written.

    Args:
        dataset: what was packed.
        size: side of the photos in pixels.
        rows: a `shard_writer.summarize_shard` each.

    Raises:
        DatasetError: no photo of a split could be read.
    """
    unreadable = [photo for row in rows for photo in row["unreadable"]]
    counts = {
        split: sum(row["photos"] for row in rows if row["file"].startswith(f"{split}-"))
        for split in dataset.counts()
    }
    for split, count in counts.items():
        if not count:
            raise DatasetError(
                "None of the {count} {split} photos of '{name}' can be read. Check the dataset on "
                "the Data page or with 'check'.",
                count=len(dataset.items(split)),
                split=Term(split),
                name=dataset.name,
            )
    return {
        "format": FORMAT,
        "size": size,
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
        "counts": counts,
        "shards": [_without_unreadable(row) for row in rows],
        "unreadable": sorted(unreadable, key=lambda photo: photo["file"]),
    }


def _without_unreadable(summary: ShardSummary) -> ShardRow:
    return {
        "file": summary["file"],
        "photos": summary["photos"],
        "bytes": summary["bytes"],
        "sha256": summary["sha256"],
        "table_sha256": summary["table_sha256"],
    }


def index_to_bytes(index: ShardIndex) -> bytes:
    """Return an index as it is stored: readable JSON."""
    return json.dumps(index, indent=1).encode()


def read_index(folder: Path) -> ShardIndex:
    """Read a folder's index. Raises CatDogError: there is none, damaged, or of another format."""
    index = files.read_json(folder / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise DatasetError(
            "The shards in {path} don't have format {expected}. Pack the dataset again.",
            path=folder,
            expected=FORMAT,
        )
    return cast(ShardIndex, index)


def has_index_of(folder: Path, dataset: Dataset, size: int) -> bool:
    """Tell whether a folder has the index of this very dataset at this size, in pixels."""
    try:
        index = read_index(folder)
        return bool((index["fingerprint"], index["size"]) == (dataset.fingerprint, size))
    except (CatDogError, KeyError):
        return False


def are_shards_complete(folder: Path) -> bool:
    """Tell whether all files are there in their sizes; no content is compared."""
    try:
        return all(
            (folder / row["file"]).stat().st_size == row["bytes"]
            and (folder / row["file"]).with_suffix(".json").is_file()
            for row in read_index(folder)["shards"]
        )
    except (CatDogError, OSError, KeyError, TypeError):
        return False


def read_shard_table(folder: Path, row: ShardRow) -> ShardTable:
    """Read the table beside a shard.

    Args:
        folder: of the shards.
        row: the shard, as the index lists it.

    Raises:
        OSError, ValueError: it is missing, or not as it was written.
    """
    data = (folder / row["file"]).with_suffix(".json").read_bytes()
    if hashlib.sha256(data).hexdigest() != row["table_sha256"]:
        raise ValueError(row["file"])
    table = bounded_readers.parse_bounded_json(data, len(data), 100_000 + 40 * int(row["photos"]))
    # Lists of 100,000 Python numbers take five times the memory of arrays.
    offsets, crc32, labels = (
        np.array(table[name], np.int64) for name in ("offsets", "crc32", "labels")
    )
    return ShardTable(offsets, crc32, labels, [str(file) for file in table["files"]])
