"""One of several workers that train together: its part of the photos, and a loop of its own.

Keras's `fit` cannot be built under `MultiWorkerMirroredStrategy` (Keras 3.15), so the epochs are
turned here. Every worker has the whole model, takes its part of each batch, and adds up its
gradients with those of all others before each takes the same step. The loss is the mean over the
whole batch, whatever the parts: sums are exchanged, never means. So weights that were equal stay
equal, which is looked at after every epoch.

    batch norm   its moments are those of the whole batch, as with one worker
    dropout      each worker drops units of its own, keyed by (seed, epoch, rank)
    validation   each worker measures its part of the photos; sums are exchanged

Loads TensorFlow.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from .. import records
from ..callbacks import inner_layers
from ..errors import RunError
from ..packing import shard_shares
from ..packing.kept_images import KeptImages
from ..packing.shard_images import ShardImages
from ..pipeline import Places
from ..records import Packed, Photos
from ..training import part
from ..training.turn import Stopped
from .wire import Wire

T = TypeVar("T")
_SUM = tf.distribute.ReduceOp.SUM


class Replica:
    """A worker's view of its team; see `team.Team`."""

    def __init__(
        self, strategy: tf.distribute.Strategy, rank: int, workers: int, batch: int, wire: Wire
    ) -> None:
        """Join a team.

        Args:
            strategy: connects the workers; none of its variables are used.
            rank: which worker this is, from 0.
            workers: how many there are.
            batch: photos of a whole batch.
            wire: to where the training is told of.
        """
        self.strategy, self.rank, self.workers = strategy, rank, workers
        self.batch, self.wire = batch, wire
        signature = [tf.TensorSpec((3 + workers,), tf.float64)]
        self._sum = tf.function(
            lambda values: strategy.run(_over_all, args=(values,)), input_signature=signature
        )

    def load(self, packed: Packed, split: str) -> Photos:
        """All photos of a split; in memory are at most those in this worker's own shards."""
        photos = records.load(packed, split, in_memory=False)
        stored, count = photos.images, len(photos.labels)
        assert isinstance(stored, ShardImages)
        owners = shard_shares.owners(count, self.workers)
        if not records.fits(stored.nbytes // self.workers):
            return replace(photos, owners=owners)
        kept = KeptImages(stored, *shard_shares.stretch(count, self.workers, self.rank))
        return replace(photos, images=kept, owners=owners)

    def taken(self, photos: Photos) -> Callable[[Places], Places]:
        """Of each batch, first what lies in this worker's own shards, in all an equal part."""

        def places(chosen: Places) -> Places:
            count = len(chosen)
            owner = shard_shares.owners(count, self.workers)
            if photos.owners is not None:
                owner = photos.owners[chosen]
            return np.flatnonzero(shard_shares.takers(owner, self.workers) == self.rank)

        return places

    def judged(self, photos: Photos, most: int) -> Photos:
        """An equal part, in one stretch."""
        count = min(most, len(photos.labels))
        first, last = shard_shares.stretch(count, self.workers, self.rank)
        return part.at(photos, np.arange(first, last))

    def in_turn(self, work: Callable[[], T]) -> T:
        """Do a work that leaves files: the first worker before the others, who find them."""
        if self.rank:
            self._exchange()
            return work()
        made = work()
        self._exchange()
        return made

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
        """Train together from epoch `first` up to `last`."""
        told = keras.callbacks.CallbackList(list(callbacks), model=model)
        step, judge = self._step(model), _judge(model, validation)
        source = iter(batches)
        model.stop_training = False
        told.on_train_begin()
        for epoch in range(first, last):
            told.on_epoch_begin(epoch)
            logs: dict[str, Any] = {}
            loss = hits = 0.0
            with self.wire.together():
                for done in range(1, steps + 1):
                    told.on_train_batch_begin(done - 1)
                    more = step(*next(source), wish=tf.constant(float(self.wire.wished)))
                    loss, hits = loss + float(more[0]), hits + float(more[1])
                    logs = {"loss": loss / done, "accuracy": hits / (done * self.batch)}
                    self.wire.agreed = bool(more[2] > 0)
                    told.on_train_batch_end(done - 1, logs)
                    if self.wire.agreed:
                        raise Stopped
                logs["weights"] = self._weights(model, epoch)
                told.on_test_begin()
                sums = self._exchange(*judge(told))
                logs |= {"val_loss": sums[0] / sums[2], "val_accuracy": sums[1] / sums[2]}
                told.on_test_end(logs)
            told.on_epoch_end(epoch, logs)
            self._exchange()  # what is kept of the epoch is there, for all
            if model.stop_training:
                break
        told.on_train_end()

    def _step(self, model: keras.Model) -> Callable[..., tf.Tensor]:
        """One step of all workers: sums over the whole batch: loss / B, hits, stops wanted."""
        loss_of, hits_of = _measures(model)

        def own(images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor, wish: tf.Tensor) -> Any:
            with _synchronized(model), tf.GradientTape() as tape:
                predicted = model(images, training=True)
                loss = tf.reduce_sum(loss_of(labels, predicted) * weights) / self.batch
                loss += sum(model.losses) / self.workers
                scaled = model.optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, model.trainable_variables)
            told = tf.stack([loss, tf.reduce_sum(hits_of(labels, predicted)), wish])
            return _over_all([*gradients, told])

        def whole(
            images: tf.Tensor,
            labels: tf.Tensor,
            weights: tf.Tensor | None = None,
            *,
            wish: tf.Tensor,
        ) -> tf.Tensor:
            if weights is None:
                weights = tf.ones(tf.shape(labels)[:1])
            arguments = (images, labels, weights, wish)
            *gradients, told = self.strategy.run(own, args=arguments)
            # Outside of the strategy: the variables are this worker's own, the gradients the same
            # on all, and so is what any optimizer makes of them.
            model.optimizer.apply(gradients, model.trainable_variables)
            return told

        made: Callable[..., tf.Tensor] = tf.function(whole)
        return made

    def _exchange(self, *numbers: float) -> list[float]:
        """Add up to three numbers over all workers; waits for all."""
        mine = np.zeros(3 + self.workers)
        mine[: len(numbers)] = numbers
        return [float(one) for one in self._sum(tf.constant(mine)).numpy()]

    def _weights(self, model: keras.Model, epoch: int) -> list[str]:
        """The CRC-32 of all workers' weights, which is one and the same."""
        mine = np.zeros(3 + self.workers)
        digest = 0
        for weight in model.weights:
            if "seed_generator" not in weight.path:  # each worker's own
                digest = zlib.crc32(weight.numpy().tobytes(), digest)
        mine[3 + self.rank] = digest
        found = [f"{int(one):08x}" for one in self._sum(tf.constant(mine)).numpy()[3:]]
        if len(set(found)) > 1:
            raise RunError(
                "After epoch {epoch} the workers had different weights ({weights}), which must not"
                " be. Resume goes on from the epoch before. If it happens again, train with one"
                " worker.",
                epoch=epoch + 1,
                weights=", ".join(found),
            )
        return found


def _over_all(values: Any) -> Any:
    """The sums of tensors over all workers; inside `strategy.run`."""
    placed = tf.nest.map_structure(tf.identity, values)  # on a device: arguments are on none yet
    return tf.distribute.get_replica_context().all_reduce(_SUM, placed)


def _measures(model: keras.Model) -> tuple[Callable[..., tf.Tensor], Callable[..., tf.Tensor]]:
    """What a compiled model is trained by, and how often it is right: of each photo, (B,) float32.

    Both are Keras's own functions, which `fit` would take.
    """
    each = keras.losses.get(model.loss)
    single = model.output_shape[-1] == 1

    def shaped(labels: tf.Tensor) -> tf.Tensor:
        return tf.cast(labels, tf.float32)[:, None] if single else labels

    def loss(labels: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
        return tf.cast(each(shaped(labels), predicted), tf.float32)

    def hits(labels: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
        if single:  # shares of the second class count for the larger one
            right = keras.metrics.binary_accuracy(tf.round(shaped(labels)), predicted)
        elif labels.shape.rank == 2:
            right = keras.metrics.categorical_accuracy(labels, predicted)
        else:
            right = keras.metrics.sparse_categorical_accuracy(labels, predicted)
        return tf.cast(right, tf.float32)

    return loss, hits


def _judge(
    model: keras.Model, validation: tf.data.Dataset
) -> Callable[[keras.callbacks.CallbackList], tuple[float, float, float]]:
    """Measures a worker's part of a validation: sums of losses and hits, and photos."""
    loss_of, hits_of = _measures(model)

    @tf.function(input_signature=validation.element_spec)  # type: ignore[untyped-decorator]
    def measured(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        predicted = model(images, training=False)
        loss, hits = loss_of(labels, predicted), hits_of(labels, predicted)
        return tf.stack(
            [tf.reduce_sum(loss), tf.reduce_sum(hits), tf.reduce_sum(tf.ones_like(hits))]
        )

    def judge(told: keras.callbacks.CallbackList) -> tuple[float, float, float]:
        sums = np.zeros(3)
        for number, batch in enumerate(validation):
            told.on_test_batch_begin(number)
            sums += measured(*batch).numpy()
            told.on_test_batch_end(number)
        return float(sums[0]), float(sums[1]), float(sums[2])

    return judge


@contextmanager
def _synchronized(model: keras.Model) -> Iterator[None]:
    """Batch norms take the moments of the whole batch while the block builds a graph.

    Only there: the files of the model are those of any run.
    """
    norms = [
        layer for layer in inner_layers(model) if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in norms:
        layer.synchronized = True
    try:
        yield
    finally:
        for layer in norms:
            layer.synchronized = False
