"""The settings of a training, with their ranges, labels and help."""

from __future__ import annotations

from typing import Literal

from ..base.field_specs import Settings, field
from .network import Network

PIPELINE_VERSION = 2
"""How training photos come to a network. A run records the version it began with and keeps it, so
that it resumes to the very same result:

1. The last batch of a pass over the photos is filled from the next pass. Contrast is about a
   computed mean gray, which ignores what brightness and channel shift clip.
2. The last batch of a pass is smaller, so each pass shows each photo exactly once, and each pass
   over augmented features each photo in one of its variants. Contrast is about the measured mean.
"""

ModelName = Literal["notes", "notes-deep", "custom", "compact", "transfer"]
BackboneName = Literal[
    "lite0", "mobilenet-v3-small", "mobilenet-v3-large", "efficientnet-v2-b0", "convnext-tiny"
]
Monitor = Literal["val_accuracy", "val_loss"]
Optimizer = Literal["adam", "adamw", "muon", "sgd"]
Schedule = Literal["constant", "step", "cosine", "plateau"]


class Training(Settings):
    """One training: the network and how it learns. Defaults are the class notes' own."""

    model: ModelName = field(
        "notes",
        "Model",
        "The network: the course network (notes), its deeper variant, a small modern one "
        "(compact), or a pretrained one (transfer).",
    )
    network: Network | None = None
    """What the model "custom" is built of; None for as the notes' is."""
    epochs: int = field(
        50,
        "Epochs",
        "How many rounds of steps the training takes. One round usually uses every training "
        "photo once.",
        low=1,
        high=1000,
        step=1,
    )
    batch_size: int = field(
        20,
        "Batch size",
        "Photos per step. The weights change once per step.",
        low=1,
        high=512,
        step=1,
        unit="photos",
    )
    learning_rate: float = field(
        1e-4,
        "Learning rate",
        "How far one optimizer step moves the weights. With a schedule, this is the highest rate.",
        low=1e-6,
        high=1e-1,
        scale="log",
    )
    train_photos: int | None = field(
        None,
        "Training photos",
        "Train on only this many photos, chosen by the seed. A larger selection includes a "
        "smaller one. Validation doesn't change.",
        low=2,
        high=100_000,
        step=1,
        unit="photos",
    )
    optimizer: Optimizer = field(
        "adam",
        "Optimizer",
        "The rule that moves the weights. Adam sizes each weight's step by its own history. AdamW "
        "is Adam for use with weight decay. Muon makes a convolution's step equally strong in all "
        "directions, and is AdamW for other weights. SGD goes straight down the slope with "
        "momentum 0.9.",
    )
    weight_decay: float = field(
        0.0,
        "Weight decay",
        "Shrinks the weights a little at every step, by this fraction times the learning rate. "
        "Biases and batch norms are left alone.",
        low=0.0,
        high=0.3,
        step=0.001,
        typical=(0.01, 0.1),
    )
    schedule: Schedule = field(
        "constant",
        "Schedule",
        "How the learning rate changes. constant never changes it. step divides it by 10 after "
        "half of the epochs and again after three quarters. cosine lowers it to 0 at the end. "
        "plateau halves it when validation loss stops falling.",
    )
    warmup_epochs: int = field(
        0,
        "Warm-up",
        "Epochs in which the learning rate rises from 0 to its full value.",
        low=0,
        high=100,
        step=1,
        unit="epochs",
        typical=(1, 5),
    )
    plateau_patience: int = field(
        3,
        "Plateau patience",
        "For the plateau schedule: epochs to wait for a lower validation loss before halving the "
        "learning rate.",
        low=1,
        high=100,
        step=1,
        unit="epochs",
        typical=(2, 10),
    )
    label_smoothing: float = field(
        0.0,
        "Label smoothing",
        "Makes the labels slightly less certain. With two classes, 0.1 turns a 1 into 0.95. "
        "Validation keeps the original labels.",
        low=0.0,
        high=0.5,
        step=0.01,
        typical=(0.05, 0.1),
    )
    weight_averaging: float = field(
        0.0,
        "Weight averaging",
        "Validates and keeps a moving average of the weights, which fluctuates less. 0.99 covers "
        "about the last 100 steps. 0 turns it off.",
        low=0.0,
        high=0.999,
        step=0.001,
        typical=(0.98, 0.999),
    )
    class_weights: bool = field(
        False,
        "Balance classes",
        "Gives photos of rare classes more weight, so every class counts equally in the loss.",
    )
    mixed_precision: bool = field(
        False,
        "Mixed precision",
        "Computes in 16 bits where that's safe. It's up to twice as fast on a graphics card, but "
        "no faster on most processors.",
    )
    steps_per_epoch: int | None = field(
        None,
        "Steps per epoch",
        "Batches per epoch. By default, an epoch shows each training photo exactly once, and its "
        "last batch can be smaller.",
        low=1,
        high=100_000,
        step=1,
    )
    validation_steps: int | None = field(
        None,
        "Validation steps",
        "Validation batches after each epoch. By default, all of them.",
        low=1,
        high=100_000,
        step=1,
    )
    image_size: int = field(
        150,
        "Image size",
        "Side of the square that every photo is resized to.",
        low=32,
        high=320,
        step=1,
        unit="px",
    )
    seed: int = field(
        0,
        "Seed",
        "Starting point of all randomness. The same seed on the same machine gives the same run.",
        low=0,
        high=2**31 - 1,
        step=1,
    )
    early_stopping: int = field(
        0,
        "Early stopping",
        "Stops training after this many epochs without improvement. 0 turns it off.",
        low=0,
        high=1000,
        step=1,
        unit="epochs",
    )
    monitor: Monitor = field(
        "val_accuracy",
        "Best epoch metric",
        "Picks the best epoch by the highest validation accuracy (ties go to the lower loss) or "
        "the lowest validation loss.",
    )

    epoch_weights: int | None = field(
        None,
        "X-ray epochs",
        "How many evenly spaced epochs keep their weights for the X-ray on the Predict page. 0 "
        "keeps none. By default, 8 for networks up to 2 MB.",
        low=0,
        high=16,
        step=1,
        unit="epochs",
    )

    backbone: BackboneName = field(
        "lite0",
        "Pretrained network",
        "For transfer: a network trained on a million photos. The weights of lite0 come with the "
        "lab, and others are downloaded on first use.",
    )
    looks: int = field(
        3,
        "Variants per photo",
        "For transfer with augmentation: variants of each training photo that the pretrained "
        "network sees, besides the original. Each takes as long as the original. Each epoch shows "
        "either the original or one variant of each photo.",
        low=1,
        high=50,
        step=1,
        typical=(1, 5),
    )
    unfreeze: int = field(
        0,
        "Unfrozen blocks",
        "For transfer: how many of the pretrained network's last blocks also train in the last "
        "epochs. 0 leaves it unchanged.",
        low=0,
        high=21,
        step=1,
        unit="blocks",
        typical=(1, 6),
    )
    unfreeze_epochs: int = field(
        4,
        "Unfrozen epochs",
        "How many of the last epochs train the unfrozen blocks.",
        low=1,
        high=100,
        step=1,
        typical=(2, 10),
    )
    unfreeze_rate: float = field(
        1e-4,
        "Unfrozen learning rate",
        "Learning rate of the unfrozen epochs, falling to 0 along a cosine. Keep it low, or the "
        "network loses what it knows.",
        low=1e-6,
        high=1e-2,
        scale="log",
    )

    def steps(self, photos: int) -> int:
        """Return how many steps an epoch over `photos` training photos has."""
        return self.steps_per_epoch or max(1, -(-photos // self.batch_size))

    def count_shown(self, steps: int, photos: int, pipeline: int = PIPELINE_VERSION) -> int:
        """Return how many photos the first `steps` steps show, each time it is shown.

        Args:
            steps: from the start of a training.
            photos: training photos.
            pipeline: the version, see `PIPELINE_VERSION`.
        """
        if pipeline < 2:
            return steps * self.batch_size
        passes, rest = divmod(steps, -(-photos // self.batch_size))
        return passes * photos + rest * self.batch_size

    def validation_batches(self, photos: int) -> int:
        """Return how many batches a validation over `photos` photos has, the last maybe short."""
        total_batches = -(-photos // self.batch_size)
        return min(self.validation_steps or total_batches, total_batches)
