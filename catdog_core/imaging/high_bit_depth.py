"""Grey pictures of more than eight bits, as scanners and microscopes write them. Light."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import PhotoError


def find_value_range(parts: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """The values that stand for black and for white.

    16-bit values keep their top eight bits. Float and 32-bit pictures have no fixed range: 0..1
    and 0..255 are recognised, anything else is stretched from its minimum to its maximum.

    Args:
        parts: of one picture, (H, W) of any kind of number.

    Raises:
        PhotoError: none of the numbers is finite.
    """
    low, high, whole = np.inf, -np.inf, False
    for part in parts:
        if part.dtype == np.uint16:
            return 0.0, 65280.0  # 255 × 256
        whole = part.dtype.kind in "iu"
        finite = part if whole else part[np.isfinite(part)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise PhotoError(
            "The picture holds no finite number. Expected grey values. Export it again as"
            " 8-bit PNG or JPEG."
        )
    if low >= 0:
        for top in (1.0, 255.0, 65535.0)[: 3 if whole else 2]:
            if high <= top:
                return 0.0, top
    return low, high


def grey_to_rgb(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """16-bit, 32-bit and float grey to 8 bits; `convert("RGB")` would clip them to white.

    Args:
        values: (H, W) of any kind of number.
        low: what stands for black.
        high: what stands for white.

    Returns:
        (H, W, 3) uint8.
    """
    if values.dtype == np.uint16:
        grey = (values >> 8).astype(np.uint8)
    else:
        numbers = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
        grey = (np.clip((numbers - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
