"""What each model starts from when nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass

from .settings_augmentation import NO_AUGMENTATION, Augmentation
from .settings_training import Training


@dataclass(frozen=True)
class Recipe:
    """The settings a model was made for: its training and its augmentation."""

    training: Training
    augmentation: Augmentation = NO_AUGMENTATION


RECIPES: dict[str, Recipe] = {
    "notes": Recipe(Training(model="notes")),
    "notes-deep": Recipe(Training(model="notes-deep")),
    "transfer": Recipe(
        Training(
            model="transfer",
            image_size=256,
            epochs=15,
            batch_size=32,
            learning_rate=3e-3,  # this and the decay by cross-validation in the training photos
            optimizer="adamw",
            weight_decay=0.05,
            schedule="cosine",
            monitor="val_loss",
        )
    ),
}
"""By the model's name."""
