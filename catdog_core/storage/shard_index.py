"""The index of a folder of shards and the tables beside them, and what they hold as values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ..base import bounded_readers, files
from ..base.errors import CatDogError, DatasetError, PhotoError
from ..data.datasets import Dataset
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


def make_index(dataset: Dataset, size: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The index of a dataset whose shards are written.

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
                "None of the {count} {split} photos of '{name}' can be read. Check the dataset on"
                " the Data page or by 'check'.",
                count=len(dataset.items(split)),
                split=split,
                name=dataset.name,
            )
    return {
        "format": FORMAT,
        "size": size,
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
        "counts": counts,
        "shards": [{k: v for k, v in row.items() if k != "unreadable"} for row in rows],
        "unreadable": sorted(unreadable, key=lambda row: str(row["file"])),
    }


def index_to_bytes(index: dict[str, Any]) -> bytes:
    """An index as it is stored."""
    return json.dumps(index, indent=1).encode()


def read_index(folder: Path) -> dict[str, Any]:
    """Read a folder's index. Raises CatDogError: there is none, damaged, or of another format."""
    index = files.read_json(folder / "index.json")
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise DatasetError(
            "{path} holds shards of another format. Expected format {expected}. Pack the dataset"
            " again.",
            path=folder,
            expected=FORMAT,
        )
    return index


def has_index_of(folder: Path, dataset: Dataset, size: int) -> bool:
    """Whether a folder has the index of this very dataset at this size."""
    try:
        index = read_index(folder)
        return bool((index["fingerprint"], index["size"]) == (dataset.fingerprint, size))
    except (CatDogError, KeyError):
        return False


def are_shards_complete(folder: Path) -> bool:
    """Whether all files are there in their sizes, as far as a glance tells."""
    try:
        return all(
            (folder / row["file"]).stat().st_size == row["bytes"]
            and (folder / row["file"]).with_suffix(".json").is_file()
            for row in read_index(folder)["shards"]
        )
    except (CatDogError, OSError, KeyError, TypeError):
        return False


def read_shard_table(folder: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """Read the table of a shard that the index tells of in `row`; its numbers as arrays.

    Raises:
        OSError, ValueError: it is missing, or not as it was written.
    """
    data = (folder / row["file"]).with_suffix(".json").read_bytes()
    if hashlib.sha256(data).hexdigest() != row["table_sha256"]:
        raise ValueError(row["file"])
    table = dict(
        bounded_readers.parse_bounded_json(data, len(data), 100_000 + 40 * int(row["photos"]))
    )
    for name in ("offsets", "crc32", "labels"):  # as lists of 100,000 they would be felt
        table[name] = np.array(table[name], np.int64)
    return table
