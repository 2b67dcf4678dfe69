"""A worker's life around its training: its state file, its place in the queue, its end.

Imports no TensorFlow: a queued worker waits here without having loaded it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, cast

from filelock import FileLock, Timeout

from ..base import files, interruption, locks, processes
from ..base.errors import CatDogError, RunError
from . import failure_messages, run_folder, status
from .run_folder import Run, RunRecord
from .status import RunState

HEARTBEAT_SECONDS = 2.0
"""Seconds between two beats of a living worker."""
_POLL_SECONDS = 0.3  # seconds between two looks for the training lock
_RESERVE_FILE = "reserve"
_RESERVE_BYTES = 32_768  # bytes kept free for the last word, which must be said on a full disk too


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The training was asked to stop."""


class ProgressReporter(Protocol):
    """Who is told what a training does, and asked whether to stop."""

    @property
    def stop_wanted(self) -> bool:
        """Whether a stop is wanted."""

    def update(self, **values: Any) -> None:
        """Change what is told."""


class RunHandle(Protocol):
    """What a state is told of: a folder, and what its state.json held before."""

    @property
    def folder(self) -> Path:
        """Where the state lies."""

    @property
    def state(self) -> Mapping[str, object]:
        """What was told last."""


class WorkerState:
    """The worker's state.json: what it is doing, rewritten every two seconds while it lives."""

    required_file = "settings.json"
    """The file without which there is nothing any more to tell of."""

    def __init__(
        self, run: RunHandle, on_progress: Callable[[RunState], None] | None = None
    ) -> None:
        self.folder = run.folder
        self.values: dict[str, Any] = {
            "format": run_folder.FORMAT,
            "status": "queued",
            "queued": time.time(),
            "pid": os.getpid(),
            "started": processes.process_identity(os.getpid()),
            "beat": int(files.float_or_default(run.state.get("beat"))),
        }
        self.driver_monitor: DriverMonitor | None = None
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @property
    def stop_wanted(self) -> bool:
        """Whether a page, the shell or a signal asked this worker to stop, or the run is gone."""
        if self.driver_monitor is not None and self.driver_monitor.is_gone():
            self._stop_requested.set()
        return self._stop_requested.is_set() or (self.folder / "stop").exists() or self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether the run was deleted under this worker: then nothing is to be written any more."""
        return not (self.folder / self.required_file).exists()

    def request_stop(self, *_signal: object) -> None:
        """Remember that a stop is wanted; fit to be a signal handler."""
        self._stop_requested.set()

    def update(self, **values: Any) -> None:
        """Change what is told; the next beat writes it."""
        with self._lock:
            self.values.update(values)
        if self._on_progress:
            self._on_progress(cast(RunState, dict(self.values)))

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
    def heartbeat(self) -> Iterator[None]:
        """Write the state every `HEARTBEAT_SECONDS` seconds while the block runs."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # A full disk, or memory, ends the training where it makes results, not the beat.
            with suppress(CatDogError, MemoryError):
                self.write()


def queue_and_train(
    run: Run,
    train: Callable[[WorkerState], None],
    on_progress: Callable[[RunState], None] | None = None,
) -> None:
    """Train a run once it is the first of those that wait.

    The caller holds the run's lock.

    Args:
        run: the run.
        train: does the training; it writes to the state, and asks it whether to stop.
        on_progress: called with what the state holds whenever it changes.

    Raises:
        RunError: it cannot be started, or failed.
    """
    if run.stop_is_stale:
        files.remove_if_exists(run.folder / "stop")
    state = WorkerState(run, on_progress)
    state.driver_monitor = DriverMonitor(run.group.get("id", ""))
    state.values["queued"] = max(state.values["queued"], _latest_queue_time(run) + 0.001)
    files.write_bytes(run.folder / _RESERVE_FILE, bytes(_RESERVE_BYTES))
    execute_when_ready(state, lambda: train(state), lambda: _count_ahead(run, state))


def execute_when_ready(
    state: WorkerState, train: Callable[[], None], count_ahead: Callable[[], int] | None = None
) -> None:
    """Train while holding the workspace's training lock, and write to the state how it ended.

    Args:
        state: of the run or sweep; the caller holds its lock.
        train: does the training.
        count_ahead: says how many have asked for the lock before; by default nobody's turn comes
            first.

    Raises:
        RunError: the training failed; its reason is in the state, too.
        CatDogError: as raised by `train`.
    """
    state.write()
    with stop_on_signals(state), crash_report(state.folder), state.heartbeat():
        try:
            with training_lock(state, count_ahead):
                state.write(status="running", phase="starting", ahead=0)
                train()
        except Stopped:
            ending: dict[str, Any] = {"status": "stopped"}
        except Exception as error:
            message, params = failure_messages.explain_failure(error)
            write_final_state(
                state, {"status": "failed", "error": {"message": message, "params": params}}
            )
            if isinstance(error, CatDogError):
                raise
            raise RunError(message, **params) from error
        else:
            ending = {"status": "done"}
        write_final_state(state, ending)


def write_final_state(state: WorkerState, ending: dict[str, Any]) -> None:
    """Leave the last word on how it ended."""
    files.remove_if_exists(state.folder / _RESERVE_FILE)
    with suppress(CatDogError):
        state.write(**ending, phase="ended", eta_seconds=None)
    if not state.is_gone:
        files.remove_if_exists(state.folder / "stop")


@contextmanager
def crash_report(folder: Path) -> Iterator[None]:
    """Have the interpreter leave a word where a library ends the process, as one without memory."""
    if faulthandler.is_enabled():  # somebody else in this process wants to hear of it
        yield
        return
    path = folder / status.CRASH_FILE
    with files.wrap_os_errors(path):
        file = open(path, "wb")  # noqa: SIM115 - what training raises is no fault of this file
    faulthandler.enable(file)
    try:
        yield
    finally:
        faulthandler.disable()
        file.close()
        files.remove_if_exists(path)


@contextmanager
def training_lock(
    state: WorkerState, count_ahead: Callable[[], int] | None = None
) -> Iterator[None]:
    """Hold the workspace's one lock for training, waiting until it is free and nobody is ahead.

    The driver of a sweep holds it for all its runs.

    Raises:
        Stopped: a stop is wanted before.
    """
    path = run_folder.runs_folder() / "active.lock"
    lock = FileLock(path)
    with files.wrap_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        if state.stop_wanted:
            raise Stopped
        if state.driver_monitor is not None and state.driver_monitor.is_there():
            yield
            return
        ahead = count_ahead() if count_ahead else 0
        if not ahead:
            with files.wrap_os_errors(path), suppress(Timeout):  # it is an OSError, too
                lock.acquire(timeout=0)
                break
        state.update(ahead=max(ahead, 1))
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _count_ahead(run: Run, state: WorkerState) -> int:
    """How many living runs of the workspace asked before this one.

    One that hangs is none: if it trains, it holds the place, and if it waits, nobody is to wait
    for it.
    """
    queue_key = (state.values["queued"], run.id)
    return sum(
        (_queue_time(o), o.id) < queue_key for o in _other_active_runs(run) if o.status != "stalled"
    )


def _latest_queue_time(run: Run) -> float:
    """When the last of those that train or wait came; the clock may have been set back since."""
    return max(
        (_queue_time(o) for o in _other_active_runs(run) if "queued" in o.state), default=0.0
    )


def _other_active_runs(run: Run) -> list[RunRecord]:
    return [other for other in run_folder.list_runs() if other.id != run.id and other.is_active]


def _queue_time(run: RunRecord) -> float:
    return files.float_or_default(run.state.get("queued"), run.created)


@contextmanager
def stop_on_signals(state: WorkerState) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for a stop; a second Ctrl-C interrupts as usual."""
    before: dict[int, Any] = {}

    def handler(number: int, _frame: object) -> None:
        usual = before.get(number)
        signal.signal(number, usual if callable(usual) else signal.default_int_handler)
        state.request_stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    for number in interruption.termination_signals():
        # What is ignored, as the end of the terminal under `nohup`, stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


class DriverMonitor:
    """The driver of a run's group, as seen from the run's worker on this machine or another.

    It holds the workspace's one place for training. A run that has lost it stops, resumably: nobody
    would know of it. It lives while it holds its lock; where locks of other machines are not to be
    seen, while its beat grows.
    """

    def __init__(self, group: str) -> None:
        """Take the id of the run's group, empty where there is none."""
        known = bool(group) and Path(group).name == group
        self.folder = files.workspace_folder() / "sweeps" / group if known else None
        self._looked, self._is_there = -1.0, False
        self._beat: float | None = None
        self._changed: float | None = None

    def is_there(self) -> bool:
        """Whether it lives; looks at most once a second."""
        if self.folder is None:
            return False
        now = time.monotonic()
        if now - self._looked >= 1.0:
            self._looked, self._is_there = now, self._look(self.folder, now)
        return self._is_there

    def is_gone(self) -> bool:
        """Whether it lived and does no longer, which is told on stderr, a run's log."""
        gone = self._is_there and not self.is_there()
        if gone:
            print("The driver of this run's sweep has ended, so it stops.", file=sys.stderr)
        return gone

    def _look(self, folder: Path, now: float) -> bool:
        beat = files.float_or_default(files.read_json_object(folder / "state.json").get("beat"))
        if self._beat is not None and beat != self._beat:
            self._changed = now
        self._beat = beat
        if locks.is_locked(folder / "lock"):
            self._changed = now  # one who is seen to hold it is missed only after a while, too
            return True
        return self._changed is not None and now - self._changed < status.STALL_TIMEOUT
