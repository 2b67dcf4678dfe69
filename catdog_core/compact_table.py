"""The compact network as plain numbers; no TensorFlow needed. `compact` builds it."""

from __future__ import annotations

COMPACT = "compact"
"""The lab's own small residual network."""
STEM = 5
"""Side of the first convolution's kernel; it takes every second pixel."""
WIDTHS = (32, 64, 128, 256)
"""Filters of the residual blocks, from the first to the last; the stem has those of the first."""
DROPOUT = 0.2

Row = tuple[str, str, tuple[int, ...], int]


def rows(image_size: int) -> list[Row]:
    """The network up to its output unit, a block a row: kind, detail, output shape, parameters.

    The counts of a block hold its convolutions and batch norms, four numbers a channel each.

    Args:
        image_size: side of the square input in pixels; every halving rounds up.
    """
    size, channels = image_size, 3
    made: list[Row] = [("Rescaling", "1/64 − 2", (size, size, channels), 0)]
    size, filters = _half(size), WIDTHS[0]
    weights = STEM**2 * channels * filters + 4 * filters
    made.append(("Conv2D", f"{filters} × {STEM}×{STEM}, /2, ReLU", (size, size, filters), weights))
    size, channels = _half(size), filters
    made.append(("MaxPooling2D", "3×3, /2", (size, size, channels), 0))
    for place, filters in enumerate(WIDTHS):
        weights = 9 * channels * filters + 9 * filters**2 + 8 * filters
        detail = f"2 × {filters} × 3×3"
        if place:  # its way past the convolutions has a convolution of its own
            size, weights = _half(size), weights + channels * filters + 4 * filters
            detail += ", /2"
        made.append(("Residual", f"{detail}, ReLU", (size, size, filters), weights))
        channels = filters
    made.append(("GlobalAveragePooling2D", "", (channels,), 0))
    made.append(("Dropout", str(DROPOUT), (channels,), 0))
    return made


def _half(size: int) -> int:
    return -(-size // 2)
