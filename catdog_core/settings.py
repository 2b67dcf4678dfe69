"""Every tunable of the lab, as frozen models.

A field carries its label, unit, range, step and one line of help. Sliders, command-line flags,
checks and the settings reference are all derived from here; nothing else knows a range.
"""

from __future__ import annotations

from typing import Literal

from .fields import Settings, field
from .settings_augmentation import MIXES, NO_AUGMENTATION, PRESETS, Augmentation, FillMode

__all__ = [
    "MIXES",
    "NO_AUGMENTATION",
    "PRESETS",
    "RECIPES",
    "Augmentation",
    "FillMode",
    "ModelName",
    "Monitor",
    "Training",
]

ModelName = Literal["notes", "notes-deep"]
Monitor = Literal["val_accuracy", "val_loss"]


class Training(Settings):
    """One training: the network and how it learns. Defaults are the class notes' own."""

    model: ModelName = field(
        "notes", "Model", "The network: the notes' own, or its deeper variant."
    )
    epochs: int = field(
        50, "Epochs", "How often the training goes through its steps.", low=1, high=1000, step=1
    )
    batch_size: int = field(
        20,
        "Batch size",
        "Photos per step; the weights change once a step.",
        low=1,
        high=512,
        step=1,
        unit="photos",
    )
    learning_rate: float = field(
        1e-4,
        "Learning rate",
        "How far one step of Adam moves the weights.",
        low=1e-6,
        high=1e-1,
        scale="log",
    )
    optimizer: Literal["adam"] = field("adam", "Optimizer", "The rule that moves the weights.")
    steps_per_epoch: int | None = field(
        None,
        "Steps per epoch",
        "Batches an epoch; unset, as many as it takes to see every training photo once.",
        low=1,
        high=100_000,
        step=1,
    )
    validation_steps: int | None = field(
        None,
        "Validation steps",
        "Batches of validation photos after each epoch; unset, all of them.",
        low=1,
        high=100_000,
        step=1,
    )
    image_size: int = field(
        150,
        "Image size",
        "Side of the square every photo is resized to.",
        low=32,
        high=320,
        step=1,
        unit="px",
    )
    seed: int = field(
        0,
        "Seed",
        "The start of all chance: the same seed on the same machine gives the same run.",
        low=0,
        high=2**31 - 1,
        step=1,
    )
    early_stopping: int = field(
        0,
        "Early stopping",
        "Ends the training after this many epochs without a better one; 0 never does.",
        low=0,
        high=1000,
        step=1,
        unit="epochs",
    )
    monitor: Monitor = field(
        "val_accuracy",
        "Best epoch by",
        "What makes an epoch the best one: the highest validation accuracy (a tie goes to the"
        " lower loss) or the lowest validation loss.",
    )

    def steps(self, photos: int) -> int:
        """Steps of one epoch over `photos` training photos."""
        return self.steps_per_epoch or max(1, -(-photos // self.batch_size))

    def validation_batches(self, photos: int) -> int:
        """Batches of one validation over `photos` validation photos, the last maybe short."""
        whole = -(-photos // self.batch_size)
        return min(self.validation_steps or whole, whole)


RECIPES: dict[str, Training] = {
    "notes": Training(model="notes"),
    "notes-deep": Training(model="notes-deep"),
}
"""The `Training` each model starts from when nothing else is said."""
