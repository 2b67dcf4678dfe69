"""What a training reaches and takes from a cold start: its own process, an empty workspace."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.table import Table

from catdog_core.analysis import metrics
from catdog_core.base import files
from catdog_core.runs import run_folder

from .measure import console, drawn

TRAININGS = {
    "transfer": "--model transfer",
    "transfer, 160 px": "--model transfer --image-size 160",
    "transfer, 288 px": "--model transfer --image-size 288",
    "notes, 2 epochs": "--model notes --epochs 2",
    "compact, 6 epochs at 64 px": "--model compact --augment gentle --image-size 64 --epochs 6"
    " --warmup-epochs 1 --weight-averaging 0.98",
    "compact": "--model compact",
}
"""Flags of `train` by the name printed."""


@dataclass(frozen=True)
class Outcome:
    """Accuracy of the best epoch on `n` validation photos; seconds on the clock and of CPU."""

    accuracy: float
    n: int
    seconds: float
    cpu: float


def learning(folder: Path | None) -> None:
    """Train each in a process of its own with nothing cached, one after the other: 40 minutes."""
    table = Table(title="Training from a cold start", box=None)
    for column in ("training", "validation accuracy", "95% interval", "seconds", "CPU seconds"):
        table.add_column(column, justify="left" if column == "training" else "right")
    with tempfile.TemporaryDirectory() as directory:
        photos = folder or drawn(Path(directory))
        for name, flags in TRAININGS.items():
            console.print(f"training {name} …", style="dim")
            outcome = _train(photos, flags.split())
            low, high = metrics.wilson_interval(round(outcome.accuracy * outcome.n), outcome.n)
            table.add_row(
                name,
                f"{outcome.accuracy:.4f}",
                f"{low:.3f} to {high:.3f}",
                f"{outcome.seconds:.0f}",
                f"{outcome.cpu:.0f}",
            )
    console.print(table)
    console.print("The best epoch was chosen on these same validation photos.\n")


def _train(photos: Path, flags: list[str]) -> Outcome:
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "catdog_core", "train", str(photos.resolve()), *flags]
        before, start = _children_cpu(), time.monotonic()
        subprocess.run(
            [*command, "--run", f"{directory}/run"],
            cwd=files.PROJECT,
            env={**os.environ, "CATDOG_WORKSPACE": f"{directory}/workspace"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds, cpu = time.monotonic() - start, _children_cpu() - before
        run = run_folder.load_run(Path(directory) / "run")
        best = run.best_row
        assert best is not None
        return Outcome(float(best["val_accuracy"]), run.validation_photos, seconds, cpu)


def _children_cpu() -> float:
    """Return CPU seconds of the processes this one has started and that have ended."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)
