"""Evaluate a run's saved and last model on clean photos, once its training has ended.

All of it is read from the run's folder and the packed photos: nothing of the training is touched,
so a resumed run equals one that was never evaluated, and an earlier run can be evaluated later.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from .. import runs
from ..base.errors import N_, ModelError, RunError
from ..config import Training
from ..models import keras_models, transfer
from ..runs import Run, final_evaluation, lifecycle
from ..runs.final_evaluation import EpochEvaluation, FinalEvaluation
from ..runs.run_queue import ProgressReporter, Stopped, WorkerState
from ..storage.tfrecord import PhotoSplit
from . import ema, features, phases, pipeline
from .run_photos import RunPhotos, load_run_photos

_SAMPLE_STREAM = 4  # of chance drawn from one seed, see `pipeline`
_EPSILON = 1e-7  # Keras keeps probabilities so far from 0 and 1
_PHOTOS_CHANGED = N_(
    "The photos of '{name}' have changed since run '{run}' was trained, so it can't be evaluated. "
    "Undo the changes, or train a new run."
)


def evaluate_ended_training(
    run: Run, state: WorkerState, ending: Literal["done", "stopped"]
) -> None:
    """Evaluate a run whose training has just ended, and store the result in its folder.

    Whatever goes wrong here costs no more than the evaluation: it can be made later.

    Args:
        run: the run.
        state: its worker's; receives the progress, says whether to stop.
        ending: how the training ended.
    """
    if state.is_gone:
        return
    try:
        ended = runs.load_run(run.folder)
        if not isinstance(ended, Run) or ended.best_epoch is None or ended.final_evaluation:
            return
        state.begin_evaluation(ending)
        evaluation = evaluate_run(ended, state)
        if not state.is_gone:
            final_evaluation.write_final_evaluation(run.folder, evaluation)
    except (Stopped, KeyboardInterrupt):
        return
    except Exception as error:
        with suppress(OSError):  # stderr is the run's log, or a terminal that may be gone
            print(f"The models of this run were not evaluated: {error}", file=sys.stderr)


def evaluate_earlier_run(run_dir: Path, progress: Callable[[int, int], None]) -> FinalEvaluation:
    """Evaluate a run that was trained before, and store the result in its folder.

    Args:
        run_dir: the run's folder.
        progress: called with (photos done, photos in all). What it raises ends the evaluation.

    Raises:
        RunError: it has no model, trains just now, or its photos have changed.
        CatDogError: the photos are gone, or the disk is full.
    """
    run = _check_evaluable(runs.load_run(run_dir))
    evaluation = evaluate_run(run, _CallbackReporter(progress))
    with lifecycle.lock_run(run.folder):
        now = _check_evaluable(runs.load_run(run.folder))
        if (now.epochs, now.best_epoch) != (run.epochs, run.best_epoch):
            raise RunError(
                "Run '{name}' has trained further in the meantime. Try again.", name=run.name
            )
        final_evaluation.write_final_evaluation(run.folder, evaluation)
    return evaluation


def _check_evaluable(run: runs.RunRecord) -> Run:
    """Return the run if it has a model and does not train now. Raises RunError."""
    if not isinstance(run, Run) or run.best_model is None or run.best_epoch is None:
        raise RunError(
            "Run '{name}' has no model to evaluate. Choose a run with a finished epoch.",
            name=run.name or run.id,
        )
    if run.is_active:
        raise RunError(
            "Run '{name}' is {status}. Wait until it finishes, or stop it now and resume it later.",
            name=run.name,
            status=run.status,
        )
    return run


class _CallbackReporter:
    """Hands the progress of an evaluation to a callback, which ends it by raising."""

    stop_wanted = False

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def update(self, **values: Any) -> None:
        """Hand on how many photos are done."""
        self._progress(values.get("packed", 0), values.get("photos", 0))


def evaluate_run(run: Run, state: ProgressReporter) -> FinalEvaluation:
    """Evaluate the saved model of a run and the model of its last epoch.

    Training photos are all, or `final_evaluation.SAMPLE_SIZE` drawn by the run's seed; validation
    photos are those that every epoch was validated on.

    Args:
        run: a run with at least one epoch.
        state: receives the progress; says after every batch whether to stop.

    Raises:
        Stopped: a stop was wanted.
        CatDogError: photos or models can't be read, or a model predicts NaN.
    """
    last_row = run.epochs[-1]
    assert run.best_epoch is not None
    photos = load_run_photos(run, state, _PHOTOS_CHANGED, in_memory=False)
    sample, validation = _select_photos(run.training, photos)
    on_features = phases.trains_on_features(run.training, last_row["epoch"])
    if on_features:  # what the pretrained network computes is in the cache
        sample, validation = _replace_by_features(run, photos, sample, validation, state)
    has_other_last = last_row["epoch"] != run.best_epoch
    total = len(sample.labels) * (1 + has_other_last) + len(validation.labels)
    counter = _PhotoCounter(state, total)

    model = None
    if on_features and not has_other_last:  # a last layer is loaded sooner than the whole model
        model = _load_last_model(run, run.best_epoch)
    model = model or _load_best_model(run, on_features)
    val_scores = _evaluate_model(model, validation, run, counter)
    best = _describe_epoch(
        run.best_epoch,
        _evaluate_model(model, sample, run, counter),
        val_scores.accuracy,
        val_scores.loss,
    )
    last: EpochEvaluation | None = best
    if has_other_last:
        last_model = _load_last_model(run, last_row["epoch"])
        val_accuracy, val_loss = last_row.get("val_accuracy"), last_row.get("val_loss")
        if last_model is None or val_accuracy is None or val_loss is None:
            last = None
        else:
            last = _describe_epoch(
                last_row["epoch"],
                _evaluate_model(last_model, sample, run, counter),
                val_accuracy,
                val_loss,
            )
    confusion = tuple(tuple(row) for row in val_scores.confusion.tolist())
    return FinalEvaluation(len(run.epochs), best, last, confusion)


def draw_sample(photos: int, seed: int) -> NDArray[np.int64]:
    """Draw the rows of the training photos that are evaluated, sorted; all where they are few.

    Args:
        photos: how many training photos there are.
        seed: of the training; the same one draws the same rows.
    """
    order = np.random.default_rng((seed, _SAMPLE_STREAM)).permutation(photos)
    return np.sort(order[: final_evaluation.SAMPLE_SIZE])


def _select_photos(training: Training, photos: RunPhotos) -> tuple[PhotoSplit, PhotoSplit]:
    """Return the training photos to evaluate, and the validation photos of every epoch."""
    count = len(photos.validation.labels)
    if training.validation_steps is not None:
        count = min(count, training.validation_steps * training.batch_size)
    rows = draw_sample(len(photos.train.labels), training.seed)
    return (
        pipeline.select_rows(photos.train, rows),
        pipeline.select_rows(photos.validation, np.arange(count)),
    )


def _replace_by_features(
    run: Run,
    photos: RunPhotos,
    sample: PhotoSplit,
    validation: PhotoSplit,
    state: ProgressReporter,
) -> tuple[PhotoSplit, PhotoSplit]:
    """Replace photos by their features, as the last layer of a frozen network was trained on."""
    training, clean = run.training, features.FeaturePass()
    forward = features.compile_forward(
        transfer.build_backbone(training.backbone, training.image_size)
    )
    counter = _PhotoCounter(state, len(sample.files) + len(validation.files))

    def extract(part: PhotoSplit, split: str) -> PhotoSplit:
        before = counter.done
        path = phases.features_path(photos.packed.path, training.backbone, split, clean)
        return features.compute_features(
            part, path, forward, clean, lambda done: counter.move_to(before + done)
        )

    return extract(sample, "train"), extract(validation, "validation")


def _load_best_model(run: Run, on_features: bool) -> keras.Model:
    """Load the saved model; of one on features its last layer alone."""
    model = keras_models.load_model(run.folder / "best.keras")
    if not on_features:
        return model
    weights = model.layers[-1].get_weights()
    head = transfer.build_head(len(weights[0]), len(run.classes))
    head.set_weights(weights)
    return head


def _load_last_model(run: Run, epoch: int) -> keras.Model | None:
    """Load the model of the last epoch as it was validated; None where it is not there."""
    backup = run.folder / "backup.keras"
    if not backup.exists() or keras_models.read_metadata(backup).get("epoch") != epoch:
        return None
    model = keras_models.load_model(backup)
    if run.training.weight_averaging:
        ema.load_averages(model, backup)
    return model


class _PhotoCounter:
    """Reports how many photos are evaluated, and stops where a stop is wanted."""

    def __init__(self, state: ProgressReporter, total: int) -> None:
        self.state, self.total, self.done = state, total, 0

    def move_to(self, done: int) -> None:
        """Report that so many photos are done. Raises Stopped."""
        if self.state.stop_wanted:
            raise Stopped
        self.done = done
        self.state.update(phase="evaluation", packed=done, photos=self.total)


@dataclass(frozen=True)
class _Scores:
    """Accuracy 0..1 and loss in nats of n photos, and their (classes, classes) confusion matrix."""

    accuracy: float
    loss: float
    n: int
    confusion: NDArray[np.int64]


def _evaluate_model(
    model: keras.Model, photos: PhotoSplit, run: Run, counter: _PhotoCounter
) -> _Scores:
    """Evaluate a model on photos as they are, with dropout off; its state stays as it is."""
    parts = []
    with pipeline.reraise_data_errors():
        for images, _ in pipeline.eval_batches(photos, run.training.batch_size):
            # Eager: tracing a graph takes longer than so few batches do.
            parts.append(np.asarray(model(images, training=False), np.float64))
            counter.move_to(counter.done + len(parts[-1]))
    outputs, labels, classes = np.concatenate(parts), photos.labels, len(run.classes)
    if not np.isfinite(outputs).all():
        raise ModelError(
            "The model outputs NaN or infinite values for these photos. Train it again with a "
            "lower learning rate."
        )
    if outputs.shape[1] == 1:  # of the second class
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, outputs.argmax(axis=1)), 1)
    probabilities = outputs[np.arange(len(labels)), labels].clip(_EPSILON, 1 - _EPSILON)
    return _Scores(
        accuracy=float(confusion.trace() / len(labels)),
        loss=float(-np.log(probabilities).mean()),
        n=len(labels),
        confusion=confusion,
    )


def _describe_epoch(
    epoch: int, scores: _Scores, val_accuracy: float, val_loss: float
) -> EpochEvaluation:
    return EpochEvaluation(
        epoch=epoch,
        accuracy=scores.accuracy,
        loss=scores.loss,
        n=scores.n,
        val_accuracy=val_accuracy,
        val_loss=val_loss,
    )
