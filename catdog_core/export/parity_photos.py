"""Photos to try an exported model on: of the dataset it was trained with, else drawn pets."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..analysis import class_matching
from ..base import files
from ..base.errors import CatDogError
from ..data import datasets
from ..data.datasets import Dataset, Item
from ..imaging import decode
from ..runs import model_registry, run_folder

_DEMO_PHOTOS = 60  # drawn pets of a part, from which a sample is taken


@dataclass(frozen=True, eq=False)
class PhotoSample:
    """Fitted photos, (N, S, S, 3) uint8.

    `labels` are their true classes by the model's numbers, (N,); None where the photos are of
    other classes than the model's. `dataset` names where they are from, empty for drawn pets.
    """

    photos: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    dataset: str


def load_parity_photos(
    source: Path, classes: tuple[str, ...], size: tuple[int, int], split: str, count: int
) -> PhotoSample:
    """Load up to `count` photos of a split, spread evenly over it.

    Args:
        source: the run folder or model file that is exported.
        classes: the model's class names in label order.
        size: height and width of its photos in pixels.
        split: "train" or "validation".
        count: how many photos, at most.
    """
    dataset = find_training_dataset(source, classes)
    if dataset is not None:
        photos_and_labels = _read_photos(dataset.items(split), size, count)
        if len(photos_and_labels[0]):
            return _build_sample(*photos_and_labels, dataset.classes, classes, dataset.name)
    with files.temporary_folder("sample") as folder:
        train, validation = (
            _DEMO_PHOTOS if split == part else 2 for part in ("train", "validation")
        )
        datasets.make_demo(folder / "pets", train, validation, max(32, *size))
        drawn = datasets.scan_folder(folder / "pets")
        return _build_sample(
            *_read_photos(drawn.items(split), size, count), drawn.classes, classes, ""
        )


def find_training_dataset(source: Path, classes: tuple[str, ...]) -> Dataset | None:
    """Find the dataset a model was trained with, as it was then; else one of the same classes."""
    folder = model_registry.resolve_run_folder(source)
    if not (folder / "settings.json").is_file():
        return _find_dataset_by_classes(classes)
    run = run_folder.load_run(folder)
    with suppress(CatDogError):
        return datasets.load_dataset_as_of(run.dataset_id, run.dataset_fingerprint)
    return _find_dataset_by_classes(classes)


def _find_dataset_by_classes(classes: tuple[str, ...]) -> Dataset | None:
    same = (d for d in datasets.list_datasets() if class_matching.find_match(classes, d.classes))
    return next(same, None)


def _read_photos(
    items: list[Item], size: tuple[int, int], count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    indices = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    chosen = [items[index] for index in indices]
    photos, labels = [], []
    for item, photo in zip(chosen, decode.load_photos([i.path for i in chosen], size), strict=True):
        if not isinstance(photo, CatDogError):
            photos.append(photo)
            labels.append(item.label)
    empty = np.empty((0, *size, 3), np.uint8)
    return np.stack(photos) if photos else empty, np.array(labels, np.int64)


def _build_sample(
    photos: NDArray[np.uint8],
    labels: NDArray[np.int64],
    theirs: tuple[str, ...],
    classes: tuple[str, ...],
    name: str,
) -> PhotoSample:
    match = class_matching.find_match(classes, theirs)
    if match is None:
        return PhotoSample(photos, None, name)
    return PhotoSample(photos, np.array(match.columns)[labels], name)
