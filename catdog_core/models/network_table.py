"""The table of a built network: layers, output shapes, parameters and multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..base.errors import SettingsError
from ..config.network import Network

MAX_PARAMETERS = 200_000_000
"""Parameters a network may have: more would not fit the memory of a small machine."""


@dataclass(frozen=True)
class LayerRow:
    """One row of a network's table.

    `output_shape` leaves the batch out: (height, width, channels) or (units,). `operations` are
    its multiply-adds for one photo, None where they are not counted.
    """

    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    operations: int | None = None


def list_sequential_layers(
    network: Network, image_size: int, name: str = "custom"
) -> list[LayerRow]:
    """The layers up to the output layer, which depends on the classes.

    Args:
        network: the settings.
        image_size: side of the square input in pixels.
        name: of the model, told in errors.

    Raises:
        SettingsError: the photos shrink to nothing on the way, or there are too many parameters.
    """
    found = [LayerRow("Rescaling", "1/255", (image_size, image_size, 3), 0, 0)]
    for number in range(len(network.filters)):
        block = _block_rows(network, number, found[-1].output_shape)
        if min(row.output_shape[0] for row in block) < 1:
            raise SettingsError(
                "{size} px photos shrink to nothing inside '{name}', in block {block} of {blocks}."
                " Expected an image size of at least {least} px. Raise the image size, or take"
                " fewer blocks, a smaller kernel or the padding 'same'.",
                size=image_size,
                name=name,
                block=number + 1,
                blocks=len(network.filters),
                least=min_network_image_size(network),
            )
        found += block
    found += _head_rows(network, found[-1].output_shape)
    total = sum(row.parameters for row in found)
    if total > MAX_PARAMETERS:
        raise SettingsError(
            "The network '{name}' has {total:,} parameters. Expected at most {most:,}. Take fewer"
            " dense units or filters, more blocks, or 'average' from map to row.",
            name=name,
            total=total,
            most=MAX_PARAMETERS,
        )
    return found


def dense_row(units: int, activation: str, before: LayerRow) -> LayerRow:
    """The row of a dense layer."""
    inputs = before.output_shape[0]
    return LayerRow(
        "Dense", f"{units}, {activation}", (units,), (inputs + 1) * units, inputs * units
    )


def min_network_image_size(network: Network) -> int:
    """The smallest image size, in pixels, that leaves something after the last block."""
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
    """The layers of one block; a side below 1 means that nothing is left."""
    filters, kernel, channels = network.filters[number], network.kernel, before[2]
    stride = 2 if network.pooling == "stride" else 1
    side = before[0] if network.padding == "same" else before[0] - kernel + 1
    side = -(-side // stride)
    weights = kernel * kernel * channels * filters
    detail = f"{filters} × {kernel}×{kernel}" + (", step 2" if stride == 2 else "")
    shape = (side, side, filters)
    if network.batch_norm:
        # The norm has a shift of its own: a bias before it would do nothing.
        made = [
            LayerRow("Conv2D", detail, shape, weights, weights * side * side),
            LayerRow("BatchNormalization", "", shape, 4 * filters, 2 * filters * side * side),
            LayerRow("Activation", network.activation, shape, 0, 0),
        ]
    else:
        detail += f", {ACTIVATION_LABELS.get(network.activation, network.activation)}"
        made = [LayerRow("Conv2D", detail, shape, weights + filters, weights * side * side)]
    if stride == 1:
        kind = "MaxPooling2D" if network.pooling == "max" else "AveragePooling2D"
        made.append(LayerRow(kind, "2×2", (side // 2, side // 2, filters), 0, 0))
    return made


def _head_rows(network: Network, before: tuple[int, ...]) -> list[LayerRow]:
    if network.head == "flatten":
        made = [LayerRow("Flatten", "", (prod(before),), 0, 0)]
    else:
        made = [LayerRow("GlobalAveragePooling2D", "", (before[2],), 0, 0)]
    if network.dropout:
        made.append(LayerRow("Dropout", f"{network.dropout:g}", made[-1].output_shape, 0, 0))
    if network.dense:
        shown = ACTIVATION_LABELS.get(network.activation, network.activation)
        made.append(dense_row(network.dense, shown, made[-1]))
    return made


ACTIVATION_LABELS = {"relu": "ReLU"}
