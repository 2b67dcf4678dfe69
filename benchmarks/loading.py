"""Photos a second from a dataset to augmented batches ready for `fit`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from catdog_core import augment
from catdog_core.images import Photo

from . import peers
from .peers import NOTES
from .race import Peer, console, race
from .source import BATCH, SIZE, training_set

if TYPE_CHECKING:
    from catdog_core.records import Photos

OURS, WARP = "this lab", "this lab, augment.batch"


def loading(folder: Path | None) -> None:
    """Read or cached, augmented, batched, float32; then the warp alone and its limits."""
    with training_set(folder) as (place, photos):
        images = np.asarray(photos.images)
        race("Augmented, batched, float32: ready for fit", _loaders(place, photos), 7, OURS)
        race("The same work on uint8 in memory, one thread", _warps(images), 7, WARP)


def _loaders(place: Path, photos: Photos) -> dict[str, Peer]:
    """From photo files or from memory to batches as `fit` takes them."""
    from catdog_core import pipeline

    flow = peers.generator(augmented=True).flow_from_directory(
        place, target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
    )
    memory = peers.generator(augmented=True).flow(
        np.asarray(photos.images, np.float32), photos.labels, batch_size=BATCH
    )
    steps = 200

    def ours() -> None:
        batches = pipeline.training_batches(
            photos, NOTES, batch_size=BATCH, seed=0, first_step=0, last_step=steps
        )
        for _ in batches:
            pass

    found = {
        "ImageDataGenerator, folder": _taken(flow, 20),
        "ImageDataGenerator, in memory": _taken(memory, 20),
        "Keras layers in tf.data": _taken(peers.keras_layers(photos), 80),
    }
    change = peers.albumentations()
    if change is None:
        console.print("albumentations is not installed: left out.")
    else:
        batches = peers.albumentations_batches(photos, change)
        found["albumentations in tf.data"] = _taken(batches, steps)
    return {**found, OURS: Peer(ours, steps * BATCH)}


def _taken(batches: Any, count: int) -> Peer:
    """An endless source of batches, begun anew each round: none may work in another's turn."""

    def run() -> None:
        for _ in islice(iter(batches), count):
            pass

    return Peer(run, count * BATCH)


def _warps(images: Photo) -> dict[str, Peer]:
    """Batches of uint8 to batches of uint8, on one thread; first what no one can be faster than."""
    rng = np.random.default_rng(0)
    parts = [images[start : start + BATCH] for start in range(0, len(images) - BATCH + 1, BATCH)]
    parts = (parts * 50)[:50]
    draws = [augment.draw(NOTES, (SIZE, SIZE), rng) for _ in range(BATCH)]
    matrices = [augment.matrix(drawn, (SIZE, SIZE)) for drawn in draws]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    target, floats = np.empty_like(parts[0]), np.empty(parts[0].shape, np.float32)

    def copied(part: Photo) -> None:
        np.copyto(target, part)
        np.copyto(floats, target)

    def warped(part: Photo) -> None:
        for image, matrix, out in zip(part, matrices, target, strict=True):
            border = cv2.BORDER_REPLICATE
            cv2.warpAffine(image, matrix, (SIZE, SIZE), dst=out, flags=flags, borderMode=border)

    found: dict[str, Callable[[Photo], object]] = {
        "limit: cv2.warpAffine alone": warped,
        "limit: copy and cast to float32": copied,
    }
    change = peers.albumentations()
    if change is not None:
        found["albumentations"] = lambda part: np.stack([change(image) for image in part])
    found[WARP] = lambda part: augment.batch(part, NOTES, rng)
    return {name: Peer(_over(parts, do), len(parts) * BATCH) for name, do in found.items()}


def _over(parts: list[Photo], do: Callable[[Photo], object]) -> Callable[[], None]:
    def run() -> None:
        for part in parts:
            do(part)

    return run
