"""Photos a second in `fit`: the notes' network, ours beside plain Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from catdog_core.config import PRESETS, Augmentation

from . import other_libraries
from .measure import BATCH, SIZE, Peer, race, training_set


def training(folder: Path | None) -> None:
    """Time the notes' network in `fit`: ours beside plain Keras fed by ImageDataGenerator."""
    import keras

    from catdog_core.models import keras_models
    from catdog_core.training import pipeline

    steps = 12
    with training_set(folder) as (train_folder, photos):
        keras.utils.set_random_seed(0)
        plain = keras.Sequential(
            keras_models.build_model("notes").layers[1:]
        )  # no Rescaling: 0..1 comes in
        plain.build((None, SIZE, SIZE, 3))
        plain.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        flow = other_libraries.generator(augmented=False).flow_from_directory(
            train_folder, target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
        )
        lab = keras_models.build_model("notes")
        keras_models.compile_for_training(lab, 1e-4)

        def ours(net: Any, augmentation: Augmentation | None) -> Callable[[], None]:
            def run() -> None:
                batches = pipeline.training_batches(
                    photos, augmentation, batch_size=BATCH, seed=0, first_step=0, last_step=steps
                )
                net.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)

            return run

        later = _pooled_first()
        count = steps * BATCH
        peers_by_name = {
            "model.fit + ImageDataGenerator": Peer(
                lambda: plain.fit(flow, steps_per_epoch=steps, verbose=0), count
            ),
            "this lab": Peer(ours(lab, None), count),
            "this lab, ReLU after pooling": Peer(ours(later, None), count),
            "this lab, course augmentation": Peer(ours(lab, PRESETS["notes"]), count),
        }
        race("Training the course network", peers_by_name, rounds=7)


def _pooled_first() -> Any:
    """Return the notes' network, each ReLU after its pooling: the same outputs, a quarter as many.

    ReLU never turns the order of two numbers, so the largest of four stays the largest.
    """
    import keras
    from keras import layers as kl

    from catdog_core.models import keras_models

    stack: list[Any] = [keras.Input((SIZE, SIZE, 3)), kl.Rescaling(1 / 255)]
    for filters in (32, 64, 128):
        stack += [kl.Conv2D(filters, 3), kl.MaxPooling2D(2), kl.ReLU()]
    stack += [kl.Flatten(), kl.Dropout(0.5), kl.Dense(1, activation="sigmoid")]
    model = keras.Sequential(stack)
    keras_models.compile_for_training(model, 1e-4)
    return model
