"""Look at the photos of a pile once: which can be read, their features, a model's predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import CatDogError, PhotoError
from ..data import photo_scan
from ..data.photo_scan import UnusablePhoto
from ..data.piles import Pile
from ..imaging import decode
from ..storage.tfrecord import PhotoSplit
from ..training import features
from . import predict, similar_photos, sorting
from .photo_distance import normalize_rows
from .predict import Predictor
from .sorting import SeenPhotos

Progress = Callable[[int, int], None]


def look_at_pile(
    pile: Pile, predictor: Predictor | None, progress: Progress | None = None
) -> SeenPhotos:
    """Look at a pile's photos, and keep what was seen beside it.

    Args:
        pile: its photos are read.
        predictor, progress: as for `see_photos`.

    Raises:
        CatDogError: as `see_photos`.
    """
    paths = {name: pile.path(name) for name in pile.photos}
    seen = see_photos(paths, pile.folder, predictor, progress)
    sorting.write_seen(pile.id, seen)
    return seen


def see_photos(
    photos: Mapping[str, Path],
    folder: Path,
    predictor: Predictor | None,
    progress: Progress | None = None,
) -> SeenPhotos:
    """Compute features of photos, and a model's predictions.

    Features that are known are not computed again. 3,000 photos take about 40 s on two cores.

    Args:
        photos: file of each, by name.
        folder: where features are kept.
        predictor: whose guesses come first; None for none.
        progress: called with (photos done, photos in all). What it raises ends the work.

    Raises:
        PhotoError: no photo can be read.
        ModelError: the network's weights aren't installed, or the model gives no probabilities.
    """
    tell = progress or (lambda _done, _total: None)
    count = len(photos)
    total = (3 if predictor else 2) * count
    scanned = photo_scan.scan_photos(
        Path(), list(map(str, photos.values())), folder, lambda done, _: tell(done, total)
    )
    first_of: dict[str, str] = {}
    unreadable, copies = [], []
    for name, info in zip(photos, scanned, strict=True):
        if isinstance(info, UnusablePhoto):
            unreadable.append(name)
        elif info.digest in first_of:
            copies.append(name)
        else:
            first_of[info.digest] = name
    if not first_of:
        raise PhotoError(
            "None of the photos can be read. Convert them to JPEG or PNG and try again."
        )
    files = list(first_of.values())
    images: Any = similar_photos.FittedPhotos([photos[name] for name in files])
    split = features.compute_features(
        PhotoSplit(images, np.zeros(len(files), np.int64), list(first_of)),
        folder / "features.npz",
        lambda batch: similar_photos.compile_network()(batch),
        features.FeaturePass(),
        lambda done: tell(count + done, total),
    )
    first: NDArray[np.float64] = np.empty((len(files), 0))
    names: tuple[str, ...] = ()
    if predictor is not None:
        names = predictor.classes
        predicted = predict.predict_photos(
            predictor,
            ((name, _read(photos[name])) for name in files),
            lambda done: tell(2 * count + done, total),
        )
        errors: list[CatDogError] = [row.error for row in predicted if row.error is not None]
        if errors:
            raise errors[0]
        first = np.array([row.probabilities for row in predicted])
    rows = normalize_rows(np.asarray(split.images, np.float32))
    tell(total, total)
    return SeenPhotos(tuple(files), rows, first, names, tuple(unreadable), tuple(copies))


def _read(path: Path) -> bytes | PhotoError:
    try:
        return decode.read_photo_bytes(path)
    except PhotoError as error:
        return error
