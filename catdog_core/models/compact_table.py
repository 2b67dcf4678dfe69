"""The compact network as plain numbers; no TensorFlow needed. `compact` builds it."""

from __future__ import annotations

from .network_table import LayerRow

COMPACT = "compact"
"""The lab's own small residual network."""
STEM = 5
"""Side of the first convolution's kernel; it takes every second pixel."""
WIDTHS = (32, 64, 128, 256)
"""Filters of the residual blocks, from the first to the last; the stem has those of the first."""
DROPOUT = 0.2


def list_compact_layers(image_size: int) -> list[LayerRow]:
    """The network up to its output unit, a block a row.

    A block's numbers are those of its convolutions and batch norms together.

    Args:
        image_size: side of the square input in pixels; every halving rounds up.
    """
    side, channels = _halve(image_size), WIDTHS[0]
    detail = f"{channels} × {STEM}×{STEM}, step 2, ReLU"
    found = [
        LayerRow("Rescaling", "1/64 − 2", (image_size, image_size, 3), 0, 0),
        LayerRow(
            "Conv2D", detail, (side, side, channels), *_count_convolution(STEM, 3, channels, side)
        ),
    ]
    side = _halve(side)
    found.append(LayerRow("MaxPooling2D", "3×3, step 2", (side, side, channels), 0, 0))
    for place, filters in enumerate(WIDTHS):
        side = _halve(side) if place else side
        detail = f"2 × {filters} × 3×3" + (", step 2" if place else "") + ", ReLU"
        parts = [
            _count_convolution(3, channels, filters, side),
            _count_convolution(3, filters, filters, side),
        ]
        if place:  # its way past these two has a convolution of its own
            parts.append(_count_convolution(1, channels, filters, side))
        weights, operations = (sum(counts) for counts in zip(*parts, strict=True))
        found.append(LayerRow("Residual", detail, (side, side, filters), weights, operations))
        channels = filters
    found.append(LayerRow("GlobalAveragePooling2D", "", (channels,), 0, 0))
    found.append(LayerRow("Dropout", f"{DROPOUT:g}", (channels,), 0, 0))
    return found


def _count_convolution(kernel: int, channels: int, filters: int, side: int) -> tuple[int, int]:
    """Parameters and multiply-adds of a convolution without a bias and its batch norm."""
    weights = kernel * kernel * channels * filters
    return weights + 4 * filters, (weights + 2 * filters) * side * side


def _halve(side: int) -> int:
    return -(-side // 2)
