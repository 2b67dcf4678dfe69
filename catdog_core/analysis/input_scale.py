"""Which values of photos a network takes, where its first layers tell.

A network that rescales photos itself begins with layers and operations that compute a · x + b:
``Rescaling``, ``Normalization``, ``x / 127.5 - 1``. What they make of 0 and 255 shows for which
values they were meant: those that become one of the ranges networks are trained with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..runs.model_registry import InputScale
from .model_graph import ModelGraph

_LINEAR_STEPS = frozenset(
    (
        *("Rescaling", "Normalization", "BatchNormalization"),
        *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative"),
        *("Concatenate", "Stack", "Split", "Unstack", "GetItem", "Flip", "Cast"),
    )
)
_SAME_VALUES = frozenset(
    (
        *("Identity", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout"),
        *("ActivityRegularization", "Resizing", "CenterCrop", "Cropping2D", "ZeroPadding2D"),
        *("Resize", "Pad", "PadImages", "CropImages", "RGBToGrayscale"),
        *("UpSampling2D", "AveragePooling2D"),
    )
)
"""Layers that a photo of one colour passes unchanged, but for its edge; as random ones do."""
_CANDIDATES: dict[InputScale, tuple[float, float]] = {
    "0..255": (0, 255),
    "0..1": (0, 1),
    "-1..1": (-1, 1),
}
_TRAINING_RANGES = ((0, 1), (-1, 1), (-2.1, 2.5), (0, 255), (-118, 137))
"""Lowest and highest value that networks are trained with; the last but one are of ImageNet's mean
and deviation, and of the Caffe means."""
_NEAR = 0.35  # of a range's width by which both ends together may differ from it
_CLEARLY = 0.15  # by which the second best must be worse
_PLAUSIBLE_WIDTH = (0.3, 20.0)


def find_input_scale(graph: ModelGraph) -> InputScale | None:
    """Return the values a network takes, None where its first layers do not tell."""
    ends = _linear_ends(graph)
    if ends is None or ends < 0:
        return None
    shape = [1 if side is None else int(side) for side in graph.full_model.inputs[0].shape]
    part = graph.submodel([ends])
    low, middle, high = (
        _center_values(np.asarray(part(np.full(shape, value, np.float32), training=False)))
        for value in (0.0, 51.0, 255.0)
    )
    slope = (high - low) / 255
    if not np.isfinite(slope).all() or not np.allclose(middle, low + 51 * slope, atol=1e-2):
        return None
    return _match_range(float(slope.mean()), float(low.mean()))


def _linear_ends(graph: ModelGraph) -> int | None:
    """Return the index of the node whose result the first other layer takes; None for several."""
    reached, ends = {-1}, set()
    for index, node in enumerate(graph.nodes):
        kind = type(node.layer).__name__
        known = kind in _LINEAR_STEPS or kind in _SAME_VALUES or kind.startswith("Random")
        if known and node.input_indices and reached.issuperset(node.input_indices):
            reached.add(index)
        else:
            ends |= reached.intersection(node.input_indices)
    return ends.pop() if len(ends) == 1 else None


def _center_values(result: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the values of the middle pixel, which no padding reaches: (1, h, w, C) to (C,)."""
    values = result.astype(np.float64)
    if values.ndim >= 3:
        return np.atleast_1d(values[0, values.shape[1] // 2, values.shape[2] // 2])
    return values.ravel()


def _match_range(slope: float, offset: float) -> InputScale | None:
    """Return the values that slope · x + offset turns into those of a training."""
    results = {
        scale: tuple(sorted((slope * low + offset, slope * high + offset)))
        for scale, (low, high) in _CANDIDATES.items()
    }
    distances = {
        scale: min(
            (abs(low - least) + abs(high - most)) / (most - least)
            for least, most in _TRAINING_RANGES
        )
        for scale, (low, high) in results.items()
    }
    best, second, *_ = sorted(distances, key=lambda scale: distances[scale])
    if distances[best] <= _NEAR and distances[second] - distances[best] >= _CLEARLY:
        return best
    least_width, most_width = _PLAUSIBLE_WIDTH
    plausible = [s for s, (low, high) in results.items() if least_width <= high - low <= most_width]
    return plausible[0] if len(plausible) == 1 else None
