"""Average the weights over the steps; validation and the best model then use the average."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..base.errors import ModelError

AVERAGES_MEMBER = "averages.npz"
"""The member of a resume point's archive that holds the averages."""


class AveragedWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages the weights after every step: Polyak averaging (1992), in its exponential form.

    average ← d · average + (1 − d) · weight, with d = min(decay, (1 + n) / (10 + n)) after n steps,
    as `tf.train.ExponentialMovingAverage` has it: the random weights of the start, which are not
    worth averaging, are forgotten sooner. The model is validated with the averages.
    """

    def __init__(self, decay: float, backup: Path | None = None) -> None:
        """Average with `decay`, 0..1, from the start or from where a resume point stands."""
        super().__init__()
        self.decay = decay
        self.stored = None if backup is None else read_averages(backup)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.weights = [v for v in self.model.weights if _is_number(v)]
        start = self.stored or [weight.numpy() for weight in self.weights]
        self.averages = [tf.Variable(value, trainable=False) for value in start]
        self.follow = tf.function(self._follow)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.follow()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self._swap()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        self._swap()

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Exchange the model's weights for their averages while the block runs."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def as_bytes(self) -> bytes:
        """Return the averages as the bytes of an .npz file."""
        file = io.BytesIO()
        np.savez(file, *[average.numpy() for average in self.averages])
        return file.getvalue()

    def _follow(self) -> None:
        done = tf.cast(self.model.optimizer.iterations.value, tf.float32)
        decay = tf.minimum(self.decay, (1 + done) / (10 + done))
        for average, weight in zip(self.averages, self.weights, strict=True):
            average.assign_add((1 - decay) * (weight.value - average))

    def _swap(self) -> None:
        for average, weight in zip(self.averages, self.weights, strict=True):
            now = weight.numpy()
            weight.assign(average)
            average.assign(now)


def read_averages(backup: Path) -> list[np.ndarray]:
    """Read the averages in a resume point. Raises ModelError when it holds none."""
    try:
        with (
            zipfile.ZipFile(backup) as archive,
            np.load(io.BytesIO(archive.read(AVERAGES_MEMBER)), allow_pickle=False) as stored,
        ):
            return [stored[name] for name in stored.files]
    except (KeyError, OSError, ValueError) as error:
        raise ModelError(
            "{name} lacks the weight averages needed to resume. Start a new run.",
            name=backup.name,
        ) from error


def load_averages(model: keras.Model, backup: Path) -> None:
    """Replace a model's weights by the averages in its resume point.

    Raises:
        ModelError: the resume point holds none.
    """
    weights = [weight for weight in model.weights if _is_number(weight)]
    for weight, average in zip(weights, read_averages(backup), strict=True):
        weight.assign(average)


def _is_number(weight: keras.Variable) -> bool:
    return "float" in str(weight.dtype) and "seed_generator" not in weight.path
