"""Find photos that are alike, by what a pretrained network sees in them.

workspace/datasets/<id>/features-lite0-256.npz    writer: training.features; a cache, safe to delete

The network is that of `transfer` with its recipe's photo size, so a training's features of the
same photos are used. Features are kept by the content of a file: relabeled, moved and copied photos
cost nothing.
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..base.errors import N_, DatasetError, PhotoError, Term
from ..base.file_cache import FileCache
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..config import RECIPES
from ..data import duplicates, photo_scan
from ..data.datasets import Dataset, Item, datasets_folder
from ..data.edits import SPLITS
from ..data.photo_scan import PhotoInfo, UnusablePhoto
from ..imaging import decode
from ..models import transfer
from ..models.backbones import TRANSFER
from ..storage import shard_cache
from ..storage.tfrecord import PhotoSplit
from ..training import features, phases
from ..training.features import Features
from .photo_distance import normalize_rows

MOST_SIMILAR = 12
"""Similar photos that are found by default."""
_RECIPE = RECIPES[TRANSFER].training
_BACKBONE, _SIZE = _RECIPE.backbone, _RECIPE.image_size
_CACHE_BYTES = 200_000_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class PhotoFeatures:
    """What the network sees in the N readable photos of a dataset.

    Attributes:
        items: the photos, in the order of their names.
        features: (N, D) float32, each row of length 1.
        infos: digest of the file and thumbnail of each.
        unreadable: names of the files that can't be read.
    """

    items: tuple[Item, ...]
    features: NDArray[np.float32]
    infos: tuple[PhotoInfo, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class SimilarPhoto:
    """A photo of a dataset beside one it was compared with.

    Attributes:
        item: the photo.
        similarity: cosine of the angle between their features, 1 for the same, 0 for nothing alike.
        is_copy: whether both show the same picture.
    """

    item: Item
    similarity: float
    is_copy: bool


@dataclass(frozen=True, eq=False)
class _StoredFeatures:
    """Features and looks of all photos that a dataset has ever had, by name."""

    features: Features
    row_by_file: dict[str, int]
    infos: dict[str, PhotoInfo]


_cache: FileCache[_StoredFeatures] = FileCache(_CACHE_BYTES, lambda stored: stored.features.nbytes)


def load_photo_features(dataset: Dataset, progress: Progress | None = None) -> PhotoFeatures:
    """Return the features of a dataset's readable photos; those not known yet are computed.

    3,000 photos take 40 s on two cores at first, half a second later, and no time after an edit.

    Args:
        dataset: opened, so that there is a place to keep the features.
        progress: called with (photos done, photos in all), first of a scan, then of the features.
            What it raises ends the work, and what has been computed is kept.

    Raises:
        DatasetError: no photo can be read.
        ModelError: the network's weights aren't installed.
    """
    folder = datasets_folder() / dataset.id
    names = sorted([*(item.file for item in dataset.items()), *dataset.excluded])
    key = folder, dataset.root, hash(tuple(names))

    def make() -> _StoredFeatures:
        return _load_features(dataset, names, progress or (lambda _done, _total: None))

    stored = _cache.get(key, [folder / "contents.json"], make)
    items = [item for item in dataset.items() if item.file in stored.infos]
    if not items:
        raise DatasetError(
            "No photo of '{name}' can be read. Add photos the lab can read.", name=dataset.name
        )
    rows = [stored.row_by_file[item.file] for item in items]
    is_whole = rows == list(range(len(stored.features)))  # nothing to copy
    return PhotoFeatures(
        tuple(items),
        stored.features if is_whole else stored.features[rows],
        tuple(stored.infos[item.file] for item in items),
        tuple(item.file for item in dataset.items() if item.file not in stored.infos),
    )


def find_similar(
    known: PhotoFeatures,
    photo: str | bytes,
    count: int = MOST_SIMILAR,
    labels: Iterable[int] | None = None,
) -> list[SimilarPhoto]:
    """Find the photos of a dataset that are most like one photo, the most alike first.

    Args:
        known: the dataset's photos.
        photo: the name of one of them, which is left out, or the content of any photo file.
        count: how many at most.
        labels: of the classes that count; by default all.

    Raises:
        DatasetError: the dataset has no readable photo of this name.
        PhotoError: the file can't be read.
        ModelError: the network's weights aren't installed.
    """
    own = -1
    if isinstance(photo, str):
        own = next((row for row, item in enumerate(known.items) if item.file == photo), -1)
        if own < 0:
            raise DatasetError(
                "There's no readable photo '{file}' in the dataset. Choose one of its files.",
                file=truncate_for_display(photo, 120),
            )
        vector, info = known.features[own], known.infos[own]
    else:
        vector, info = _embed_photo(photo)
    allowed = None if labels is None else set(labels)
    similarity = known.features @ vector
    ranked = (
        int(row)
        for row in np.argsort(-similarity, kind="stable")
        if row != own and (allowed is None or known.items[row].label in allowed)
    )
    rows = [row for row, _ in zip(ranked, range(count), strict=False)]
    thumbs = np.stack([info.thumb, *(known.infos[row].thumb for row in rows)])
    same = [
        (0, number)
        for number, row in enumerate(rows, start=1)
        if known.infos[row].digest == info.digest
    ]
    groups = duplicates.find_duplicate_groups(thumbs, same)
    copies = next((group for group in groups if group[0] == 0), [0])
    return [
        SimilarPhoto(known.items[row], float(similarity[row]), number in copies)
        for number, row in enumerate(rows, start=1)
    ]


def describe_similar(
    similar: Sequence[SimilarPhoto], classes: Sequence[str], split: str = ""
) -> list[Message]:
    """Say what the photos most like one photo tell about it.

    Args:
        similar: from `find_similar`.
        classes: names of the dataset's classes.
        split: of the photo they were compared with; empty for a photo from elsewhere.
    """
    if not similar:
        return []
    counts = Counter(photo.item.label for photo in similar)
    label, count = counts.most_common(1)[0]
    values = {"n": count, "total": len(similar), "name": truncate_for_display(classes[label], 40)}
    text = N_("{n} of the {total} most similar photos are labeled {name}.")
    if count == len(similar):
        text = N_("All {n} most similar photos are labeled {name}.")
    messages = [Message(text, values)]
    copies = [photo.item.split for photo in similar if photo.is_copy]
    if copies:
        messages.append(Message(N_("{n} photos are copies of this one."), {"n": len(copies)}))
    for other in SPLITS:
        if other in copies and split and other != split:
            text = N_("The same photo is in {split} and {other}. Results look too good.")
            messages.append(Message(text, {"split": Term(split), "other": Term(other)}))
    return messages


class FittedPhotos:
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


def _load_features(dataset: Dataset, names: list[str], progress: Progress) -> _StoredFeatures:
    folder = datasets_folder() / dataset.id
    seen = photo_scan.scan_photos(dataset.root, names, folder, progress)
    infos = {
        name: info
        for name, info in zip(names, seen, strict=True)
        if not isinstance(info, UnusablePhoto)
    }
    paths = {info.digest: dataset.root / name for name, info in infos.items()}
    digests = list(paths)
    if not digests:
        return _StoredFeatures(np.empty((0, 0), np.float32), {}, {})
    images: Any = FittedPhotos(list(paths.values()))
    split = features.compute_features(
        PhotoSplit(images, np.zeros(len(digests), np.int64), digests),
        phases.features_path(folder, _BACKBONE, str(_SIZE), features.FeaturePass()),
        lambda batch: compile_network()(batch),
        features.FeaturePass(),
        lambda done: progress(done, len(digests)),
        _read_training_features(dataset, {name: info.digest for name, info in infos.items()}),
    )
    row_by_digest = {digest: row for row, digest in enumerate(digests)}
    return _StoredFeatures(
        normalize_rows(np.asarray(split.images)),
        {name: row_by_digest[info.digest] for name, info in infos.items()},
        infos,
    )


def _read_training_features(dataset: Dataset, digests: dict[str, str]) -> dict[str, Features]:
    """Features that a training on this very dataset has computed, by the digest of the photo."""
    entry = shard_cache.packed_folder(dataset.fingerprint, _SIZE)
    found: dict[str, Features] = {}
    for split in SPLITS:
        path = phases.features_path(entry, _BACKBONE, split, features.FeaturePass())
        for file, row in features.read_features(path).items():
            if file in digests:
                found[digests[file]] = row
    return found


@functools.cache
def compile_network() -> Callable[[tf.Tensor], tf.Tensor]:
    return features.compile_forward(transfer.build_backbone(_BACKBONE, _SIZE))


def _embed_photo(data: bytes) -> tuple[Features, PhotoInfo]:
    """The features of a photo file, (D,) of length 1, and what a scan notes of it."""
    info = photo_scan.inspect_photo_bytes(data, hashlib.blake2b(data, digest_size=16).hexdigest())
    if isinstance(info, UnusablePhoto):
        raise info.error
    photo = decode.decode_and_fit(data, _SIZE)
    return normalize_rows(features.forward_batch(compile_network(), photo[None]))[0], info
