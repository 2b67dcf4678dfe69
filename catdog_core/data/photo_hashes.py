"""Name each photo of a dataset by its content, so that copies elsewhere are the same photos.

A hash is of the file. Renamed, moved and zipped copies have the same one; a picture that was
resized or saved again has another. Hashes of pixels would not find those either, and take a
hundred times as long; `duplicates` compares what pictures show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.file_cache import FileCache
from . import content_hashes
from .dataset_record import Dataset, datasets_folder

PhotoHashes = NDArray[np.uint64]
_HEX_DIGITS = 16  # of a file's digest: 8 bytes, by which two of a million photos collide 1 in 10^7
_NO_HASH = 0
_cache: FileCache[PhotoHashes] = FileCache(1_000_000, len)


def hash_photos(dataset: Dataset, read_files: bool = True) -> PhotoHashes:
    """Return the hash of each photo, (N,) uint64 in the order of `dataset.photos`.

    Files that are empty or cannot be read have 0, which equals nothing.

    Args:
        dataset: the photos. What was remembered of them when it was added is used.
        read_files: read the photos of which nothing is remembered; else they have 0, too.
    """
    folder = datasets_folder() / dataset.id

    def make() -> PhotoHashes:
        digests = {name: row[2] for name, row in content_hashes.read_digests(folder).items()}
        missing = [file for file, _, _ in dataset.photos if file not in digests]
        if read_files and missing:
            found = content_hashes.digest_files(dataset.root, missing, {})
        else:
            found = [content_hashes.UNREADABLE] * len(missing)
        digests.update(zip(missing, found, strict=True))
        return np.array([_to_number(digests[file]) for file, _, _ in dataset.photos], np.uint64)

    key = folder, dataset.root, dataset.fingerprint, read_files
    return _cache.get(key, [folder / "contents.json"], make)


def hash_split(dataset: Dataset, split: str | None) -> PhotoHashes:
    """Return the hashes of a split's photos, or of all; as `hash_photos`."""
    hashes: PhotoHashes = hash_photos(dataset)
    if split is None:
        return hashes
    return np.asarray(hashes[np.array([part == split for _, _, part in dataset.photos], bool)])


def match_hashes(hashes: PhotoHashes, known: PhotoHashes) -> NDArray[np.bool_]:
    """Return which photos are among the known ones, (N,) bool."""
    return np.asarray(np.isin(hashes, known) & (hashes != _NO_HASH))


def _to_number(digest: str) -> int:
    if digest in (content_hashes.UNREADABLE, content_hashes.EMPTY):
        return _NO_HASH
    return int(digest[:_HEX_DIGITS], 16)
