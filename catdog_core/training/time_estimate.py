"""Estimate how long a training takes, and how long a queued one waits.

Estimates come from earlier similar runs on this machine, or from a few timed steps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from ..base import files
from ..base.errors import CatDogError
from ..config import Augmentation, Network, Training
from ..data.datasets import Dataset
from ..models import backbones
from ..runs.run_folder import Run, RunRecord
from .speed_probe import Speed

SPEED_SETTINGS = (
    "model",
    "image_size",
    "batch_size",
    "optimizer",
    "mixed_precision",
    "backbone",
    "unfreeze",
)
"""Settings that must be equal for two trainings to have the same speed."""
_VALIDATION_COST = 1 / 3
"""Cost of validating a photo relative to training on it: a forward pass without a backward pass."""
FORMAT = 1
_MAX_SPEEDS = 100


def count_photos(training: Training, dataset: Dataset) -> dict[str, int]:
    """Count the photos that train and validate."""
    counts = {split: len(dataset.items(split)) for split in ("train", "validation")}
    if training.train_photos:
        counts["train"] = min(training.train_photos, counts["train"])
    return counts


def estimate_seconds(training: Training, counts: Mapping[str, int], speed: Speed) -> float:
    """Estimate the seconds of a training from a measured speed.

    Args:
        counts: photos in "train" and "validation", as from `count_photos`.
        speed: seconds of the start, of a training step and of a validation batch.
    """
    steps = training.steps(counts["train"]) * speed.step
    validation = training.validation_batches(counts["validation"]) * speed.validation
    return speed.start + training.epochs * (steps + validation)


@dataclass(frozen=True)
class TimeEstimate:
    """How long a training will take on this machine.

    Attributes:
        seconds: of the whole training.
        run: the run it follows from; None for a few timed steps.
    """

    seconds: float
    run: Run | None


def estimate_training(
    training: Training,
    augmentation: Augmentation | None,
    dataset: Dataset,
    runs: Sequence[RunRecord],
) -> TimeEstimate | None:
    """Estimate how long a training takes, from the latest similar run, else from timed steps.

    None where neither is known, and for "transfer", which looks at each photo only once.

    Args:
        training: its settings.
        augmentation: of its training photos.
        dataset: what it trains on.
        runs: runs of this machine, newest first.
    """
    if training.model == backbones.TRANSFER:
        return None
    counts = count_photos(training, dataset)
    earlier = estimate_from_runs(training, augmentation, counts, runs)
    if earlier is not None:
        return TimeEstimate(*earlier)
    speed = load_speed(speed_key(training, augmentation))
    return None if speed is None else TimeEstimate(estimate_seconds(training, counts, speed), None)


def estimate_from_runs(
    training: Training,
    augmentation: Augmentation | None,
    counts: Mapping[str, int],
    runs: Sequence[RunRecord],
) -> tuple[float, Run] | None:
    """Estimate the seconds of a training from the latest similar run; return that run, too."""
    wanted_key = speed_key(training, augmentation)
    for run in runs:
        if not isinstance(run, Run) or run.workers > 1 or not run.epochs:
            continue
        if speed_key(run.training, run.augmentation) != wanted_key:
            continue
        run_counts = {"train": run.train_photos, "validation": run.validation_photos}
        epoch = median(float(row.get("seconds", 0)) for row in run.epochs)
        work = _epoch_work(training, counts) / _epoch_work(run.training, run_counts)
        return training.epochs * epoch * work, run
    return None


def speed_key(training: Training, augmentation: Augmentation | None) -> str:
    """Return a digest (16 hex digits) of the settings that decide a training's speed."""
    relevant = {name: getattr(training, name) for name in SPEED_SETTINGS}
    relevant["network"] = _network_json(training)
    relevant["augmentation"] = sorted(augmentation.active) if augmentation else []
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:16]


def store_speed(key: str, speed: Speed) -> None:
    """Store a measured speed in the workspace."""
    known = {**_read_speeds(), key: asdict(speed)}
    with suppress(CatDogError):
        speeds = dict(list(known.items())[-_MAX_SPEEDS:])
        files.write_json(_speeds_path(), {"format": FORMAT, "speeds": speeds})


def load_speed(key: str) -> Speed | None:
    """Read the speed stored for a `speed_key`, None where there is none."""
    with suppress(KeyError, TypeError, ValueError):
        return Speed(**{k: float(v) for k, v in _read_speeds()[key].items()})
    return None


def _read_speeds() -> dict[str, dict[str, float]]:
    stored = files.read_json_object(_speeds_path())
    if "format" not in stored:
        return stored  # written before the file had a format number
    return dict(stored["speeds"]) if stored["format"] == FORMAT else {}


def _speeds_path() -> Path:
    return files.workspace_folder() / "cache" / "speeds.json"


def _epoch_work(training: Training, counts: Mapping[str, int]) -> float:
    """Return the cost of an epoch, in photos trained on; validating one costs a third."""
    batch = training.batch_size
    validated = min(training.validation_batches(counts["validation"]) * batch, counts["validation"])
    return training.steps(counts["train"]) * batch + _VALIDATION_COST * validated


def _network_json(training: Training) -> str:
    if training.model != "custom":
        return ""
    return (training.network or Network()).model_dump_json()


@dataclass(frozen=True)
class QueuePosition:
    """The runs ahead of a waiting one, in the order in which they train.

    `seconds` estimates how long they take together, None where one of them cannot be estimated.
    """

    ahead: tuple[RunRecord, ...]
    seconds: float | None


def queue_position(run: RunRecord, every: Sequence[RunRecord]) -> QueuePosition:
    """Return the runs ahead of a waiting one, and how long they will take.

    Args:
        run: the queued run.
        every: all runs of the workspace; finished ones serve to estimate times.
    """
    own_order = queue_order(run)
    ahead = [other for other in every if other.is_active and other.id != run.id]
    ahead = sorted((other for other in ahead if queue_order(other) < own_order), key=queue_order)
    times = [_remaining_seconds(other, every) for other in ahead]
    known = [seconds for seconds in times if seconds is not None]
    return QueuePosition(tuple(ahead), sum(known) if len(known) == len(times) else None)


def queue_order(run: RunRecord) -> tuple[bool, float, str]:
    """Return the sort key of the queue: the training run first, then by time of joining."""
    queued = run.state.get("queued")
    since = float(queued) if isinstance(queued, (int, float)) else run.created
    return run.state.get("status") != "running", since, run.id


def _remaining_seconds(run: RunRecord, every: Sequence[RunRecord]) -> float | None:
    """Estimate the seconds a run still trains: by its own state, or from earlier runs."""
    eta_seconds = run.state.get("eta_seconds")
    if run.status == "running" and isinstance(eta_seconds, (int, float)):
        return float(eta_seconds)
    if not isinstance(run, Run):
        return None
    counts = {"train": run.train_photos, "validation": run.validation_photos}
    known = estimate_from_runs(run.training, run.augmentation, counts, every)
    if known is None:
        return None
    left = max(run.training.epochs - len(run.epochs), 0)
    return known[0] * left / run.training.epochs
