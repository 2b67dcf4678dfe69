"""Where the workers of a training and the process that started them leave word for each other.

It lives as an actor of Ray, so that it outlives any worker: what it holds, a restarted one finds.
"""

from __future__ import annotations

from typing import Any


class Desk:
    """What the workers tell, what they are asked, and how often they were started."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.team: dict[int, dict[str, Any]] = {}
        self.starts = 0
        self.stop = self.done = False
        self.error: tuple[str, dict[str, Any]] | None = None

    def begin(self, rank: int, process: dict[str, Any]) -> bool:
        """A worker is there, in the process it tells of; whether there is anything to do."""
        self.starts += rank == 0
        self.team[rank] = {"rank": rank, **process}
        return not self.stop and not self.done and self.error is None

    def tell(self, values: dict[str, Any]) -> bool:
        """Change what is told of the training; whether a stop is wanted."""
        self.values |= values
        return self.stop

    def finish(self) -> None:
        """All epochs are trained."""
        self.done = True

    def fail(self, message: str, params: dict[str, Any]) -> None:
        """Say why the training cannot go on; the first word counts."""
        self.error = self.error or (message, params)

    def look(self, stop: bool) -> dict[str, Any]:
        """What was told so far, for the process that started the workers; it may wish a stop."""
        self.stop = self.stop or stop
        told = {**self.values, "restarted": max(self.starts - 1, 0)}
        told["team"] = [self.team[rank] for rank in sorted(self.team)]
        return {"told": told, "error": self.error, "done": self.done}
