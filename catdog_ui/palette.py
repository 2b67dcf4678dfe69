"""The colours of data, the same on every page; the core draws its pictures with them, too."""

from __future__ import annotations

from catdog_core.base.palette import (
    BEST,
    CLASS_COLORS,
    IN_RANGE,
    NEUTRAL,
    ON_DARK,
    ON_LIGHT,
    RUN_COLORS,
    SPLIT_COLORS,
    TEST,
    TRAIN,
    VALIDATION,
    WHITE,
    class_color,
)

__all__ = [
    "BEST",
    "CLASS_COLORS",
    "IN_RANGE",
    "NEUTRAL",
    "ON_DARK",
    "ON_LIGHT",
    "RUN_COLORS",
    "SPLIT_COLORS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "WHITE",
    "class_color",
]
