"""What a run is doing, derived from its state, its lock and the passing of time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

Status = Literal["queued", "running", "stopped", "done", "failed", "lost", "stalled", "damaged"]

GRACE = 15.0
"""Seconds a worker may take from being asked for to holding its lock."""
SILENCE = 15.0
"""Seconds without a beat after which a living worker counts as stalled; it beats every 2 s."""

_beats: dict[Path, tuple[int, float]] = {}


def derive(
    stored: str | None, *, locked: bool, since_asked: float | None, since_beat: float
) -> Status:
    """The status of a run; the one place that decides it.

    Args:
        stored: the status in state.json, None before the worker has written one.
        locked: whether a living worker holds the run's lock.
        since_asked: seconds since a start was asked for, None when none was after the worker's
            last word. The clock may have been set back; a negative number counts as long ago.
        since_beat: seconds, by this reader's own monotonic clock, since the beat last changed.
    """
    if locked:
        if since_beat > SILENCE:
            return "stalled"
        return "running" if stored == "running" else "queued"
    if since_asked is not None and 0 <= since_asked < GRACE:
        return "queued"
    match stored:
        case "stopped" | "done" | "failed":
            return stored
        case None if since_asked is None:
            return "stopped"  # created, never started
        case _:
            return "lost"


def of(folder: Path, state: dict[str, Any], asked: float) -> Status:
    """The status of the run in `folder` now.

    Args:
        folder: the run folder.
        state: the content of its state.json, empty when there is none.
        asked: unix time a start was last asked for, 0 for never.
    """
    told = float(state.get("time", 0.0))
    return derive(
        state.get("status"),
        locked=is_locked(folder / "lock"),
        since_asked=time.time() - asked if asked > told else None,
        since_beat=_since_beat(folder, int(state.get("beat", 0))),
    )


def is_locked(path: Path) -> bool:
    """Whether another process, or another holder in this one, has the lock file locked."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only workspace: nobody can be working in it
        return False


def _since_beat(folder: Path, beat: int) -> float:
    now = time.monotonic()
    known = _beats.get(folder)
    if known is None or known[0] != beat:
        _beats[folder] = (beat, now)
        return 0.0
    return now - known[1]
