"""Early stopping of bad trials by ASHA, which remembers what ended before its driver did."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from ..runs import Run
from . import trial_marks
from .grid import Asha

EPOCH, SCORE = "epochs", "score"
"""What a trial reports: whole epochs so far, and how good the last one was; higher is better."""
WORST = -1e9


class Halving(ASHAScheduler):
    """Asynchronous successive halving over whole epochs, judged by the training's monitor.

    Who is stopped is written down at once, so that no later driver goes on with it.
    """

    def __init__(self, sweep: Path, asha: Asha, epochs: int) -> None:
        """Take the sweep's folder, when to stop, and the most epochs a trial has."""
        super().__init__(
            time_attr=EPOCH,
            metric=SCORE,
            mode="max",
            max_t=max(epochs, asha.grace),
            grace_period=asha.grace,
            reduction_factor=asha.reduction,
        )
        self.sweep = sweep

    def recall(self, runs: Iterable[Run]) -> None:
        """Take note of the epochs of runs that have ended: others are judged by them, too."""
        scheduler: Any = super()
        for run in runs:
            scheduler.on_trial_add(None, _Past(run.id))
            for row in run.epochs:
                scheduler.on_trial_result(None, _Past(run.id), reported(run, row))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Decide whether a trial goes on."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if decision == TrialScheduler.STOP and result[EPOCH] < result["of"]:
            trial_marks.prune(self.sweep, trial.config["run"], result[EPOCH], result[SCORE])
        return decision


@dataclass(frozen=True)
class _Past:
    """A trial that ended before: all the scheduler asks of one is its id."""

    trial_id: str


def reported(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    """What a trial reports of an epoch."""
    assert run.training is not None
    monitor = run.training.monitor
    value = row.get(monitor)
    score = float(value) if isinstance(value, (int, float)) else math.nan
    score = -score if monitor == "val_loss" else score
    score = score if math.isfinite(score) else WORST
    return {EPOCH: row["epoch"] + 1, SCORE: score, "of": run.training.epochs}
