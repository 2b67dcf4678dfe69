"""What a training is made of: one lesson, or with a pretrained network up to two.

A lesson is some epochs with one model, one kind of input and one optimizer. The usual training is
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
from ..runs import warm_start
from ..runs.run_worker import Stopped, Told
from ..storage.tfrecord import Packed, Photos
from . import features


@dataclass(frozen=True)
class Lesson:
    """Epochs `first` up to `training.epochs` of a run, which goes on counting through them.

    `training` holds the settings as they are in this lesson, with steps resolved; `build` makes
    its model, not compiled yet; `whole` makes of it the one that predicts photos and is kept.
    """

    training: Training
    first: int
    train: Photos
    validation: Photos
    augmentation: Augmentation | None
    build: Callable[[], keras.Model]
    whole: Callable[[keras.Model], keras.Model] | None = None


def plan(
    run: runs.Run, packed: Packed, train: Photos, validation: Photos, state: Told
) -> list[Lesson]:
    """The lessons of a run, in their order.

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
    assert training is not None
    if training.model == backbones.TRANSFER:
        return _transfer(run, training, packed, train, validation, state)

    def build() -> keras.Model:
        start = run.folder / warm_start.START if run.parent else None
        return keras_models.fresh(training, run.classes, start)

    return [Lesson(training, 0, train, validation, run.augmentation, build)]


def _transfer(
    run: runs.Run,
    training: Training,
    packed: Packed,
    train: Photos,
    validation: Photos,
    state: Told,
) -> list[Lesson]:
    network = transfer.build(training.backbone, training.image_size)
    looks = _looks(training, run.augmentation)
    seen, judged = _see(training, network, packed, train, validation, looks, state)
    head_epochs = training.epochs - (training.unfreeze_epochs if training.unfreeze else 0)

    def build_head() -> keras.Model:
        keras.utils.set_random_seed(training.seed)
        return transfer.head(network.output_shape[1], len(run.classes))

    head = Lesson(
        training.model_copy(
            update={
                "epochs": head_epochs,
                "early_stopping": 0 if training.unfreeze else training.early_stopping,
            }
        ),
        0,
        seen,
        judged,
        None,  # the photos were changed before the network looked at them
        build_head,
        lambda model: transfer.together(network, model),
    )
    if not training.unfreeze:
        return [head]
    return [head, _unfrozen(run, training, head_epochs, train, validation)]


def _unfrozen(
    run: runs.Run, training: Training, first: int, train: Photos, validation: Photos
) -> Lesson:
    best = run.folder / "best.keras"

    def build() -> keras.Model:
        model = keras_models.load(best)
        transfer.unfreeze(model, training.backbone, training.unfreeze)
        return model

    calm = {"learning_rate": training.unfreeze_rate, "schedule": "cosine", "warmup_epochs": 0}
    settings = training.model_copy(update=calm)
    # Kept without the optimizer's state, which would double the file.
    return Lesson(settings, first, train, validation, run.augmentation, build, lambda model: model)


def _looks(training: Training, augmentation: Augmentation | None) -> list[features.Pass]:
    """The photos as they are, and where augmentation is on, changed versions of them."""
    still = backbones.still(augmentation)
    count = backbones.looks(training, augmentation) - 1
    changed = [features.Pass(still, training.seed, n) for n in range(count)]
    return [features.Pass(), *changed]


def _see(
    training: Training,
    network: keras.Model,
    packed: Packed,
    train: Photos,
    validation: Photos,
    looks: list[features.Pass],
    state: Told,
) -> tuple[Photos, Photos]:
    """Features of all looks at the training photos, one after the other, and of validation's."""
    forward = features.compiled(network)
    total = len(train.files) * len(looks) + len(validation.files)
    done = 0

    def see(photos: Photos, split: str, look: features.Pass) -> Photos:
        nonlocal done
        before = done

        def progress(count: int) -> None:
            if state.stop_wanted:
                raise Stopped
            state.update(phase="features", packed=before + count, photos=total)

        place = _place(packed.path, training.backbone, split, look)
        found = features.of(photos, place, forward, look, progress)
        done += len(photos.files)
        return found

    judged = see(validation, "validation", features.Pass())
    return features.joined([see(train, "train", look) for look in looks]), judged


def _place(entry: Path, name: str, split: str, look: features.Pass) -> Path:
    return entry / f"features-{name}-{split}{look.key}.npz"
