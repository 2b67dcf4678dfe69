"""Train the runs of a group as trials of Ray Tune, in parallel and stopped early by ASHA.

A trial is an actor of Ray, on any machine that sees the workspace. It starts the run's ordinary
worker, a process of its own as for every run, waits, and reports the epochs to Ray.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .. import runs
from ..base import files
from ..base.errors import CatDogError, ClusterError, RunError
from ..base.metric_rows import EpochRow
from ..runs import Run, failure_messages
from . import groups
from .grid import Asha
from .groups import Cluster, Group

EPOCH, SCORE = "epochs", "score"
"""What a trial reports: whole epochs so far, and how good the last one was; higher is better."""
WORST_SCORE = -1e9
CORES_PER_TRIAL = 2.0
"""Processors of one trial, unless told how many trials to have at once: a small network gains
little from more."""
_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # runs keep their own numbers
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # the end of a run comes without an epoch
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}
_POLL_SECONDS = 0.5  # seconds between two looks at the run
_SAVE_SECONDS = 5.0  # seconds between two notes of the cost
_WORKER_START_TIMEOUT = (
    60.0  # seconds a worker may take to its first sign of life, on a busy machine
)
_WORKER_STOP_TIMEOUT = 60.0  # seconds a worker may take to stop


def run_trials(ray: Any, group: Group, driver: str, on_progress: Callable[..., None]) -> list[str]:
    """Train the runs of a group that are left, as trials of Ray Tune.

    Args:
        ray: the module, connected.
        group: what to train.
        driver: which driver this is.
        on_progress: called with ``cores``, ``at_once`` and ``cores_each``.

    Returns:
        What went wrong with trials outside of their runs, in words.
    """
    os.environ.update(_TUNE_ENVIRONMENT)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    cluster = group.cluster or Cluster()
    total, largest = count_cores(ray)
    each, at_once = allocate_cores(total, largest, cluster.at_once)
    on_progress(cores=total, at_once=at_once, cores_each=each)
    shared = {
        "sweep": str(group.folder),
        "runs": str(runs.runs_folder()),
        "workspace": str(files.workspace_folder()),
        "driver": driver,
        "tries": cluster.tries,
        "cores": each,
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    tuner = tune.Tuner(
        tune.with_resources(RunTrial, {"CPU": each}),
        param_space={"run": tune.grid_search([run.id for run in group.left]), **shared},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=at_once, scheduler=_build_scheduler(group), reuse_actors=False
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(group.folder / "ray"),
            stop=StopFileStopper(group.folder),
            # What a run goes on from lies in its folder.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=max(cluster.tries - 1, 0)),
            verbose=0,
        ),
    )
    problems = []
    for error in tuner.fit().errors:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problems.append((lines or [type(error).__name__])[-1])
    return problems


def count_cores(ray: Any) -> tuple[float, float]:
    """Return the processors of the whole cluster, and of its largest machine.

    Raises:
        ClusterError: it has none.
    """
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    if not any(nodes):
        raise ClusterError(
            "The cluster has no processors to use. Start its machines with --num-cpus above 0."
        )
    return float(sum(nodes)), float(max(nodes))


def allocate_cores(total: float, largest: float, at_once: int | None) -> tuple[float, int]:
    """Return the processors of one trial, and how many trials train at one time.

    Args:
        total: processors of the cluster.
        largest: those of its largest machine; a trial is on one.
        at_once: how many trials are wanted at one time, None for what there is room for.
    """
    each = min(CORES_PER_TRIAL, largest) if at_once is None else min(total / at_once, largest)
    each = float(int(each)) if each >= 1 else max(each, 0.01)
    return each, at_once or max(int(total // each), 1)


def check_shared_storage(ray: Any, group: Group) -> None:
    """Raise ClusterError when a machine of the cluster does not see the workspace or the photos."""
    remote_check = ray.remote(_check_paths)
    folders = {run.dataset_folder for run in group.left}  # a URL is no place of any machine
    paths = [str(group.folder), *(f for f in sorted(folders) if Path(f).is_dir())]
    object_refs = []
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = remote_check.options(num_cpus=0, scheduling_strategy=here, max_retries=1)
            object_refs.append(options.remote(paths))
    try:
        ray.get(object_refs, timeout=120)
    except CatDogError:
        raise
    except Exception as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, CatDogError):
            raise cause from error
        raise ClusterError(
            "A machine in the cluster can't run the lab: {reason}. Install the lab and its "
            "packages on every machine, or put them under the same path.",
            reason=" ".join(str(error).split())[-300:],
        ) from error


def _check_paths(paths: list[str]) -> None:
    for path in paths:
        check_path_visible(Path(path))


def check_path_visible(path: Path) -> None:
    """Raise ClusterError when this machine does not see a file of the workspace."""
    if not path.exists():
        raise ClusterError(
            "Cluster machine {host} can't see {path}. Put the workspace and photos on a shared "
            "file system, under the same path on all machines.",
            host=platform.node(),
            path=path,
        )


class StopFileStopper(tune.Stopper):
    """Ends all trials once the group's folder holds the wish to stop."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "stop"

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return False: each trial reports itself when its run has ended."""
        return False

    def stop_all(self) -> bool:
        """Whether a stop is wished."""
        return self.path.exists()


class ResumableASHAScheduler(ASHAScheduler):
    """Stops bad trials by asynchronous successive halving (ASHA), after whole epochs.

    Each trial that is stopped is recorded at once, so that no later driver trains it further. Ray's
    scheduler forgets everything with its driver: a later one replays the epochs of ended runs.
    """

    def __init__(self, folder: Path, asha: Asha, epochs: int) -> None:
        """Take the group's folder, when to stop, and the most epochs a trial has."""
        super().__init__(
            time_attr=EPOCH,
            metric=SCORE,
            mode="max",
            max_t=max(epochs, asha.grace),
            grace_period=asha.grace,
            reduction_factor=asha.reduction,
        )
        self.folder = folder

    def replay_ended(self, ended: Iterable[Run]) -> None:
        """Report the epochs of ended runs to the scheduler, which compares others with them."""
        scheduler: Any = super()
        for run in ended:
            scheduler.on_trial_add(None, _EndedTrial(run.id))
            for row in run.epochs:
                scheduler.on_trial_result(None, _EndedTrial(run.id), epoch_result(run, row))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether a trial goes on."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP and result[EPOCH] < result["of"]:
            groups.record_pruned(self.folder, trial.config["run"], result[EPOCH], result[SCORE])
        return decision


@dataclass(frozen=True)
class _EndedTrial:
    """A trial that ended before: all the scheduler asks of one is its id."""

    trial_id: str


def _build_scheduler(group: Group) -> ResumableASHAScheduler | None:
    if group.grid is None or group.grid.asha is None:
        return None
    most = max(run.training.epochs for run in group.runs)
    scheduler = ResumableASHAScheduler(group.folder, group.grid.asha, most)
    left = {run.id for run in group.left}
    scheduler.replay_ended(run for run in group.runs if run.id not in left and run.epochs)
    return scheduler


def epoch_result(run: Run, row: EpochRow) -> dict[str, Any]:
    """Return what a trial reports of an epoch: epochs so far, score (higher is better), planned."""
    monitor = run.training.monitor
    value = row.get(monitor)
    score = float(value) if isinstance(value, (int, float)) else math.nan
    score = -score if monitor == "val_loss" else score
    score = score if math.isfinite(score) else WORST_SCORE
    return {EPOCH: row["epoch"] + 1, SCORE: score, "of": run.training.epochs}


class RunTrial(tune.Trainable):
    """Trains one run. A worker that fails or is killed is started again, from its last whole epoch.

    Its configuration: ``run`` its id, ``runs``, ``sweep`` and ``workspace`` the folders,
    ``driver`` which one it is of, ``tries`` how often a worker may be started, ``cores`` how many
    processors it holds, ``threads`` the driver's OMP_NUM_THREADS.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Find the run. Raises ClusterError where this machine does not see it."""
        self.group_folder, self.folder = Path(config["sweep"]), Path(config["runs"]) / config["run"]
        self.tries = int(config["tries"])
        _restore_environment(config)
        check_path_visible(self.folder / "settings.json")
        self.trial_state = groups.read_trial_state(self.group_folder, config["run"])
        if self.trial_state.driver != config["driver"]:
            self.trial_state.driver, self.trial_state.driver_tries = config["driver"], 0
        self.trial_state.host, self.trial_state.cores = platform.node(), float(config["cores"])
        self.run_id = config["run"]
        self.reported = -1
        self.started: float | None = None  # when this trial started a worker last
        self.has_worker_run = False  # whether that worker has lived
        self.counted_at = self.saved_at = time.monotonic()
        self._save_state()

    def step(self) -> dict[str, Any]:
        """Wait for the next whole epoch, or the run's end, and report it."""
        while True:
            self._count_seconds()
            run = self._load_run()
            self.has_worker_run = self.has_worker_run or run.status == "running"
            row = next((row for row in run.epochs if row["epoch"] > self.reported), None)
            is_last = row is not None and row["epoch"] + 1 >= run.training.epochs
            # The last epoch is told with the end: the worker still has to close its files.
            if row is not None and not (is_last and run.is_active):
                self.reported = row["epoch"]
                return {**epoch_result(run, row), "done": bool(is_last and run.status == "done")}
            if not run.is_active and not self._should_continue(run):
                return {"done": True}
            if self._stop_requested and run.is_active:
                self._request_stop()
            time.sleep(_POLL_SECONDS)

    def cleanup(self) -> None:
        """Have the run stop, and wait until it has."""
        self._request_stop()
        end = time.monotonic() + _WORKER_STOP_TIMEOUT
        while runs.load_run(self.folder).is_active and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        self._count_seconds()
        self._save_state()

    @property
    def _stop_requested(self) -> bool:
        return (self.group_folder / "stop").exists()

    def _load_run(self) -> Run:
        run = runs.load_run(self.folder)
        if not isinstance(run, Run):
            raise RunError("Run '{name}' is damaged: {problem}", name=run.id, problem=run.problem)
        return run

    def _should_continue(self, run: runs.Run) -> bool:
        """Return whether to wait for a run that does not train now; start its worker where due."""
        now = time.monotonic()
        if self._stop_requested or run.status == "done" or not run.can_resume:
            return False
        if (
            self.started is not None
            and not self.has_worker_run
            and now - self.started < _WORKER_START_TIMEOUT
        ):
            return run.status == "lost"
        failure = run.state.get("error")
        diverged = isinstance(failure, dict) and failure.get("message") == failure_messages.DIVERGED
        stopped_here = self.started is not None and run.status == "stopped"
        if (
            stopped_here
            or self.trial_state.driver_tries >= self.tries
            or (run.status == "failed" and diverged)
        ):
            return False
        self.trial_state.driver_tries += 1
        self.trial_state.tries += 1
        self._save_state()
        self.started, self.has_worker_run = now, False
        with suppress(RunError):  # somebody else has just started it
            runs.start_run(self.folder)
        return True

    def _request_stop(self) -> None:
        with suppress(CatDogError):  # it has ended, or the disk is full: the watch sees to it
            if runs.load_run(self.folder).is_active:
                runs.stop_run(self.folder)

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.trial_state.seconds += now - self.counted_at
        self.counted_at = now
        if now - self.saved_at > _SAVE_SECONDS:
            self._save_state()

    def _save_state(self) -> None:
        self.saved_at = time.monotonic()
        with suppress(CatDogError):  # a full disk ends the training where it makes results
            groups.write_trial_state(self.group_folder, self.run_id, self.trial_state)


def _restore_environment(config: dict[str, Any]) -> None:
    """Undo what Ray changes for its own processes: a worker is to compute as any other does."""
    os.environ["CATDOG_WORKSPACE"] = config["workspace"]
    os.environ.pop("OMP_NUM_THREADS", None)
    if config["threads"] is not None:
        os.environ["OMP_NUM_THREADS"] = config["threads"]
