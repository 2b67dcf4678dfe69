"""The pictures of a report: curves as SVG that takes the page's colours, or live by plotly."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

from .. import figures
from ..errors import CatDogError
from ..images import Photo, encode
from ..palette import BLACK, QUIET, TRAIN, VALIDATION
from . import fonts
from .tongue import Say

METRICS = ("accuracy", "loss")
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r' (?:width|height)="[^"]*pt"')


def curve(metric: str, epochs: Sequence[Mapping[str, Any]], best: int | None, say: Say) -> str:
    """One metric over the epochs as an SVG element without a size; its lines are text's colour."""
    from matplotlib import rc_context

    figure = figures.curve(metric, epochs, best, say)
    fonts.dress(figure)
    out = io.StringIO()
    # Texts stay texts: they take the page's font and can be searched. The salt keeps apart what
    # two pictures of one page name alike.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": metric}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = _HEAD.sub("", out.getvalue())
    head, end, rest = text.partition(">")
    return (_SIZE.sub("", head) + end + rest).replace(BLACK, "currentColor")


def live(metric: str, epochs: Sequence[Mapping[str, Any]], say: Say) -> str:
    """One metric over the epochs as a script that draws it; `library` comes before it."""
    x = [row["epoch"] + 1 for row in epochs]
    title = say("Accuracy") if metric == "accuracy" else say("Loss")
    traces = [
        {
            "x": x,
            "y": [_finite(row.get(key)) for row in epochs],
            "name": escape(label),
            "mode": "lines+markers",
            "line": {"color": color, "width": 2.5},
        }
        for key, label, color in (
            (metric, say("Training"), TRAIN),
            (f"val_{metric}", say("Validation"), VALIDATION),
        )
    ]
    grid = {"gridcolor": "rgba(128,128,128,.25)", "zerolinecolor": "rgba(128,128,128,.25)"}
    layout = {
        "title": {"text": escape(title)},
        "hovermode": "x unified",
        "height": 340,
        "margin": {"l": 48, "r": 12, "t": 48, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": QUIET},
        "legend": {"orientation": "h", "y": -0.2},
        "xaxis": {"title": {"text": escape(say("Epoch"))}, **grid},
        "yaxis": {"tickformat": ".0%" if metric == "accuracy" else "", **grid},
    }
    options = {"responsive": True, "displaylogo": False}
    arguments = ", ".join(_script(part) for part in (f"live-{metric}", traces, layout, options))
    # Once the page is laid out: before, it would take the width of what is to come beside it.
    draw = f"addEventListener('load', () => Plotly.newPlot({arguments}))"
    return f'<div id="live-{metric}"></div><script>{draw}</script>'


def library() -> str:
    """plotly's own script, of the package that is installed; it is 4 to 5 MB.

    Raises:
        CatDogError: it is not there.
    """
    found = importlib.util.find_spec("plotly")
    places = found.submodule_search_locations if found else None
    for place in places or ():
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace("</script", "<\\/script")
            return f"<script>{text}</script>"
    raise CatDogError("The package plotly is not here. Install it with: pip install plotly")


def picture(photo: Photo, alt: str) -> str:
    """A photo as an element that holds all of it."""
    data = base64.b64encode(encode(photo, quality=82)).decode()
    height, width = photo.shape[:2]
    size = f'width="{width}" height="{height}"'
    return f'<img src="data:image/jpeg;base64,{data}" {size} alt="{escape(alt)}">'


def _script(value: Any) -> str:
    """A value inside a script element, which a name in it cannot end."""
    return json.dumps(value).replace("<", "\\u003c")


def _finite(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and isfinite(value)
    return round(float(value), 6) if number else None
