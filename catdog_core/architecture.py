"""The networks as plain numbers: layers, output shapes, parameters; no TensorFlow needed.

The Train page shows these tables before a training starts, and says what cannot work. A test
holds them against the networks `models.build` makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from . import backbones, compact_table
from .errors import N_, SettingsError
from .settings import Training


@dataclass(frozen=True)
class Layer:
    """One row of a network's table.

    `output_shape` leaves the batch out: (height, width, channels) or (units,).
    """

    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int


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
    name: str, image_size: int = 150, classes: int = 2, backbone: str = backbones.BUNDLED
) -> list[Layer]:
    """The table of a network by name.

    Args:
        name: a key of `ABOUT`.
        image_size: side of the square input in pixels.
        classes: number of classes; two share one sigmoid unit, more get a softmax unit each.
        backbone: for "transfer", the pretrained network, whose stages are summed up.

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
        rows = [Layer(*row) for row in backbones.rows(backbone, image_size)]
        return [*rows, _output(classes, rows[-1])]
    if name == compact_table.COMPACT:
        rows = [Layer(*row) for row in compact_table.rows(image_size)]
        return [*rows, _output(classes, rows[-1])]
    network = NETWORKS[name]
    size, channels = image_size, 3
    rows = [Layer("Rescaling", "1/255", (size, size, channels), 0)]
    for filters in network.filters:
        weights = 3 * 3 * channels * filters + filters
        size, channels = size - 2, filters
        if size < 2:
            raise SettingsError(
                "{size} px photos shrink to nothing inside '{name}'. Expected an image size of at"
                " least {least} px. Raise the image size.",
                size=image_size,
                name=name,
                least=smallest_size(name),
            )
        rows.append(Layer("Conv2D", f"{filters} × 3×3, ReLU", (size, size, channels), weights))
        size //= 2
        rows.append(Layer("MaxPooling2D", "2×2", (size, size, channels), 0))
    rows.append(Layer("Flatten", "", (prod(rows[-1].output_shape),), 0))
    rows.append(Layer("Dropout", "0.5", rows[-1].output_shape, 0))
    if network.dense:
        rows.append(_dense(network.dense, "ReLU", rows[-1]))
    return [*rows, _output(classes, rows[-1])]


def of(training: Training, classes: int = 2) -> list[Layer]:
    """The table of a training's network. Raises SettingsError as `layers`."""
    return layers(training.model, training.image_size, classes, training.backbone)


def parameters(rows: list[Layer]) -> int:
    """The number of weights and biases in all."""
    return sum(row.parameters for row in rows)


def smallest_size(name: str) -> int:
    """The smallest image size, in pixels, that leaves something after the last pooling."""
    size = 1
    for _ in NETWORKS[name].filters:
        size = 2 * size + 2
    return size


@dataclass(frozen=True)
class Network:
    """A stack of 3×3 convolutions, each followed by ReLU and 2×2 max pooling, and its head.

    `dense` is the width of a ReLU layer before the output, 0 for none.
    """

    filters: tuple[int, ...]
    dense: int
    about: str


NETWORKS: dict[str, Network] = {
    "notes": Network(
        (32, 64, 128), 0, N_("The class notes' network: three convolutions and one output unit.")
    ),
    "notes-deep": Network(
        (32, 64, 128, 128),
        512,
        N_("The layers the notes keep commented out: a fourth convolution and Dense(512)."),
    ),
}


ABOUT: dict[str, str] = {
    **{name: network.about for name, network in NETWORKS.items()},
    compact_table.COMPACT: N_(
        "A small network of today: residual blocks, batch norms, and a recipe of its own. It learns"
        " from nothing, like the notes' network, and goes much further."
    ),
    backbones.TRANSFER: N_(
        "A network that has learned from a million photographs of a thousand kinds, with a new last"
        " layer. It looks at each photo once; only the last layer learns, in seconds."
    ),
}
"""All models by name, with a sentence on each."""


def _output(classes: int, before: Layer) -> Layer:
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return _dense(units, activation, before)


def _dense(units: int, activation: str, before: Layer) -> Layer:
    weights = before.output_shape[0] * units + units
    return Layer("Dense", f"{units}, {activation}", (units,), weights)
