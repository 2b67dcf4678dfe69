"""Compute a pretrained network's features of photos once, and store them beside the photos.

    workspace/cache/<fingerprint>-<size>/features-<network>-<split>….npz

The network is frozen, so its features of a photo never change: an epoch of training on them takes
a fraction of a second. They are stored by the photo's name, so a subset of the photos computes only
its own, and an interrupted computation goes on.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ..augmentation import augment
from ..base import file_cache
from ..config import PIPELINE_VERSION, Augmentation
from ..storage.tfrecord import PhotoSplit

BATCH_SIZE = 16
"""Photos a forward pass; more was measured no faster on two cores, and takes more memory."""
SAVE_EVERY = 512
"""Photos between two savings, or a quarter of those saved: what a kill can cost at most."""
FORMAT = 1
_FEATURE_STREAM = 3  # of chance drawn from one seed, see `pipeline`
Features = NDArray[np.float32]


@dataclass(frozen=True)
class FeaturePass:
    """One pass over all photos: as they are, or augmented by the `number`-th draw.

    `pipeline` is the version of the augmentation, see `config.PIPELINE_VERSION`.
    """

    augmentation: Augmentation | None = None
    seed: int = 0
    number: int = 0
    pipeline: int = PIPELINE_VERSION

    @property
    def key(self) -> str:
        """A digest for file names that identifies this pass; empty for photos as they are."""
        if self.augmentation is None:
            return ""
        text = f"{self.augmentation.model_dump_json()} {self.seed} {self.number}"
        if self.pipeline > 1:
            text += f" {self.pipeline}"
        return "-" + hashlib.sha256(text.encode()).hexdigest()[:16]

    def change(self, image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
        """Augment a photo (S, S, 3); the result follows from the seed, pass and name alone."""
        if self.augmentation is None:
            return image
        keys = (self.seed, _FEATURE_STREAM, self.number, zlib.crc32(name.encode()))
        rng = np.random.default_rng(keys)
        changed = augment.augment_batch(image[None], self.augmentation, rng, self.pipeline)
        return np.asarray(changed[0])


def compute_features(
    photos: PhotoSplit,
    path: Path,
    run: Callable[[tf.Tensor], tf.Tensor],
    feature_pass: FeaturePass,
    progress: Callable[[int], None],
    computed: Mapping[str, Features] | None = None,
) -> PhotoSplit:
    """Return the features of photos, in their order; compute and store those that are missing.

    Args:
        photos: images (N, S, S, 3) uint8, their labels and names.
        path: the file they are kept in.
        run: from `compile_forward`.
        feature_pass: how the photos are changed before.
        progress: called with the number of photos known so far. What it raises ends it, and what
            has been computed is kept.
        computed: features known from another file, by photo name.

    Returns:
        The same photos with features (N, D) float32 for images.
    """
    known = read_features(path)
    saved = len(known)
    known.update(computed or {})
    missing = [row for row, name in enumerate(photos.files) if name not in known]
    try:
        for start in range(0, len(missing), BATCH_SIZE):
            progress(len(photos.files) - len(missing) + start)
            rows = missing[start : start + BATCH_SIZE]
            names = [photos.files[row] for row in rows]
            images = zip(photos.images[np.array(rows)], names, strict=True)
            batch = np.stack([feature_pass.change(image, name) for image, name in images])
            known.update(zip(names, forward_batch(run, batch), strict=True))
            if len(known) - saved >= max(SAVE_EVERY, saved // 4):  # each saving writes all of them
                write_features(path, known)
                saved = len(known)
    finally:
        if len(known) > saved:
            write_features(path, known)
    progress(len(photos.files))
    features = np.stack([known[name] for name in photos.files])
    return replace(photos, images=features, hold=None)


def concatenate_passes(splits: list[PhotoSplit]) -> PhotoSplit:
    """Concatenate passes over the same photos into one split of `passes × photos` rows."""
    return replace(
        splits[0],
        images=np.concatenate([split.images for split in splits]),
        labels=np.concatenate([split.labels for split in splits]),
        files=[name for split in splits for name in split.files],
    )


def compile_forward(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Compile a network's forward pass to one graph: (B, S, S, 3) float32 to (B, D)."""
    forward: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        lambda batch: network(batch, training=False),
        input_signature=[tf.TensorSpec((BATCH_SIZE, *network.input_shape[1:]), tf.float32)],
    )
    return forward


def forward_batch(run: Callable[[tf.Tensor], tf.Tensor], images: NDArray[np.uint8]) -> Features:
    """Compute features, (B, D), of at most `BATCH_SIZE` photos, padded to a full batch."""
    # One shape compiles one graph, and sums in one order: a photo's features do not depend on how
    # many others were computed with it, nor on where a computation was interrupted.
    padded = np.zeros((BATCH_SIZE, *images.shape[1:]), np.float32)
    padded[: len(images)] = images
    features: Features = np.asarray(run(tf.constant(padded)), np.float32)[: len(images)]
    return features


def read_features(path: Path) -> dict[str, Features]:
    """Read stored features by photo name; empty when there is no file, or it is damaged."""
    try:
        stored = file_cache.read_arrays(path)
        if "format" in stored and int(stored["format"]) > FORMAT:
            return {}  # of a newer program: computed again
        return dict(zip(map(str, stored["files"]), stored["features"], strict=True))
    except file_cache.ARRAY_READ_ERRORS:
        return {}


def write_features(path: Path, known: dict[str, Features]) -> None:
    """Store features, (D,) float32 each, by photo name. Raises CatDogError on a full disk."""
    features = np.stack(list(known.values()))
    names = np.array(list(known))
    file_cache.write_arrays(path, format=FORMAT, files=names, features=features)
