"""A few steps of a training that is not started yet, to tell how it would go.

They are taken in a process of their own, since a training leaves its traces in the process it
runs in. It is asked by one JSON object on its standard input and tells by lines of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import files
from ..datasets import Dataset
from ..errors import CatDogError
from ..networks import backbones
from ..settings import Augmentation, Training
from . import lr_finder

Kind = Literal["rates", "speed"]
Tell = Callable[[dict[str, Any]], None]
"""Called with every line: {"phase", "done", "total"}, or {"rate", "loss"}. What it raises ends
the trial."""


@dataclass(frozen=True)
class Speed:
    """What was timed: seconds of one training step, of one validation batch, and before them.

    `start` is the time until the first step could be taken, photos prepared and TensorFlow loaded.
    """

    step: float
    validation: float
    start: float


def rates(
    dataset: Dataset, training: Training, augmentation: Augmentation | None, tell: Tell
) -> lr_finder.Found:
    """Look for a learning rate: up to `lr_finder.STEPS` steps of ever higher ones.

    Raises:
        CatDogError: the network cannot be built or fed, or no rate can be told.
    """
    points: list[tuple[float, float]] = []

    def note(line: dict[str, Any]) -> None:
        if "rate" in line:
            points.append((float(line["rate"]), float(line["loss"])))
        tell(line)

    _run("rates", dataset, training, augmentation, note)
    return lr_finder.suggest(points)


def speed(
    dataset: Dataset, training: Training, augmentation: Augmentation | None, tell: Tell
) -> Speed:
    """Time a few steps. Raises CatDogError as `rates`."""
    found: list[dict[str, Any]] = []

    def note(line: dict[str, Any]) -> None:
        if "step" in line:
            found.append(line)
        tell(line)

    _run("speed", dataset, training, augmentation, note)
    if not found:
        raise CatDogError("The training could not be timed. Try again.")
    return Speed(**{name: float(found[-1][name]) for name in ("step", "validation", "start")})


def _run(
    kind: Kind, dataset: Dataset, training: Training, augmentation: Augmentation | None, tell: Tell
) -> None:
    if training.model == backbones.TRANSFER:
        raise CatDogError(
            "'transfer' looks at the photos once and then learns from what it saw: it has no steps"
            " on photos to try. Start it; it takes about a minute."
        )
    asked = {
        "kind": kind,
        "dataset": dataset.id,
        "fingerprint": dataset.fingerprint,
        "training": training.model_dump(),
        "augmentation": augmentation.model_dump() if augmentation else None,
    }
    with _process(json.dumps(asked)) as (process, lines):
        for line in lines:
            if "error" in line:
                message, params = line["error"], line["params"]
                raise CatDogError(message, **params)
            tell(line)
        if process.wait():
            raise CatDogError(
                "The trial ended without saying why. The server's log may tell more; try again, or"
                " start the training itself."
            )


@contextmanager
def _process(asked: str) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "catdog_core.training.trial_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=files.PROJECT,
        env={**os.environ, "CATDOG_WORKSPACE": str(Path(files.workspace()).absolute())},
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        with process.stdin as pipe:
            pipe.write(asked)
        yield process, _objects(process.stdout)
    finally:
        process.kill()  # it keeps nothing; where it has ended already, this does nothing
        process.wait()
        process.stdout.close()


def _objects(lines: Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{"):  # whatever a library prints is none of ours
            yield json.loads(line)
