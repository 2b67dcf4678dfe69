"""The networks as plain numbers: layers, output shapes, parameters; no TensorFlow needed.

The Train page shows these tables before a training starts, and says what cannot work. A test
holds them against the networks `models.build` makes.
"""

from __future__ import annotations

from ..base.errors import N_, SettingsError
from ..config import NETWORKS, Network, Training
from . import backbones, compact_table
from .network_table import LayerRow, dense_row, list_sequential_layers
from .network_table import min_network_image_size as _smallest

__all__ = [
    "CUSTOM",
    "MODEL_DESCRIPTIONS",
    "NETWORKS",
    "LayerRow",
    "count_operations",
    "count_parameters",
    "list_model_layers",
    "list_training_layers",
    "loss_name",
    "min_model_image_size",
]

CUSTOM = "custom"
"""The model whose network is built from settings."""


def loss_name(classes: int, mixes: bool) -> str:
    """The cross-entropy that fits the labels, by Keras's name.

    Args:
        classes: number of classes; two share one sigmoid unit.
        mixes: whether labels are shares of mixed photos, for which the sparse one has no place.
    """
    if classes == 2:
        return "binary_crossentropy"
    return "categorical_crossentropy" if mixes else "sparse_categorical_crossentropy"


def list_model_layers(
    name: str,
    image_size: int = 150,
    classes: int = 2,
    backbone: str = backbones.BUNDLED,
    network: Network | None = None,
) -> list[LayerRow]:
    """The table of a network by name.

    Args:
        name: a key of `MODEL_DESCRIPTIONS`.
        image_size: side of the square input in pixels.
        classes: number of classes; two share one sigmoid unit, more get a softmax unit each.
        backbone: for "transfer", the pretrained network, whose stages are summed up.
        network: for "custom", what it is built of; by default as the notes' is.

    Raises:
        SettingsError: the name is unknown, or the photos shrink to nothing on the way.
    """
    if name not in MODEL_DESCRIPTIONS:
        raise SettingsError(
            "There is no model '{name}'. Expected one of: {names}.",
            name=name,
            names=", ".join(MODEL_DESCRIPTIONS),
        )
    if name == backbones.TRANSFER:
        found = [LayerRow(*row) for row in backbones.list_backbone_stages(backbone, image_size)]
        return [*found, _output_row(classes, found[-1])]
    if name == compact_table.COMPACT:
        found = compact_table.list_compact_layers(image_size)
        return [*found, _output_row(classes, found[-1])]
    built = (network or Network()) if name == CUSTOM else NETWORKS[name]
    found = list_sequential_layers(built, image_size, name)
    return [*found, _output_row(classes, found[-1])]


def list_training_layers(training: Training, classes: int = 2) -> list[LayerRow]:
    """The table of a training's network. Raises SettingsError as `list_model_layers`."""
    return list_model_layers(
        training.model, training.image_size, classes, training.backbone, training.network
    )


def count_parameters(rows: list[LayerRow]) -> int:
    """The number of weights and biases in all."""
    return sum(row.parameters for row in rows)


def count_operations(rows: list[LayerRow]) -> int | None:
    """Multiply-adds for one photo in all; None where they are not counted."""
    counted = [row.operations for row in rows]
    return None if None in counted else sum(count for count in counted if count)


def min_model_image_size(name: str) -> int:
    """The smallest image size, in pixels, that leaves something after the last pooling."""
    return _smallest(NETWORKS[name])


MODEL_DESCRIPTIONS: dict[str, str] = {
    "notes": N_("The class notes' network: three convolutions and one output unit."),
    "notes-deep": N_(
        "The layers the notes keep commented out: a fourth convolution and Dense(512)."
    ),
    compact_table.COMPACT: N_(
        "A small network of today: residual blocks, batch norms, and a recipe of its own. It learns"
        " from nothing, like the notes' network, and goes much further."
    ),
    backbones.TRANSFER: N_(
        "A network that has learned from a million photographs of a thousand kinds, with a new last"
        " layer. It looks at each photo once; only the last layer learns, in seconds."
    ),
    CUSTOM: N_("A network of your own, built from blocks; it begins as the notes' one."),
}
"""All models by name, with a sentence on each."""


def _output_row(classes: int, before: LayerRow) -> LayerRow:
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return dense_row(units, activation, before)
