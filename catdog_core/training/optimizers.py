"""Build the optimizer of a training from its settings, and set the precision it computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from ..config import Training
from . import muon

SGD_MOMENTUM = 0.9
_NO_DECAY_NAMES = ["bias", "gamma", "beta"]
"""Weights that weight decay spares: it is there to keep kernels small."""


def build_optimizer(training: Training) -> keras.optimizers.Optimizer:
    """Build the optimizer of a training, at its highest learning rate and without variables yet."""
    decay = training.weight_decay or None
    rate = training.learning_rate
    optimizer: keras.optimizers.Optimizer
    if training.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            rate, momentum=SGD_MOMENTUM, nesterov=True, weight_decay=decay
        )
    elif training.optimizer == "muon":
        optimizer = muon.make(rate, training.weight_decay)
    elif training.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=training.weight_decay)
    else:
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    optimizer.exclude_from_weight_decay(var_names=_NO_DECAY_NAMES)
    return optimizer


@contextmanager
def precision_policy(training: Training) -> Iterator[None]:
    """Set Keras's precision while the block builds and trains a model; restore it afterwards.

    Graphics cards take 16 bits as float16; processors, where they can at all, as bfloat16.
    """
    before = keras.config.dtype_policy()
    if training.mixed_precision:
        card = bool(tf.config.list_physical_devices("GPU"))
        keras.config.set_dtype_policy("mixed_float16" if card else "mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
