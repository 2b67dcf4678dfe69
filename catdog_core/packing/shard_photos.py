"""Single photos out of shards elsewhere, for those who know photos by their names. Light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import images
from ..errors import CatDogError, DatasetError
from ..sources.shard_place import ShardPlace
from . import shard_index, streamed
from .shard_images import ShardReader

Where = tuple[ShardReader, int, int]
"""The reader of a photo's shard, and in that its offset and CRC-32."""


def holds(place: ShardPlace) -> bool:
    """Whether a photo is in the shards."""
    return place.photo in _photos(place.origin.url, place.fingerprint, place.size)


def png(place: ShardPlace) -> bytes:
    """The pixels of a photo as a PNG.

    Raises:
        FileNotFoundError: there is no such photo.
        DatasetError: a shard is damaged.
        DownloadError: the place does not answer.
    """
    found = _photos(place.origin.url, place.fingerprint, place.size).get(place.photo)
    if found is None:
        raise FileNotFoundError(2, "No such photo in the shards", place.url)
    reader, offset, crc = found
    pixels = np.empty((place.size, place.size, 3), np.uint8)
    if not reader.read(np.array([offset]), np.array([crc]), [pixels]):
        raise DatasetError(
            "The shards in {folder} are damaged: {file} is not as it was written. Pack the dataset"
            " again into the same place.",
            folder=place.origin,
            file=reader.path.name,
        )
    return images.encode(pixels, "png")


@lru_cache(maxsize=4)
def _photos(url: str, fingerprint: str, size: int) -> dict[str, Where]:
    place = ShardPlace(url, fingerprint, size)
    folder = streamed.entry(place)
    rows = shard_index.read(folder)["shards"]
    found: dict[str, Where] = {}
    for reader, row in zip(streamed.readers(place.origin, folder, rows), rows, strict=True):
        try:
            table = shard_index.read_table(folder, row)
        except (OSError, ValueError) as error:
            raise CatDogError("{path} is damaged.", path=reader.path) from error
        where = zip(table["files"], table["offsets"].tolist(), table["crc32"].tolist(), strict=True)
        found.update({file: (reader, offset, crc) for file, offset, crc in where})
    return found
