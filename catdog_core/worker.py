"""The one visible training loop; reads from top to bottom."""

from __future__ import annotations

import keras

from . import callbacks, datasets, models, pipeline, records, runs
from .errors import DatasetError, RunError
from .turn import State, Stopped


def train(run: runs.Run, state: State) -> None:
    """Train a run from its start, or from its last whole epoch, to its end.

    Args:
        run: the run; its settings are complete.
        state: told what happens; asked after every batch whether to stop.

    Raises:
        Stopped: a stop was wanted. The last whole epoch is kept.
        CatDogError: the dataset is gone or changed, the disk is full, the training diverged.
    """
    training = run.training
    assert training is not None and training.steps_per_epoch is not None

    # 1. The photos, decoded and fitted once, kept as uint8.
    packed = records.cached(_dataset(run), training.image_size, _packing(state))
    train_photos = records.load(packed, "train")  # images (N, S, S, 3) uint8, labels (N,)
    validation_photos = records.load(packed, "validation")

    mixes = run.augmentation is not None and run.augmentation.mixes  # then labels are shares

    # 2. The model: fresh from the seed, or as it was after the last whole epoch.
    backup = run.folder / "backup.keras"
    if backup.is_file():
        model = models.load(backup, compiled=True)
        first_epoch = int(models.about(backup)["epoch"]) + 1
        if mixes:
            models.count_larger_share(model)
    else:
        first_epoch = 0
        keras.utils.set_random_seed(training.seed)
        model = models.build(training.model, training.image_size, run.classes)
        models.compile_for_training(model, training.learning_rate, mixes)

    # 3. The batches: every step follows from (seed, step), so any epoch can be the first.
    steps = training.steps_per_epoch
    batches = pipeline.training_batches(
        train_photos,
        run.augmentation,  # training photos only; validation photos stay as they are
        batch_size=training.batch_size,
        seed=training.seed,
        first_step=first_epoch * steps,
        last_step=training.epochs * steps,
        classes=len(run.classes),
    )
    validation = pipeline.plain_batches(
        validation_photos,
        training.batch_size,
        training.validation_steps,
        classes=len(run.classes),
        mixes=mixes,
    )

    # 4. The loop. Keras turns the epochs; the callbacks tell, keep and stop.
    with pipeline.plain_errors():
        model.fit(
            batches,
            validation_data=validation,
            initial_epoch=first_epoch,
            epochs=training.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the pipeline has its own, keyed by the seed
            callbacks=[
                callbacks.KeyedRandomness(training.seed),
                callbacks.Progress(run, state),
                callbacks.Keeper(run, [row for row in run.epochs if row["epoch"] < first_epoch]),
            ],
            verbose=0,
        )


def _dataset(run: runs.Run) -> datasets.Dataset:
    dataset = datasets.load(run.dataset_id)
    try:  # what was decided about the photos since concerns later runs only
        return datasets.as_of(run.dataset_id, run.dataset_fingerprint)
    except DatasetError as error:
        raise RunError(
            "The photos of '{name}' have changed since run '{run}' was made. Expected the same"
            " ones to go on with. Start a new run.",
            name=dataset.name,
            run=run.name,
        ) from error


def _packing(state: State) -> records.Progress:
    def progress(done: int, total: int) -> None:
        if state.stop_wanted:
            raise Stopped
        state.update(phase="packing", packed=done, photos=total)

    return progress
