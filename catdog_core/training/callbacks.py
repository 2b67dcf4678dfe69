"""Keras callbacks that reseed, schedule, report, stop and save a training."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras

from .. import runs
from ..base import files
from ..base.errors import RunError
from ..base.metric_rows import EpochRow
from ..config import Training, schedules
from ..models import keras_models
from ..runs import failure_messages
from ..runs.run_queue import ProgressReporter, Stopped
from . import ema, epoch_weights
from .ema import AveragedWeights

_POINTS_PER_EPOCH = 20  # points of a live curve inside one epoch


class ReseedDropout(keras.callbacks.Callback):  # type: ignore[misc]
    """Reseeds the random generator of every layer, dropout's above all, from (seed, epoch).

    Neither a `.keras` file nor `BackupAndRestore` stores that state, so a resumed training would
    drop other units than an uninterrupted one. Seeds keyed by the epoch, in place of one stream
    that is consumed, make both equal bit for bit.
    """

    def __init__(self, seed: int) -> None:
        """Take the training's seed."""
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for number, layer in enumerate(iter_layers(self.model)):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                # No two layers or epochs of a run share a seed, with fewer than 1,009 layers.
                mixed = (self.seed * 1_000_003 + epoch * 1_009 + number) % 2**32
                generator.state.assign([mixed, 0])


def iter_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a model, and of the models nested in it."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from iter_layers(layer)
        else:
            yield layer


class LearningRateSchedule(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate of every step by the training's schedule."""

    def __init__(
        self, training: Training, steps: int, epochs: list[EpochRow], first: int = 0
    ) -> None:
        """Take the rows of completed epochs and where the schedule begins."""
        super().__init__()
        last = training.epochs - first
        self.training = training.model_copy(update={"epochs": last})
        self.steps, self.epochs, self.first = steps, epochs, first
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch - self.first

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        step = self.epoch * self.steps + batch
        rate = schedules.learning_rate_at(self.training, step, self.steps, self.epochs)
        self.model.optimizer.learning_rate = rate


class ProgressLogger(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports progress after every batch, and ends the training when a stop is wanted."""

    def __init__(self, run: runs.Run, state: ProgressReporter) -> None:
        super().__init__()
        assert run.training.steps_per_epoch is not None
        self.training, self.state, self.folder = run.training, state, run.folder
        self.steps = run.training.steps_per_epoch
        self.photos, self.pipeline = max(run.train_photos, 1), run.pipeline
        self.every = max(1, self.steps // _POINTS_PER_EPOCH)
        self.epoch = 0
        self.rate = 0.0  # photos a second; 0 until two batches have been timed
        self.last: float | None = None
        self.validation_seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch
        if self.rate:
            self.last = time.monotonic()
        self.state.update(phase="train", epoch=epoch, batch=0, steps=self.steps)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.state.stop_wanted:
            raise Stopped
        loss, accuracy = float((logs or {})["loss"]), float((logs or {})["accuracy"])
        if not math.isfinite(loss):
            raise RunError(failure_messages.DIVERGED, loss=loss, epoch=self.epoch + 1)
        done = batch + 1
        row: dict[str, float] = {"epoch": self.epoch, "batch": done, "steps": self.steps}
        row |= {"loss": round(loss, 6), "accuracy": round(accuracy, 6)}
        if done % self.every == 0:
            files.append_json_line(self.folder / "batches.jsonl", row)
        self._measure(batch)
        self.state.update(
            **row,
            phase="train",
            images_per_second=round(self.rate, 1) if self.rate else None,
            eta_seconds=round(self._seconds_left(done), 1) if self.rate else None,
        )

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        self.validation_start = time.monotonic()
        self.state.update(phase="validation")

    def on_test_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if self.state.stop_wanted:
            raise Stopped

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        self.validation_seconds = time.monotonic() - self.validation_start

    def _measure(self, batch: int) -> None:
        now = time.monotonic()
        if self.last is None:  # the first batch of all includes compiling the graph
            self.last = now
            return
        rate = self._count_photos(batch) / max(now - self.last, 1e-6)
        self.last = now
        # A mean that forgets: steady enough to read, quick to follow a busy machine.
        self.rate = rate if not self.rate else 0.9 * self.rate + 0.1 * rate

    def _count_photos(self, batch: int) -> int:
        """How many photos a batch of this epoch has."""
        step = self.epoch * self.steps + batch
        before, after = (
            self.training.count_shown(steps, self.photos, self.pipeline)
            for steps in (step, step + 1)
        )
        return after - before

    def _seconds_left(self, done: int) -> float:
        epochs_left = self.training.epochs - self.epoch - 1
        steps_left = self.steps - done + epochs_left * self.steps
        validations = (epochs_left + 1) * self.validation_seconds
        return steps_left * self.training.batch_size / max(self.rate, 1e-6) + validations


class CheckpointSaver(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the best model, the resume point and the metrics after every epoch; stops early.

    The order makes a kill at any moment harmless: an epoch in the metrics has its resume point,
    and the best of them its model. The best epoch and the patience left follow from the metrics
    alone, so a resumed training decides as an uninterrupted one would.
    """

    def __init__(
        self,
        run: runs.Run,
        training: Training,
        epochs: list[EpochRow],
        averaged: AveragedWeights | None = None,
        build_full_model: Callable[[keras.Model], keras.Model] | None = None,
    ) -> None:
        """Set what is saved and where.

        Args:
            run: whose folder the files go to.
            training: its settings as they are now.
            epochs: rows of the whole epochs so far; new ones are added.
            averaged: what averages the weights, if anything does.
            build_full_model: makes the model that predicts photos of the trained one, where these
                are two.
        """
        super().__init__()
        self.training, self.epochs = training, epochs
        self.averaged, self.build_full_model = averaged, build_full_model
        self.folder: Path = run.folder
        self.metadata = {
            "format": runs.FORMAT,
            "classes": list(run.classes),
            "model": training.model,
        }

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        values = logs or {}
        row: EpochRow = {
            "epoch": epoch,
            "loss": float(values["loss"]),
            "accuracy": float(values["accuracy"]),
            "val_loss": float(values["val_loss"]),
            "val_accuracy": float(values["val_accuracy"]),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": round(time.monotonic() - self.start, 3),
        }
        self.epochs.append(row)
        best = runs.best_epoch(self.epochs, self.training.monitor)
        self.save_epoch(epoch, row, is_best=best == epoch)
        patience = self.training.early_stopping
        if patience and best is not None and epoch - best >= patience:
            self.model.stop_training = True

    def save_epoch(self, epoch: int, row: EpochRow, is_best: bool) -> None:
        """Write the best model, the resume point and the metrics of an epoch, in this order."""
        if not self.folder.is_dir():
            raise Stopped  # deleted under us: nothing is to be made of it again
        backup, best = self.folder / "backup.keras", self.folder / "best.keras"
        # Epoch and numbers are inside the archive: they and the model cannot come apart.
        about = {**self.metadata, "epoch": epoch, "row": row}
        members = {ema.AVERAGES_MEMBER: self.averaged.as_bytes()} if self.averaged else None
        is_copy = not self.averaged and not self.build_full_model
        if is_best and not is_copy:
            with self.averaged.swapped_in() if self.averaged else nullcontext():
                model = self.build_full_model(self.model) if self.build_full_model else self.model
                keras_models.save_model(model, best, about, optimizer=False)
        if is_best and is_copy:
            keras_models.save_model(self.model, best, about)
            with files.atomic_replace(backup) as temporary:
                shutil.copyfile(best, temporary)
        else:
            keras_models.save_model(self.model, backup, about, members=members)
        files.append_json_line(self.folder / "metrics.jsonl", row)
        files.write_json(self.folder / "backup.json", {"format": runs.FORMAT, "epoch": epoch})


class EpochWeightsSaver(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the weights of the model that predicts after every epoch, if they are wanted."""

    def __init__(
        self,
        folder: Path,
        training: Training,
        averaged: AveragedWeights | None = None,
        build_full_model: Callable[[keras.Model], keras.Model] | None = None,
    ) -> None:
        """Keep in a run's folder; the other arguments are those of `CheckpointSaver`."""
        super().__init__()
        self.folder, self.training = folder, training
        self.averaged, self.build_full_model = averaged, build_full_model
        self.max_stored: int | None = None  # how many are kept; not known before the first epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.max_stored == 0:
            return  # putting a whole model together takes longer than an epoch of its head alone
        with self.averaged.swapped_in() if self.averaged else nullcontext():
            model = self.build_full_model(self.model) if self.build_full_model else self.model
            weights = model.get_weights()
        if self.max_stored is None:
            size = sum(one.nbytes for one in weights)
            self.max_stored = epoch_weights.max_stored_epochs(self.training, size)
        if self.max_stored and self.folder.is_dir():  # not where the run was deleted meanwhile
            epoch_weights.save_epoch_weights(self.folder, epoch, weights, self.max_stored)
