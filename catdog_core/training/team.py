"""Who trains: one worker by Keras's own loop, or several that share the work of every step.

What a training is made of, its model, batches, callbacks and files, is the same either way; a team
says what part of it is this worker's, and turns the epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import keras
import tensorflow as tf

from .. import records
from ..pipeline import Places
from ..records import Packed, Photos

T = TypeVar("T")


class Team(Protocol):
    """What a worker needs to know of the others. The first of them, rank 0, writes the files."""

    rank: int

    def load(self, packed: Packed, split: str) -> Photos:
        """All photos of a split, of which this worker reads some."""

    def taken(self, photos: Photos) -> Callable[[Places], Places] | None:
        """What this worker takes of every batch, see `pipeline.training_batches`; None for all."""

    def judged(self, photos: Photos, most: int) -> Photos:
        """Those this worker measures of the first `most` photos of a validation."""

    def in_turn(self, work: Callable[[], T]) -> T:
        """Do a work that leaves files: the first worker before the others, who find them."""

    def fit(
        self,
        model: keras.Model,
        batches: tf.data.Dataset,
        validation: tf.data.Dataset,
        *,
        first: int,
        last: int,
        steps: int,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        """Train a compiled model from epoch `first` up to `last`, `steps` batches each."""


class Alone:
    """One worker: everything is its own."""

    rank = 0

    def load(self, packed: Packed, split: str) -> Photos:
        """All photos of a split."""
        return records.load(packed, split)

    def taken(self, photos: Photos) -> None:
        """All of every batch."""

    def judged(self, photos: Photos, most: int) -> Photos:
        """All; the batches say how many."""
        return photos

    def in_turn(self, work: Callable[[], T]) -> T:
        """Do it."""
        return work()

    def fit(
        self,
        model: keras.Model,
        batches: tf.data.Dataset,
        validation: tf.data.Dataset,
        *,
        first: int,
        last: int,
        steps: int,
        callbacks: Sequence[Any],
    ) -> None:
        """Train by Keras's own loop."""
        model.fit(
            batches,
            validation_data=validation,
            initial_epoch=first,
            epochs=last,
            steps_per_epoch=steps,
            shuffle=False,  # the pipeline has its own, keyed by the seed
            callbacks=list(callbacks),
            verbose=0,
        )
