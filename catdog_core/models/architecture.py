"""The networks as plain numbers: layers, output shapes, parameters; no TensorFlow needed.

The Train page shows these tables before a training starts, and says what cannot work. A test
holds them against the networks `models.build` makes.
"""

from __future__ import annotations

from ..base.errors import N_, SettingsError
from ..config import NETWORKS, Network, Training
from . import backbones, compact_table
from .network_table import Layer, dense, rows
from .network_table import smallest_size as _smallest

__all__ = [
    "ABOUT",
    "CUSTOM",
    "NETWORKS",
    "Layer",
    "layers",
    "loss",
    "of",
    "operations",
    "parameters",
    "smallest_size",
]

CUSTOM = "custom"
"""The model whose network is built from settings."""


def loss(classes: int, mixes: bool) -> str:
    """The cross-entropy that fits the labels, by Keras's name.

    Args:
        classes: number of classes; two share one sigmoid unit.
        mixes: whether labels are shares of mixed photos, for which the sparse one has no place.
    """
    if classes == 2:
        return "binary_crossentropy"
    return "categorical_crossentropy" if mixes else "sparse_categorical_crossentropy"


def layers(
    name: str,
    image_size: int = 150,
    classes: int = 2,
    backbone: str = backbones.BUNDLED,
    network: Network | None = None,
) -> list[Layer]:
    """The table of a network by name.

    Args:
        name: a key of `ABOUT`.
        image_size: side of the square input in pixels.
        classes: number of classes; two share one sigmoid unit, more get a softmax unit each.
        backbone: for "transfer", the pretrained network, whose stages are summed up.
        network: for "custom", what it is built of; by default as the notes' is.

    Raises:
        SettingsError: the name is unknown, or the photos shrink to nothing on the way.
    """
    if name not in ABOUT:
        raise SettingsError(
            "There is no model '{name}'. Expected one of: {names}.",
            name=name,
            names=", ".join(ABOUT),
        )
    if name == backbones.TRANSFER:
        found = [Layer(*row) for row in backbones.rows(backbone, image_size)]
        return [*found, _output(classes, found[-1])]
    if name == compact_table.COMPACT:
        found = compact_table.rows(image_size)
        return [*found, _output(classes, found[-1])]
    built = (network or Network()) if name == CUSTOM else NETWORKS[name]
    found = rows(built, image_size, name)
    return [*found, _output(classes, found[-1])]


def of(training: Training, classes: int = 2) -> list[Layer]:
    """The table of a training's network. Raises SettingsError as `layers`."""
    return layers(training.model, training.image_size, classes, training.backbone, training.network)


def parameters(rows: list[Layer]) -> int:
    """The number of weights and biases in all."""
    return sum(row.parameters for row in rows)


def operations(rows: list[Layer]) -> int | None:
    """Multiply-adds for one photo in all; None where they are not counted."""
    counted = [row.operations for row in rows]
    return None if None in counted else sum(count for count in counted if count)


def smallest_size(name: str) -> int:
    """The smallest image size, in pixels, that leaves something after the last pooling."""
    return _smallest(NETWORKS[name])


ABOUT: dict[str, str] = {
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


def _output(classes: int, before: Layer) -> Layer:
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return dense(units, activation, before)
