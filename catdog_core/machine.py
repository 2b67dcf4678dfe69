"""What this machine has, found out without TensorFlow."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path


@cache
def has_graphics_card() -> bool:
    """Whether there is a graphics card that TensorFlow may use, by its driver."""
    cards = Path("/proc/driver/nvidia/gpus")
    return (cards.is_dir() and any(cards.iterdir())) or shutil.which("nvidia-smi") is not None
