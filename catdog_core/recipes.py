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
}
"""By the model's name."""
