"""A folder of shards elsewhere as a place of photos: each photo of it is read as a PNG. Light.

So everything that shows a photo, looks at it or asks a model about it works on a dataset of shards
as on any other. The pixels are those that were packed; the file they were made of is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from .places import Remote, Stamp


class ShardPlace(Remote):
    """The shards themselves, or a photo in them.

    Args:
        url: of the folder of shards.
        fingerprint: of the dataset, see `shard_source.fingerprint`.
        size: side of the photos in pixels.
        photo: the name of one, as it was when it was packed.
    """

    def __init__(self, url: str, fingerprint: str, size: int, photo: str = "") -> None:
        super().__init__(f"{url}/{photo}" if photo else url)
        self.origin = Remote(url)
        self.fingerprint, self.size, self.photo = fingerprint, size, photo

    def __truediv__(self, name: str | PurePosixPath) -> ShardPlace:
        return ShardPlace(self.origin.url, self.fingerprint, self.size, str(name))

    def __reduce__(self) -> tuple[Any, ...]:
        return ShardPlace, (self.origin.url, self.fingerprint, self.size, self.photo)

    @property
    def listing(self) -> Mapping[str, Stamp]:
        """Nothing: photos in shards are no files."""
        return {}

    def fresh(self) -> ShardPlace:
        """The same place: what shards hold does not change."""
        return self

    def stat(self) -> Stamp:
        """The bytes of the photo's pixels, and a number that is the content's."""
        return Stamp(self.size * self.size * 3, int(self.fingerprint[:14], 16))

    def exists(self) -> bool:
        """Whether the photo is in the shards."""
        from ..packing import shard_photos

        return shard_photos.holds(self)

    def read_bytes(self) -> bytes:
        """The photo as a PNG."""
        from ..packing import shard_photos

        return shard_photos.png(self)

    def read(self, most: int) -> bytes:
        """The first bytes of the PNG."""
        return self.read_bytes()[:most]

    def blocks(self) -> Iterator[bytes]:
        """The PNG, at once."""
        yield self.read_bytes()
