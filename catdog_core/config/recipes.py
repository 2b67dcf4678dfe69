"""The default settings of each model."""

from __future__ import annotations

from dataclasses import dataclass

from .augmentation import NO_AUGMENTATION, Augmentation
from .training import Training


@dataclass(frozen=True)
class Recipe:
    """The settings a model was made for.

    Attributes:
        training: its settings.
        augmentation: of its training photos.
        course_accuracy: the validation accuracy, 0..1, that the kept epoch reached on the course
            photos, as docs/results.md tells; None where it wasn't measured.
    """

    training: Training
    augmentation: Augmentation = NO_AUGMENTATION
    course_accuracy: float | None = None


RECIPES: dict[str, Recipe] = {
    "notes": Recipe(Training(model="notes"), course_accuracy=0.716),
    "notes-deep": Recipe(Training(model="notes-deep")),
    "custom": Recipe(Training(model="custom")),
    "compact": Recipe(  # chosen as benchmarks/compact_log.md tells
        Training(
            model="compact",
            image_size=128,
            epochs=100,
            batch_size=32,
            learning_rate=3e-3,
            optimizer="muon",
            weight_decay=0.05,
            schedule="cosine",
            warmup_epochs=2,
            label_smoothing=0.1,
            weight_averaging=0.998,
        ),
        Augmentation(
            rotation_range=15,
            zoom_range=0.25,
            shear_range=5,
            brightness_range=(0.7, 1.3),
            contrast_range=(0.7, 1.3),
            saturation_range=(0.5, 1.5),
            vertical_flip=False,
            fill_mode="reflect",
            mixup_alpha=0.2,
            cutmix_alpha=1.0,
        ),
        course_accuracy=0.920,
    ),
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
        ),
        course_accuracy=0.992,
    ),
}
"""By the model's name."""
