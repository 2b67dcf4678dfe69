"""Photos to try an exported model on: of the dataset it was trained with, else drawn pets.

Which photos they are hardly matters for whether two programs give the same probabilities. For an
accuracy it does: drawings tell nothing of a model of photos, so their classes are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..analysis import class_matching
from ..base import files
from ..base.errors import CatDogError
from ..data import datasets
from ..data.datasets import Dataset, Item
from ..data.photo_domain import Domain
from ..imaging import decode
from ..runs import model_registry, run_folder, training_photos

_DEMO_PHOTOS = 60  # drawn pets of a part, from which a sample is taken


@dataclass(frozen=True, eq=False)
class PhotoSample:
    """Fitted photos, (N, S, S, 3) uint8.

    `labels` are their true classes by the model's numbers, (N,); None where the photos are of
    other classes than the model's, or drawings that it wasn't trained on. `dataset` names where
    they are from, empty for pets drawn for this.
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
    dataset = find_comparison_dataset(source, classes)
    domain = _find_domain(source)
    if dataset is not None:
        photos_and_labels = _read_photos(dataset.items(split), size, count)
        if len(photos_and_labels[0]):
            sample = _build_sample(*photos_and_labels, dataset.classes, classes, dataset.name)
            return sample if dataset.domain == domain else replace(sample, labels=None)
    with files.temporary_folder("sample") as folder:
        train, validation = (
            _DEMO_PHOTOS if split == part else 2 for part in ("train", "validation")
        )
        datasets.make_demo(folder / "pets", train, validation, max(32, *size))
        drawn = datasets.scan_folder(folder / "pets")
        sample = _build_sample(
            *_read_photos(drawn.items(split), size, count), drawn.classes, classes, ""
        )
        return sample if drawn.domain == domain else replace(sample, labels=None)


def find_comparison_dataset(source: Path, classes: tuple[str, ...]) -> Dataset | None:
    """Find the photos a model was trained with; else a dataset of the same kind and classes.

    Returns:
        None where there is neither, so that only drawn pets are left to compare on.
    """
    folder = model_registry.resolve_run_folder(source)
    if (folder / "settings.json").is_file():
        match = training_photos.find_training_dataset(run_folder.load_run(folder))
        if match is not None:
            return match.dataset
    domain = _find_domain(source)
    same = (
        dataset
        for dataset in datasets.list_datasets()
        if dataset.domain == domain and class_matching.find_match(classes, dataset.classes)
    )
    return next(same, None)


def _find_domain(source: Path) -> Domain:
    """The kind of pictures a model is for; photos where nobody knows."""
    folder = model_registry.resolve_run_folder(source)
    if not (folder / "settings.json").is_file():
        return "photos"
    return training_photos.find_domain(run_folder.load_run(folder)) or "photos"


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
