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
    none yet.

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
    usual = mean(times.values())
    left = []
    for run in sweep.group.runs:
        trial = sweep.trials[run.id]
        if trial.status not in ENDED and run.training:
            left.append((run.training.epochs - len(run.epochs)) * times.get(run.id, usual))
    if not left:
        return 0.0
    return round(max(max(left), sum(left) / max(at_once, 1)), 1)
