"""The map of photos as a Vega-Lite chart, whose tooltip shows a point's photo.

Plotly shows text only where the pointer rests; Vega's tooltip draws a field named "image".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catdog_core.files import shown
from catdog_core.insight.layouts import Numbers
from catdog_core.insight.predictions import Table

from .. import gallery
from ..palette import CLASS_COLORS, NEUTRAL, ON_DARK, ON_LIGHT, class_color
from ..words import t

HEIGHT = 460
"""Pixels."""


@dataclass(frozen=True)
class Groups:
    """What is told apart by colour: (name, colour) a group, and the group of each class."""

    legend: tuple[tuple[str, str], ...]
    of: tuple[int, ...]


def groups(table: Table, guesses: NDArray[np.int64]) -> Groups:
    """A colour a class; of more classes than colours, the six with most mistakes, and the rest."""
    count = len(table.classes)
    if count <= len(CLASS_COLORS):
        legend = [(name, class_color(label)) for label, name in enumerate(table.classes)]
        return Groups(tuple(legend), tuple(range(count)))
    wrong = table.labels != guesses
    mistakes = np.bincount(table.labels[wrong], minlength=count)
    mistakes += np.bincount(guesses[wrong], minlength=count)
    first = sorted(np.argsort(-mistakes, kind="stable")[: len(CLASS_COLORS) - 1].tolist())
    legend = [(table.classes[label], CLASS_COLORS[n]) for n, label in enumerate(first)]
    of = [first.index(label) if label in first else len(first) for label in range(count)]
    rest = t("{n} other classes", n=count - len(first))
    return Groups((*legend, (rest, NEUTRAL)), tuple(of))


def data(
    table: Table,
    guesses: NDArray[np.int64],
    grouped: Groups,
    pictures: Sequence[bytes],
    xy: Numbers,
    rows: NDArray[np.int64],
) -> dict[str, list[Any]]:
    """The points by column: N photos of a table by row number, their pictures and places."""
    names = [shown(name, 40) for name in table.classes]
    labels, called = table.labels[rows], guesses[rows]
    shares = table.probabilities[rows, called]
    return {
        "row": rows.tolist(),
        "x": xy[:, 0].astype(float).tolist(),
        "y": xy[:, 1].astype(float).tolist(),
        "group": [grouped.of[label] for label in labels],
        "wrong": (labels != called).astype(int).tolist(),
        "file": [shown(table.files[row], 60) for row in rows],
        "truth": [names[label] for label in labels],
        "called": [f"{names[c]}, {p:.1%}" for c, p in zip(called, shares, strict=True)],
        "picture": [gallery.data_uri(picture) for picture in pictures],
    }


def spec(grouped: Groups, is_dark: bool) -> dict[str, Any]:
    """The chart of such points: clicked one by one (Shift: more), or in a rectangle drawn."""
    axis = {"title": None, "labels": False, "ticks": False, "grid": False, "domain": False}
    place = {
        "type": "quantitative",
        "axis": axis,
        "scale": {"zero": False, "nice": False, "padding": 12},
    }
    is_wrong = "datum.wrong === 1"
    colors = [color for _, color in grouped.legend]
    return {
        "height": HEIGHT,
        "mark": {"type": "point", "filled": True, "cursor": "pointer"},
        "params": [
            {"name": "points", "select": {"type": "point", "fields": ["row"]}},
            {"name": "area", "select": {"type": "interval", "encodings": ["x", "y"]}},
        ],
        "encoding": {
            "x": {"field": "x", **place},
            "y": {"field": "y", **place},
            "order": {"field": "wrong", "type": "quantitative"},  # mistakes lie on top
            "color": {
                "field": "group",
                "type": "nominal",
                "scale": {"domain": list(range(len(colors))), "range": colors},
                "legend": None,
            },
            "shape": {
                "field": "wrong",
                "type": "nominal",
                "scale": {"domain": [0, 1], "range": ["circle", "cross"]},
                "legend": None,
            },
            "size": {"condition": {"test": is_wrong, "value": 130}, "value": 42},
            "stroke": {
                "condition": {"test": is_wrong, "value": ON_DARK if is_dark else ON_LIGHT},
                "value": None,
            },
            "strokeWidth": {"value": 1},
            "opacity": {
                "condition": {"param": "points", "value": 1, "empty": False},
                "value": 0.8,
            },
            "tooltip": [
                {"field": "file", "title": "title"},  # the two names that Vega's tooltip knows
                {"field": "picture", "title": "image"},
                {"field": "truth", "title": t("truly")},
                {"field": "called", "title": t("called")},
            ],
        },
        "config": {"view": {"stroke": None}},
    }
