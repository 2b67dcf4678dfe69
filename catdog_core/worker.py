"""The one visible training; reads from top to bottom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from . import callbacks, datasets, files, models, pipeline, records, runs
from .curation import recognised
from .errors import RunError
from .networks import strangers
from .training import averaging, lessons, optimizers, part, schedules, tensorboard_log
from .training.lessons import Lesson
from .training.looking_back import EpochWeights
from .training.team import Alone, Team
from .training.turn import Stopped, Told


def train(run: runs.Run, state: Told) -> None:
    """Train a run from its start, or from its last whole epoch, to its end.

    Args:
        run: the run; its settings are complete.
        state: told what happens; asked after every batch whether to stop.

    Raises:
        Stopped: a stop was wanted. The last whole epoch is kept.
        CatDogError: the dataset is gone or changed, the disk is full, the training diverged; or
            several workers are wanted and there is no Ray.
    """
    training = run.training
    assert training is not None

    # 1. The photos, decoded and fitted once, kept as uint8.
    dataset = _dataset(run)
    packed = records.cached(dataset, training.image_size, _packing(state))
    chosen: set[str] | None = None
    if training.train_photos:
        some = dataset.subset(training.train_photos, training.seed)
        chosen = {item.file for item in some.items("train")}

    if run.workers > 1:
        from .cluster.parallel import train_together  # each worker does `learn` with the others

        train_together(run, state, packed, chosen)
    else:
        learn(run, state, packed, chosen, Alone())


def learn(
    run: runs.Run, state: Told, packed: records.Packed, chosen: set[str] | None, team: Team
) -> None:
    """Train a run whose photos are packed, as one of the workers of a team.

    Args:
        run: the run.
        state: as in `train`.
        packed: its photos.
        chosen: the files of the training photos it trains on, None for all.
        team: who else trains, and what is whose.

    Raises:
        Stopped, CatDogError: as `train`.
    """
    train_photos = team.load(packed, "train")  # images (N, S, S, 3) uint8, labels (N,)
    validation_photos = team.load(packed, "validation")
    if chosen is not None:
        train_photos = part.of(train_photos, chosen)

    next_epoch, rows = _whole_epochs(run, writes=not team.rank)

    board = None if team.rank else tensorboard_log.Board(run, rows, train_photos)

    with pipeline.plain_errors():
        for lesson in team.in_turn(
            lambda: lessons.plan(run, packed, train_photos, validation_photos, state)
        ):
            if next_epoch < lesson.training.epochs:
                _teach(run, state, lesson, rows, next_epoch, board, team)
                next_epoch = lesson.training.epochs
    if board:
        board.finish()


def _teach(
    run: runs.Run,
    state: Told,
    lesson: Lesson,
    rows: list[dict[str, Any]],
    next_epoch: int,
    board: tensorboard_log.Board | None,
    team: Team,
) -> None:
    """Train one lesson to its end; `rows` are the whole epochs so far, and grow."""
    training, steps = lesson.training, lesson.training.steps_per_epoch
    assert steps is not None
    mixes = lesson.augmentation is not None and lesson.augmentation.mixes
    shares = mixes or training.label_smoothing > 0  # then labels are shares of the classes
    backup = run.folder / "backup.keras" if next_epoch > lesson.first else None

    with optimizers.precision(training):
        # 2. The model: fresh from the seed, or as it was after the last whole epoch.
        if backup:
            model = models.load(backup, compiled=True)
            models.go_on(model, optimizers.make(training), shares)
        else:
            model = lesson.build()
            models.compile_for_training(model, optimizers.make(training), shares)

        # 3. The batches: every step follows from (seed, step), so any epoch can be the first.
        batches = pipeline.training_batches(
            lesson.train,
            lesson.augmentation,  # training photos only; validation photos stay as they are
            batch_size=training.batch_size,
            seed=training.seed,
            first_step=next_epoch * steps,
            last_step=training.epochs * steps,
            classes=len(run.classes),
            label_smoothing=training.label_smoothing,
            balanced=training.class_weights,
            take=team.taken(lesson.train),
        )
        most = training.batch_size * training.validation_batches(len(lesson.validation.labels))
        validation = pipeline.plain_batches(
            team.judged(lesson.validation, most),
            training.batch_size,
            training.validation_steps,
            classes=len(run.classes),
            shares=shares,
        )

        # 4. The loop. The team turns the epochs; the callbacks steer, tell, keep and stop.
        team.fit(
            model,
            batches,
            validation,
            first=next_epoch,
            last=training.epochs,
            steps=steps,
            callbacks=_callbacks(run, state, lesson, rows, backup, board, team.rank),
        )


def _callbacks(
    run: runs.Run,
    state: Told,
    lesson: Lesson,
    rows: list[dict[str, Any]],
    backup: Path | None,
    board: tensorboard_log.Board | None,
    rank: int,
) -> list[keras.callbacks.Callback]:
    """What steers the training, for every worker; and what tells and keeps, for the first."""
    training = lesson.training
    assert training.steps_per_epoch is not None
    steering: list[Any] = [callbacks.KeyedRandomness(training.seed, rank)]
    if not schedules.is_fixed(training):
        steps = training.steps_per_epoch
        steering.append(callbacks.Scheduled(training, steps, rows, lesson.first))
    averaged = None
    if training.weight_averaging:
        averaged = averaging.AveragedWeights(training.weight_averaging, backup)
        steering.append(averaged)
    if board is None:
        return [*steering, callbacks.Rows(training, rows)]
    board.whole = lesson.whole
    keeper = callbacks.Keeper(run, training, rows, averaged, lesson.whole)
    looks_back = EpochWeights(run.folder, training, averaged, lesson.whole)
    return [*steering, callbacks.Progress(run, state), keeper, looks_back, board]


def _whole_epochs(run: runs.Run, writes: bool) -> tuple[int, list[dict[str, Any]]]:
    """The epoch after the last whole one, and the rows of those that are.

    Args:
        run: the run.
        writes: whether a row that did not come to be written is to be.

    Raises:
        ModelError: the resume point is damaged, or made by a newer program.
    """
    backup = run.folder / "backup.keras"
    if not backup.exists():
        return 0, []
    strangers.inspect(backup, compiled=True)
    kept = models.about(backup)
    last = int(kept["epoch"])
    rows = [row for row in run.epochs if row["epoch"] <= last]
    if "row" in kept and (not rows or rows[-1]["epoch"] != last):
        rows.append(kept["row"])  # killed after the resume point, before the line of the metrics
        if writes:
            files.append_line(run.folder / "metrics.jsonl", kept["row"])
    return last + 1, rows


def _dataset(run: runs.Run) -> datasets.Dataset:
    # What was decided about the photos since concerns later runs only. A run that came from another
    # lab knows them by another name.
    found = recognised.find(run.dataset_fingerprint, run.dataset_id)
    if found is not None:
        return found
    dataset = datasets.load(run.dataset_id)
    raise RunError(
        "The photos of '{name}' have changed since run '{run}' was made. Expected the same ones to"
        " go on with. Start a new run.",
        name=dataset.name,
        run=run.name,
    )


def _packing(state: Told) -> records.Progress:
    def progress(done: int, total: int) -> None:
        if state.stop_wanted:
            raise Stopped
        state.update(phase="packing", packed=done, photos=total)

    return progress
