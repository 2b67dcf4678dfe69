"""Sweeps: groups of ordinary runs that a driver has trained as Ray Tune trials. Light.

A sweep is an experiment whose runs all lie there from the start, so every page works on it. Ray
only decides when and where they train. What it has beside its runs:

    workspace/sweeps/<group id>/
        sweep.json     `create`       name, dataset, grid, where and how to train; never changes
        about.json     `start`        when a start was last asked for, and with what changed
        stop           pages, shell   the wish to stop
        lock           driver         held while it lives
        state.json     driver         what it is doing, with a beat that grows every 2 s
        log.txt        driver         what it and Ray say
        trials/, pruned/              see `trial_marks`

Without Ray the same group can be trained one run after another, as any experiment.
"""

from __future__ import annotations

import time

from .. import access, files, subprocess_jobs
from ..datasets import Dataset
from ..errors import CatDogError, RunError
from ..outcomes import experiments
from ..outcomes.experiments import Plan
from ..settings import Augmentation, Training
from ..training import run_process
from . import grid as grids
from . import ray_here
from .grid import Grid
from .sweep_folder import (
    FORMAT,
    TRIES,
    Sweep,
    Trial,
    TrialStatus,
    listing,
    load,
    record,
)
from .trial_marks import root

__all__ = [
    "FORMAT",
    "TRIES",
    "Sweep",
    "Trial",
    "TrialStatus",
    "create",
    "listing",
    "load",
    "of_experiment",
    "root",
    "start",
    "stop",
]


def create(
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    grid: Grid,
    name: str = "",
    address: str = ray_here.LOCAL,
    *,
    at_once: int | None = None,
    tries: int = TRIES,
) -> str:
    """Make the runs of a sweep, none of which starts; return its id.

    Args:
        dataset: what to train on.
        training: what all runs have in common.
        augmentation: likewise; None for none.
        grid: what differs.
        name: shown in lists.
        address: of the cluster; see `ray_here.check`.
        at_once: trials at one time; None for one for each two processors.
        tries: how often a trial's training may be started; at least 1.

    Raises:
        CatDogError: a run cannot be made, or the address is none; nothing is left behind.
    """
    address = _allowed(address)
    members = grids.members(grid, training, augmentation)
    key = experiments.create(Plan("sweep", dataset, members), name)
    _write(key, dataset.id, grid, address, at_once, tries)
    return key


def of_experiment(
    key: str, address: str = ray_here.LOCAL, *, at_once: int | None = None, tries: int = TRIES
) -> str:
    """Have an experiment of any kind trained as a sweep; return its id, which is the same.

    Raises:
        AccessError: it belongs to somebody else, or the visitor may not name this cluster.
        CatDogError: there is no such experiment, or the address is none.
    """
    group = experiments.load(key)
    access.check("manage run", group.runs[0].owner)
    if not record(group.id):
        _write(group.id, group.runs[0].dataset_id, None, _allowed(address), at_once, tries)
    return group.id


def start(
    key: str,
    address: str | None = None,
    *,
    at_once: int | None = None,
    tries: int | None = None,
) -> None:
    """Start a sweep, or go on with it, by a driver in a process of its own.

    Args:
        key: its id.
        address: another cluster than it was made for.
        at_once: another number of trials at one time.
        tries: another number of tries.

    Raises:
        ClusterError: Ray is not installed.
        RunError: it is running already, or nothing is left to train.
    """
    sweep = load(key)
    access.check("manage run", sweep.group.runs[0].owner)
    ray_here.refuse_missing()
    if sweep.is_active:
        raise RunError(
            "Sweep '{name}' is running already. Wait for it, or stop it first.", name=sweep.name
        )
    if not sweep.left:
        raise RunError("Sweep '{name}' has nothing left to train. Make a new one.", name=sweep.name)
    changed = {
        "address": _allowed(address or sweep.address),
        "at_once": access.most_at_once(at_once or sweep.at_once),
        "tries": tries or sweep.tries,
    }
    asked = {"asked": time.time(), "after": int(files.number(sweep.state.get("beat")))}
    before = files.read_object(sweep.folder / "about.json")
    files.discard(sweep.folder / "stop")
    files.write_json(sweep.folder / "about.json", {"format": FORMAT, **changed, **asked})
    try:
        arguments = ["-m", "catdog_core.cluster.driver", sweep.id]
        subprocess_jobs.start_detached(arguments, sweep.folder / "log.txt")
    except OSError as error:
        files.write_json(sweep.folder / "about.json", {"format": FORMAT, **before})
        raise RunError(
            "The sweep's process could not be started: {reason}. Close other programs or free some"
            " disk space, then try again.",
            reason=error.strerror or str(error),
        ) from error


def stop(key: str) -> None:
    """Ask a sweep to stop: its trials at their next batch, and then its driver.

    Raises:
        RunError: there is no such sweep, or it is not running.
    """
    sweep = load(key)
    access.check("manage run", sweep.group.runs[0].owner)
    if not sweep.is_active:
        raise RunError(
            "Sweep '{name}' is {status}, not running. There is nothing to stop.",
            name=sweep.name,
            status=sweep.status,
        )
    files.write_bytes(sweep.folder / "stop", b"")
    run_process.watch_stop(sweep.folder)


def _allowed(address: str) -> str:
    """An address the visitor may use: who answers at one can run code on this machine, so where
    several share a lab only a teacher names one other than this machine or its own Ray."""
    said = ray_here.check(address)
    if said not in (ray_here.LOCAL, "auto"):
        access.check("choose a cluster")
    return said


def _write(
    key: str, dataset: str, grid: Grid | None, address: str, at_once: int | None, tries: int
) -> None:
    group = experiments.load(key)
    stored = {
        "format": FORMAT,
        "id": key,
        "name": group.name,
        "created": time.time(),
        "dataset": dataset,
        "grid": grid.model_dump(mode="json") if grid else None,
        "address": address,
        "at_once": at_once,
        "tries": max(tries, 1),
    }
    try:
        files.write_json(root() / key / "sweep.json", stored)
    except CatDogError:
        if group.kind == "sweep":
            for run in group.runs:
                files.remove_tree(run.folder)
        raise
