"""The model that comes with the lab: a finished run among the assets, to predict with at once."""

from __future__ import annotations

from pathlib import Path

from ..base import files
from . import run_folder
from .run_folder import Run

DEFAULT_MODEL_NAME = "default"
"""What the command line and the Predict page call it."""


def default_model_folder() -> Path:
    """Where it lies: a run folder with a model card, ``README.md``."""
    return files.DEFAULT_MODEL


def load_default_run() -> Run | None:
    """The finished run; None where the assets were left out."""
    if not (default_model_folder() / "best.keras").is_file():
        return None
    return run_folder.load_run(default_model_folder())
