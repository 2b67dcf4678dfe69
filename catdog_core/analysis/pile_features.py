"""Look at the photos of a pile once: which can be read, their features, a model's predictions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CatDogError, DatasetError, PhotoError
from ..config import RECIPES
from ..data import photo_scan
from ..data.photo_scan import UnusablePhoto
from ..data.piles import Pile
from ..imaging import decode
from ..models import transfer
from ..models.backbones import TRANSFER
from ..storage.tfrecord import PhotoSplit
from ..training import features
from . import predict, sorting
from .predict import Predictor
from .sorting import SeenPhotos

Progress = Callable[[int, int], None]
_RECIPE = RECIPES[TRANSFER].training
_BACKBONE, _SIZE = _RECIPE.backbone, _RECIPE.image_size


class _PhotoFiles:
    """Photo files that are read, decoded and fitted when they are indexed by row numbers."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        photos = []
        for photo in decode.load_photos([self._paths[row] for row in rows], _SIZE):
            if isinstance(photo, PhotoError):  # it was readable a moment ago
                raise photo
            photos.append(photo)
        return np.stack(photos)


def look_at_pile(
    pile: Pile, predictor: Predictor | None, progress: Progress | None = None
) -> SeenPhotos:
    """Compute the features of a pile's photos, and a model's predictions; keep them beside it.

    Features that are known are not computed anew. 3,000 photos take about 40 s on two cores.

    Args:
        pile: its photos are read.
        predictor: whose guesses come first; None for none.
        progress: called with (photos done, photos in all). What it raises ends the work.

    Raises:
        DatasetError: no photo can be read.
        ModelError: the network's weights aren't installed, or the model gives no probabilities.
    """
    tell = progress or (lambda _done, _total: None)
    names = list(pile.photos)
    total = 2 * len(names) + (len(names) if predictor else 0)
    scanned = photo_scan.scan_photos(
        pile.root,
        [pile.photos[name] for name in names],
        pile.folder,
        lambda done, _: tell(done, total),
    )
    first_of: dict[str, str] = {}
    unreadable, copies = [], []
    for name, info in zip(names, scanned, strict=True):
        if isinstance(info, UnusablePhoto):
            unreadable.append(name)
        elif info.digest in first_of:
            copies.append(name)
        else:
            first_of[info.digest] = name
    if not first_of:
        raise DatasetError(
            "No photo of '{name}' can be read. Add photos the lab can read.", name=pile.name
        )
    files = list(first_of.values())
    paths = [pile.path(name) for name in files]
    network = transfer.build_backbone(_BACKBONE, _SIZE)
    images: Any = _PhotoFiles(paths)
    split = features.compute_features(
        PhotoSplit(images, np.zeros(len(files), np.int64), list(first_of)),
        pile.folder / f"features-{_BACKBONE}-{_SIZE}.npz",
        features.compile_forward(network),
        features.FeaturePass(),
        lambda done: tell(len(names) + done, total),
    )
    rows = np.asarray(split.images, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    first = np.empty((len(files), 0))
    if predictor is not None:
        predicted = predict.predict_photos(
            predictor,
            ((name, _read(path)) for name, path in zip(files, paths, strict=True)),
            lambda done: tell(2 * len(names) + done, total),
        )
        errors: list[CatDogError] = [row.error for row in predicted if row.error is not None]
        if errors:
            raise errors[0]
        first = np.array([row.probabilities for row in predicted])
    seen = SeenPhotos(
        tuple(files),
        (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32),
        first,
        predictor.classes if predictor else (),
        tuple(unreadable),
        tuple(copies),
    )
    sorting.write_seen(pile.id, seen)
    tell(total, total)
    return seen


def _read(path: Path) -> bytes | PhotoError:
    try:
        return decode.read_photo_bytes(path)
    except PhotoError as error:
        return error
