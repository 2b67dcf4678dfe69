"""A worker's life around its training: its state file, its place in the queue, its end.

Light: a queued worker waits here without having loaded TensorFlow.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from filelock import FileLock, Timeout

from .. import files, machine, quiet, runs
from ..errors import N_, CatDogError, RunError
from . import launch, status

BEAT = 2.0
"""Seconds between two beats of a living worker."""
_RESERVE = "reserve"
_RESERVED = 32_768  # bytes kept free for the last word, which must be said on a full disk too


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The training was asked to stop."""


class State:
    """The worker's state.json: what it is doing, rewritten every two seconds while it lives."""

    def __init__(
        self, run: runs.Run, on_progress: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.folder = run.folder
        self.values: dict[str, Any] = {
            "format": runs.FORMAT,
            "status": "queued",
            "queued": time.time(),
            "pid": os.getpid(),
            "started": launch.identity(os.getpid()),
            "beat": int(run.state.get("beat", 0)),
        }
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @property
    def stop_wanted(self) -> bool:
        """Whether a page, the shell or a signal asked this worker to stop, or the run is gone."""
        return self._asked.is_set() or (self.folder / "stop").exists() or self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether the run was deleted under this worker: then nothing is to be written any more."""
        return not (self.folder / "settings.json").exists()

    def want_stop(self, *_signal: object) -> None:
        """Remember that a stop is wanted; fit to be a signal handler."""
        self._asked.set()

    def update(self, **values: Any) -> None:
        """Change what is told; the next beat writes it."""
        with self._lock:
            self.values.update(values)
        if self._on_progress:
            self._on_progress(dict(self.values))

    def write(self, **values: Any) -> None:
        """Change what is told and write it now, unless the run is gone."""
        self.update(**values)
        if self.is_gone:
            return
        with self._lock:
            self.values["beat"] += 1
            self.values["time"] = time.time()
            files.write_json(self.folder / "state.json", self.values)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write the state every `BEAT` seconds while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            # A full disk, or memory, ends the training where it makes results, not the beat.
            with suppress(CatDogError, MemoryError):
                self.write()


def take(run: runs.Run, on_progress: Callable[[dict[str, Any]], None] | None) -> None:
    """Wait for the run's turn, train it, and leave its state telling how it ended.

    The caller holds the run's lock.

    Raises:
        RunError: it cannot be started, or failed.
    """
    if run.stop_is_stale:
        files.discard(run.folder / "stop")
    state = State(run, on_progress)
    state.values["queued"] = max(state.values["queued"], _last_queued(run) + 0.001)
    files.write_bytes(run.folder / _RESERVE, bytes(_RESERVED))
    state.write()
    with _signals(state), _crash_report(run), state.beating():
        try:
            with _place(run, state):
                state.write(status="running", phase="starting", ahead=0)
                quiet.import_tensorflow()
                from .. import worker

                worker.train(run, state)
        except Stopped:
            ending: dict[str, Any] = {"status": "stopped"}
        except Exception as error:
            message, params = _explain(error)
            _finish(state, {"status": "failed", "error": {"message": message, "params": params}})
            if isinstance(error, CatDogError):
                raise
            raise RunError(message, **params) from error
        else:
            ending = {"status": "done"}
        _finish(state, ending)


def _finish(state: State, ending: dict[str, Any]) -> None:
    files.discard(state.folder / _RESERVE)
    with suppress(CatDogError):
        state.write(**ending, phase="ended", eta_seconds=None)
    if not state.is_gone:
        files.discard(state.folder / "stop")


@contextmanager
def _crash_report(run: runs.Run) -> Iterator[None]:
    """Have the interpreter leave a word where a library ends the process, as one without memory."""
    if faulthandler.is_enabled():  # somebody else in this process wants to hear of it
        yield
        return
    path = run.folder / status.CRASH
    with files.telling(path):
        file = open(path, "wb")  # noqa: SIM115 - what training raises is no fault of this file
    faulthandler.enable(file)
    try:
        yield
    finally:
        faulthandler.disable()
        file.close()
        files.discard(path)


@contextmanager
def _place(run: runs.Run, state: State) -> Iterator[None]:
    """Hold the workspace's one place for training, waiting in the order of asking."""
    path = runs.root() / "active.lock"
    place = FileLock(path)
    with files.telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        if state.stop_wanted:
            raise Stopped
        ahead = _ahead(run, state)
        if not ahead:
            with suppress(Timeout), files.telling(path):
                place.acquire(timeout=0)
                break
        state.update(ahead=max(ahead, 1))
        time.sleep(0.3)
    try:
        yield
    finally:
        place.release()


def _ahead(run: runs.Run, state: State) -> int:
    """How many living runs of the workspace asked before this one.

    One that hangs is none: if it trains, it holds the place, and if it waits, nobody is to wait
    for it.
    """
    mine = (state.values["queued"], run.id)
    return sum((_queued(o), o.id) < mine for o in _others(run) if o.status != "stalled")


def _last_queued(run: runs.Run) -> float:
    """When the last of those that train or wait came; the clock may have been set back since."""
    return max((_queued(o) for o in _others(run) if "queued" in o.state), default=0.0)


def _others(run: runs.Run) -> list[runs.Run]:
    return [other for other in runs.listing() if other.id != run.id and other.is_active]


def _queued(run: runs.Run) -> float:
    return files.number(run.state.get("queued"), run.created)


@contextmanager
def _signals(state: State) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for a stop; a second Ctrl-C interrupts as usual."""

    def handler(number: int, _frame: object) -> None:
        signal.signal(number, signal.default_int_handler)
        state.want_stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, handler) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _explain(error: Exception) -> tuple[str, dict[str, Any]]:
    """The message and its values that tell a user why a run failed and what to do."""
    if isinstance(error, CatDogError):
        values = error.params.items()
        return error.message, {
            key: value if isinstance(value, (int, float)) else str(value) for key, value in values
        }
    if _is_of_memory(error):
        return _NO_MEMORY, {}
    if isinstance(error, OSError) and error.filename:
        told = files.unwritten(error.filename, error)
        return told.message, {key: str(value) for key, value in told.params.items()}
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
    message = _SHORT_OF_MEMORY if machine.is_short_of_memory() else _UNFORESEEN
    return message, {"reason": reason[:300]}


def _is_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, in the words of Python, of TensorFlow or of the system, or behind
    another error: a library that cannot be loaded is found missing, a thread not to be started."""
    while error is not None:
        said = str(error).lower()
        if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
            return True
        if getattr(error, "errno", None) == errno.ENOMEM or any(w in said for w in _SHORT):
            return True
        error = error.__cause__ or error.__context__
    return False


_SHORT = (
    *("cannot allocate memory", "failed to map segment", "bad_alloc", "out of memory"),
    *("can't start new thread", "unable to allocate", "resource temporarily unavailable"),
)


_NO_MEMORY = N_(
    "The training ran out of memory. Choose a smaller batch size or image size, or close other"
    " programs, then resume."
)
_SHORT_OF_MEMORY = N_(
    "The training ended by an error: {reason}. Memory was nearly used up, which is the likeliest"
    " cause. Choose a smaller batch size or image size, or close other programs, then resume."
)
_UNFORESEEN = N_(
    "The training ended by an error: {reason}. The end of log.txt tells more; resume goes on from"
    " the last whole epoch."
)
