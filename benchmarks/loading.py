"""Photos a second: to augmented batches ready for `fit`, and of each reader of the Data page."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from catdog_core.augmentation import augment
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo

from . import other_libraries
from .measure import BATCH, SIZE, Peer, console, race, table, training_set
from .other_libraries import NOTES

if TYPE_CHECKING:
    from catdog_core.storage.tfrecord import PhotoSplit

OURS, WARP = "this lab", "this lab, augment_batch"
THREADS = min(4, os.cpu_count() or 1)  # as many as the folder reader has
_SECONDS, _SAMPLE, _CHUNK = 9.0, 2000, 32


def loading(folder: Path | None) -> None:
    """Time photos read, augmented and batched as float32; then the warp alone."""
    with training_set(folder) as (train_folder, photos):
        pixels = np.asarray(photos.images)
        race("Augmented, batched, float32: ready for fit", _loaders(train_folder, photos), 7, OURS)
        race("Same work on uint8 in memory, one thread", _warps(pixels), 7, WARP)


def _loaders(train_folder: Path, photos: PhotoSplit) -> dict[str, Peer]:
    """Return readers from photo files or from memory to batches as `fit` takes them."""
    from catdog_core.training import pipeline

    flow = other_libraries.generator(augmented=True).flow_from_directory(
        train_folder, target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
    )
    memory = other_libraries.generator(augmented=True).flow(
        np.asarray(photos.images, np.float32), photos.labels, batch_size=BATCH
    )
    steps = 200

    def ours() -> None:
        batches = pipeline.training_batches(
            photos, NOTES, batch_size=BATCH, seed=0, first_step=0, last_step=steps
        )
        for _ in batches:
            pass

    loaders = {
        "ImageDataGenerator, folder": _taken(flow, 20),
        "ImageDataGenerator, in memory": _taken(memory, 20),
        "Keras layers in tf.data": _taken(other_libraries.keras_layers(photos), 80),
    }
    change = other_libraries.albumentations()
    if change is None:
        console.print("albumentations isn't installed, so it's left out.")
    else:
        batches = other_libraries.albumentations_batches(photos, change)
        loaders["albumentations in tf.data"] = _taken(batches, steps)
    return {**loaders, OURS: Peer(ours, steps * BATCH)}


def _taken(batches: Any, count: int) -> Peer:
    """Return an endless source of batches, begun anew each round, as none may work in another's."""

    def run() -> None:
        for _ in islice(iter(batches), count):
            pass

    return Peer(run, count * BATCH)


def _warps(pixels: Photo) -> dict[str, Peer]:
    """Return warps of uint8 batches on one thread; the first is what no one can be faster than."""
    rng = np.random.default_rng(0)
    parts = [pixels[start : start + BATCH] for start in range(0, len(pixels) - BATCH + 1, BATCH)]
    parts = (parts * 50)[:50]
    draws = [augment.sample_transform(NOTES, (SIZE, SIZE), rng) for _ in range(BATCH)]
    matrices = [augment.affine_matrix(drawn, (SIZE, SIZE)) for drawn in draws]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    target, floats = np.empty_like(parts[0]), np.empty(parts[0].shape, np.float32)

    def copied(part: Photo) -> None:
        np.copyto(target, part)
        np.copyto(floats, target)

    def warped(part: Photo) -> None:
        for image, matrix, out in zip(part, matrices, target, strict=True):
            border = cv2.BORDER_REPLICATE
            cv2.warpAffine(image, matrix, (SIZE, SIZE), dst=out, flags=flags, borderMode=border)

    warps: dict[str, Callable[[Photo], object]] = {
        "limit: only cv2.warpAffine": warped,
        "limit: copy and cast to float32": copied,
    }
    change = other_libraries.albumentations()
    if change is not None:
        warps["albumentations"] = lambda part: np.stack([change(image) for image in part])
    warps[WARP] = lambda part: augment.augment_batch(part, NOTES, rng)
    return {name: Peer(_over(parts, do), len(parts) * BATCH) for name, do in warps.items()}


def _over(parts: list[Photo], do: Callable[[Photo], object]) -> Callable[[], None]:
    def run() -> None:
        for part in parts:
            do(part)

    return run


def readers(folder: Path | None) -> None:
    """Print photos a second of each reader, cold and warm; then the parts of their work, alone."""
    with training_set(folder) as (train_folder, photos):
        dataset = datasets.scan_folder(train_folder.parent)
        _readers(dataset)
        paths = [item.path for item in dataset.items("train")][:_SAMPLE]
        title = f"Each part separately, warm, {THREADS} threads"
        race(title, _limits(paths, photos.images[:_SAMPLE]), 5)


def _readers(dataset: Dataset) -> None:
    from catdog_core.training import loading_benchmark as course

    results = course.run_loading_benchmark(dataset, SIZE, BATCH, _SECONDS, sample=_SAMPLE)
    sheet = table(
        f"{SIZE} × {SIZE}, batches of {BATCH}, float32",
        "photos per second",
        "cold",
        "warm",
        "ratio",
    )
    first = next((result.warm for result in results if result.warm), 1.0)
    for result in results:
        if result.left_out is None:
            ratio = (result.warm or 0.0) / first
            sheet.add_row(result.name, _number(result.cold), _number(result.warm), f"{ratio:.2f}")
        else:
            console.print(f"{result.name} is left out. {result.left_out}")
    console.print(sheet, "Medians. The readers take turns. Packing isn't counted.\n")


def _number(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:,.0f}"


def _limits(paths: Sequence[Path], pixels: Photo) -> dict[str, Peer]:
    """Return what the readers do, step by step and without the rest."""
    data = [path.read_bytes() for path in paths]
    target = np.empty((BATCH, SIZE, SIZE, 3), np.float32)
    batches = [pixels[at : at + BATCH] for at in range(0, len(pixels) - BATCH + 1, BATCH)]

    def copied() -> None:
        for batch in batches:
            np.copyto(target, batch)

    tasks: dict[str, tuple[Sequence[Any], Callable[[Any], object]]] = {
        "files read": (paths, decode.read_photo_bytes),
        "Pillow decodes, reduced": (data, _pillow),
        "decode_photo, reduced": (data, lambda each: decode.decode_photo(each, SIZE)),
        "decode_and_fit: decoded and resized": (
            data,
            lambda each: decode.decode_and_fit(each, SIZE),
        ),
    }
    limits = {name: Peer(_on_threads(do, work), len(work)) for name, (work, do) in tasks.items()}
    limits["uint8 in memory to float32, 1 thread"] = Peer(copied, len(batches) * BATCH)
    return limits


def _pillow(data: bytes) -> None:
    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (SIZE, SIZE))
        image.load()


def _on_threads(do: Callable[[Any], object], work: Sequence[Any]) -> Callable[[], None]:
    def part(start: int) -> None:
        for each in work[start : start + _CHUNK]:
            do(each)

    def run() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(part, range(0, len(work), _CHUNK)):
                pass

    return run
