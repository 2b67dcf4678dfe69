"""A stop that is obeyed: a worker that hangs is ended, once it is surely the one that is meant."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import psutil

from .. import files
from . import launch, status

GRACE = 6.0
"""Seconds without a beat after which a worker that was asked to stop is ended; it beats every 2 s,
also while it computes."""
_LOOK = 0.25  # seconds between two looks
_HALTED = 3.0  # seconds between two looks that show that this process did not run meanwhile
_watching: list[threading.Thread] = []


def watch(folder: Path) -> threading.Thread:
    """See to it that a run that was asked to stop does, though its worker may hang.

    Args:
        folder: a run folder in which the wish to stop lies.

    Returns:
        The thread that waits for the worker's end; it ends with it, or when the wish is gone.
    """
    thread = threading.Thread(target=_watch, args=(folder,), name="stopping", daemon=True)
    _watching[:] = [each for each in _watching if each.is_alive()] + [thread]
    thread.start()
    return thread


def wait(seconds: float = GRACE + 4) -> None:
    """Let the watches of this process do their work; for a command, which would end before."""
    end = time.monotonic() + seconds
    for thread in list(_watching):
        thread.join(max(end - time.monotonic(), 0))


def _watch(folder: Path) -> None:
    beat, since = -1.0, time.monotonic()
    looked = since
    while status.is_locked(folder / "lock") and (folder / "stop").exists():
        state = files.read_object(folder / "state.json")
        now = time.monotonic()
        # Where this process was halted itself, as by SIGSTOP, the worker may have been halted, too.
        was_halted, looked = now - looked > _HALTED, now
        if files.number(state.get("beat")) != beat or was_halted:
            beat, since = files.number(state.get("beat")), now
        elif now - since > GRACE:
            kill(state)
            return
        time.sleep(_LOOK)


def kill(state: dict[str, Any]) -> bool:
    """End the worker that wrote a state, unless its number belongs to another process by now.

    Returns:
        Whether it was there and was ended. A state that does not tell when its worker started, as
        those of earlier versions, names nobody.
    """
    pid, started = int(files.number(state.get("pid"))), state.get("started")
    if pid <= 0 or not isinstance(started, str) or not started:
        return False
    try:
        process = psutil.Process(pid)
        if launch.identity(pid) != started:
            return False
        process.kill()
    except psutil.Error:
        return False
    return True
