"""How long to wait on a machine that has other work: promises in seconds are for a quiet one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any


def load_factor() -> float:
    """How many times as long as alone something takes here now, about: waiting work a core."""
    if not hasattr(os, "getloadavg"):
        return 2.0  # Windows does not tell
    return max(1.0, max(os.getloadavg()[:2]) / (os.cpu_count() or 1))


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Look again and again until something holds; fail after so many seconds of a quiet machine."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + seconds * load_factor(), "waited in vain"
        time.sleep(0.02)
