"""The settings of a training, with their ranges, labels and help."""

from __future__ import annotations

from typing import Literal

from ..base.field_specs import Settings, field
from .network import Network

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
        "The network: the notes' own, its deeper variant, a small modern one (compact), or one that"
        " knows photographs already (transfer).",
    )
    network: Network | None = None
    """What the model "custom" is built of; None for as the notes' is."""
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
        "How far one step of the optimizer moves the weights; where a schedule changes it, the"
        " highest.",
        low=1e-6,
        high=1e-1,
        scale="log",
    )
    train_photos: int | None = field(
        None,
        "Training photos",
        "Train on so many photos only, chosen by the seed; a larger choice holds a smaller one."
        " Validation stays as it is.",
        low=2,
        high=100_000,
        step=1,
        unit="photos",
    )
    optimizer: Optimizer = field(
        "adam",
        "Optimizer",
        "The rule that moves the weights: Adam sizes each weight's step by its own history, AdamW"
        " is Adam for use with weight decay, Muon makes a convolution's step equally strong in all"
        " directions and is AdamW elsewhere, SGD goes straight down the slope with momentum 0.9.",
    )
    weight_decay: float = field(
        0.0,
        "Weight decay",
        "Shrinks the weights a little at every step, by this part times the learning rate; biases"
        " and batch norms are spared.",
        low=0.0,
        high=0.3,
        step=0.001,
        typical=(0.01, 0.1),
    )
    schedule: Schedule = field(
        "constant",
        "Schedule",
        "How the learning rate changes: constant; step, a tenth after half of the epochs and again"
        " after three quarters; cosine, down to nothing at the end; plateau, halved whenever"
        " validation loss stops falling.",
    )
    warmup_epochs: int = field(
        0,
        "Warm-up",
        "Epochs in which the learning rate rises from nothing to its full height.",
        low=0,
        high=100,
        step=1,
        unit="epochs",
        typical=(1, 5),
    )
    plateau_patience: int = field(
        3,
        "Plateau patience",
        "For the schedule plateau: epochs without a lower validation loss until the learning rate"
        " is halved.",
        low=1,
        high=100,
        step=1,
        unit="epochs",
        typical=(2, 10),
    )
    label_smoothing: float = field(
        0.0,
        "Label smoothing",
        "Trains towards a little less than certainty: 0.1 makes 0.95 of a 1 with two classes."
        " Validation keeps the true labels.",
        low=0.0,
        high=0.5,
        step=0.01,
        typical=(0.05, 0.1),
    )
    weight_averaging: float = field(
        0.0,
        "Weight averaging",
        "Validates and keeps a moving average of the weights, which is calmer than they are; 0.99"
        " looks back about 100 steps. 0 is off.",
        low=0.0,
        high=0.999,
        step=0.001,
        typical=(0.98, 0.999),
    )
    class_weights: bool = field(
        False,
        "Balance classes",
        "Counts the photos of rare classes more, so that every class weighs the same in the loss.",
    )
    mixed_precision: bool = field(
        False,
        "Mixed precision",
        "Computes in 16 bits where that is safe: up to twice as fast on a graphics card; most"
        " processors gain nothing.",
    )
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

    epoch_weights: int | None = field(
        None,
        "Epochs to look back at",
        "Weights of so many epochs, evenly spread, are kept for the X-ray of the Predict page; 0"
        " keeps none. Unset, eight of a network of at most 2 MB.",
        low=0,
        high=16,
        step=1,
        unit="epochs",
    )

    backbone: BackboneName = field(
        "lite0",
        "Pretrained network",
        "For transfer: the network that has seen a million photographs. The weights of lite0 are"
        " installed with the lab; those of the others are downloaded at their first use.",
    )
    looks: int = field(
        3,
        "Augmented looks",
        "For transfer with augmentation: how many changed versions of each training photo the"
        " pretrained network looks at, beside the photo as it is. Each takes as long as the first.",
        low=1,
        high=50,
        step=1,
        typical=(1, 5),
    )
    unfreeze: int = field(
        0,
        "Unfreeze",
        "For transfer: how many of the pretrained network's last blocks learn too, in the last"
        " epochs; 0 leaves it as it is.",
        low=0,
        high=21,
        step=1,
        unit="blocks",
        typical=(1, 6),
    )
    unfreeze_epochs: int = field(
        4,
        "Unfrozen epochs",
        "How many of the epochs, the last ones, train the unfrozen blocks.",
        low=1,
        high=100,
        step=1,
        typical=(2, 10),
    )
    unfreeze_rate: float = field(
        1e-4,
        "Unfrozen learning rate",
        "The learning rate of the unfrozen epochs; it falls to nothing along a cosine. Kept low,"
        " or what the network knows is lost.",
        low=1e-6,
        high=1e-2,
        scale="log",
    )

    def steps(self, photos: int) -> int:
        """Return how many steps an epoch over `photos` training photos has."""
        return self.steps_per_epoch or max(1, -(-photos // self.batch_size))

    def validation_batches(self, photos: int) -> int:
        """Return how many batches a validation over `photos` photos has, the last maybe short."""
        total_batches = -(-photos // self.batch_size)
        return min(self.validation_steps or total_batches, total_batches)
