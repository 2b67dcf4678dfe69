"""Build batches of photos for `fit` as a pure function of (seed, step).

Nothing is consumed from a shared source of chance: the photos of a step, their order and their
augmentation follow from the seed and the number of the step alone. So it does not matter which
thread prepares which batch, and a resumed training meets the very batches it would have met.

The shuffle is a full one at any size: it orders numbers, 8 bytes a photo, and the photos of a
batch are then read where they lie. So memory is bounded by a few batches, whatever the dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..augmentation import augment
from ..base.errors import CatDogError
from ..config import PIPELINE_VERSION, Augmentation
from ..storage.shard_images import PartImages
from ..storage.tfrecord import PhotoSplit

# Part of the key of each generator, so that the order of an epoch and the changes of the step with
# the same number are independent; `features` has 3. Another number would change every run.
_SHUFFLE_STREAM, _AUGMENT_STREAM, _VARIANT_STREAM = 1, 2, 4
_WORKERS = 2
_batch_errors: list[CatDogError] = []  # in threads that prepare batches
Labels: TypeAlias = NDArray[np.int64] | NDArray[np.float32]
Batch: TypeAlias = tuple[NDArray[Any], Labels] | tuple[NDArray[Any], Labels, NDArray[np.float32]]


def training_batches(
    photos: PhotoSplit,
    augmentation: Augmentation | None,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    last_step: int,
    classes: int = 2,
    label_smoothing: float = 0.0,
    balanced: bool = False,
    variants: int = 1,
    pipeline: int = PIPELINE_VERSION,
) -> tf.data.Dataset:
    """Build the batches of `first_step` ≤ step < `last_step`, counted from a training's start.

    Photos are shuffled anew for every pass. A pass shows each of them exactly once, and its last
    batch may be smaller.

    Args:
        photos: the training photos: images (N, S, S, 3) uint8 0..255 or features (N, D) float32,
            and labels (N,) int64, each 0..classes - 1.
        augmentation: what changes them; None for nothing.
        batch_size: photos in a batch, B ≥ 1.
        seed: of the order and of all changes.
        first_step: the first step, ≥ 0; that of a resumed training is its next one.
        last_step: the step before which the batches end.
        classes: how many there are, ≥ 2.
        label_smoothing: the part of every label, 0..1, that is spread evenly over all classes
            (Szegedy et al., 2016, arXiv:1512.00567).
        balanced: give each photo a weight that makes its class as heavy as any other.
        variants: how often each photo is among `photos`, which hold all N / V photos in one
            variant, then in the next; a pass shows each in one of them, and V passes in all.
        pipeline: the version, see `config.PIPELINE_VERSION`. In version 1, a batch at the end of
            a pass is filled from the next one, and variants are photos like any others.

    Yields:
        images (B, S, S, 3) float32 0..255, labels as `encode_labels` shapes them, and where
        `balanced`, weights (B,) float32.
    """
    count = len(photos.labels)
    mixes = augmentation is not None and augmentation.mixes
    shares = mixes or label_smoothing > 0
    weights = class_weights(photos.labels, classes) if balanced else None

    choose = _choose_across_passes if pipeline < 2 else partial(_choose_in_pass, variants=variants)
    chosen_rows = choose(count, batch_size, seed)

    def batch(step: int) -> Batch:
        chosen = chosen_rows(step)
        images, labels = photos.images[chosen], photos.labels[chosen]
        rng = np.random.default_rng((seed, _AUGMENT_STREAM, step))
        if augmentation is not None:
            images = augment.augment_batch(images, augmentation, rng, pipeline)
        if not shares:
            return (images, labels) if weights is None else (images, labels, weights[labels])
        soft = one_hot(labels, classes)
        if augmentation is not None and augmentation.mixes:
            images, soft = augment.mix_batch(images, soft, augmentation, rng)
        heavy = () if weights is None else (soft @ weights,)
        soft = soft * np.float32(1 - label_smoothing) + np.float32(label_smoothing / classes)
        return images, soft[:, 1] if classes == 2 else soft, *heavy

    return _build_tf_dataset(batch, photos, first_step, last_step, classes, shares, balanced)


def _choose_in_pass(
    count: int, batch_size: int, seed: int, variants: int
) -> Callable[[int], NDArray[np.int64]]:
    """Return the function from a step to its rows, of passes that end with a smaller batch."""
    photos = count // variants
    steps = -(-photos // batch_size)

    # Two threads prepare batches, each of one pass; the next pass may have begun.
    @lru_cache(maxsize=4)
    def order(number: int) -> NDArray[np.int64]:
        shuffled = np.random.default_rng((seed, _SHUFFLE_STREAM, number)).permutation(photos)
        if variants == 1:
            return shuffled
        # Where a photo begins differs from photo to photo, so each pass mixes the variants.
        rng = np.random.default_rng((seed, _VARIANT_STREAM, number // variants))
        first = rng.integers(variants, size=photos)
        return shuffled + photos * ((first[shuffled] + number) % variants)

    def rows(step: int) -> NDArray[np.int64]:
        number, part = divmod(step, steps)
        return order(number)[part * batch_size : (part + 1) * batch_size]

    return rows


def _choose_across_passes(
    count: int, batch_size: int, seed: int
) -> Callable[[int], NDArray[np.int64]]:
    """Return the function from a step to its rows, as version 1 has it: all batches are whole."""

    # A batch lies in at most two passes if it is no larger than one, and two threads prepare
    # batches: four permutations in memory are enough.
    @lru_cache(maxsize=4)
    def order(number: int) -> NDArray[np.int64]:
        return np.random.default_rng((seed, _SHUFFLE_STREAM, number)).permutation(count)

    def rows(step: int) -> NDArray[np.int64]:
        positions = np.arange(step * batch_size, (step + 1) * batch_size)
        return np.array([order(position // count)[position % count] for position in positions])

    return rows


def eval_batches(
    photos: PhotoSplit,
    batch_size: int,
    steps: int | None = None,
    *,
    classes: int = 2,
    shares: bool = False,
) -> tf.data.Dataset:
    """Build batches in stored order, never augmented; the last one may be short.

    Args:
        photos: one split.
        batch_size: photos a batch.
        steps: at most this many batches; None for all.
        classes: how many there are.
        shares: whether the training they validate has shares of classes for labels, since it
            mixes photos or smooths labels: these have another shape.
    """
    total_steps = -(-len(photos.labels) // batch_size)

    def batch(step: int) -> Batch:
        part = slice(step * batch_size, (step + 1) * batch_size)
        return photos.images[part], encode_labels(photos.labels[part], classes, shares)

    return _build_tf_dataset(
        batch, photos, 0, min(steps or total_steps, total_steps), classes, shares
    )


@contextmanager
def reraise_data_errors() -> Iterator[None]:
    """Raise an error from preparing a batch as itself, not as TensorFlow's wrapper of it.

    Raises:
        CatDogError: such as a damaged shard.
    """
    _batch_errors.clear()
    try:
        yield
    except tf.errors.OpError as error:
        if _batch_errors:
            raise _batch_errors[0] from error
        raise


def one_hot(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Encode class numbers (B,) as rows with a single 1: (B, classes) float32."""
    return np.eye(classes, dtype=np.float32)[labels]


def class_weights(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return a weight for each class, (classes,) float32, that makes all classes weigh the same.

    n / (k · n_c) for n photos, k classes that have any, and n_c photos of the class, as
    scikit-learn's "balanced": photos weigh 1 on average. A class without photos weighs 0.

    Args:
        labels: class numbers (N,), each 0..classes - 1.
        classes: how many there are.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]), 2)
        array([0.6666667, 2.       ], dtype=float32)
    """
    counts = np.bincount(labels, minlength=classes)
    present = np.count_nonzero(counts)
    weights = len(labels) / (present * np.maximum(counts, 1)) * (counts > 0)
    return weights.astype(np.float32)


def encode_labels(labels: NDArray[np.int64], classes: int, shares: bool) -> Labels:
    """Encode class numbers (B,) as the loss takes them.

    Returns:
        (B,) int64 class numbers; where labels are `shares`, float32: of the second class (B,), or
        for more than two classes of each, (B, classes).
    """
    if not shares:
        return labels
    return one_hot(labels, classes) if classes > 2 else labels.astype(np.float32)


def _build_tf_dataset(
    batch: Callable[[int], Batch],
    photos: PhotoSplit,
    first: int,
    last: int,
    classes: int,
    shares: bool,
    weighted: bool = False,
) -> tf.data.Dataset:
    kinds = [
        tf.as_dtype(photos.images.dtype),
        tf.float32 if shares else tf.int64,
        *[tf.float32] * weighted,
    ]
    shapes = [(None, *photos.images.shape[1:]), (None,), *[(None,)] * weighted]
    if shares and classes > 2:
        shapes[1] = (None, classes)

    def noting(step: int) -> Batch:
        try:
            return batch(step)
        except CatDogError as error:
            _batch_errors.append(error)
            raise

    def prepare(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        tensors = tf.numpy_function(noting, [step], kinds, stateful=False)
        for tensor, shape in zip(tensors, shapes, strict=True):
            tensor.set_shape(shape)
        return tf.cast(tensors[0], tf.float32), *tensors[1:]

    steps = tf.data.Dataset.range(first, last)
    ready = steps.map(prepare, num_parallel_calls=_WORKERS, deterministic=True).prefetch(2)
    # Two threads keep ahead of any training on a CPU; more would take its cores.
    options = tf.data.Options()
    options.threading.private_threadpool_size = _WORKERS
    return ready.with_options(options)


def subset_by_files(photos: PhotoSplit, files: Collection[str]) -> PhotoSplit:
    """Select the photos with these file names, in stored order; ignore unknown names."""
    wanted = set(files)
    return select_rows(
        photos, np.array([n for n, file in enumerate(photos.files) if file in wanted], np.int64)
    )


def select_rows(photos: PhotoSplit, indices: NDArray[np.int64]) -> PhotoSplit:
    """Select the photos at these indices (n,), in their order; images are read when needed."""
    are_pixels = photos.images.dtype == np.uint8  # not what a network sees in them, which is small
    return replace(
        photos,
        images=PartImages(photos.images, indices) if are_pixels else photos.images[indices],
        labels=photos.labels[indices],
        files=[photos.files[index] for index in indices],
    )
