"""Record the photos of a run by their content, and find the dataset that has them.

    runs/<id>/photo_hashes.bin    writer: `write_training_photos`, as the run is created

A dataset can be added again from another folder or a zip, and photos can be added or excluded. The
record still tells which photos the model was trained on.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..base import files
from ..base.errors import CatDogError
from ..data import datasets, edit_log, photo_hashes
from ..data.datasets import Dataset
from ..data.photo_domain import Domain
from ..data.photo_hashes import PhotoHashes
from .run_folder import Run, RunRecord

FILE_NAME = "photo_hashes.bin"
MAX_BYTES = 16_000_100
"""Of two million photos, the most a dataset has."""
_MAGIC = b"CDPHOTO\x01"  # then two counts, then the hashes, all little-endian
_NUMBER = np.dtype("<u8")
_MIN_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class TrainingPhotos:
    """The hashes of the photos a run learned from, and of those that chose its epoch."""

    train: PhotoHashes
    validation: PhotoHashes

    def __len__(self) -> int:
        return len(self.train) + len(self.validation)

    @property
    def all(self) -> PhotoHashes:
        return np.concatenate([self.train, self.validation])


@dataclass(frozen=True)
class DatasetMatch:
    """The photos of a run, found in this workspace.

    Attributes:
        dataset: the run's own dataset in the state it had then, wherever its folder is now; else
            the photos of the run that another one has, in the run's splits.
        found: how many photos of the run it has.
        total: how many photos the run has.
    """

    dataset: Dataset
    found: int
    total: int


def write_training_photos(folder: Path, dataset: Dataset) -> None:
    """Record in a run's folder which photos it is trained and validated with."""
    parts = [photo_hashes.hash_split(dataset, split) for split in ("train", "validation")]
    save_training_photos(folder, TrainingPhotos(*parts))


def save_training_photos(folder: Path, photos: TrainingPhotos) -> None:
    """Write a record into a run's folder."""
    parts = [np.sort(part).astype(_NUMBER) for part in (photos.train, photos.validation)]
    counts = np.array([len(part) for part in parts], _NUMBER)
    data = _MAGIC + b"".join(part.tobytes() for part in (counts, *parts))
    files.write_bytes(folder / FILE_NAME, data)


def parse_training_photos(folder: Path) -> TrainingPhotos | None:
    """Read the record in a run's folder, None where there is no sound one."""
    path = folder / FILE_NAME
    try:
        with files.open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return None
    body = data[len(_MAGIC) :]
    if not data.startswith(_MAGIC) or len(data) > MAX_BYTES or len(body) < 16 or len(body) % 8:
        return None
    numbers = np.frombuffer(body, _NUMBER)
    trained, validated = (int(count) for count in numbers[:2])
    if not trained or trained + validated != len(numbers) - 2:
        return None
    hashes = numbers[2:].astype(np.uint64)
    return TrainingPhotos(hashes[:trained], hashes[trained:])


def read_training_photos(run: RunRecord) -> TrainingPhotos | None:
    """Return the photos of a run, None where nobody knows them.

    Runs of earlier versions have no record. Theirs are those of their dataset, as long as it is
    there in the state it had then.
    """
    recorded = parse_training_photos(run.folder)
    if recorded is not None or not isinstance(run, Run):
        return recorded
    then = _find_dataset_then(run)
    if then is None:
        return None
    if run.training.train_photos:
        try:
            then = then.subset(run.training.train_photos, run.training.seed)
        except CatDogError:
            return None
    parts = [photo_hashes.hash_split(then, split) for split in ("train", "validation")]
    return TrainingPhotos(*parts)


def is_training_dataset(run: RunRecord, dataset: Dataset) -> bool:
    """Return whether a dataset is the one of a run, or has at least half of its photos."""
    if run.dataset_id and run.dataset_id == dataset.id:
        return True
    if run.dataset_fingerprint and run.dataset_fingerprint == dataset.fingerprint:
        return True
    photos = parse_training_photos(run.folder)
    if photos is None:
        return False
    # Lists of datasets ask this of each, and must not wait until thousands of files are read.
    return _count_shared(photos, dataset, read_files=False) >= _MIN_SHARE * len(photos)


def find_training_dataset(run: RunRecord) -> DatasetMatch | None:
    """Find the photos a run was trained with, by its dataset or by the photos' content.

    Returns:
        None where no dataset of this workspace has at least half of the photos.
    """
    then = _find_dataset_then(run)
    if then is not None:
        count = len(then.items("train")) + len(then.items("validation"))
        return DatasetMatch(then, count, count)
    photos = parse_training_photos(run.folder)
    if photos is None:
        return None
    counted = [
        (_count_shared(photos, dataset), dataset)
        for dataset in datasets.list_datasets()
        if len(dataset.classes) == len(run.classes)
    ]
    found, dataset = max(counted, key=lambda pair: pair[0], default=(0, None))
    if dataset is None or found < _MIN_SHARE * len(photos):
        return None
    return DatasetMatch(_restrict_to_run(dataset, photos, run.classes), found, len(photos))


def _restrict_to_run(dataset: Dataset, photos: TrainingPhotos, classes: tuple[str, ...]) -> Dataset:
    """Return the photos of a run that a dataset has, in the run's splits and order of classes."""
    hashes = photo_hashes.hash_photos(dataset)
    is_trained = photo_hashes.match_hashes(hashes, photos.train)
    is_validated = photo_hashes.match_hashes(hashes, photos.validation)
    if set(classes) != set(dataset.classes):
        classes = dataset.classes
    labels = [classes.index(name) for name in dataset.classes]
    rows = tuple(
        (file, labels[label], "train" if trained else "validation")
        for (file, label, _), trained, validated in zip(
            dataset.photos, is_trained, is_validated, strict=True
        )
        if trained or validated
    )
    text = json.dumps([dataset.fingerprint, "run", classes, rows])
    return replace(
        dataset,
        classes=classes,
        fingerprint=hashlib.blake2b(text.encode(), digest_size=20).hexdigest(),
        note={**dataset.note, "is_partial": True},
        photos=rows,
    )


def find_domain(run: RunRecord) -> Domain | None:
    """Return whether a run was trained on photos or on drawn pets, None where nobody knows.

    A run of an earlier version has no record of it. Its dataset does, if it is still there.
    """
    if run.dataset_domain is not None:
        return run.dataset_domain
    if run.dataset_id == datasets.DEMO_ID:
        return "drawn"
    with suppress(CatDogError):
        return datasets.load_dataset(run.dataset_id).domain
    match = find_training_dataset(run)
    return None if match is None else match.dataset.domain


def _count_shared(photos: TrainingPhotos, dataset: Dataset, read_files: bool = True) -> int:
    """How many photos of a run a dataset has; arguments as for `photo_hashes.hash_photos`."""
    hashes = photo_hashes.hash_photos(dataset, read_files)
    return int(photo_hashes.match_hashes(photos.all, hashes).sum())


def _find_dataset_then(run: RunRecord) -> Dataset | None:
    """The dataset a run was trained with, in the state it had then, wherever its folder is now."""
    if not run.dataset_fingerprint:
        return None
    with suppress(CatDogError):
        return edit_log.find_by_fingerprint(run.dataset_fingerprint, run.dataset_id)
    return None
