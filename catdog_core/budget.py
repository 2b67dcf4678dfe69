"""How long trainings will take here, told from earlier ones of the same network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from .experiments import Member, Plan
from .run_folder import Run
from .settings import Training

START = 12.0
"""Seconds until a run's first step: the process, TensorFlow, the graph."""
_VALIDATING = 1 / 3  # of the work of training on a photo
_LATEST = 5  # earlier runs to go by


def seconds(plan: Plan, known: Sequence[Run]) -> float | None:
    """How long an experiment will take, if nothing else trains; None where nothing is known.

    Args:
        plan: what is to be trained.
        known: earlier runs of this machine, the newest first.
    """
    photos = len(plan.dataset.items("validation"))
    there = len(plan.dataset.items("train"))
    spent = [_seconds(member, there, photos, known) for member in plan.members]
    return sum(s for s in spent if s is not None) if None not in spent else None


def _seconds(member: Member, there: int, validation: int, known: Sequence[Run]) -> float | None:
    training = member.training
    rate = _rate(training.model, known)
    if rate is None:
        return None
    steps = training.steps(training.train_photos or there)
    return START + training.epochs * _work(training, steps, validation) / rate


def _rate(model: str, known: Iterable[Run]) -> float | None:
    """The median work a second of the latest runs of a network."""
    rates = []
    for run in known:
        spent = [float(row.get("seconds") or 0) for row in run.epochs[1:]]  # the first one compiles
        if run.training is None or run.model != model or not spent or median(spent) <= 0:
            continue
        steps = run.training.steps(run.train_photos)
        rates.append(_work(run.training, steps, run.validation_photos) / median(spent))
        if len(rates) == _LATEST:
            break
    return median(rates) if rates else None


def _work(training: Training, steps: int, validation: int) -> float:
    """One epoch's photos, those of validation counting less, times their pixels."""
    measured = min(validation, training.validation_batches(validation) * training.batch_size)
    return float(steps * training.batch_size + _VALIDATING * measured) * training.image_size**2
