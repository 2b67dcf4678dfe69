"""One trial of a sweep: has a run's ordinary worker train, and reports its epochs to Ray Tune.

It runs in an actor of Ray, on any machine that sees the workspace. The worker is a process of its
own, as for every run, so that all files of a run folder are written by the same code as always.
"""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray import tune

from .. import runs
from ..errors import CatDogError, ClusterError, RunError
from ..training import reasons
from . import trial_marks
from .halving import reported

_LOOK = 0.5  # seconds between two looks at the run
_NOTE = 5.0  # seconds between two notes of the cost
_WAKING = 60.0  # seconds a worker may take to its first sign of life, on a busy machine
_LEAVING = 60.0  # seconds a worker may take to stop


class RunTrial(tune.Trainable):
    """Trains one run. A worker that fails or is killed is started again, from its last whole epoch.

    Its configuration: ``run`` its id, ``runs``, ``sweep`` and ``workspace`` the folders,
    ``driver`` which one it is of, ``tries`` how often a worker may be started, ``cores`` how many
    processors it holds, ``threads`` the driver's OMP_NUM_THREADS.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Find the run. Raises ClusterError where this machine does not see it."""
        self.sweep, self.folder = Path(config["sweep"]), Path(config["runs"]) / config["run"]
        self.tries = int(config["tries"])
        _as_at_the_driver(config)
        refuse_unseen(self.folder / "settings.json")
        self.mark = trial_marks.read(self.sweep, config["run"])
        if self.mark.driver != config["driver"]:
            self.mark.driver, self.mark.here = config["driver"], 0
        self.mark.host, self.mark.cores = platform.node(), float(config["cores"])
        self.run_id = config["run"]
        self.reported = -1
        self.started: float | None = None  # when this trial started a worker last
        self.was_seen = False  # whether that worker has lived
        self.paid = self.noted = time.monotonic()
        self._note()

    def step(self) -> dict[str, Any]:
        """Wait for the next whole epoch, or the run's end, and report it."""
        while True:
            self._pay()
            run = runs.load(self.folder)
            self.was_seen = self.was_seen or run.status == "running"
            row = next((row for row in run.epochs if row["epoch"] > self.reported), None)
            is_last = row is not None and run.training and row["epoch"] + 1 >= run.training.epochs
            # The last epoch is told with the end: the worker still has to close its files.
            if row is not None and not (is_last and run.is_active):
                self.reported = row["epoch"]
                return {**reported(run, row), "done": bool(is_last and run.status == "done")}
            if not run.is_active and not self._goes_on(run):
                return {"done": True}
            if self._stop_wished and run.is_active:
                self._ask_to_stop()
            time.sleep(_LOOK)

    def cleanup(self) -> None:
        """Have the run stop, and wait until it has."""
        self._ask_to_stop()
        end = time.monotonic() + _LEAVING
        while runs.load(self.folder).is_active and time.monotonic() < end:
            time.sleep(_LOOK)
        self._pay()
        self._note()

    @property
    def _stop_wished(self) -> bool:
        return (self.sweep / "stop").exists()

    def _goes_on(self, run: runs.Run) -> bool:
        """Whether a run that does not train is to be waited for; starts its worker where due."""
        now = time.monotonic()
        if self._stop_wished or run.status == "done" or not run.can_resume:
            return False
        if self.started is not None and not self.was_seen and now - self.started < _WAKING:
            return run.status == "lost"
        failure = run.state.get("error")
        diverged = isinstance(failure, dict) and failure.get("message") == reasons.DIVERGED
        stopped_here = self.started is not None and run.status == "stopped"
        if stopped_here or self.mark.here >= self.tries or (run.status == "failed" and diverged):
            return False
        self.mark.here += 1
        self.mark.tries += 1
        self._note()
        self.started, self.was_seen = now, False
        with suppress(RunError):  # somebody else has just started it
            runs.start(self.folder)
        return True

    def _ask_to_stop(self) -> None:
        with suppress(CatDogError):  # it has ended, or the disk is full: the watch sees to it
            if runs.load(self.folder).is_active:
                runs.stop(self.folder)

    def _pay(self) -> None:
        now = time.monotonic()
        self.mark.seconds += now - self.paid
        self.paid = now
        if now - self.noted > _NOTE:
            self._note()

    def _note(self) -> None:
        self.noted = time.monotonic()
        with suppress(CatDogError):  # a full disk ends the training where it makes results
            trial_marks.write(self.sweep, self.run_id, self.mark)


def refuse_unseen(path: Path) -> None:
    """Raise ClusterError when this machine does not see a file of the workspace."""
    if not path.exists():
        raise ClusterError(
            "The machine {host} of the cluster does not see {path}. Expected the workspace and the"
            " photos on a file system that all machines share, under the same path.",
            host=platform.node(),
            path=path,
        )


def _as_at_the_driver(config: dict[str, Any]) -> None:
    """Undo what Ray changes for its own processes: a worker is to compute as any other does."""
    os.environ["CATDOG_WORKSPACE"] = config["workspace"]
    os.environ.pop("OMP_NUM_THREADS", None)
    if config["threads"] is not None:
        os.environ["OMP_NUM_THREADS"] = config["threads"]
