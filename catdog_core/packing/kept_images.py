"""Photos of a split of which one stretch lies in memory, and the others where they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shard_images import PartImages, ShardImages


class KeptImages(PartImages):
    """Looks like the array (N, S, S, 3) uint8 it is made of; indexing reads what is not kept."""

    def __init__(self, images: ShardImages, first: int, last: int) -> None:
        """Read the images first ≤ number < last now.

        Raises:
            DatasetError: a shard is missing or damaged; also later, when others are read.
        """
        super().__init__(images, np.arange(len(images)))
        self._first, self._last = first, last
        self._kept = images[first:last]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        places = np.atleast_1d(self._places[key])
        inside = (self._first <= places) & (places < self._last)
        pixels = np.empty((places.size, *self.shape[1:]), np.uint8)
        pixels[inside] = self._kept[places[inside] - self._first]
        if not inside.all():
            pixels[~inside] = self._images[places[~inside]]
        return pixels
