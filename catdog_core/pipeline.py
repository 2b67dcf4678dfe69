"""Photos to batches for `fit`, as a pure function of (seed, step).

Nothing is consumed from a shared source of chance: the photos of a step, their order and their
augmentation follow from the seed and the number of the step alone. So it does not matter which
thread prepares which batch, and a resumed training meets the very batches it would have met.

The shuffle is a full one at any size: it orders numbers, 8 bytes a photo, and the photos of a
batch are then read where they lie. So memory is bounded by a few batches, whatever the dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from . import augment
from .errors import CatDogError
from .records import Photos
from .settings import Augmentation

_ORDER, _AUGMENT = 1, 2  # streams of chance drawn from one seed
_WORKERS = 2
_met: list[CatDogError] = []  # in threads that prepare batches
Labels: TypeAlias = NDArray[np.int64] | NDArray[np.float32]


def training_batches(
    photos: Photos,
    augmentation: Augmentation | None,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    classes: int = 2,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` ≤ step < `last_step`, counted from a training's start.

    Photos are shuffled anew for every pass; a batch at the end of a pass is filled up from the
    next one, so that every batch is whole.

    Yields:
        images (B, S, S, 3) float32 0..255, and labels as `encode` shapes them.
    """
    count = len(photos.labels)
    mixes = augmentation is not None and augmentation.mixes

    @lru_cache(maxsize=4)
    def order(number: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, _ORDER, number)).permutation(count)

    def batch(step: int) -> tuple[NDArray[np.uint8], Labels]:
        places = np.arange(step * batch_size, (step + 1) * batch_size)
        chosen = np.array([order(place // count)[place % count] for place in places])
        images, labels = photos.images[chosen], photos.labels[chosen]
        if augmentation is None:
            return images, encode(labels, classes, mixes)
        rng = np.random.default_rng((seed, _AUGMENT, step))
        images = augment.batch(images, augmentation, rng)
        if not mixes:
            return images, encode(labels, classes, mixes)
        images, shares = augment.mix(images, one_hot(labels, classes), augmentation, rng)
        return images, shares[:, 1] if classes == 2 else shares

    return _batches(batch, photos, first_step, last_step, classes, mixes)


def plain_batches(
    photos: Photos,
    batch_size: int,
    steps: int | None = None,
    *,
    classes: int = 2,
    mixes: bool = False,
) -> tf.data.Dataset:
    """Photos in their stored order, never augmented; the last batch may be short.

    Args:
        photos: one split.
        batch_size: photos a batch.
        steps: at most this many batches; None for all.
        classes: how many there are.
        mixes: whether the training they validate mixes photos: its labels then have another shape.
    """
    whole = -(-len(photos.labels) // batch_size)

    def batch(step: int) -> tuple[NDArray[np.uint8], Labels]:
        part = slice(step * batch_size, (step + 1) * batch_size)
        return photos.images[part], encode(photos.labels[part], classes, mixes)

    return _batches(batch, photos, 0, min(steps or whole, whole), classes, mixes)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Raise an error met while a batch was prepared as itself, not as TensorFlow tells of it.

    Raises:
        CatDogError: such as a damaged shard.
    """
    _met.clear()
    try:
        yield
    except tf.errors.OpError as error:
        if _met:
            raise _met[0] from error
        raise


def one_hot(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Class numbers (B,) as rows with a single 1: (B, classes) float32."""
    return np.eye(classes, dtype=np.float32)[labels]


def encode(labels: NDArray[np.int64], classes: int, mixes: bool) -> Labels:
    """Class numbers (B,) as the loss takes them.

    Returns:
        (B,) int64 class numbers; where photos are mixed, float32 shares: of the second class
        (B,), or for more than two classes of each, (B, classes).
    """
    if not mixes:
        return labels
    return one_hot(labels, classes) if classes > 2 else labels.astype(np.float32)


def _batches(
    batch: Callable[[int], tuple[NDArray[np.uint8], Labels]],
    photos: Photos,
    first: int,
    last: int,
    classes: int,
    mixes: bool,
) -> tf.data.Dataset:
    shape = photos.images.shape[1:]
    label_type = tf.float32 if mixes else tf.int64
    label_shape = (None, classes) if mixes and classes > 2 else (None,)

    def noting(step: int) -> tuple[NDArray[np.uint8], Labels]:
        try:
            return batch(step)
        except CatDogError as error:
            _met.append(error)
            raise

    def prepare(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.numpy_function(noting, [step], (tf.uint8, label_type), stateful=False)
        images.set_shape((None, *shape))
        labels.set_shape(label_shape)
        return tf.cast(images, tf.float32), labels

    steps = tf.data.Dataset.range(first, last)
    ready = steps.map(prepare, num_parallel_calls=_WORKERS, deterministic=True).prefetch(2)
    # Two threads keep ahead of any training on a CPU; more would take its cores.
    options = tf.data.Options()
    options.threading.private_threadpool_size = _WORKERS
    return ready.with_options(options)
