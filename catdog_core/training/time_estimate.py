"""How long a training will take on this machine: from earlier runs, or from a few timed steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from statistics import median

from ..base import files
from ..base.errors import CatDogError
from ..config import Augmentation, Network, Training
from ..data.datasets import Dataset
from ..runs.run_folder import Run
from .speed_probe import Speed

SAME = ("model", "image_size", "batch_size", "optimizer", "mixed_precision", "backbone", "unfreeze")
"""Settings that must agree for one training to tell of another's speed."""
_FORWARD = 1 / 3
"""What validating a photo costs, as a part of training on it: one way through instead of both."""
FORMAT = 1
_KEPT = 100


def photos(training: Training, dataset: Dataset) -> dict[str, int]:
    """How many photos train and validate."""
    counts = {split: len(dataset.items(split)) for split in ("train", "validation")}
    if training.train_photos:
        counts["train"] = min(training.train_photos, counts["train"])
    return counts


def seconds(training: Training, counts: Mapping[str, int], speed: Speed) -> float:
    """The time of a whole training at a measured speed."""
    steps = training.steps(counts["train"]) * speed.step
    validation = training.validation_batches(counts["validation"]) * speed.validation
    return speed.start + training.epochs * (steps + validation)


def from_runs(
    training: Training,
    augmentation: Augmentation | None,
    counts: Mapping[str, int],
    runs: Sequence[Run],
) -> tuple[float, Run] | None:
    """The time that the latest run of the same kind suggests, in seconds, and that run."""
    mine = kind(training, augmentation)
    for run in runs:
        if run.training is None or run.is_history or run.workers > 1 or not run.epochs:
            continue
        if kind(run.training, run.augmentation) != mine:
            continue
        there = {"train": run.train_photos, "validation": run.validation_photos}
        epoch = median(float(row.get("seconds", 0)) for row in run.epochs)
        work = _work(training, counts) / _work(run.training, there)
        return training.epochs * epoch * work, run
    return None


def kind(training: Training, augmentation: Augmentation | None) -> str:
    """What trainings of one speed have in common, as a short digest."""
    what = {name: getattr(training, name) for name in SAME}
    what["network"] = _network(training)
    what["augmentation"] = sorted(augmentation.active) if augmentation else []
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def remember(key: str, speed: Speed) -> None:
    """Keep a measured speed in the workspace."""
    known = {**_measured(), key: asdict(speed)}
    with suppress(CatDogError):
        speeds = dict(list(known.items())[-_KEPT:])
        files.write_json(_place(), {"format": FORMAT, "speeds": speeds})


def measured(key: str) -> Speed | None:
    """The speed measured for trainings of a kind."""
    with suppress(KeyError, TypeError, ValueError):
        return Speed(**{k: float(v) for k, v in _measured()[key].items()})
    return None


def _measured() -> dict[str, dict[str, float]]:
    found = files.read_object(_place())
    if "format" not in found:
        return found  # as it was before it told its format
    return dict(found["speeds"]) if found["format"] == FORMAT else {}


def _place() -> Path:
    return files.workspace() / "cache" / "speeds.json"


def _work(training: Training, counts: Mapping[str, int]) -> float:
    """Training on how many photos an epoch is worth."""
    batch = training.batch_size
    checked = min(training.validation_batches(counts["validation"]) * batch, counts["validation"])
    return training.steps(counts["train"]) * batch + _FORWARD * checked


def _network(training: Training) -> str:
    if training.model != "custom":
        return ""
    return (training.network or Network()).model_dump_json()
