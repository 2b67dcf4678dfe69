"""A look at photos elsewhere, many at once and each read once: digests and looks together. Light.

Afterwards a health check reads nothing but what cannot be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from .. import images
from ..cluster.tasks import Hands, Progress
from ..errors import PhotoError
from ..sources import contents
from ..sources.contents import Known
from ..sources.places import Remote, Stamp
from . import looks
from .looks import Look


class Survey:
    """Reads photos for `datasets.open_folder` and keeps what it saw.

    Args:
        hands: who looks.
        progress: called with (photos done, photos in all).
    """

    def __init__(self, hands: Hands, progress: Progress | None = None) -> None:
        self._hands, self._progress = hands, progress
        self._looks: dict[str, Look] = {}

    def read(self, root: Remote, names: Sequence[str]) -> Known:
        """Look at photos below a place; what is to be remembered of their files."""
        work = contents.parts(root, names)
        weights = [len(part) for _, part, _ in work]
        known: Known = {}
        for found, seen in self._hands.each(look_part, work, weights, self._progress):
            known.update(found)
            self._looks.update({look.digest: look for look in seen})
        return known

    def keep(self, folder: Path) -> None:
        """Keep the looks beside a dataset's record, with those that are there."""
        if self._looks:
            looks.keep(folder, looks.known(folder) | self._looks)


def look_part(root: Remote, names: list[str], stamps: list[Stamp]) -> tuple[Known, list[Look]]:
    """The digests of a part of the photos, and the looks at those that are fit; runs anywhere."""

    def look(name: str) -> tuple[str, Look | None]:
        try:
            data = images.read(root / name)
        except PhotoError:  # gone, not to be read, or larger than is looked at
            return contents.digest(root / name), None
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        seen = looks.look_into(data, digest)
        return digest, seen if isinstance(seen, Look) else None

    found = contents.in_parallel(look, names)
    known = contents.rows(names, stamps, [digest for digest, _ in found])
    return known, [seen for _, seen in found if seen is not None]
