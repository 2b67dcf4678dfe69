"""The notes' augmentation in the words of other libraries, each as its documentation advises."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from catdog_core.config import Augmentation
from catdog_core.imaging.decode import Photo

from .measure import BATCH

if TYPE_CHECKING:
    from catdog_core.storage.tfrecord import PhotoSplit

NOTES = Augmentation()


def generator(augmented: bool) -> Any:
    """Return an `ImageDataGenerator` as in the class notes."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    names = ("rotation_range", "width_shift_range", "height_shift_range", "zoom_range")
    changes = {name: getattr(NOTES, name) for name in names} if augmented else {}
    flips = {"horizontal_flip": augmented, "vertical_flip": augmented}
    return ImageDataGenerator(rescale=1 / 255, **changes, **flips)


def keras_layers(photos: PhotoSplit) -> Any:
    """Return an endless `tf.data` pipeline of Keras preprocessing layers over photos in memory."""
    import keras
    import tensorflow as tf

    rotation = NOTES.rotation_range / 360  # a fraction of the whole circle
    zoom = (-NOTES.zoom_range, NOTES.zoom_range)
    fill = {"fill_mode": NOTES.fill_mode}
    layers = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal_and_vertical"),
            keras.layers.RandomRotation(rotation, **fill),
            keras.layers.RandomTranslation(
                NOTES.height_shift_range, NOTES.width_shift_range, **fill
            ),
            keras.layers.RandomZoom(zoom, zoom, **fill),
        ]
    )
    data = tf.data.Dataset.from_tensor_slices((photos.images, photos.labels))
    batches = data.repeat().batch(BATCH, drop_remainder=True)
    changed = batches.map(
        lambda images, labels: (layers(images, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return changed.prefetch(tf.data.AUTOTUNE)


def albumentations() -> Callable[[Photo], Photo] | None:
    """Return a function from one photo to another, (H, W, 3) uint8; None if not installed."""
    if importlib.util.find_spec("albumentations") is None:
        return None
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network for a newer one
    import albumentations as other
    import cv2

    zoom = (1 - NOTES.zoom_range, 1 + NOTES.zoom_range)
    width, height = NOTES.width_shift_range, NOTES.height_shift_range
    changes = other.Compose(
        [
            other.Affine(
                rotate=(-NOTES.rotation_range, NOTES.rotation_range),
                translate_percent={"x": (-width, width), "y": (-height, height)},
                scale={"x": zoom, "y": zoom},
                border_mode=cv2.BORDER_REPLICATE,
                p=1.0,
            ),
            other.HorizontalFlip(p=0.5),
            other.VerticalFlip(p=0.5),
        ],
        seed=0,
    )
    return lambda photo: changes(image=photo)["image"]


def albumentations_batches(photos: PhotoSplit, change: Callable[[Photo], Photo]) -> Any:
    """Return an endless `tf.data` pipeline of albumentations over photos in memory."""
    import tensorflow as tf

    def whole(images: Photo) -> Photo:
        return np.stack([change(image) for image in images])

    def prepare(images: Any, labels: Any) -> tuple[Any, Any]:
        changed = tf.numpy_function(whole, [images], tf.uint8)
        changed.set_shape(images.shape)
        return tf.cast(changed, tf.float32), labels

    data = tf.data.Dataset.from_tensor_slices((photos.images, photos.labels))
    batches = data.repeat().batch(BATCH, drop_remainder=True)
    ready = batches.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
    return ready.prefetch(tf.data.AUTOTUNE)
