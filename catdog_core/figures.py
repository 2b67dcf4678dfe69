"""Figures for files, drawn with matplotlib, which is imported inside: it takes 600 ms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from . import files
from .augment import Transform
from .images import Photo

_FORMATS = ("png", "jpg", "jpeg", "webp", "pdf", "svg")
_TRAIN, _VALIDATION = "#D55E00", "#0072B2"  # the pages' palette


def contact_sheet(variants: Sequence[tuple[Photo, Transform]], out: Path, columns: int = 5) -> None:
    """Write one picture of a photo's variants, the drawn values under each, five in a row.

    Args:
        variants: as `augment.variants` gives them.
        out: the file to write or replace; PNG unless its extension asks for another format.
        columns: variants in a row.

    Raises:
        CatDogError: the file cannot be written.
    """
    width, height, side = 2.4, 2.8, 2.3  # inches of a cell and of the square in its upper part
    rows = -(-len(variants) // columns)
    figure = _figure(width * columns, height * rows)
    for place, (photo, drawn) in enumerate(variants):
        row, column = divmod(place, columns)
        left, bottom = width * (column + 0.5) - side / 2, height * (rows - row) - side - 0.05
        box = (left / columns / width, bottom / rows / height)
        axes = figure.add_axes((*box, side / columns / width, side / rows / height))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.imshow(photo)
        axes.set_xlabel(caption(drawn), fontsize=7)
    _save(figure, out)


def history(epochs: Sequence[Mapping[str, Any]], best: int | None, out: Path) -> None:
    """Write the overfitting plots of a run: accuracy left, loss right, training red.

    Args:
        epochs: rows of a run's metrics, epochs counted from 0; people see them from 1.
        best: the epoch to mark, counted from 0.
        out: the file to write or replace; PNG unless its extension asks for another format.

    Raises:
        CatDogError: the file cannot be written.
    """
    figure = _figure(10, 4, layout="constrained")
    x = [row["epoch"] + 1 for row in epochs]
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(x, [row[name] for row in epochs], color=_TRAIN, label="training")
        validation = [row[f"val_{name}"] for row in epochs]
        axes.plot(x, validation, color=_VALIDATION, label="validation", marker="o", markersize=3)
        if best is not None:
            axes.axvline(best + 1, color="0.6", linestyle=":", label=f"best epoch, {best + 1}")
        axes.set_title(name.capitalize())
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.legend()
    _save(figure, out)


def _figure(width: float, height: float, layout: Literal["constrained"] | None = None) -> Any:
    """An empty figure of so many inches that no other thread's pyplot can touch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, out: Path) -> None:
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
