"""The miniature of each section, by the section's id."""

from __future__ import annotations

from collections.abc import Callable

from . import live_augmentation, live_network, live_photos, live_training
from .learner import Learner

LIVE: dict[str, Callable[[Learner], None]] = {
    "little-data": live_photos.little_data,
    "photo-array": live_photos.photo_array,
    "read-again": live_photos.read_again,
    "tfrecord": live_photos.tfrecord,
    "rescale": live_photos.rescale,
    "squares": live_photos.squares,
    "labels": live_photos.labels,
    "class-mode": live_photos.class_mode,
    "batch": live_photos.batch,
    "convolution": live_network.convolution,
    "pooling": live_network.pooling,
    "network": live_network.network,
    "dropout": live_network.dropout,
    "sigmoid": live_network.sigmoid,
    "loss": live_training.loss,
    "learning-rate": live_training.learning_rate,
    "steps": live_training.steps,
    "validation": live_training.validation,
    "result": live_training.result,
    "save": live_training.save,
    "overfitting": live_training.overfitting,
    "augmentation": live_augmentation.augmentation,
    "validation-plain": live_augmentation.validation_plain,
    "twin": live_augmentation.twin,
}
