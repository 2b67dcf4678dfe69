"""How long an experiment will take here, told from earlier trainings of the same networks."""

from __future__ import annotations

from collections.abc import Sequence

from ..settings import PRESETS
from ..training import estimate
from ..training.run_folder import Run
from .experiments import Member, Plan

START = 12.0
"""Seconds until a run's first step: the process, TensorFlow, the graph."""


def seconds(plan: Plan, known: Sequence[Run]) -> float | None:
    """How long an experiment will take, if nothing else trains; None where nothing is known.

    Args:
        plan: what is to be trained.
        known: earlier runs of this machine, the newest first.
    """
    spent = [_seconds(member, plan, known) for member in plan.members]
    return sum(s for s in spent if s is not None) if None not in spent else None


def _seconds(member: Member, plan: Plan, known: Sequence[Run]) -> float | None:
    counts = estimate.photos(member.training, plan.dataset)
    # Augmentation hardly slows a training: any run of the network tells, those most alike first.
    for augmentation in (member.augmentation, None, PRESETS["notes"]):
        earlier = estimate.from_runs(member.training, augmentation, counts, known)
        if earlier is not None:
            return START + earlier[0]
        speed = estimate.measured(estimate.kind(member.training, augmentation))
        if speed is not None:
            return estimate.seconds(member.training, counts, speed)
    return None
