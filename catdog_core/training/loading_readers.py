"""The readers of the loading benchmark, and the photos they read: see `loading_benchmark`."""

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
from ..storage.tfrecord import PackedDataset
from . import pipeline

_SEED = 20
_ENDLESS = 10**9  # steps
_MAX_CACHED_SHARE = 0.05  # share of the files; another program may be reading some of them

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BenchmarkData:
    """The photos of a benchmark, twice.

    `photos` holds a folder for each class with links to the photos, or copies where the system
    has no links; `files` are these in mixed order. `packed` holds the same photos as shards.
    """

    photos: Path
    files: tuple[Path, ...]
    packed: PackedDataset
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
    open: Callable[[BenchmarkData], Iterator[Any]]
    reads: Callable[[BenchmarkData], Sequence[Path]]


def prepare_benchmark_data(
    dataset: Dataset, folder: Path, size: int, batch: int, sample: int, progress: Progress
) -> BenchmarkData:
    """Lay the photos of a benchmark out in an empty folder.

    Args:
        dataset: its training photos are taken, or all where it has none.
        folder: the folder.
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
            (folder / "photos" / f"{label:04d}").mkdir(parents=True)
        for number, item in enumerate(items[index] for index in order):
            name = f"{item.label:04d}/{number:06d}{PurePosixPath(item.file).suffix}"
            if not isinstance(item.path, Path):
                raise DatasetError(
                    "The photos of '{name}' aren't in a folder on this machine, and the benchmark "
                    "compares file readers. Choose another dataset.",
                    name=dataset.name,
                )
            _link_or_copy(item.path.absolute(), folder / "photos" / name)
            names.append((name, item.label, "train"))
    except OSError as error:
        raise CatDogError(
            "The loading benchmark couldn't be set up in {folder}: {reason}. Free some disk "
            "space, then try again.",
            folder=folder,
            reason=error.strerror or str(error),
        ) from error
    photos = folder / "photos"
    same = replace(dataset, root=photos, photos=tuple(names))
    return BenchmarkData(
        photos=photos,
        files=tuple(photos / item.file for item in same.items()),
        packed=tfrecord.pack_dataset(same, folder / "shards", size, progress),
        size=size,
        batch=batch,
    )


def drop_from_page_cache(paths: Sequence[Path]) -> bool:
    """Have the system drop the content of files from its memory, so that the disk is read again.

    Linux does so for anybody who may read the files. False where it cannot be done.
    """
    if sys.platform != "linux":
        return False
    for path in paths:
        with suppress(OSError), open(path, "rb", buffering=0) as file:
            os.fsync(file.fileno())  # what was not written to the disk yet is not dropped
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return sum(map(_is_page_cached, paths)) <= _MAX_CACHED_SHARE * len(paths)


def _is_page_cached(path: Path) -> bool:
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
            page_state = ctypes.c_ubyte()
            failed = ctypes.CDLL(None).mincore(
                ctypes.byref(first), ctypes.c_size_t(1), ctypes.byref(page_state)
            )
            del first  # else the file could not be let go of
            return bool(failed) or bool(page_state.value & 1)
    except (OSError, ValueError):  # gone, or empty
        return False


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # Windows without the right to, or a disk that knows no links
        shutil.copyfile(source, target)
        with open(target, "rb+") as file:
            os.fsync(file.fileno())  # else it could not be dropped from memory


def _read_generator(stage: BenchmarkData) -> Iterator[Any]:
    keras.config.disable_interactive_logging()  # in this thread: it would print what it found
    flow = ImageDataGenerator().flow_from_directory(
        stage.photos,
        target_size=(stage.size, stage.size),
        batch_size=stage.batch,
        class_mode="sparse",
    )
    return (photos for photos, _ in flow)


def _read_keras(stage: BenchmarkData) -> Iterator[Any]:
    batches = keras.utils.image_dataset_from_directory(
        stage.photos,
        image_size=(stage.size, stage.size),
        batch_size=stage.batch,
        verbose=False,
    )
    return (photos for photos, _ in batches.repeat())


def _read_folder(stage: BenchmarkData) -> Iterator[Any]:
    while True:
        with closing(decode.load_photos(stage.files, stage.size)) as results:
            photos = (photo for photo in results if not isinstance(photo, PhotoError))
            while batch := list(islice(photos, stage.batch)):
                yield np.stack(batch, dtype=np.float32)


def _read_tfrecord(stage: BenchmarkData) -> Iterator[Any]:
    return _training_batches(stage, in_memory=False)


def _read_memory(stage: BenchmarkData) -> Iterator[Any]:
    return _training_batches(stage, in_memory=True)


def _training_batches(stage: BenchmarkData, in_memory: bool) -> Iterator[Any]:
    """What a training without augmentation is fed by."""
    photos = tfrecord.load_split(stage.packed, "train", in_memory)
    batches = pipeline.training_batches(
        photos, None, batch_size=stage.batch, seed=0, first_step=0, last_step=_ENDLESS
    )
    return (pixels for pixels, _ in batches)


def _photo_files(stage: BenchmarkData) -> Sequence[Path]:
    return stage.files


def _shard_files(stage: BenchmarkData) -> Sequence[Path]:
    return stage.shards


READERS = (
    Reader("generator", N_("ImageDataGenerator"), False, _read_generator, _photo_files),
    Reader("keras", N_("image_dataset_from_directory"), False, _read_keras, _photo_files),
    Reader("folder", N_("The lab, photo folder"), True, _read_folder, _photo_files),
    Reader("tfrecord", N_("The lab, TFRecord"), True, _read_tfrecord, _shard_files),
    Reader("memory", N_("The lab, memory"), True, _read_memory, _shard_files),
)
"""Batches are shuffled by all but the photo folder, whose files lie in mixed order already."""
