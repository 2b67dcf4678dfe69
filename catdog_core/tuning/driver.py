"""Drive a group of runs on Ray Tune: ``python -m catdog_core.tuning.driver GROUP``.

The driver is a process of its own. It holds the group's lock while it lives, and the workspace's
training lock for all its trials. Ray Tune decides which run trains when and where, and ASHA which
is stopped early. The driver has no memory beside the files of its runs and trials, so nothing is
lost when it is killed: the next one reads them and goes on.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from .. import runs
from ..base import files, locks
from ..base.english_plurals import format_english
from ..base.errors import N_, CatDogError, ClusterError, RunError
from ..runs import run_queue
from ..runs.status import Failure
from . import groups, ray_session
from .groups import Group

_POLL_SECONDS = 0.3  # seconds between two looks at Ray, and at the last workers
_RUNS_STOP_TIMEOUT = 30.0  # seconds the last workers may take to stop
_RAY_TIMEOUT = 300.0  # seconds Ray may take to be there; on a busy machine its start takes a minute
_STOP_TIMEOUT = 5.0  # seconds a stop waits for Ray to be there
_RAY_NOT_READY = N_(
    "The Ray cluster accepts connections but hasn't taken any work in {seconds} seconds. Check "
    "its logs or use another address, then start the sweep again."
)


class DriverState(run_queue.WorkerState):
    """The driver's state.json: as a worker's, with what its trials do."""

    required_file = "sweep.json"
    values: groups.SweepState

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self.values["driver"] = uuid4().hex[:8]
        self.group_id, self.started_at = group.id, time.monotonic()

    def request_stop(self, *_signal: object) -> None:
        """Remember that a stop is wanted, also in a file for the trials; a signal handler."""
        super().request_stop()
        with suppress(OSError):
            (self.folder / "stop").touch()

    def write(self, **values: Any) -> None:
        """Write the state now, with the trials as they are."""
        with suppress(CatDogError, OSError):
            group = groups.load_group(self.group_id)
            self.update(
                seconds=round(time.monotonic() - self.started_at, 1),
                trials={run: asdict(trial) for run, trial in group.trials.items()},
                core_seconds=round(group.core_seconds, 1),
                eta_seconds=group.eta,
            )
        super().write(**values)


def run_driver(key: str) -> None:
    """Train what is left of a group, to its end or a stop.

    Raises:
        CatDogError: another driver has it, or it failed; the state says so.
    """
    group = groups.load_group(key)
    busy = RunError(
        "'{name}' is already running. Wait for it to finish, or stop it first.", name=group.name
    )
    with locks.hold_lock_file(group.folder / "lock", busy, timeout=3):
        state = DriverState(group)
        run_queue.execute_when_ready(state, lambda: _run_tune(groups.load_group(group.id), state))


def _run_tune(group: Group, state: DriverState) -> None:
    """Have Ray Tune train what is left."""
    scratch = group.folder / "ray"
    shutil.rmtree(scratch, ignore_errors=True)
    address = group.cluster.address if group.cluster else ray_session.LOCAL
    is_local = address == ray_session.LOCAL
    options: dict[str, Any] = {}
    if not is_local:  # a machine's Ray was not started from this folder
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": str(files.PROJECT)}}
    waiting = threading.Event()
    threading.Thread(
        target=_exit_if_unresponsive, args=(state, waiting), name="patience", daemon=True
    ).start()
    try:
        with ray_session.ray_session(address, **options) as ray:
            from . import trials

            if not is_local:
                trials.check_shared_storage(ray, group)
            waiting.set()
            state.write(phase="train")
            problems = trials.run_trials(ray, group, str(state.values["driver"]), state.update)
    finally:
        waiting.set()
        _stop_active_runs(group)
        shutil.rmtree(scratch, ignore_errors=True)
    if state.stop_wanted:
        raise run_queue.Stopped
    _raise_if_all_failed(groups.load_group(group.id), problems)


def _exit_if_unresponsive(state: DriverState, connected: threading.Event) -> None:
    """End this process where Ray neither answers nor gives up, and hears of no stop meanwhile."""
    end, stop_requested_at = time.monotonic() + _RAY_TIMEOUT, 0.0
    while not connected.wait(_POLL_SECONDS):
        now = time.monotonic()
        stop_requested_at = stop_requested_at or (now if state.stop_wanted else 0.0)
        if stop_requested_at and now - stop_requested_at > _STOP_TIMEOUT:
            run_queue.write_final_state(state, {"status": "stopped"})
            os._exit(0)  # `sys.exit` would end this thread alone; the main one hangs in Ray
        if now > end:
            error: Failure = {"message": _RAY_NOT_READY, "params": {"seconds": int(_RAY_TIMEOUT)}}
            run_queue.write_final_state(state, {"status": "failed", "error": error})
            os._exit(1)


def _stop_active_runs(group: Group) -> None:
    """Stop the group's runs that still train, and wait until they have."""
    end = time.monotonic() + _RUNS_STOP_TIMEOUT
    while time.monotonic() < end:
        active = [run for run in groups.load_group(group.id).runs if run.is_active]
        if not active:
            return
        for run in active:
            with suppress(CatDogError):
                if not (run.folder / "stop").exists():
                    runs.stop_run(run.folder)
        time.sleep(_POLL_SECONDS)


def _raise_if_all_failed(group: Group, problems: list[str]) -> None:
    """Raise ClusterError when nothing came of any trial."""
    for problem in problems:
        print(problem, file=sys.stderr)
    if any(run.epochs for run in group.runs):
        return
    failures = [run.state.get("error") for run in group.runs]
    messages = [
        format_english(str(f.get("message", "")), f.get("params", {})) for f in failures if f
    ]
    reason = (problems or messages or ["no reason was told"])[0]
    raise ClusterError(
        "None of the {number} runs in the sweep could be trained. The first error was: {reason}",
        number=len(group.runs),
        reason=reason[:400],
    )


def main(arguments: list[str]) -> int:
    """Drive the group named by the first argument; 0, or 1 after a line on stderr."""
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # a stop is the driver's own matter
    try:
        run_driver(arguments[0])
    except CatDogError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
