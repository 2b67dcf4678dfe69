"""A few steps of a training that is not started yet, to tell how it would go.

They are taken in a process of their own, since a training leaves its traces in the process it
runs in: see `child`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .. import child
from ..datasets import Dataset
from ..errors import N_, CatDogError
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
    child.ask("catdog_core.training.trial_worker", asked, tell, _SILENT)


_SILENT = N_(
    "The trial ended without saying why; the machine may have run out of memory. Choose a smaller"
    " batch size or image size, or close other programs, then try again."
)
