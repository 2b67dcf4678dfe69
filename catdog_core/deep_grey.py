"""Grey pictures of more than eight bits, as scanners and microscopes write them. Light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import PhotoError


def to_rgb(values: NDArray[Any]) -> NDArray[np.uint8]:
    """16-bit, 32-bit and float grey to 8 bits; `convert("RGB")` would clip them to white.

    16-bit values keep their top eight bits. Float and 32-bit pictures have no fixed range: 0..1
    and 0..255 are recognised, anything else is stretched from its minimum to its maximum.

    Args:
        values: (H, W) of any kind of number.

    Returns:
        (H, W, 3) uint8.

    Raises:
        PhotoError: none of the numbers is finite.
    """
    if values.dtype == np.uint16:
        grey = (values >> 8).astype(np.uint8)
    else:
        numbers = values.astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        if finite.size == 0:
            raise PhotoError(
                "The picture holds no finite number. Expected grey values. Export it again as"
                " 8-bit PNG or JPEG."
            )
        low, high = float(finite.min()), float(finite.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        elif low >= 0 and high <= 65535 and values.dtype.kind in "iu":
            low, high = 0.0, 65535.0
        numbers = np.nan_to_num(numbers, nan=low, posinf=high, neginf=low)
        grey = (np.clip((numbers - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
