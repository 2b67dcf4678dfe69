"""How often someone may ask: token buckets, one for each name."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from math import inf

MAX_NAMES = 1000
"""Names that are remembered; the one that asked longest ago is forgotten first."""


class RateLimit:
    """Counts what is asked for under each name, and tells who has to wait."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what, and since when
        self._lock = threading.Lock()

    def spend(self, name: str, amount: float, per_second: float, burst: float) -> float:
        """Count what is asked for, where there is enough left.

        Args:
            name: who asks, or what for.
            amount: how much; of more than `burst`, `burst` is counted.
            per_second: what comes back.
            burst: what may be asked for at once.

        Returns:
            Seconds to wait before asking again; 0 where it was counted.
        """
        now, amount = time.monotonic(), min(amount, burst)
        with self._lock:
            left, since = self._left.get(name, (burst, now))
            left = min(burst, left + (now - since) * per_second)
            is_enough = left >= amount
            self._left[name] = (left - amount if is_enough else left, now)
            self._left.move_to_end(name)
            while len(self._left) > MAX_NAMES:
                self._left.popitem(last=False)
        if is_enough:
            return 0.0
        return (amount - left) / per_second if per_second else inf
