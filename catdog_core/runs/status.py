"""Derive what a run is doing from its state, its lock and the passing of time.

A process number is no sign of life: the system reuses it, and another machine cannot look it up. A
lock file is released by the system when its holder dies, whatever the reason; and a worker that
holds its lock but hangs is known by a beat that no longer grows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from ..base import files, locks

Status = Literal["queued", "running", "stopped", "done", "failed", "lost", "stalled", "damaged"]


class Failure(TypedDict):
    """Why a training failed: an English sentence and the values to put into it."""

    message: str
    params: dict[str, Any]


class RunState(TypedDict, total=False):
    """The state.json of a run, as its worker writes it; empty before the first start.

    Attributes:
        format: of the file.
        status: what the worker does, or how it ended: "queued", "running", "stopped", "done" or
            "failed".
        queued: the unix time at which it joined the queue.
        pid: the worker's process number.
        started: what tells that process from a later one with the same number.
        beat: grows with every writing of the file.
        time: the unix time of the last writing.
        ahead: how many runs train before it.
        phase: "starting", "packing", "features", "train", "validation", "evaluation" or "ended".
        ending: how the training ended, "done" or "stopped", once it has; its worker may still
            evaluate the models.
        epoch: the current one, counted from 0.
        batch: how many batches of the epoch are done, of `steps`.
        loss: the mean of the epoch so far.
        accuracy: the mean of the epoch so far, 0..1.
        images_per_second: None until two batches were timed.
        eta_seconds: about how long the training still takes.
        packed: photos that are prepared or evaluated, of `photos`.
        error: why it failed.
    """

    format: int
    status: str
    queued: float
    pid: int
    started: str | None
    beat: int
    time: float
    ahead: int
    phase: str
    ending: str
    epoch: int
    batch: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float | None
    eta_seconds: float | None
    packed: int
    photos: int
    error: Failure


START_TIMEOUT = 15.0
"""Seconds a worker may take from being asked for to holding its lock."""
STALL_TIMEOUT = 15.0
"""Seconds without a beat after which a living worker counts as stalled; it beats every 2 s."""
CRASH_FILE = "crash.txt"
"""What the interpreter says when a library ends the worker, which then says nothing itself."""

_last_beats: dict[Path, tuple[int, float]] = {}
_last_start_requests: dict[Path, tuple[float, float]] = {}


def derive_status(
    stored: str | None,
    *,
    locked: bool,
    since_request: float | None,
    since_beat: float,
    stop_wished: bool = False,
    crashed: bool = False,
    ending: Literal["done", "stopped"] | None = None,
) -> Status:
    """Derive the status of a run from its signs of life; nothing else decides it.

    Args:
        stored: the status in state.json, None before the worker has written one.
        locked: whether a living worker holds the run's lock.
        since_request: seconds since a start was asked for, None when none was after the worker's
            last word. A negative number counts as long ago.
        since_beat: seconds, by this reader's own monotonic clock, since the beat last changed.
        stop_wished: whether the wish to stop still lies there: the worker takes it away when it
            has stopped, so one without its worker was ended instead, as was wished.
        crashed: whether a library has ended the latest worker, by its own account.
        ending: how the training ended, where it ended before its worker.
    """
    if locked:
        if since_beat > STALL_TIMEOUT:
            return "stalled"
        return "running" if stored == "running" else "queued"
    if since_request is not None and 0 <= since_request < START_TIMEOUT:
        return "queued"
    match stored:
        case "stopped" | "done" | "failed":
            return stored
        case None if since_request is None:
            return "stopped"  # created, never started
    if ending:  # its worker died while it evaluated the models, which are all there
        return ending
    if crashed:
        return "failed"
    return "stopped" if stop_wished else "lost"


def current_status(
    folder: Path,
    state: Mapping[str, object],
    requested_at: float,
    beat_before_start: int | None = None,
) -> Status:
    """Return the status of the run in `folder` now.

    Args:
        folder: the run folder.
        state: the content of its state.json, empty when there is none.
        requested_at: unix time a start was last asked for, 0 for never.
        beat_before_start: the beat of the state at that time; by default the two times are
            compared, as in runs of earlier versions.
    """
    beat = int(files.float_or_default(state.get("beat")))
    if beat_before_start is None:
        unanswered = requested_at > files.float_or_default(state.get("time"))
    else:  # no clock, which may be set back, has a say in this
        unanswered = requested_at > 0 and beat <= beat_before_start
    stored = state.get("status")
    return derive_status(
        stored if isinstance(stored, str) else None,
        locked=locks.is_locked(folder / "lock"),
        since_request=_seconds_since_request(folder, requested_at) if unanswered else None,
        since_beat=_seconds_since_beat(folder, beat),
        stop_wished=(folder / "stop").exists(),
        crashed=has_crashed(folder),
        ending=ending_of(state),
    )


def ending_of(state: Mapping[str, object]) -> Literal["done", "stopped"] | None:
    """Return how a training ended by its state.json, None where it has not."""
    ending = state.get("ending")
    return ending if ending in ("done", "stopped") else None


def has_crashed(folder: Path) -> bool:
    """Return whether crash.txt says that a library ended the latest worker."""
    try:
        return (folder / CRASH_FILE).stat().st_size > 0
    except OSError:
        return False


def _seconds_since_request(folder: Path, requested_at: float) -> float:
    now = time.monotonic()
    known = _last_start_requests.get(folder)
    if known is None or known[0] != requested_at:
        # From here on by a clock nobody sets. One set back since has the start lie ahead: it
        # counts from now.
        known = _last_start_requests[folder] = (
            requested_at,
            now - max(time.time() - requested_at, 0.0),
        )
    return now - known[1]


def _seconds_since_beat(folder: Path, beat: int) -> float:
    # Counted from when this process first saw the beat, by its monotonic clock: the time written
    # in the file comes from a clock that may be wrong, or be another machine's.
    now = time.monotonic()
    known = _last_beats.get(folder)
    if known is None or known[0] != beat:
        _last_beats[folder] = (beat, now)
        return 0.0
    return now - known[1]
