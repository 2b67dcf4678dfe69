"""Figures for files, drawn with matplotlib, which is imported inside: it takes 600 ms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import files
from .augment import Transform
from .images import Photo

_FORMATS = ("png", "jpg", "jpeg", "webp", "pdf", "svg")


def contact_sheet(variants: Sequence[tuple[Photo, Transform]], out: Path, columns: int = 5) -> None:
    """Write one picture of a photo's variants, each with its drawn values, five in a row.

    Args:
        variants: as `augment.variants` gives them.
        out: the file to write or replace; PNG unless its extension asks for another format.
        columns: variants in a row.

    Raises:
        CatDogError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = -(-len(variants) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.75 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (photo, drawn) in zip(grid.flat, variants, strict=False):
        axes.imshow(photo)
        axes.set_title(caption(drawn), fontsize=7)
    kind = out.suffix.lower().lstrip(".")
    with files.replacing(out) as temporary:
        figure.savefig(temporary, format=kind if kind in _FORMATS else "png")


def caption(drawn: Transform) -> str:
    """The drawn values in two or three short lines: degrees, pixels, factors."""
    flips = "".join(
        arrow
        for arrow, is_on in (("↔", drawn.flip_horizontal), ("↕", drawn.flip_vertical))
        if is_on
    )
    lines = [
        f"{_whole(drawn.theta)}°  x {_whole(drawn.shift_x)} px  y {_whole(drawn.shift_y)} px",
        f"zoom {drawn.zx:.2f} × {drawn.zy:.2f}  {flips}".rstrip(),
    ]
    colour = []
    if drawn.shear:
        colour.append(f"shear {_whole(drawn.shear)}°")
    if drawn.brightness != 1.0:
        colour.append(f"light × {drawn.brightness:.2f}")
    if drawn.channel_shift:
        colour.append(f"shift {_whole(drawn.channel_shift)}")
    return "\n".join([*lines, "  ".join(colour)] if colour else lines)


def _whole(value: float) -> str:
    return f"{round(value):+d}"  # an int has no "-0"
