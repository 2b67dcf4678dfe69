"""Photos in memory to batches for `fit`, as a pure function of (seed, step).

Nothing is consumed from a shared source of chance: the photos of a step, their order and their
augmentation follow from the seed and the number of the step alone. So it does not matter which
thread prepares which batch, and a resumed training meets the very batches it would have met.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from . import augment
from .records import Photos
from .settings import Augmentation

_ORDER, _AUGMENT = 1, 2  # streams of chance drawn from one seed
_WORKERS = 2


def training_batches(
    photos: Photos,
    augmentation: Augmentation | None,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
) -> tf.data.Dataset:
    """Batches of the steps `first_step` ≤ step < `last_step`, counted from a training's start.

    Photos are shuffled anew for every pass; a batch at the end of a pass is filled up from the
    next one, so that every batch is whole.

    Yields:
        images (B, S, S, 3) float32 0..255, labels (B,) int64.
    """
    count = len(photos.labels)

    @lru_cache(maxsize=4)
    def order(number: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, _ORDER, number)).permutation(count)

    def batch(step: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        places = np.arange(step * batch_size, (step + 1) * batch_size)
        chosen = np.array([order(place // count)[place % count] for place in places])
        images = photos.images[chosen]
        if augmentation is not None:
            rng = np.random.default_rng((seed, _AUGMENT, step))
            images = augment.batch(images, augmentation, rng)
        return images, photos.labels[chosen]

    return _batches(batch, photos, first_step, last_step)


def plain_batches(photos: Photos, batch_size: int, steps: int | None = None) -> tf.data.Dataset:
    """Photos in their stored order, never augmented; the last batch may be short.

    Args:
        photos: one split.
        batch_size: photos a batch.
        steps: at most this many batches; None for all.
    """
    whole = -(-len(photos.labels) // batch_size)

    def batch(step: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        part = slice(step * batch_size, (step + 1) * batch_size)
        return photos.images[part], photos.labels[part]

    return _batches(batch, photos, 0, min(steps or whole, whole))


def _batches(batch, photos: Photos, first: int, last: int) -> tf.data.Dataset:  # type: ignore[no-untyped-def]
    shape = photos.images.shape[1:]

    def prepare(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.numpy_function(batch, [step], (tf.uint8, tf.int64), stateful=False)
        images.set_shape((None, *shape))
        labels.set_shape((None,))
        return tf.cast(images, tf.float32), labels

    steps = tf.data.Dataset.range(first, last)
    ready = steps.map(prepare, num_parallel_calls=_WORKERS, deterministic=True).prefetch(2)
    # Two threads keep ahead of any training on a CPU; more would take its cores.
    options = tf.data.Options()
    options.threading.private_threadpool_size = _WORKERS
    return ready.with_options(options)
