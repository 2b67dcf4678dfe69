"""How far a sweep is, what it has cost, and how long it will still take. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from statistics import mean
from typing import Any

from .sweep_folder import ENDED, Sweep


def tell(sweep: Sweep, state: Mapping[str, Any]) -> dict[str, Any]:
    """What the driver's state.json says of its trials.

    Args:
        sweep: as it is now.
        state: what the driver has told so far, ``at_once`` among it.
    """
    return {
        "trials": {
            key: {k: v for k, v in asdict(trial).items() if k != "run"}
            for key, trial in sweep.trials.items()
        },
        "core_seconds": round(sweep.core_seconds, 1),
        "eta_seconds": rest(sweep, int(state.get("at_once") or 1)),
    }


def rest(sweep: Sweep, at_once: int) -> float | None:
    """Seconds the trials that are left will take, at most: ASHA may stop some of them.

    Each epoch that is left counts as long as the mean one of its run, or of all runs where it has
    none yet; a trial that has yet to begin takes besides what others took beside their epochs.

    Args:
        sweep: what trains.
        at_once: trials at one time.

    Returns:
        None before the first epoch of any.
    """
    times = {
        run.id: mean(float(row.get("seconds") or 0) for row in run.epochs)
        for run in sweep.group.runs
        if run.epochs
    }
    if not times:
        return None
    usual, first = mean(times.values()), _start(sweep)
    left = []
    for run in sweep.group.runs:
        trial = sweep.trials[run.id]
        if trial.status not in ENDED and run.training:
            epochs = (run.training.epochs - len(run.epochs)) * times.get(run.id, usual)
            left.append(epochs if trial.status == "running" and run.epochs else first + epochs)
    if not left:
        return 0.0
    return round(max(max(left), sum(left) / max(at_once, 1)), 1)


def _start(sweep: Sweep) -> float:
    """Seconds a trial takes beside its epochs: its process, TensorFlow, the photos."""
    ended = [run for run in sweep.group.runs if sweep.trials[run.id].status in ENDED]
    beside = [max(sweep.trials[run.id].seconds - run.duration, 0.0) for run in ended]
    return mean(beside) if beside else 0.0
