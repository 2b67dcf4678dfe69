"""How a worker tells of a training it shares with others, and how they agree on a stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PAUSE = 0.2  # seconds between two words at least


class Wire:
    """What `callbacks.Progress` tells goes to the desk; a stop comes back, some steps later.

    While workers share a step, none of them may leave it alone: `stop_wanted` then says what all
    have agreed on, and `wished` what this one has heard.
    """

    def __init__(self, ray: Any, desk: Any) -> None:
        """Tell to the actor `desk`."""
        self._ray, self._desk = ray, desk
        self.wished = False
        self.agreed = False
        self._together = False
        self._values: dict[str, Any] = {}
        self._answer: Any = None
        self._last = 0.0

    @property
    def stop_wanted(self) -> bool:
        """Whether to stop now."""
        return self.agreed if self._together else self.wished

    def update(self, **values: Any) -> None:
        """Change what is told. Nobody waits for the answer, nor for every word to be heard."""
        self._values |= values
        now = time.monotonic()
        if now - self._last < _PAUSE:
            return
        if self._answer is not None:
            ready, _ = self._ray.wait([self._answer], timeout=0)
            if not ready:
                return
            self.wished = self.wished or bool(self._ray.get(self._answer))
        self._answer = self._desk.tell.remote(self._values)
        self._values, self._last = {}, now

    def flush(self) -> None:
        """Wait until all is told."""
        self._ray.get(self._desk.tell.remote(self._values))
        self._values = {}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Stop only when all agree, while the block runs."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
