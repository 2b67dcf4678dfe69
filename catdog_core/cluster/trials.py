"""The trials of a sweep on Ray Tune: as many at once as there is room for, judged by ASHA."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from .. import files, runs
from ..errors import CatDogError, ClusterError
from .halving import Halving
from .run_trial import RunTrial, refuse_unseen
from .sweeps import Sweep

CORES = 2.0
"""Processors of one trial, unless told how many trials to have at once: a small network gains
little from more."""
_QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # runs keep their own numbers
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # the end of a run comes without an epoch
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}


class WishedStop(tune.Stopper):
    """Ends all trials once the sweep's folder holds the wish to stop."""

    def __init__(self, sweep: Path) -> None:
        self.path = sweep / "stop"

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No trial ends by itself here: each tells when its run has ended."""
        return False

    def stop_all(self) -> bool:
        """Whether a stop is wished."""
        return self.path.exists()


def run(ray: Any, sweep: Sweep, driver: str, tell: Callable[..., None]) -> list[str]:
    """Train what is left of a sweep.

    Args:
        ray: the module, connected.
        sweep: what to train.
        driver: which driver this is.
        tell: takes ``cores``, ``at_once`` and ``cores_each``.

    Returns:
        What went wrong with trials outside of their runs, in words.
    """
    os.environ.update(_QUIET)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    total, largest = room(ray)
    each, at_once = share(total, largest, sweep.at_once)
    tell(cores=total, at_once=at_once, cores_each=each)
    shared = {
        "sweep": str(sweep.folder),
        "runs": str(runs.root()),
        "workspace": str(files.workspace()),
        "driver": driver,
        "tries": sweep.tries,
        "cores": each,
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    tuner = tune.Tuner(
        tune.with_resources(RunTrial, {"CPU": each}),
        param_space={"run": tune.grid_search([run.id for run in sweep.left]), **shared},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=at_once, scheduler=_scheduler(sweep), reuse_actors=False
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(sweep.folder / "ray"),
            stop=WishedStop(sweep.folder),
            # What a run goes on from lies in its folder.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=max(sweep.tries - 1, 0)),
            verbose=0,
        ),
    )
    return [_told(error) for error in tuner.fit().errors]


def room(ray: Any) -> tuple[float, float]:
    """Processors of the whole cluster, and of its largest machine.

    Raises:
        ClusterError: it has none.
    """
    nodes = [node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]]
    if not any(nodes):
        raise ClusterError(
            "The cluster has no processors to give away. Expected at least one. Start its machines"
            " with --num-cpus above 0."
        )
    return float(sum(nodes)), float(max(nodes))


def share(total: float, largest: float, at_once: int | None) -> tuple[float, int]:
    """Processors of one trial, and trials at one time.

    Args:
        total: processors of the cluster.
        largest: those of its largest machine; a trial is on one.
        at_once: how many trials are wanted at one time, None for what there is room for.
    """
    each = min(CORES, largest) if at_once is None else min(total / at_once, largest)
    each = float(int(each)) if each >= 1 else max(each, 0.01)
    return each, at_once or max(int(total // each), 1)


def refuse_blind_machines(ray: Any, sweep: Sweep) -> None:
    """Raise ClusterError when a machine of the cluster does not see the workspace or the photos."""
    look = ray.remote(_look)
    folders = {run.dataset_folder for run in sweep.left}  # a URL is no place of any machine
    paths = [str(sweep.folder), *(f for f in sorted(folders) if Path(f).is_dir())]
    asked = []
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = look.options(num_cpus=0, scheduling_strategy=here, max_retries=1)
            asked.append(options.remote(paths))
    try:
        ray.get(asked, timeout=120)
    except CatDogError:
        raise
    except Exception as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, CatDogError):
            raise cause from error
        raise ClusterError(
            "A machine of the cluster cannot run the lab: {reason}. Expected the lab and its"
            " packages on all machines, under the same path or installed.",
            reason=" ".join(str(error).split())[-300:],
        ) from error


def _look(paths: list[str]) -> None:
    for path in paths:
        refuse_unseen(Path(path))


def _scheduler(sweep: Sweep) -> Halving | None:
    if sweep.grid is None or sweep.grid.asha is None:
        return None
    every = sweep.group.runs
    most = max(run.training.epochs for run in every if run.training)
    scheduler = Halving(sweep.folder, sweep.grid.asha, most)
    left = {run.id for run in sweep.left}
    scheduler.recall(run for run in every if run.id not in left and run.epochs)
    return scheduler


def _told(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1]
