"""Who trains before a run that waits for its turn, and how long that will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..runs.run_folder import Run
from . import time_estimate


@dataclass(frozen=True)
class QueuePosition:
    """The runs before one that waits, in the order of their turn.

    `seconds` is about how long they will take, None where nothing tells of one of them.
    """

    ahead: tuple[Run, ...]
    seconds: float | None


def queue_position(run: Run, every: Sequence[Run]) -> QueuePosition:
    """What is before a run in the line.

    Args:
        run: one that waits.
        every: all runs of the workspace, from which times are learnt, too.
    """
    mine = _queue_order(run)
    ahead = [other for other in every if other.is_active and other.id != run.id]
    ahead = sorted((other for other in ahead if _queue_order(other) < mine), key=_queue_order)
    times = [_remaining_seconds(other, every) for other in ahead]
    known = [seconds for seconds in times if seconds is not None]
    return QueuePosition(tuple(ahead), sum(known) if len(known) == len(times) else None)


def _queue_order(run: Run) -> tuple[bool, float, str]:
    """Who trains comes first; the others in the order in which they asked, as `turn` has it."""
    queued = run.state.get("queued")
    since = float(queued) if isinstance(queued, (int, float)) else run.created
    return run.state.get("status") != "running", since, run.id


def _remaining_seconds(run: Run, every: Sequence[Run]) -> float | None:
    """Seconds a run has still to train: as it says itself, or as earlier ones suggest."""
    told = run.state.get("eta_seconds")
    if run.status == "running" and isinstance(told, (int, float)):
        return float(told)
    if run.training is None:
        return None
    counts = {"train": run.train_photos, "validation": run.validation_photos}
    known = time_estimate.estimate_from_runs(run.training, run.augmentation, counts, every)
    if known is None:
        return None
    left = max(run.training.epochs - len(run.epochs), 0)
    return known[0] * left / run.training.epochs
