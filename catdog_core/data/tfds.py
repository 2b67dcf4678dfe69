"""Import datasets of the `tensorflow_datasets` package by name, where it is installed.

Nothing of it, nor of TensorFlow, is loaded before it is asked for. Photos are taken as the encoded
files they are, so that the lab's own decoder reads them as it reads all others.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from ..base import files, limits, locks
from ..base.errors import N_, DatasetError
from . import imports
from .archive_safety import ArchiveEntry
from .dataset_plan import SPLITS
from .datasets import Dataset
from .split_folders import MAX_CLASSES

PREPARING, READING = N_("Downloading and preparing"), N_("Reading")
_SUFFIX_BY_MAGIC = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"RIFF": ".webp",
    b"BM": ".bmp",
}

PhaseProgress = Callable[[str, int, int], None]
"""Called with one of the messages above, and with how much of how much is done."""


@dataclass(frozen=True)
class TfdsInfo:
    """What the package says of a dataset.

    Attributes:
        name: in its catalogue.
        classes: names in label order.
        counts: photos by split.
        size: bytes to download.
        image_key, label_key: the features that hold the photo and its class.
        builder: the package's own `DatasetBuilder`.
    """

    name: str
    classes: tuple[str, ...]
    counts: dict[str, int]
    size: int
    image_key: str = field(repr=False)
    label_key: str = field(repr=False)
    builder: Any = field(repr=False, compare=False)


def tfds_folder() -> Path:
    """Return the cache folder of what the package downloads; locked while it does."""
    return files.cache_folder() / "tensorflow_datasets"


def is_tfds_installed() -> bool:
    """Tell whether the package is there; it is not imported."""
    return importlib.util.find_spec("tensorflow_datasets") is not None


def inspect_tfds_dataset(name: str) -> TfdsInfo:
    """Ask the package about a dataset of photos with one label each. No photo is fetched.

    Args:
        name: such as "cats_vs_dogs", "beans" or "tf_flowers".

    Raises:
        DatasetError: the package is not installed or knows no such name, or the dataset is not
            one of photos with labels.
    """
    tfds = _import_tfds()
    tfds.disable_progress_bar()
    try:
        builder = tfds.builder(name, data_dir=str(tfds_folder()))
        features = dict(builder.info.features.items())
        size = int(builder.info.download_size or 0)
    except Exception as error:  # of many kinds: an unknown name, a bad version, no network
        raise DatasetError(
            "tensorflow_datasets has no dataset '{name}' ({reason}). Use a name from its catalog, "
            "such as cats_vs_dogs, beans or tf_flowers.",
            name=files.truncate_for_display(name),
            reason=_describe_error(error),
        ) from error
    images, labels = (
        _feature_keys_of_kind(features, "Image"),
        _feature_keys_of_kind(features, "ClassLabel"),
    )
    if len(images) != 1 or len(labels) != 1:
        raise DatasetError(
            "'{name}' has {images} images and {labels} class labels per example. Choose a dataset "
            "with one of each.",
            name=files.truncate_for_display(name),
            images=len(images),
            labels=len(labels),
        )
    classes = tuple(str(each).replace("/", "-") for each in features[labels[0]].names)
    counts = _split_counts(builder)
    _refuse_large(name, len(classes), sum(counts.values()))
    return TfdsInfo(name, classes, counts, size, images[0], labels[0], builder)


def import_tfds_dataset(
    name: str, tell: PhaseProgress = lambda phase, done, total: None
) -> Dataset:
    """Bring a dataset of the package into the workspace; then what was fetched for it goes.

    Raises:
        DatasetError: as `inspect_tfds_dataset`, or it cannot be fetched. What has come so far is
            kept.
    """
    info = inspect_tfds_dataset(name)
    tell(PREPARING, 0, 0)
    with locks.hold_path_lock(tfds_folder(), lambda: tell(PREPARING, 0, 0)):
        dataset = _fetch_dataset(info, tell)
        files.remove_tree(tfds_folder())
    return dataset


def _fetch_dataset(info: TfdsInfo, tell: PhaseProgress) -> Dataset:
    try:
        info.builder.download_and_prepare()
    except Exception as error:  # of many kinds: no network, a checksum, a package it wants
        raise DatasetError(
            "tensorflow_datasets couldn't download '{name}' ({reason}). Check the network and the "
            "disk, then try again.",
            name=files.truncate_for_display(info.name),
            reason=_describe_error(error),
        ) from error
    source = _TfdsEntries(
        replace(info, counts=_split_counts(info.builder))
    )  # known for sure only now
    return imports.import_entries(
        source,
        info.name,
        "tfds",
        lambda done, total: tell(READING, done, total),
        info.classes,
    )


class _TfdsEntries:
    """The examples as entries of an archive, one folder a split and class."""

    def __init__(self, info: TfdsInfo) -> None:
        self._info = info
        known = [split for split in info.counts if split in SPLITS]
        # Without a split for training, the lab divides what there is.
        self._splits = {s: s for s in known} if "train" in known else dict.fromkeys(info.counts, "")

    def __iter__(self) -> Iterator[ArchiveEntry]:
        tfds, info = _import_tfds(), self._info
        raw = {info.image_key: tfds.decode.SkipDecoding()}
        for split, folder in self._splits.items():
            rows = info.builder.as_dataset(split=split, decoders=raw, shuffle_files=False)
            for number, row in enumerate(tfds.as_numpy(rows)):
                label, data = int(row[info.label_key]), bytes(row[info.image_key])
                if label >= 0:  # -1 stands for a test photo whose label is kept secret
                    end = next(
                        (e for magic, e in _SUFFIX_BY_MAGIC.items() if data.startswith(magic)), ""
                    )
                    path = PurePosixPath(folder, info.classes[label], f"{split}-{number:06d}{end}")
                    yield ArchiveEntry(
                        path, len(data), False, partial(BytesIO, data), split=folder, label=label
                    )


def _refuse_large(name: str, classes: int, photos: int) -> None:
    most = limits.current_limits().archive_entries
    if not 2 <= classes <= MAX_CLASSES or photos > most:
        raise DatasetError(
            "'{name}' has {photos:,} photos in {classes} classes. Choose a dataset with at most "
            "{most:,} photos in 2 to {limit} classes.",
            name=files.truncate_for_display(name),
            photos=photos,
            classes=classes,
            most=most,
            limit=MAX_CLASSES,
        )


def _split_counts(builder: Any) -> dict[str, int]:
    splits = builder.info.splits
    return {split: int(splits[split].num_examples) for split in splits}


def _feature_keys_of_kind(features: dict[str, Any], kind: str) -> list[str]:
    return [key for key, feature in features.items() if type(feature).__name__ == kind]


def _import_tfds() -> Any:
    try:
        return importlib.import_module("tensorflow_datasets")
    except ImportError as error:
        raise DatasetError(
            "The package tensorflow_datasets isn't installed. Run pip install tensorflow-datasets "
            "and restart the lab, or add photos another way."
        ) from error


def _describe_error(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return files.truncate_for_display(lines[0], 160)
