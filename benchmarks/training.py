"""Photos a second in `fit`: the notes' network, ours beside plain Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from catdog_core.settings import PRESETS, Augmentation

from . import peers
from .race import Peer, race
from .source import BATCH, SIZE, training_set


def training(folder: Path | None) -> None:
    """The notes' network in `fit`: ours beside plain Keras fed by ImageDataGenerator."""
    import keras

    from catdog_core import models, pipeline

    steps = 12
    with training_set(folder) as (place, photos):
        keras.utils.set_random_seed(0)
        plain = keras.Sequential(models.build("notes").layers[1:])  # no Rescaling: 0..1 comes in
        plain.build((None, SIZE, SIZE, 3))
        plain.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        flow = peers.generator(augmented=False).flow_from_directory(
            place, target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
        )
        lab = models.build("notes")
        models.compile_for_training(lab, 1e-4)

        def ours(augmentation: Augmentation | None) -> Callable[[], None]:
            def run() -> None:
                batches = pipeline.training_batches(
                    photos, augmentation, batch_size=BATCH, seed=0, first_step=0, last_step=steps
                )
                lab.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)

            return run

        count = steps * BATCH
        found = {
            "model.fit + ImageDataGenerator": Peer(
                lambda: plain.fit(flow, steps_per_epoch=steps, verbose=0), count
            ),
            "this lab": Peer(ours(None), count),
            "this lab, the notes' augmentation": Peer(ours(PRESETS["notes"]), count),
        }
        race("The notes' network in training", found, rounds=7)
