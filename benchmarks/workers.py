"""One and two workers on this machine: the time of a step, photos a second, bytes sent."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
from rich.table import Table

from catdog_core import files, runs
from catdog_core.cluster import ray_here
from catdog_core.networks import architecture

from . import source
from .race import console

EPOCHS, STEPS = 4, 15
"""The first epoch builds graphs, and is not counted."""


@dataclass(frozen=True)
class Lane:
    """A training that is timed; `cores` is None for all."""

    name: str
    workers: int
    batch: int
    cores: int | None = None


LANES = (
    Lane("1 worker on 1 core", 1, source.BATCH, 1),
    Lane("1 worker on all cores", 1, source.BATCH),
    Lane("2 workers, the same batch", 2, source.BATCH),
    Lane("2 workers, twice the batch", 2, 2 * source.BATCH),
)


def workers(folder: Path | None) -> None:
    """The notes' network at 150 pixels, trained by the commands a person would use.

    A step's time is that of an epoch, with its validation on one batch and its files, by its steps.
    """
    if not ray_here.is_installed():
        console.print("Workers of one training: left out, Ray is not installed\n")
        return
    table = Table("", "a step", "photos/s", "sent a step", "load", box=None)
    with tempfile.TemporaryDirectory(prefix="cdw-") as place:
        root = folder or source.drawn(Path(place))
        for lane in LANES:
            if lane.cores and not hasattr(os, "sched_setaffinity"):
                continue
            seconds, sent = _timed(lane, root, Path(place) / "workspace")
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
            table.add_row(
                lane.name,
                f"{seconds * 1000:.0f} ms",
                f"{lane.batch / seconds:.0f}",
                f"{sent / 1000:,.0f} kB",
                f"{load:.1f}",
            )
    console.print("Workers of one training: the notes' network, 150 px")
    console.print(table)
    size = 4 * sum(layer.parameters for layer in architecture.layers("notes")) / 1000
    console.print(
        f"Gradients: {size:,.0f} kB. In a ring each of W workers sends 2 (W - 1) / W of that a"
        f" step, two together {2 * size:,.0f} kB. Sent is all that went over the loopback"
        " interface, whoever sent it.\n"
    )


def _timed(lane: Lane, root: Path, workspace: Path) -> tuple[float, float]:
    """Seconds a step, the median of the epochs, and bytes a step over the loopback interface."""
    run = workspace / "runs" / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "catdog_core", "train", str(root), "--run", str(run)]
    command += ["--workers", str(lane.workers), "--batch-size", str(lane.batch)]
    command += ["--epochs", str(EPOCHS), "--steps-per-epoch", str(STEPS), "--validation-steps", "1"]
    training = subprocess.Popen(
        command,
        cwd=files.PROJECT,
        env={**os.environ, "CATDOG_WORKSPACE": str(workspace)},
        stdout=subprocess.DEVNULL,
        preexec_fn=_on(lane.cores),
    )
    sent: dict[int, int] = {}  # by whole epochs
    while training.poll() is None:
        done = len(runs.read_epochs(run)) if run.is_dir() else 0
        sent.setdefault(done, psutil.net_io_counters(pernic=True)["lo"].bytes_sent)
        time.sleep(0.02)
    if training.returncode:
        raise SystemExit(f"The training with {lane.name} failed.")
    rows = runs.read_epochs(run)[1:]
    counted = max(sent) - 1
    return (
        median(row["seconds"] for row in rows) / STEPS,
        (sent[max(sent)] - sent[1]) / (STEPS * counted) if counted else 0.0,
    )


def _on(cores: int | None) -> Callable[[], None] | None:
    return None if cores is None else lambda: os.sched_setaffinity(0, range(cores))


if __name__ == "__main__":
    workers(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
