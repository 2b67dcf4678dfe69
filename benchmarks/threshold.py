"""On the server: a moved threshold on the Evaluate page until all that follows is on the wire."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from . import server
from .race import console, report
from .wire import visitor

SLIDER = "threshold"
PHOTOS = 1000
ROUNDS = 40
_WARM_UP = 5
_MAKE = f"""
import numpy as np
from pathlib import Path
from catdog_core import datasets
from catdog_core.insight import predictions, shipped

folder = Path(__import__("sys").argv[1])
datasets.make_demo(folder, train=8, validation={PHOTOS}, size=64, seed=0)
dataset = datasets.open_folder(folder)
rng = np.random.default_rng(0)
answers = {{}}
for item in dataset.items("validation"):
    second = 1 / (1 + np.exp(-rng.normal(2 * item.label - 1, 1.5)))
    answers[item.file] = np.array([1 - second, second])
table = predictions.make(dataset, "validation", answers)
model = predictions.digest(shipped.folder() / "best.keras")
predictions.write(shipped.folder(), dataset, "validation", table, model)
"""


def threshold(_folder: Path | None = None) -> None:
    """The answers are made up; nothing of a figure's cost depends on where they come from."""
    walls, busy = [], []
    with tempfile.TemporaryDirectory() as place:
        environment = server.with_workspace(Path(place) / "workspace")
        make = [sys.executable, "-c", _MAKE, str(Path(place) / "pets")]
        subprocess.run(make, cwd=server.PROJECT, env=environment, check=True)
        with server.process(Path(place)) as (address, pid), visitor(address) as one:
            one.open("Evaluate")
            lab = psutil.Process(pid)
            for number in range(_WARM_UP + ROUNDS):
                before = sum(lab.cpu_times()[:2])
                arrivals = one.move(SLIDER, round(0.1 + 0.01 * number, 2))
                if number >= _WARM_UP:
                    walls.append(arrivals[-1].after)
                    busy.append(sum(lab.cpu_times()[:2]) - before)
    report(
        f"A step of the threshold, {PHOTOS:,} photos, on the server, {ROUNDS} rounds",
        {"the fragment's script has ended": walls, "of CPU": busy},
    )
    console.print(f"CPU in all: {1e3 * sum(busy) / len(busy):.1f} ms a step.\n")
