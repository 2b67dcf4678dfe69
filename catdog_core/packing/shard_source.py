"""A folder of shards elsewhere, taken as the dataset it was packed of. Light.

Its index and tables tell everything but the pixels; they come from strangers and are judged here,
before a name in them becomes the name of a file. The dataset's fingerprint is the digest of the
index, which holds the digests of all shards and tables: other photos, another fingerprint. It is
not the fingerprint of the photos that the index tells, since nothing here could check that.

    workspace/cache/<fingerprint>-<size>/    index and tables, as they lie there; shards as they
                                             come, see `streamed`
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from string import Formatter
from typing import Any

from .. import bounded, files
from ..errors import DatasetError
from ..sources import contents
from ..sources.dataset_record import Dataset
from ..sources.layout import MAX_CLASSES, SPLITS
from ..sources.places import Remote
from ..sources.shard_place import ShardPlace
from . import shard_index
from .shard_index import FORMAT

_INDEX_BYTES = 50_000_000
_INDEX_VALUES = 2_000_000
_TABLE_BYTES = 50_000_000
_PHOTO_BYTES = 2000  # that a table takes for a photo, at most: its name, four numbers, a reason
_FREE_BYTES = 1_000_000  # that it takes besides
MOST_PHOTOS = 5_000_000
"""Photos of a packed dataset elsewhere; ImageNet has 1.3 million."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def holds_shards(folder: Remote) -> bool:
    """Whether a place elsewhere is a folder of shards."""
    return (folder / "index.json").exists()


def index_bytes(folder: Remote) -> bytes:
    """The index as it lies there. Raises DatasetError: there is none any more."""
    try:
        return (folder / "index.json").read(_INDEX_BYTES)
    except OSError as error:
        raise DatasetError(
            "The shards are gone from {folder}. Put them back, or delete the dataset.",
            folder=files.shown(str(folder), 200),
        ) from error


def fingerprint(index: bytes) -> str:
    """The fingerprint of the dataset that an index.json stands for."""
    return hashlib.blake2b(index, digest_size=20).hexdigest()


def read_index(data: bytes, folder: Remote) -> dict[str, Any]:
    """Judge the bytes of an index.

    Raises:
        DatasetError: it is damaged, of another format, or names what it may not.
    """
    try:
        index = dict(bounded.json_value(data, _INDEX_BYTES, _INDEX_VALUES))
        rows = list(index["shards"])
        names = [str(row["file"]) for row in rows]
        good = (
            index["format"] == FORMAT
            and 8 <= int(index["size"]) <= 1024
            and 2 <= len(index["classes"]) <= MAX_CLASSES
            and all(isinstance(name, str) for name in index["classes"])
            and len(set(names)) == len(names) > 0
            and all(n.endswith(".tfrecord") and shard_index.is_name(n) for n in names)
            and all(_DIGEST.fullmatch(row[k]) for row in rows for k in ("sha256", "table_sha256"))
            and all(type(row[k]) is int for row in rows for k in ("bytes", "photos"))
            and all(row["bytes"] > 0 and row["photos"] >= 0 for row in rows)
            and sum(row["photos"] for row in rows) <= MOST_PHOTOS
            and all(map(_is_told, index["unreadable"]))
            and isinstance(index["counts"], dict)
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        good = False
    if not good:
        raise DatasetError(
            "{path} holds shards of another format. Expected format {expected}. Pack the dataset"
            " again.",
            path=files.shown(str(folder), 200),
            expected=FORMAT,
        )
    return index


def read_table(data: bytes, row: dict[str, Any], size: int, classes: int) -> dict[str, Any]:
    """Judge the bytes of a shard's table, which the index tells of in `row`.

    Raises:
        ValueError: it is not as it was written, or its numbers cannot be.
    """
    table = shard_index.table(data, row)
    offsets, labels = table["offsets"], table["labels"]
    good = (
        len(offsets) == len(labels) == len(table["crc32"]) == len(table["files"]) == row["photos"]
        and all(isinstance(name, str) for name in table["files"])
        and (len(offsets) == 0 or (offsets.min() >= 0))
        and (len(offsets) == 0 or offsets.max() + size * size * 3 <= row["bytes"])
        and (len(labels) == 0 or (labels.min() >= 0 and labels.max() < classes))
    )
    if not good:
        raise ValueError(row["file"])
    return table


def dataset(folder: Remote, dataset_id: str) -> Dataset:
    """The dataset that a place elsewhere holds packed. Reads the index and all tables.

    Raises:
        DatasetError: the index or a table is damaged, or of another format.
        DownloadError: the place does not answer.
    """
    folder = folder.fresh()
    data = index_bytes(folder)
    index = read_index(data, folder)
    classes = tuple(files.shown(name, 100) for name in index["classes"])
    photos: list[tuple[str, int, str]] = []
    for row, text in zip(index["shards"], tables(folder, index), strict=True):
        table = _judged(folder, row, text, int(index["size"]), len(classes))
        split = row["file"].partition("-")[0]
        rows = zip(table["files"], table["labels"], strict=True)
        photos += [(file, int(label), split) for file, label in rows]
    _refuse_gaps(photos, len(classes), folder)
    return Dataset(
        id=dataset_id,
        name=files.shown(folder.name, 60),
        root=ShardPlace(folder.url, fingerprint(data), int(index["size"])),
        classes=classes,
        source="shards",
        fingerprint=fingerprint(data),
        note={"layout": "packed", "ignored": 0, "warnings": [], "size": int(index["size"])},
        photos=tuple(sorted(photos)),
    )


def tables(folder: Remote, index: dict[str, Any]) -> list[bytes]:
    """The bytes of all tables of a folder of shards, in the order of the index."""
    rows = {row["file"].removesuffix(".tfrecord") + ".json": row for row in index["shards"]}
    left_out = len(index["unreadable"])

    def read(name: str) -> bytes:
        most = _FREE_BYTES + (rows[name]["photos"] + left_out) * _PHOTO_BYTES
        with suppress(FileNotFoundError):
            return (folder / name).read(min(most, _TABLE_BYTES))
        return b""  # fits no digest

    return contents.in_parallel(read, list(rows))


def _is_told(row: dict[str, Any]) -> bool:
    """Whether a stranger's reason why a photo was left out can be said: it is a template."""
    fields = [part[1:] for part in Formatter().parse(row["message"]) if part[1] is not None]
    plain = all(
        str(name).isidentifier() and name in row["params"] and not spec and not kind
        for name, spec, kind in fields
    )
    texts = (row["file"], row["message"], *row["params"].values())
    return plain and all(isinstance(text, str) and len(text) < 1000 for text in texts)


def _judged(
    folder: Remote, row: dict[str, Any], text: bytes, size: int, classes: int
) -> dict[str, Any]:
    try:
        return read_table(text, row, size, classes)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DatasetError(
            "The shards in {folder} are damaged: the table of {file} is not as it was written."
            " Pack the dataset again into the same place.",
            folder=files.shown(str(folder), 200),
            file=row["file"],
        ) from error


def _refuse_gaps(photos: list[tuple[str, int, str]], classes: int, folder: Remote) -> None:
    held = {(split, label) for _, label, split in photos}
    lone = [split for split in SPLITS[:2] if not all((split, n) in held for n in range(classes))]
    if lone:
        raise DatasetError(
            "The shards in {folder} hold no {split} photos of some class. Expected some of each"
            " class to train and to validate. Pack the dataset again.",
            folder=files.shown(str(folder), 200),
            split=lone[0],
        )
