"""Whether the driver of a run's sweep lives, which holds the workspace's place for it. Light.

A run that belongs to a sweep with a living driver needs no place of its own, and one that has lost
its driver stops, resumably: nobody would know of it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .. import files
from ..training import status
from . import trial_marks

_LOOK = 1.0  # seconds between two looks


class Patron:
    """The driver of one sweep, as seen from a run's worker on this machine or another.

    It lives while it holds its lock; where locks of other machines are not to be seen, while its
    beat grows.
    """

    def __init__(self, group: str) -> None:
        """Take the id of the run's experiment, empty where there is none."""
        known = bool(group) and Path(group).name == group
        self.folder = trial_marks.root() / group if known else None
        self._looked, self._is_there = -_LOOK, False
        self._beat: float | None = None
        self._changed: float | None = None

    def is_there(self) -> bool:
        """Whether it lives; looks at most once a second."""
        if self.folder is None:
            return False
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked, self._is_there = now, self._look(self.folder, now)
        return self._is_there

    def is_gone(self) -> bool:
        """Whether it lived and does no longer, which is told on stderr, a run's log."""
        gone = self._is_there and not self.is_there()
        if gone:
            print("The driver of this run's sweep has ended, so it stops.", file=sys.stderr)
        return gone

    def _look(self, folder: Path, now: float) -> bool:
        beat = files.number(files.read_object(folder / "state.json").get("beat"))
        if self._beat is not None and beat != self._beat:
            self._changed = now
        self._beat = beat
        if status.is_locked(folder / "lock"):
            self._changed = now  # one who is seen to hold it is missed only after a while, too
            return True
        return self._changed is not None and now - self._changed < status.SILENCE
