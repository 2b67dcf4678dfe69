"""Find out what this machine has, without TensorFlow."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_BF16_FLAGS = {"amx_bf16", "avx512_bf16"}
"""What a processor tells in /proc/cpuinfo when it multiplies 16-bit numbers by itself."""


@cache
def has_graphics_card() -> bool:
    """Tell whether there is a graphics card that TensorFlow may use, by its driver."""
    cards = Path("/proc/driver/nvidia/gpus")
    return (cards.is_dir() and any(cards.iterdir())) or shutil.which("nvidia-smi") is not None


@cache
def computes_in_16_bits() -> bool:
    """Tell whether the processor has instructions for 16-bit numbers; False if unknown."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").split()
    except OSError:
        return False
    return not _BF16_FLAGS.isdisjoint(words)


def is_short_of_memory() -> bool:
    """Tell whether memory is nearly used up: the machine's, or what this process may have.

    A library that is refused memory may say anything; on Linux the most this process ever had tells
    whether it was refused some, though it has given it back by now.
    """
    now = psutil.virtual_memory()
    if now.available < 0.03 * now.total:
        return True
    with suppress(ImportError, OSError, ValueError):
        import resource

        allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
        peak = re.search(r"VmPeak:\s+(\d+) kB", Path("/proc/self/status").read_text())
        if peak and allowed != resource.RLIM_INFINITY:
            return int(peak[1]) * 1024 > 0.9 * allowed
    return False
