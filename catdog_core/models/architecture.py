"""The networks as tables: layers, output shapes, parameters, multiply-adds. No TensorFlow needed.

The Train page shows these tables before a training starts, and says what cannot work. A test holds
them against the networks that `keras_models`, `custom_network` and `compact_network` build.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..base.errors import N_, SettingsError
from ..config import NETWORKS, Network, Training
from . import backbones

MAX_PARAMETERS = 200_000_000
"""Parameters a network may have: more would not fit the memory of a small machine."""


@dataclass(frozen=True)
class LayerRow:
    """A layer, as one row of a network's table.

    Attributes:
        kind: Keras's class, such as "Conv2D", or the lab's word for a block.
        detail: its size and what it does, such as "32 × 3×3, ReLU".
        output_shape: without the batch: (height, width, channels) or (units,).
        parameters: its weights and biases.
        operations: multiply-adds for one photo, None where they are not counted.
    """

    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    operations: int | None = None


def list_sequential_layers(
    network: Network, image_size: int, name: str = "custom"
) -> list[LayerRow]:
    """List a sequential network's layers up to the output layer, which depends on the classes.

    Args:
        network: the settings.
        image_size: side of the square input in pixels.
        name: of the model, for errors.

    Raises:
        SettingsError: the photos shrink to nothing on the way, or there are too many parameters.
    """
    rows = [LayerRow("Rescaling", "1/255", (image_size, image_size, 3), 0, 0)]
    for number in range(len(network.filters)):
        block = _block_rows(network, number, rows[-1].output_shape)
        if min(row.output_shape[0] for row in block) < 1:
            raise SettingsError(
                "{size} px photos shrink to nothing in '{name}', in block {block} of {blocks}. "
                "Use photos of at least {least} px, fewer blocks, a smaller kernel, or the "
                "padding 'same'.",
                size=image_size,
                name=name,
                block=number + 1,
                blocks=len(network.filters),
                least=min_network_image_size(network),
            )
        rows += block
    rows += _head_rows(network, rows[-1].output_shape)
    total = sum(row.parameters for row in rows)
    if total > MAX_PARAMETERS:
        raise SettingsError(
            "The network '{name}' has {total:,} parameters, but the limit is {most:,}. Use fewer "
            "dense units or filters or more blocks, or set Head to 'average'.",
            name=name,
            total=total,
            most=MAX_PARAMETERS,
        )
    return rows


def dense_row(units: int, activation: str, before: LayerRow) -> LayerRow:
    """Return the row of a dense layer."""
    inputs = before.output_shape[0]
    return LayerRow(
        "Dense", f"{units}, {activation}", (units,), (inputs + 1) * units, inputs * units
    )


def min_network_image_size(network: Network) -> int:
    """Return the smallest image size in pixels that leaves something after the last block."""
    size = 1
    while size < 10_000 and not _fits_network(network, size):
        size += 1
    return size


def _fits_network(network: Network, size: int) -> bool:
    shape: tuple[int, ...] = (size, size, 3)
    for number in range(len(network.filters)):
        for row in _block_rows(network, number, shape):
            shape = row.output_shape
            if shape[0] < 1:
                return False
    return True


def _block_rows(network: Network, number: int, before: tuple[int, ...]) -> list[LayerRow]:
    """Return the layers of one block; a side below 1 means that nothing is left of the photo."""
    filters, kernel, channels = network.filters[number], network.kernel, before[2]
    stride = 2 if network.pooling == "stride" else 1
    side = before[0] if network.padding == "same" else before[0] - kernel + 1
    side = -(-side // stride)
    weights = kernel * kernel * channels * filters
    detail = f"{filters} × {kernel}×{kernel}" + (", step 2" if stride == 2 else "")
    shape = (side, side, filters)
    if network.batch_norm:
        # The norm has a shift of its own: a bias before it would do nothing.
        rows = [
            LayerRow("Conv2D", detail, shape, weights, weights * side * side),
            LayerRow("BatchNormalization", "", shape, 4 * filters, 2 * filters * side * side),
            LayerRow("Activation", network.activation, shape, 0, 0),
        ]
    else:
        detail += f", {ACTIVATION_LABELS.get(network.activation, network.activation)}"
        rows = [LayerRow("Conv2D", detail, shape, weights + filters, weights * side * side)]
    if stride == 1:
        kind = "MaxPooling2D" if network.pooling == "max" else "AveragePooling2D"
        rows.append(LayerRow(kind, "2×2", (side // 2, side // 2, filters), 0, 0))
    return rows


def _head_rows(network: Network, before: tuple[int, ...]) -> list[LayerRow]:
    if network.head == "flatten":
        rows = [LayerRow("Flatten", "", (prod(before),), 0, 0)]
    else:
        rows = [LayerRow("GlobalAveragePooling2D", "", (before[2],), 0, 0)]
    if network.dropout:
        rows.append(LayerRow("Dropout", f"{network.dropout:g}", rows[-1].output_shape, 0, 0))
    if network.dense:
        shown = ACTIVATION_LABELS.get(network.activation, network.activation)
        rows.append(dense_row(network.dense, shown, rows[-1]))
    return rows


ACTIVATION_LABELS = {"relu": "ReLU"}


COMPACT = "compact"
"""The lab's own small residual network."""
STEM = 5
"""Side of the first convolution's kernel; it takes every second pixel."""
WIDTHS = (32, 64, 128, 256)
"""Filters of the residual blocks, from the first to the last; the stem has those of the first."""
DROPOUT = 0.2


def list_compact_layers(image_size: int) -> list[LayerRow]:
    """List the compact network up to its output unit, a block a row.

    A block's numbers are those of its convolutions and batch norms together.

    Args:
        image_size: side of the square input in pixels; every halving rounds up.
    """
    side, channels = _halve(image_size), WIDTHS[0]
    detail = f"{channels} × {STEM}×{STEM}, step 2, ReLU"
    rows = [
        LayerRow("Rescaling", "1/64 − 2", (image_size, image_size, 3), 0, 0),
        LayerRow(
            "Conv2D", detail, (side, side, channels), *_count_convolution(STEM, 3, channels, side)
        ),
    ]
    side = _halve(side)
    rows.append(LayerRow("MaxPooling2D", "3×3, step 2", (side, side, channels), 0, 0))
    for index, filters in enumerate(WIDTHS):
        side = _halve(side) if index else side
        detail = f"2 × {filters} × 3×3" + (", step 2" if index else "") + ", ReLU"
        parts = [
            _count_convolution(3, channels, filters, side),
            _count_convolution(3, filters, filters, side),
        ]
        if index:  # its way past these two has a convolution of its own
            parts.append(_count_convolution(1, channels, filters, side))
        weights, operations = (sum(counts) for counts in zip(*parts, strict=True))
        rows.append(LayerRow("Residual", detail, (side, side, filters), weights, operations))
        channels = filters
    rows.append(LayerRow("GlobalAveragePooling2D", "", (channels,), 0, 0))
    rows.append(LayerRow("Dropout", f"{DROPOUT:g}", (channels,), 0, 0))
    return rows


def _count_convolution(kernel: int, channels: int, filters: int, side: int) -> tuple[int, int]:
    """Count parameters and multiply-adds of a convolution without a bias and its batch norm."""
    weights = kernel * kernel * channels * filters
    return weights + 4 * filters, (weights + 2 * filters) * side * side


def _halve(side: int) -> int:
    return -(-side // 2)


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
    """Return Keras's name of the cross-entropy that fits the labels.

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
    """List the layers of a network by name.

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
            "There's no model '{name}'. Choose one of: {names}.",
            name=name,
            names=", ".join(MODEL_DESCRIPTIONS),
        )
    if name == backbones.TRANSFER:
        rows = [LayerRow(*row) for row in backbones.list_backbone_stages(backbone, image_size)]
        return [*rows, _output_row(classes, rows[-1])]
    if name == COMPACT:
        rows = list_compact_layers(image_size)
        return [*rows, _output_row(classes, rows[-1])]
    built = (network or Network()) if name == CUSTOM else NETWORKS[name]
    rows = list_sequential_layers(built, image_size, name)
    return [*rows, _output_row(classes, rows[-1])]


def list_training_layers(training: Training, classes: int = 2) -> list[LayerRow]:
    """List the layers of a training's network. Raises SettingsError as `list_model_layers`."""
    return list_model_layers(
        training.model, training.image_size, classes, training.backbone, training.network
    )


def count_parameters(rows: list[LayerRow]) -> int:
    """Return the number of weights and biases in all."""
    return sum(row.parameters for row in rows)


def count_operations(rows: list[LayerRow]) -> int | None:
    """Return the multiply-adds for one photo in all; None where they are not counted."""
    counted = [row.operations for row in rows]
    return None if None in counted else sum(count for count in counted if count)


def min_model_image_size(name: str) -> int:
    """Return the smallest image size in pixels that leaves something after the last pooling."""
    return min_network_image_size(NETWORKS[name])


MODEL_DESCRIPTIONS: dict[str, str] = {
    "notes": N_("The course network: three convolutions and one output unit."),
    "notes-deep": N_(
        "The course network with the layers that the notes comment out: a fourth convolution and "
        "Dense(512)."
    ),
    COMPACT: N_(
        "A small modern network with residual blocks, batch normalization and its own training "
        "recipe. Like the course network, it starts from random weights, but it gets much better "
        "results."
    ),
    backbones.TRANSFER: N_(
        "A network pretrained on a million photos of a thousand classes, with a new last layer. "
        "It processes each photo once. Only the last layer trains, which takes seconds."
    ),
    CUSTOM: N_("Your own network, built from blocks. It starts as the course network."),
}
"""All models by name, with a sentence on each."""


def _output_row(classes: int, before: LayerRow) -> LayerRow:
    units, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    return dense_row(units, activation, before)
