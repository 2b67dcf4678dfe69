"""Plan the phases of a training: one, or with a pretrained network up to two.

A phase is some epochs with one model, one kind of input and one optimizer. The usual training is
a single one. Transfer first teaches a new last layer on what the frozen network sees; then, where
asked, the network's last blocks on the photos themselves, at a low learning rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from .. import runs
from ..config import Augmentation, Training
from ..models import backbones, keras_models, transfer
from ..runs import lifecycle
from ..runs.run_queue import ProgressReporter, Stopped
from ..storage.tfrecord import PackedDataset, PhotoSplit
from . import features


@dataclass(frozen=True)
class TrainingPhase:
    """Epochs `first` up to `training.epochs` of a run, which goes on counting through them.

    `training` holds the settings as they are in this phase, with steps resolved; `build` makes
    its model, not compiled yet; `build_full_model` makes of it the one that predicts photos and is
    kept. `variants` is how often each photo is in `train`.
    """

    training: Training
    first: int
    train: PhotoSplit
    validation: PhotoSplit
    augmentation: Augmentation | None
    build: Callable[[], keras.Model]
    build_full_model: Callable[[keras.Model], keras.Model] | None = None
    variants: int = 1


def plan_phases(
    run: runs.Run,
    packed: PackedDataset,
    train: PhotoSplit,
    validation: PhotoSplit,
    state: ProgressReporter,
) -> list[TrainingPhase]:
    """Return the phases of a run, in their order.

    Args:
        run: the run; its settings are complete.
        packed: where its photos lie; features are kept beside them.
        train: its training photos.
        validation: its validation photos.
        state: told how far the features are; asked whether to stop.

    Raises:
        Stopped: a stop was wanted while features were computed; those done are kept.
        CatDogError: the pretrained weights cannot be had, or the settings do not go together.
    """
    training = run.training
    if training.model == backbones.TRANSFER:
        return _transfer_phases(run, training, packed, train, validation, state)

    def build() -> keras.Model:
        start = run.folder / lifecycle.INITIAL_WEIGHTS_FILE if run.parent else None
        return keras_models.build_initialized(training, run.classes, start)

    return [TrainingPhase(training, 0, train, validation, run.augmentation, build)]


def _transfer_phases(
    run: runs.Run,
    training: Training,
    packed: PackedDataset,
    train: PhotoSplit,
    validation: PhotoSplit,
    state: ProgressReporter,
) -> list[TrainingPhase]:
    network = transfer.build_backbone(training.backbone, training.image_size)
    passes = _feature_passes(training, run.augmentation, run.pipeline)
    train_features, validation_features = _extract_features(
        training, network, packed, train, validation, passes, state
    )
    head_epochs = _count_head_epochs(training)

    def build_head() -> keras.Model:
        keras.utils.set_random_seed(training.seed)
        return transfer.build_head(network.output_shape[1], len(run.classes))

    head = TrainingPhase(
        training.model_copy(
            update={
                "epochs": head_epochs,
                "early_stopping": 0 if training.unfreeze else training.early_stopping,
            }
        ),
        0,
        train_features,
        validation_features,
        None,  # the photos were augmented before their features were computed
        build_head,
        lambda model: transfer.attach_head(network, model),
        variants=len(passes),
    )
    if not training.unfreeze:
        return [head]
    return [head, _fine_tuning_phase(run, training, head_epochs, train, validation)]


def trains_on_features(training: Training, epoch: int) -> bool:
    """Return whether an epoch, from 0, trains a last layer on what a frozen network sees."""
    return training.model == backbones.TRANSFER and epoch < _count_head_epochs(training)


def _count_head_epochs(training: Training) -> int:
    return training.epochs - (training.unfreeze_epochs if training.unfreeze else 0)


def _fine_tuning_phase(
    run: runs.Run, training: Training, first: int, train: PhotoSplit, validation: PhotoSplit
) -> TrainingPhase:
    best = run.folder / "best.keras"

    def build() -> keras.Model:
        model = keras_models.load_model(best)
        transfer.unfreeze_blocks(model, training.backbone, training.unfreeze)
        return model

    calm = {"learning_rate": training.unfreeze_rate, "schedule": "cosine", "warmup_epochs": 0}
    settings = training.model_copy(update=calm)
    # Kept without the optimizer's state, which would double the file.
    return TrainingPhase(
        settings, first, train, validation, run.augmentation, build, lambda model: model
    )


def _feature_passes(
    training: Training, augmentation: Augmentation | None, pipeline: int
) -> list[features.FeaturePass]:
    """List the passes over the training photos: one as they are, and augmented ones if it is on."""
    still = backbones.per_photo_augmentation(augmentation)
    count = backbones.count_feature_passes(training, augmentation) - 1
    changed = [features.FeaturePass(still, training.seed, n, pipeline) for n in range(count)]
    return [features.FeaturePass(), *changed]


def _extract_features(
    training: Training,
    network: keras.Model,
    packed: PackedDataset,
    train: PhotoSplit,
    validation: PhotoSplit,
    passes: list[features.FeaturePass],
    state: ProgressReporter,
) -> tuple[PhotoSplit, PhotoSplit]:
    """Compute features of all passes over the training photos, and of the validation photos."""
    forward = features.compile_forward(network)
    total = len(train.files) * len(passes) + len(validation.files)
    done = 0

    def extract_split(
        photos: PhotoSplit, split: str, feature_pass: features.FeaturePass
    ) -> PhotoSplit:
        nonlocal done
        before = done

        def progress(count: int) -> None:
            if state.stop_wanted:
                raise Stopped
            state.update(phase="features", packed=before + count, photos=total)

        path = features_path(packed.path, training.backbone, split, feature_pass)
        feature_split = features.compute_features(photos, path, forward, feature_pass, progress)
        done += len(photos.files)
        return feature_split

    validation_features = extract_split(validation, "validation", features.FeaturePass())
    return features.concatenate_passes(
        [extract_split(train, "train", feature_pass) for feature_pass in passes]
    ), validation_features


def features_path(entry: Path, name: str, split: str, feature_pass: features.FeaturePass) -> Path:
    """Return where the features of a split are kept, beside its photos."""
    return entry / f"features-{name}-{split}{feature_pass.key}.npz"
