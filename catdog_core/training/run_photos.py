"""The photos of a run, decoded and resized once, as its training and its evaluation read them."""

from __future__ import annotations

from dataclasses import dataclass

from .. import runs
from ..base.errors import RunError
from ..data import datasets, edit_log
from ..data.datasets import Dataset
from ..runs import run_folder
from ..runs.run_queue import ProgressReporter, Stopped
from ..storage import tfrecord
from ..storage.tfrecord import PackedDataset, PhotoSplit
from . import pipeline


@dataclass(frozen=True)
class RunPhotos:
    """The training and validation photos of a run, and the shards that hold them."""

    packed: PackedDataset
    train: PhotoSplit
    validation: PhotoSplit


def load_run_photos(
    run: runs.Run, state: ProgressReporter, changed_message: str, in_memory: bool | None = None
) -> RunPhotos:
    """Pack the photos of a run unless they are in the cache, and open both splits.

    Args:
        run: the run; its settings are complete.
        state: receives the progress; says whether to stop.
        changed_message: what to say where the photos have changed since, with the fields `name` of
            the dataset and `run`.
        in_memory: as for `tfrecord.load_split`.

    Raises:
        Stopped: a stop was wanted.
        CatDogError: the dataset is gone or has changed, or the disk is full.
    """
    training = run.training
    dataset = load_run_dataset(run, changed_message)
    packed = tfrecord.pack_to_cache(
        dataset, training.image_size, _packing_progress(state), run_folder.fingerprints_in_use()
    )
    train = tfrecord.load_split(packed, "train", in_memory)  # images (N, S, S, 3) uint8
    validation = tfrecord.load_split(packed, "validation", in_memory)
    if training.train_photos:
        some = dataset.subset(training.train_photos, training.seed)
        train = pipeline.subset_by_files(train, {item.file for item in some.items("train")})
    return RunPhotos(packed, train, validation)


def load_run_dataset(run: runs.Run, changed_message: str) -> Dataset:
    """Return the dataset with the photos a run began with. Raises RunError if they are gone."""
    # What was decided about the photos since concerns later runs only. A run that came from another
    # lab knows them by another name.
    matching_dataset = edit_log.find_by_fingerprint(run.dataset_fingerprint, run.dataset_id)
    if matching_dataset is not None:
        return matching_dataset
    dataset = datasets.load_dataset(run.dataset_id)
    raise RunError(changed_message, name=dataset.name, run=run.name)


def _packing_progress(state: ProgressReporter) -> tfrecord.Progress:
    def progress(done: int, total: int) -> None:
        if state.stop_wanted:
            raise Stopped
        state.update(phase="packing", packed=done, photos=total)

    return progress
