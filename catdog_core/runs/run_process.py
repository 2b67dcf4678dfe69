"""Start the process of a run, which outlives the server, and see to it that it obeys a stop.

A worker that hangs is killed, once it is surely the one that is meant.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ..base import files, locks, processes, subprocess_jobs
from ..base.errors import RunError

STOP_TIMEOUT = 6.0
"""Seconds without a beat after which a worker that was asked to stop is ended; it beats every 2 s,
also while it computes."""
_POLL_SECONDS = 0.25  # seconds between two looks
_MAX_POLL_GAP = 3.0  # seconds between two looks that show that this process did not run meanwhile
_watch_threads: list[threading.Thread] = []


def start_worker(folder: Path, *options: str) -> None:
    """Start ``resume FOLDER`` in a process of its own, which writes to the run's log.

    Args:
        folder: a run folder, absolute.
        options: more for the command line.

    Raises:
        RunError: the system starts no process, or the log cannot be written.
    """
    arguments = ["-m", "catdog_core", "resume", str(folder), *options]
    try:
        pid = subprocess_jobs.start_detached(arguments, folder / "log.txt")
    except OSError as error:
        raise RunError(
            "The training process couldn't start: {reason}. Close other programs or free some "
            "disk space, then try again.",
            reason=error.strerror or str(error),
        ) from error
    with suppress(psutil.Error):  # pages stay quick while a training takes all cores
        psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5)


def watch_stop(folder: Path) -> threading.Thread:
    """Watch a run that was asked to stop, and kill its worker if that hangs.

    Args:
        folder: a run folder in which the wish to stop lies.

    Returns:
        The thread that waits for the worker's end; it ends with it, or when the wish is gone.
    """
    thread = threading.Thread(target=_kill_if_hung, args=(folder,), name="stopping", daemon=True)
    _watch_threads[:] = [each for each in _watch_threads if each.is_alive()] + [thread]
    thread.start()
    return thread


def wait_for_stops(seconds: float = STOP_TIMEOUT + 4) -> None:
    """Wait for the threads of `watch_stop`; for a command, which would end before them."""
    end = time.monotonic() + seconds
    for thread in list(_watch_threads):
        thread.join(max(end - time.monotonic(), 0))


def _kill_if_hung(folder: Path) -> None:
    beat, since = -1.0, time.monotonic()
    looked = since
    while locks.is_locked(folder / "lock"):
        state = files.read_json_object(folder / "state.json")
        # The request is gone once it was obeyed; the worker then still evaluates the models.
        if not (folder / "stop").exists() and state.get("phase") != "evaluation":
            return
        now = time.monotonic()
        # Where this process was halted itself, as by SIGSTOP, the worker may have been halted, too.
        was_halted, looked = now - looked > _MAX_POLL_GAP, now
        if files.float_or_default(state.get("beat")) != beat or was_halted:
            beat, since = files.float_or_default(state.get("beat")), now
        elif now - since > STOP_TIMEOUT:
            kill_worker(state)
            return
        time.sleep(_POLL_SECONDS)


def kill_worker(state: dict[str, Any]) -> bool:
    """Kill the worker that wrote a state, unless its process number was reused since.

    Returns:
        Whether it was there and was ended. A state that does not tell when its worker started, as
        those of earlier versions, names nobody.
    """
    pid, started = int(files.float_or_default(state.get("pid"))), state.get("started")
    if pid <= 0 or not isinstance(started, str) or not started:
        return False
    try:
        process = psutil.Process(pid)
        if processes.process_identity(pid) != started:
            return False
        process.kill()
    except psutil.Error:
        return False
    return True
