"""Some of the photos of a split, as if there were no others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from ..storage.shard_images import PartImages
from ..storage.tfrecord import PhotoSplit


def subset_by_files(photos: PhotoSplit, files: Collection[str]) -> PhotoSplit:
    """The photos with these file names, in their order; unknown names are passed over."""
    wanted = set(files)
    places = np.array([n for n, file in enumerate(photos.files) if file in wanted], np.int64)
    are_pixels = photos.images.dtype == np.uint8  # not what a network sees in them, which is small
    return replace(
        photos,
        images=PartImages(photos.images, places) if are_pixels else photos.images[places],
        labels=photos.labels[places],
        files=[photos.files[place] for place in places],
    )
