"""Every tunable of the lab, as frozen models.

A field carries its label, unit, range, step and one line of help. Sliders, command-line flags,
checks and the settings reference are all derived from here; nothing else knows a range.
"""

from __future__ import annotations

from .augmentation import MIXES, NO_AUGMENTATION, PRESETS, Augmentation, FillMode
from .network import NETWORKS, Network
from .recipes import RECIPES, Recipe
from .training import PIPELINE_VERSION, ModelName, Monitor, Optimizer, Schedule, Training

__all__ = [
    "MIXES",
    "NETWORKS",
    "NO_AUGMENTATION",
    "PIPELINE_VERSION",
    "PRESETS",
    "RECIPES",
    "Augmentation",
    "FillMode",
    "ModelName",
    "Monitor",
    "Network",
    "Optimizer",
    "Recipe",
    "Schedule",
    "Training",
]
