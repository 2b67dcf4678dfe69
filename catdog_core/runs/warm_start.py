"""Runs that go on from the weights of another one, with settings of their own.

Such a run is an ordinary one: it takes a copy of the other's best model along, ``start.keras``,
and begins with its weights instead of random ones. What becomes of the other does not matter.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base import files
from ..base.errors import RunError
from ..config import Network, Training
from ..models import backbones
from .run_folder import Run

INITIAL_WEIGHTS_FILE = "start.keras"
"""The file of a run folder that holds the weights to begin with."""


def check_warm_start(parent: Run, training: Training, classes: Sequence[str]) -> None:
    """Raise RunError where a training cannot go on from a run's weights, saying what differs."""
    if parent.training is None or parent.best_model is None:
        raise RunError(
            "Run '{name}' has no model yet. Expected one with a whole epoch to go on from.",
            name=parent.name or parent.id,
        )
    if backbones.TRANSFER in (parent.model, training.model):
        raise RunError(
            "A run of model 'transfer' begins with weights of its own. Expected a run of another"
            " model to go on from. Start 'transfer' anew: its last layer takes seconds."
        )
    for what, now, then in (
        ("model", training.model, parent.training.model),
        ("network", _network_json(training), _network_json(parent.training)),
        ("image_size", training.image_size, parent.training.image_size),
        ("classes", ", ".join(classes), ", ".join(parent.classes)),
    ):
        if now != then:
            raise RunError(
                "The weights of run '{name}' do not fit: {what} is {now} here and {then} there."
                " Expected the same. Change it, or start from scratch.",
                name=parent.name or parent.id,
                what=what,
                now=now,
                then=then,
            )


def _network_json(training: Training) -> str:
    if training.model != "custom":
        return ""
    return (training.network or Network()).model_dump_json()


def parent_metadata(parent: Run) -> dict[str, Any]:
    """What a run remembers of the one it goes on from."""
    return {"id": parent.id, "name": parent.name, "epoch": parent.best_epoch}


def copy_parent_model(parent: Run, folder: Path) -> None:
    """Put a copy of a run's best model into the folder of one that goes on from it."""
    assert parent.best_model is not None
    with files.atomic_replace(folder / INITIAL_WEIGHTS_FILE) as temporary:
        shutil.copyfile(parent.best_model, temporary)
