"""A training on several workers: Ray starts them, and starts them anew when one is gone.

The process of the run is Ray's driver. It holds the run's lock and the workspace's place, packs the
photos, writes the run's state, and hands on a stop; the worker of rank 0 writes all other files. So
every page sees an ordinary run. All workers must see the workspace's folders: on one machine they
do, on several they share them, by NFS for example.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from dataclasses import replace
from typing import Any

from .. import files
from ..errors import ClusterError, RunError
from ..records import Packed
from ..runs import Run
from ..training.turn import Stopped, Told
from . import parallel_worker, ray_here, team_size
from .desk import Desk

RESTARTS = 5
"""How often the workers of one start are started anew before the training counts as failed."""
_LOOK = 0.3  # seconds between two looks at the desk
_HEARING = 2.0  # seconds the desk has to answer
_SILENCE = 300.0  # seconds without an answer after which the cluster counts as gone
_GRACE = 5.0  # seconds for workers to agree on a stop before they are ended


def train_together(run: Run, state: Told, packed: Packed, chosen: set[str] | None) -> None:
    """Train a run on its workers, from its start or its last whole epoch, to its end.

    Args:
        run: the run; its `workers` are more than one.
        state: told what happens; asked whether to stop.
        packed: its photos, where all workers see them.
        chosen: files of the training photos it trains on, None for all.

    Raises:
        Stopped: a stop was wanted. The last whole epoch is kept.
        CatDogError: there is no Ray, no room for the workers, or one of them said why it cannot
            go on; ClusterError when they were started anew in vain.
    """
    assert run.training is not None
    team_size.refuse(run.training, run.workers)
    state.update(phase="workers", workers=run.workers)
    here = max(os.cpu_count() or 1, run.workers)  # of one machine more may be asked than it has
    address = run.address or ray_here.LOCAL
    with ray_here.connected(address, cpus=here, runtime_env=_environment()) as ray:
        cores = team_size.cores_each(
            [node["Resources"].get("CPU", 0) for node in ray.nodes()], run.workers
        )
        desk = ray.remote(num_cpus=0)(Desk).remote()
        config = {
            "desk": desk,
            "folder": str(run.folder),
            "packed": replace(packed, hold=None),
            "chosen": chosen,
            "cards": ray.cluster_resources().get("GPU", 0) >= run.workers,
            "threads": cores,
        }
        try:
            _follow(ray, desk, state, _Job(run, config, cores))
        finally:
            files.remove_tree(run.folder / _STORE)


def _environment() -> dict[str, Any]:
    """What processes of the cluster need to find this lab and its workspace."""
    paths = [str(files.PROJECT), os.environ.get("PYTHONPATH", "")]
    return {
        "env_vars": {
            "CATDOG_WORKSPACE": str(files.workspace()),
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
    }


_STORE = "ray"  # the folder of Ray's own in a run's


class _Job(threading.Thread):
    """Ray's trainer at work, in a thread: it would take over Ctrl-C in the main one."""

    def __init__(self, run: Run, config: dict[str, Any], cores: int) -> None:
        super().__init__(name="trainer", daemon=True)
        self.error: BaseException | None = None
        self.run_, self.config, self.cores = run, config, cores

    def run(self) -> None:
        try:
            with warnings.catch_warnings():  # Ray's notes about itself are none of the user's
                warnings.simplefilter("ignore")
                self._fit()
        except BaseException as error:
            self.error = error

    def _fit(self) -> None:
        # On a machine with much else to do a worker's start takes minutes, where Ray allows one.
        os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "600")
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.tensorflow import TensorflowTrainer

        TensorflowTrainer(
            parallel_worker.work,
            train_loop_config=self.config,
            scaling_config=ScalingConfig(
                num_workers=self.run_.workers,
                resources_per_worker={"CPU": self.cores},
                use_gpu=self.config["cards"],  # one each
            ),
            run_config=RunConfig(  # type: ignore[call-arg] # the newer of Ray's two of that name
                name=_STORE,
                storage_path=str(self.run_.folder),
                failure_config=FailureConfig(max_failures=RESTARTS),
                worker_runtime_env=_environment(),
            ),
        ).fit()


def _follow(ray: Any, desk: Any, state: Told, job: _Job) -> None:
    """Hand on what the workers tell, and a stop to them, until they have ended."""
    job.start()
    found: dict[str, Any] = {"told": {}, "error": None, "done": False}
    end, heard = None, time.monotonic()
    while True:
        alive, stop = job.is_alive(), state.stop_wanted
        latest, now = _look(ray, desk, stop), time.monotonic()
        if latest is not None:
            found, heard = latest, now
            state.update(**found["told"])
        elif now - heard > _SILENCE:
            raise ClusterError(
                "The cluster has not answered for {seconds} seconds. Look at its logs; resume goes"
                " on from the last whole epoch.",
                seconds=int(_SILENCE),
            )
        if not alive and latest is not None:
            break
        if end is None and (stop or found["error"]):
            end = now + _GRACE
        if end is not None and now > end:
            break  # one hangs, or waits for one that has left: all end with the connection
        job.join(_LOOK)
    if not found["done"]:
        _explain(found, stop, job)


def _look(ray: Any, desk: Any, stop: bool) -> dict[str, Any] | None:
    """What lies at the desk; None where it does not answer in time."""
    try:
        found: dict[str, Any] = ray.get(desk.look.remote(stop), timeout=_HEARING)
        return found
    except ray.exceptions.GetTimeoutError:
        return None
    except ray.exceptions.RayError as error:
        raise ClusterError(
            "The cluster has lost the training: {reason}. Resume goes on from the last whole"
            " epoch.",
            reason=" ".join(str(error).split())[:300],
        ) from error


def _explain(found: dict[str, Any], stop: bool, job: _Job) -> None:
    """Raise why the workers ended before their last epoch."""
    if found["error"]:
        message, params = found["error"]
        raise RunError(message, **params)
    if stop:
        raise Stopped
    raise ClusterError(
        "The workers were started anew {count} times, and ended each time: {reason}. The end of"
        " log.txt tells more; resume goes on from the last whole epoch.",
        count=found["told"].get("restarted", 0),
        reason=" ".join(str(job.error).split())[-300:],
    ) from job.error
