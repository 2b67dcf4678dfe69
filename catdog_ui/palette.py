"""The colours of data, the same on every page and safe for colour-blind eyes (Okabe and Ito)."""

from __future__ import annotations

TRAIN = "#D55E00"
VALIDATION = "#0072B2"
TEST = "#888888"
WITHIN = "#009E73"
"""Marks what a setting allows."""
SPLIT_COLORS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}

CLASS_COLORS = [
    "#CC79A7",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#0072B2",
    "#D55E00",
    "#888888",
]
"""By label number; more classes than colours begin again."""


def class_color(label: int) -> str:
    """The colour of a class by its label number."""
    return CLASS_COLORS[label % len(CLASS_COLORS)]
