"""A tiny training, and waiting for its states."""

from __future__ import annotations

from pathlib import Path

import psutil
from timeouts import wait_until

from catdog_core import runs
from catdog_core.config import Network, Training

TINY_TRAINING = Training(
    model="custom",
    network=Network(filters=(4, 4), pooling="stride", head="average"),
    epochs=3,
    batch_size=4,
    image_size=32,
    steps_per_epoch=2,
    seed=5,
)
"""A training of a second or two."""


def is_training(run: Path) -> bool:
    """Whether a run's worker has begun to train."""
    loaded_run = runs.load_run(run)
    return loaded_run.status == "running" and loaded_run.state.get("phase") == "train"


def start_and_wait(run: Path) -> psutil.Process:
    """Start a run and give its worker, once it trains."""
    runs.start_run(run)
    wait_until(lambda: is_training(run))
    return psutil.Process(runs.load_run(run).state["pid"])
