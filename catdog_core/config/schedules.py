"""The learning rate of every step, as a pure function of the settings, the step and the epochs.

Nothing is remembered between steps, so a resumed training meets the rates it would have met, and
a page can draw them before the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, pi
from typing import Any

from ..base.metric_rows import EpochRow
from .training import Training

STEP_FACTOR = 0.1
"""What one drop of the schedule "step" leaves of the learning rate."""
STEP_FRACTIONS = (0.5, 0.75)
"""Parts of the epochs after which it drops."""
PLATEAU_FACTOR = 0.5
"""What a plateau leaves of the learning rate."""


def is_constant(training: Training) -> bool:
    """Whether every step has the same learning rate."""
    return training.schedule == "constant" and not training.warmup_epochs


def learning_rate_at(
    training: Training, step: int, steps: int, epochs: Sequence[EpochRow] = ()
) -> float:
    """The learning rate of a step.

    Args:
        training: the settings; `epochs` of it is the plan.
        step: counted from 0 at the training's start.
        steps: of one epoch.
        epochs: rows of the whole epochs before this step's; the schedule "plateau" follows them.
    """
    top, warm = training.learning_rate, training.warmup_epochs * steps
    if step < warm:
        return top * ((step + 1) / warm)
    epoch, total = step // steps, training.epochs * steps
    if training.schedule == "step":
        return top * STEP_FACTOR ** sum(epoch >= part * training.epochs for part in STEP_FRACTIONS)
    if training.schedule == "cosine":
        return top * (1 + cos(pi * (step - warm) / max(total - warm, 1))) / 2
    if training.schedule == "plateau":
        losses = [row.get("val_loss") for row in epochs if row["epoch"] < epoch]
        return top * PLATEAU_FACTOR ** _count_plateaus(losses, training.plateau_patience)
    return top


def learning_rate_curve(
    training: Training, steps: int, points: int = 400
) -> list[tuple[float, float]]:
    """The learning rate over the whole plan, for a chart: (epoch from 0, rate) at most `points`.

    What a plateau will do is not known before the start: it is drawn as if it never comes.
    """
    total = training.epochs * steps
    every = max(1, total // points)
    sampled_steps = sorted(
        {*range(0, total, every), *_breakpoint_steps(training, steps, total), total - 1}
    )
    return [(step / steps, learning_rate_at(training, step, steps)) for step in sampled_steps]


def _breakpoint_steps(training: Training, steps: int, total: int) -> set[int]:
    """The steps at which the rate breaks off, and those before, so that a chart shows it sharp."""
    breaks = [training.warmup_epochs * steps]
    if training.schedule == "step":
        breaks += [ceil(part * training.epochs) * steps for part in STEP_FRACTIONS]
    return {step for at in breaks for step in (at - 1, at) if 0 <= step < total}


def _count_plateaus(losses: Sequence[Any], patience: int) -> int:
    """How often validation loss has not fallen for `patience` epochs in a row."""
    best, waited, plateaus = float("inf"), 0, 0
    for loss in losses:
        if loss is not None and loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited == patience:
            waited, plateaus = 0, plateaus + 1
    return plateaus
