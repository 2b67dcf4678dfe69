"""Running the texts of `code_templates` as a reader would: pasted, beside a photo."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catdog_core.augmentation.code_templates import make_snippets
from catdog_core.config import NO_AUGMENTATION, Augmentation
from catdog_core.data.synthetic import draw_pet

PET = np.asarray(draw_pet(0, 150, np.random.default_rng(1)))


def only_settings(**settings: Any) -> Augmentation:
    """These settings and nothing else."""
    return NO_AUGMENTATION.model_copy(update=settings)


def run_snippet(
    library: str, settings: Augmentation, photo: Any = PET, seed: int = 0
) -> dict[str, Any]:
    """Run the text for a library in the current folder; the names it defines, `variants` first."""
    if library == "albumentations" and importlib.util.find_spec("albumentations") is None:
        pytest.skip("albumentations is not installed")
    with Path("photo.jpg").open("wb") as file:
        Image.fromarray(photo).save(file, format="PNG")  # no loss; all readers go by the content
    names: dict[str, Any] = {}
    exec(compile(make_snippets(settings, seed)[library].code, library, "exec"), names)
    return names
