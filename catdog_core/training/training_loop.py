"""Train one run: photos, model, batches, loop and callbacks, from top to bottom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from .. import runs
from ..base import files
from ..base.errors import N_
from ..base.metric_rows import EpochRow
from ..config import schedules
from ..models import keras_models, untrusted_models
from ..runs.run_queue import ProgressReporter
from . import callbacks, ema, optimizers, phases, pipeline
from .phases import TrainingPhase
from .run_photos import load_run_photos

PHOTOS_CHANGED = N_(
    "The photos of '{name}' have changed since run '{run}' was created, so it can't resume. "
    "Start a new run."
)


def train_model(run: runs.Run, state: ProgressReporter) -> None:
    """Train a run from its start, or from its last whole epoch, to its end.

    Args:
        run: the run; its settings are complete.
        state: receives the progress; says after every batch whether to stop.

    Raises:
        Stopped: a stop was wanted. The last whole epoch is kept.
        CatDogError: the dataset is gone or changed, the disk is full, the training diverged.
    """
    # 1. The photos, decoded and fitted once, kept as uint8.
    photos = load_run_photos(run, state, PHOTOS_CHANGED)

    next_epoch, rows = _completed_epochs(run)

    with pipeline.reraise_data_errors():
        for phase in phases.plan_phases(run, photos.packed, photos.train, photos.validation, state):
            if next_epoch < phase.training.epochs:
                _train_phase(run, state, phase, rows, next_epoch)
                next_epoch = phase.training.epochs


def _train_phase(
    run: runs.Run,
    state: ProgressReporter,
    phase: TrainingPhase,
    rows: list[EpochRow],
    next_epoch: int,
) -> None:
    """Train one phase to its end; `rows` are the completed epochs, and grow."""
    training, steps = phase.training, phase.training.steps_per_epoch
    assert steps is not None
    mixes = phase.augmentation is not None and phase.augmentation.mixes
    shares = mixes or training.label_smoothing > 0  # then labels are shares of the classes
    backup = run.folder / "backup.keras" if next_epoch > phase.first else None

    with optimizers.precision_policy(training):
        # 2. The model: fresh from the seed, or as it was after the last whole epoch.
        if backup:
            model = keras_models.load_model(backup, compiled=True)
            keras_models.recompile_keep_state(model, optimizers.build_optimizer(training), shares)
        else:
            model = phase.build()
            keras_models.compile_for_training(model, optimizers.build_optimizer(training), shares)

        # 3. The batches: every step follows from (seed, step), so any epoch can be the first.
        batches = pipeline.training_batches(
            phase.train,
            phase.augmentation,  # training photos only; validation photos stay as they are
            batch_size=training.batch_size,
            seed=training.seed,
            first_step=next_epoch * steps,
            last_step=training.epochs * steps,
            classes=len(run.classes),
            label_smoothing=training.label_smoothing,
            balanced=training.class_weights,
            variants=phase.variants,
            pipeline=run.pipeline,
        )
        validation = pipeline.eval_batches(
            phase.validation,
            training.batch_size,
            training.validation_steps,
            classes=len(run.classes),
            shares=shares,
        )

        # 4. The loop: Keras's own; the callbacks steer, tell, keep and stop.
        model.fit(
            batches,
            validation_data=validation,
            initial_epoch=next_epoch,
            epochs=training.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the pipeline has its own, keyed by the seed
            callbacks=_build_callbacks(run, state, phase, rows, backup),
            verbose=0,
        )


def _build_callbacks(
    run: runs.Run,
    state: ProgressReporter,
    phase: TrainingPhase,
    rows: list[EpochRow],
    backup: Path | None,
) -> list[keras.callbacks.Callback]:
    """Build the callbacks, in the order in which Keras calls them."""
    training = phase.training
    assert training.steps_per_epoch is not None
    steering: list[Any] = [callbacks.ReseedDropout(training.seed)]
    if not schedules.is_constant(training):
        steps = training.steps_per_epoch
        steering.append(callbacks.LearningRateSchedule(training, steps, rows, phase.first))
    averaged = None
    if training.weight_averaging:
        averaged = ema.AveragedWeights(training.weight_averaging, backup)
        steering.append(averaged)
    checkpoint_saver = callbacks.CheckpointSaver(
        run, training, rows, averaged, phase.build_full_model
    )
    epoch_weights_saver = callbacks.EpochWeightsSaver(
        run.folder, training, averaged, phase.build_full_model
    )
    progress = callbacks.ProgressLogger(run, state)
    return [*steering, progress, checkpoint_saver, epoch_weights_saver]


def _completed_epochs(run: runs.Run) -> tuple[int, list[EpochRow]]:
    """Return the next epoch to train, from 0, and the rows of the completed ones.

    A row that was not written before a kill is added to the metrics.

    Raises:
        ModelError: the resume point is damaged, or made by a newer program.
    """
    backup = run.folder / "backup.keras"
    if not backup.exists():
        return 0, []
    untrusted_models.inspect_model_file(backup, compiled=True)
    metadata = keras_models.read_metadata(backup)
    last = int(metadata["epoch"])
    rows = [row for row in run.epochs if row["epoch"] <= last]
    if "row" in metadata and (not rows or rows[-1]["epoch"] != last):
        # The worker was killed after it wrote the resume point and before the line of the metrics.
        rows.append(metadata["row"])
        files.append_json_line(run.folder / "metrics.jsonl", metadata["row"])
    return last + 1, rows
