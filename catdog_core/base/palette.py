"""The colours of charts, one set for pages, pictures and reports, safe for colour-blind eyes.

They are those of Okabe and Ito (Color Universal Design, 2008), without the yellow that is lost on
white. Where two lines cross, symbols or dashes differ as well.
"""

from __future__ import annotations

BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
NEUTRAL = "#888888"
"""Grey that is seen on white and on black: what is no part of the comparison."""

TRAIN, VALIDATION, TEST = VERMILION, BLUE, NEUTRAL
IN_RANGE = GREEN
"""Marks what a setting allows."""
BEST = "#F0B400"
"""The star of the best epoch; it has a dark outline."""
ON_LIGHT, ON_DARK = "#0E1517", "#E6ECEB"
"""Text upon a light and upon a dark cell of a table."""
MUTED = "#7A8583"
"""Words that are read on white and on black."""
WHITE, BLACK = "#FFFFFF", "#000000"

SPLIT_COLORS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
CLASS_COLORS = (PURPLE, GREEN, ORANGE, SKY, BLUE, VERMILION, NEUTRAL)
"""By label number; more classes than colours begin again."""
RUN_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, NEUTRAL)
"""By place in an overlay."""


def class_color(label: int) -> str:
    """Return the colour of a class by its label number."""
    return CLASS_COLORS[label % len(CLASS_COLORS)]
