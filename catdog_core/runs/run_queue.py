"""Wait in the queue, train, and report: the state file of a worker, its heartbeat and its end.

There is no queue file and no server that hands out turns: the queue is the workers themselves.
Each writes the time at which it joined to its state.json, and takes the workspace's one lock file
only while no living run has an earlier time. A dead worker holds no lock, so it leaves the queue by
dying. Imports no TensorFlow: a queued worker waits without having loaded it.
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
from typing import Any, Literal, NotRequired, Protocol, TypedDict, cast

from filelock import FileLock, Timeout

from ..base import files, interruption, locks, processes
from ..base.errors import CatDogError, RunError
from . import failure_messages, run_folder, status
from .run_folder import Run, RunRecord
from .status import Failure, RunState

HEARTBEAT_SECONDS = 2.0
"""Seconds between two beats of a living worker."""
_POLL_SECONDS = 0.3  # seconds between two looks for the training lock
_RESERVE_FILE = "reserve"
_RESERVE_BYTES = 32_768  # bytes kept free for the last word, which must be said on a full disk too


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The training was asked to stop."""


class FinalState(TypedDict):
    """How a training ended, as its worker stores it: the status, and the error of a failed one."""

    status: str
    error: NotRequired[Failure]


class ProgressReporter(Protocol):
    """Receives the progress of a training, and says whether it is to stop."""

    @property
    def stop_wanted(self) -> bool:
        """Whether a stop is wanted."""

    def update(self, **values: Any) -> None:
        """Change fields of the reported progress."""


class RunHandle(Protocol):
    """What has a state.json: its folder, and what the file held before."""

    @property
    def folder(self) -> Path:
        """The folder that holds state.json."""

    @property
    def state(self) -> Mapping[str, object]:
        """The content of state.json before this worker."""


class WorkerState:
    """The worker's state.json: what it is doing, rewritten every two seconds while it lives."""

    required_file = "settings.json"
    """The file without which the folder counts as deleted, so that nothing is written to it."""

    def __init__(
        self, run: RunHandle, on_progress: Callable[[RunState], None] | None = None
    ) -> None:
        self.folder = run.folder
        self.values: RunState = {
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
        """Remember that a stop is wanted; usable as a signal handler."""
        self._stop_requested.set()

    def update(self, **values: Any) -> None:
        """Change fields of the state; the next heartbeat writes them."""
        with self._lock:
            self.values.update(cast(RunState, values))
        if self._on_progress:
            self._on_progress(self.values.copy())

    def begin_evaluation(self, ending: Literal["done", "stopped"]) -> None:
        """Record how the training ended; a stop or kill from now on ends only the evaluation.

        Raises:
            CatDogError: it cannot be written.
        """
        self.write(ending=ending, phase="evaluation", packed=0, photos=0, eta_seconds=None)
        if ending == "stopped":  # that request has just been obeyed
            self._stop_requested.clear()
            if not self.is_gone:
                files.remove_if_exists(self.folder / "stop")

    def write(self, **values: Any) -> None:
        """Change fields of the state and write it now, unless the run is gone."""
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
    """Wait until a run is first in the queue, then train it.

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
    # Later than all others, also where the clock was set back since they joined.
    state.values["queued"] = max(state.values["queued"], _latest_queue_time(run) + 0.001)
    # Deleted at the end, so that the last state can be written on a disk that is full.
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
            ending: FinalState = {"status": "stopped"}
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


def write_final_state(state: WorkerState, ending: FinalState) -> None:
    """Write how a training ended, and remove its reserve and its stop file."""
    files.remove_if_exists(state.folder / _RESERVE_FILE)
    with suppress(CatDogError):
        state.write(**ending, phase="ended", eta_seconds=None)
    if not state.is_gone:
        files.remove_if_exists(state.folder / "stop")


@contextmanager
def crash_report(folder: Path) -> Iterator[None]:
    """Write the interpreter's report to crash.txt if a library ends the process in the block."""
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
        # Its driver holds the lock for all runs of the group: to wait for it would never end.
        if state.driver_monitor is not None and state.driver_monitor.is_alive():
            yield
            return
        # The lock alone would go to whoever polls at the right moment; the count makes it fair.
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
    """Count the living runs of the workspace that joined the queue before this one.

    A stalled one does not count: if it trains, the lock is held anyway, and if it waits, nobody
    should wait for it.
    """
    queue_key = (state.values["queued"], run.id)
    return sum(
        (_queue_time(o), o.id) < queue_key for o in _other_active_runs(run) if o.status != "stalled"
    )


def _latest_queue_time(run: Run) -> float:
    """Return the latest unix time at which another living run joined the queue, 0 for none."""
    return max(
        (_queue_time(o) for o in _other_active_runs(run) if "queued" in o.state), default=0.0
    )


def _other_active_runs(run: Run) -> list[RunRecord]:
    return [other for other in run_folder.list_runs() if other.id != run.id and other.is_active]


def _queue_time(run: RunRecord) -> float:
    return files.float_or_default(run.state.get("queued"), run.created)


@contextmanager
def stop_on_signals(state: WorkerState) -> Iterator[None]:
    """Turn the first Ctrl-C, SIGTERM or closed terminal into a request to stop."""
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
    """Watches from a run's worker whether the driver of the run's group is alive.

    The driver holds the workspace's training lock for all its runs. A run whose driver has died
    stops, and can be resumed: it would train without a lock, beside the next run of the queue. The
    driver is alive while its lock file is locked or, as some network file systems do not show
    locks of other machines, while its beat grows.
    """

    def __init__(self, group: str) -> None:
        """Take the id of the run's group, empty where there is none."""
        known = bool(group) and Path(group).name == group
        self.folder = files.workspace_folder() / "sweeps" / group if known else None
        self._checked_at, self._was_alive = -1.0, False
        self._beat: float | None = None
        self._changed: float | None = None

    def is_alive(self) -> bool:
        """Return whether the driver lives; files are read at most once a second."""
        if self.folder is None:
            return False
        now = time.monotonic()
        if now - self._checked_at >= 1.0:
            self._checked_at, self._was_alive = now, self._check_alive(self.folder, now)
        return self._was_alive

    def is_gone(self) -> bool:
        """Return whether the driver was alive and has died; then say so on stderr, a run's log."""
        gone = self._was_alive and not self.is_alive()
        if gone:
            print("The driver of this run's sweep has ended, so it stops.", file=sys.stderr)
        return gone

    def _check_alive(self, folder: Path, now: float) -> bool:
        beat = files.float_or_default(files.read_json_object(folder / "state.json").get("beat"))
        if self._beat is not None and beat != self._beat:
            self._changed = now
        self._beat = beat
        if locks.is_locked(folder / "lock"):
            self._changed = now  # so that it counts as dead only `STALL_TIMEOUT` after its lock
            return True
        return self._changed is not None and now - self._changed < status.STALL_TIMEOUT
