"""Shards elsewhere, read through the cache of this machine: whole where there is room for them.

    workspace/cache/<fingerprint>-<size>/streamed.json    writer: this room; where they come from

A training meets its photos in an order that is new every epoch and knows no neighbours: a batch of
20 touches nearly 20 shards. With records of r = 67 KB (150 × 150 × 3), shards of s = 32 MB, D bytes
of shards and room for C of them,

- where C ≥ D, shards are fetched whole: D bytes come once, whatever the number of epochs, where
  single records would be D bytes an epoch, at a wait of the net for each;
- where C < D, fetching a shard to read a record of it, and dropping another for that, would cost
  (1 - C/D) × s for each photo, 474 times its bytes. So shards that are here stay here, and the
  records of the others are asked for one by one: D - C bytes an epoch.

Either way nobody waits for a shard: until it is here, its records are asked for singly, so that the
first step comes after one round trip and not after 20 × 32 MB. Only who wants a good part of a
shard at once, as a split that is to be kept in memory, waits for it. The bound, `shard_cache_bytes`
of `limits`, holds for all streamed shards of the workspace; what is over it goes, from the datasets
first that nobody reads, the least recently used first. A shard is fetched to a name of its own,
compared with the SHA-256 of the index, then renamed; every record is checked by its CRC-32.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..cluster.tasks import tried
from ..errors import CatDogError, DatasetError, DownloadError
from ..sources.dataset_record import Dataset
from ..sources.places import Remote
from ..sources.shard_place import ShardPlace
from . import cache, shard_source
from .shard_images import ShardFile
from .shard_room import MARK, Room, heed

FORMAT = 1
_BLOCK = 8_000_000  # bytes asked for at once: a stop is heeded between two
_GOOD_PART = 4  # of a shard: who wants more than one in so many bytes waits for all of it
_READING = 16  # shards asked for records at once


def refuse(dataset: Dataset, size: int) -> None:
    """Raise DatasetError where the shards of a dataset do not hold what a training asks for."""
    place = dataset.root
    if not isinstance(place, ShardPlace):
        return
    if size != place.size:
        raise DatasetError(
            "The shards of '{name}' hold photos of {size} pixels. Expected {wanted}, as asked for:"
            " set the image size to {size}, or pack the photos at {wanted}.",
            name=dataset.name,
            size=place.size,
            wanted=size,
        )
    if dataset.fingerprint != place.fingerprint:
        raise DatasetError(
            "Photos of '{name}' were decided about since they were packed, which shards cannot"
            " follow. Undo that, or decide about the photos they were packed from and pack those.",
            name=dataset.name,
        )


def entry(place: ShardPlace) -> Path:
    """The cache's folder of shards elsewhere: their index and tables, which come here.

    Raises:
        DatasetError: they are damaged, or others than those that were opened.
        DownloadError: the place does not answer.
    """
    out = cache.place(place.fingerprint, place.size)
    with cache.guarded(out):
        if not _is_ready(out, place):
            cache.sweep()
            _bring(out, place)
        files.write_json(out / MARK, {"format": FORMAT, "url": place.origin.url})
    return out


def readers(origin: Remote, folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[StreamedShard]:
    """Readers of shards.

    Args:
        origin: where they lie.
        folder: from `entry`.
        rows: what the index tells of each.
    """
    room = Room(folder)
    return [StreamedShard(origin / row["file"], folder / row["file"], row, room) for row in rows]


@once
def pool() -> ThreadPoolExecutor:
    """Threads in which records are waited for; see `ShardImages`."""
    return ThreadPoolExecutor(_READING, "records")


class StreamedShard:
    """A shard elsewhere, and its copy here once that has come; see `shard_images.ShardReader`."""

    def __init__(self, origin: Remote, path: Path, row: Mapping[str, Any], room: Room) -> None:
        self.path = path
        self._origin, self._row, self._room = origin, row, room
        self._copy = ShardFile(path)
        self._alone = threading.Lock()

    def read(
        self, offsets: NDArray[np.int64], crcs: NDArray[np.int64], rows: Sequence[NDArray[np.uint8]]
    ) -> bool:
        """See `shard_images.ShardReader`. Raises DownloadError as well: no answer."""
        if self._read_copy(offsets, crcs, rows):
            return True
        wanted = sum(row.size for row in rows)
        if wanted * _GOOD_PART >= self._row["bytes"]:
            if self._come() and self._read_copy(offsets, crcs, rows):
                return True
        else:
            self._room.later(self)
        for start, end, inside in _stretches(offsets, rows):
            data = tried(self._origin.read_part, start, end)
            if len(data) < end - start:
                return False
            for number in inside:
                at = int(offsets[number]) - start
                part = np.frombuffer(data, np.uint8, rows[number].size, at)
                rows[number][...] = part.reshape(rows[number].shape)
        return _fit(crcs, rows)

    def fetch(self) -> bool:
        """Have the whole shard here, if there is room; whether it is here, and whole.

        Raises:
            DownloadError: the place does not answer.
            CatDogError: the disk is full or may not be written.
        """
        with self._alone, cache.guarded(self.path, heed):
            if self.path.is_file():
                return True
            with self._room.take(self.path, int(self._row["bytes"])) as temporary:
                if temporary is None or self._received(temporary) != self._row["sha256"]:
                    return False
                with files.telling(self.path):
                    temporary.replace(self.path)
                return True

    def _come(self) -> bool:
        try:
            return bool(tried(self.fetch))
        except DownloadError:
            raise
        except (CatDogError, OSError):  # a full disk costs the copy, not the training
            return False

    def _read_copy(
        self, offsets: NDArray[np.int64], crcs: NDArray[np.int64], rows: Sequence[NDArray[np.uint8]]
    ) -> bool:
        try:
            if self._copy.read(offsets, crcs, rows):
                return True
        except OSError:  # it is not here
            return False
        files.discard(self.path)
        return False

    def _received(self, temporary: Path) -> str:
        total, size = hashlib.sha256(), int(self._row["bytes"])
        with files.telling(self.path), open(temporary, "rb+") as file:
            for start in range(0, size, _BLOCK):
                heed()
                data = self._origin.read_part(start, min(start + _BLOCK, size))
                file.write(data)
                total.update(data)
        return total.hexdigest()


def _is_ready(out: Path, place: ShardPlace) -> bool:
    try:
        data = (out / "index.json").read_bytes()
        index = shard_source.read_index(data, place.origin)
        tables = [(out / row["file"]).with_suffix(".json").is_file() for row in index["shards"]]
    except (CatDogError, OSError):
        return False
    return shard_source.fingerprint(data) == place.fingerprint and all(tables)


def _bring(out: Path, place: ShardPlace) -> None:
    """Bring index and tables here; the index, which tells that all are here, last."""
    data = shard_source.index_bytes(place.origin)
    if shard_source.fingerprint(data) != place.fingerprint:
        raise DatasetError(
            "The shards in {folder} are not those that were opened: they were packed anew. Open the"
            " address again.",
            folder=files.shown(place.origin.url, 200),
        )
    index = shard_source.read_index(data, place.origin)
    texts = shard_source.tables(place.origin, index)
    for row, text in zip(index["shards"], texts, strict=True):
        files.write_bytes((out / row["file"]).with_suffix(".json"), text)
    files.write_bytes(out / "index.json", data)


def _stretches(
    offsets: NDArray[np.int64], rows: Sequence[NDArray[np.uint8]]
) -> Iterator[tuple[int, int, list[int]]]:
    """Records that lie one after the other, in one piece: its start and end, and which they are."""
    inside: list[int] = []
    start = end = 0
    for number in np.argsort(offsets, kind="stable").tolist():
        first = int(offsets[number])
        if inside and (first > end + _GAP or first + rows[number].size > start + _BLOCK):
            yield start, end, inside
            inside = []
        if not inside:
            start = first
        end = max(end if inside else 0, first + rows[number].size)
        inside.append(number)
    if inside:
        yield start, end, inside


_GAP = 1000  # bytes between two records: names, lengths and CRCs


def _fit(crcs: NDArray[np.int64], rows: Sequence[NDArray[np.uint8]]) -> bool:
    return all(zlib.crc32(row.data) == crc for row, crc in zip(rows, crcs, strict=True))
