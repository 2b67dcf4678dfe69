"""What this machine has, found out without TensorFlow."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

_SHORT = {"amx_bf16", "avx512_bf16"}
"""What a processor tells in /proc/cpuinfo when it multiplies 16-bit numbers by itself."""


@cache
def has_graphics_card() -> bool:
    """Whether there is a graphics card that TensorFlow may use, by its driver."""
    cards = Path("/proc/driver/nvidia/gpus")
    return (cards.is_dir() and any(cards.iterdir())) or shutil.which("nvidia-smi") is not None


@cache
def computes_in_16_bits() -> bool:
    """Whether the processor multiplies 16-bit numbers by itself; False where it does not tell."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split()
    except OSError:
        return False
    return not _SHORT.isdisjoint(words)
