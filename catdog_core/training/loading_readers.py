"""Who takes part in the loading race, and the course they run on: see `race`."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import keras
import numpy as np
from tensorflow.keras.preprocessing.image import ImageDataGenerator

from ..base.errors import N_, CatDogError, DatasetError, PhotoError
from ..data.datasets import Dataset
from ..imaging import decode
from ..storage import tfrecord
from ..storage.tfrecord import Packed
from . import pipeline

_SEED = 20
_ENDLESS = 10**9  # steps
_STILL_THERE = 0.05  # share of the files; another program may be reading some of them

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Stage:
    """The photos of a race, twice.

    `photos` holds a folder for each class with links to the photos, or copies where the system
    has no links; `files` are these in mixed order. `packed` holds the same photos as shards.
    """

    photos: Path
    files: tuple[Path, ...]
    packed: Packed
    size: int
    batch: int

    @property
    def shards(self) -> tuple[Path, ...]:
        """The files of the shards, with their tables."""
        return tuple(path for path in self.packed.path.iterdir() if path.is_file())


@dataclass(frozen=True)
class Reader:
    """A way to read photos.

    `name` is a message of the catalogue, `ours` tells whether it is the lab's. `open` begins to
    read and gives batches (B, S, S, 3) float32 0..255 without an end; `reads` are its files.
    """

    key: str
    name: str
    ours: bool
    open: Callable[[Stage], Iterator[Any]]
    reads: Callable[[Stage], Sequence[Path]]


def lay_out(
    dataset: Dataset, place: Path, size: int, batch: int, sample: int, progress: Progress
) -> Stage:
    """Lay the photos of a race out in an empty folder.

    Args:
        dataset: its training photos are taken, or all where it has none.
        place: the folder.
        size: side of the squares in pixels.
        batch: photos a batch.
        sample: photos, at most; in whole batches where there are more.
        progress: called with (photos packed, photos in all).

    Raises:
        CatDogError: the disk is full or not writable, or no photo can be read.
    """
    items = dataset.items("train") or dataset.items()
    count = min(len(items), max(sample // batch, 1) * batch)
    order = np.random.default_rng(_SEED).permutation(len(items))[:count]
    names = []
    try:
        for label in range(len(dataset.classes)):
            (place / "photos" / f"{label:04d}").mkdir(parents=True)
        for number, item in enumerate(items[index] for index in order):
            name = f"{item.label:04d}/{number:06d}{PurePosixPath(item.file).suffix}"
            if not isinstance(item.path, Path):
                raise DatasetError(
                    "The photos of '{name}' lie elsewhere. Expected a folder of this machine: the"
                    " race is between readers of files. Choose another dataset.",
                    name=dataset.name,
                )
            _link(item.path.absolute(), place / "photos" / name)
            names.append((name, item.label, "train"))
    except OSError as error:
        raise CatDogError(
            "The loading race could not be laid out in {folder}: {reason}. Free some disk space,"
            " then try again.",
            folder=place,
            reason=error.strerror or str(error),
        ) from error
    photos = place / "photos"
    same = replace(dataset, root=photos, photos=tuple(names))
    return Stage(
        photos=photos,
        files=tuple(photos / item.file for item in same.items()),
        packed=tfrecord.pack(same, place / "shards", size, progress),
        size=size,
        batch=batch,
    )


def forget(paths: Sequence[Path]) -> bool:
    """Have the system drop the content of files from its memory, so that the disk is read again.

    Linux does so for anybody who may read the files. False where it cannot be done.
    """
    if sys.platform != "linux":
        return False
    for path in paths:
        with suppress(OSError), open(path, "rb", buffering=0) as file:
            os.fsync(file.fileno())  # what was not written to the disk yet is not dropped
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return sum(map(_in_memory, paths)) <= _STILL_THERE * len(paths)


def _in_memory(path: Path) -> bool:
    """Whether the first page of a file lies in memory, as `mincore` of Linux tells.

    `preadv` with RWF_NOWAIT would not do: on a quick disk newer kernels read what is missing.
    """
    if sys.platform != "linux":
        return True
    try:
        with (
            open(path, "rb", buffering=0) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as pages,
        ):
            first = ctypes.c_char.from_buffer(pages)
            told = ctypes.c_ubyte()
            failed = ctypes.CDLL(None).mincore(
                ctypes.byref(first), ctypes.c_size_t(1), ctypes.byref(told)
            )
            del first  # else the file could not be let go of
            return bool(failed) or bool(told.value & 1)
    except (OSError, ValueError):  # gone, or empty
        return False


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # Windows without the right to, or a disk that knows no links
        shutil.copyfile(source, target)
        with open(target, "rb+") as file:
            os.fsync(file.fileno())  # else it could not be dropped from memory


def _generator(stage: Stage) -> Iterator[Any]:
    keras.config.disable_interactive_logging()  # in this thread: it would print what it found
    flow = ImageDataGenerator().flow_from_directory(
        stage.photos,
        target_size=(stage.size, stage.size),
        batch_size=stage.batch,
        class_mode="sparse",
    )
    return (photos for photos, _ in flow)


def _keras(stage: Stage) -> Iterator[Any]:
    batches = keras.utils.image_dataset_from_directory(
        stage.photos,
        image_size=(stage.size, stage.size),
        batch_size=stage.batch,
        verbose=False,
    )
    return (photos for photos, _ in batches.repeat())


def _folder(stage: Stage) -> Iterator[Any]:
    while True:
        with closing(decode.load_all(stage.files, stage.size)) as found:
            photos = (photo for photo in found if not isinstance(photo, PhotoError))
            while batch := list(islice(photos, stage.batch)):
                yield np.stack(batch, dtype=np.float32)


def _tfrecord(stage: Stage) -> Iterator[Any]:
    return _trained_from(stage, in_memory=False)


def _memory(stage: Stage) -> Iterator[Any]:
    return _trained_from(stage, in_memory=True)


def _trained_from(stage: Stage, in_memory: bool) -> Iterator[Any]:
    """What a training without augmentation is fed by."""
    photos = tfrecord.load(stage.packed, "train", in_memory)
    batches = pipeline.training_batches(
        photos, None, batch_size=stage.batch, seed=0, first_step=0, last_step=_ENDLESS
    )
    return (pixels for pixels, _ in batches)


def _photo_files(stage: Stage) -> Sequence[Path]:
    return stage.files


def _shard_files(stage: Stage) -> Sequence[Path]:
    return stage.shards


READERS = (
    Reader("generator", N_("ImageDataGenerator"), False, _generator, _photo_files),
    Reader("keras", N_("image_dataset_from_directory"), False, _keras, _photo_files),
    Reader("folder", N_("The lab, photo folder"), True, _folder, _photo_files),
    Reader("tfrecord", N_("The lab, TFRecord"), True, _tfrecord, _shard_files),
    Reader("memory", N_("The lab, memory"), True, _memory, _shard_files),
)
"""Batches are shuffled by all but the photo folder, whose files lie in mixed order already."""
