"""Figures for files, drawn with matplotlib, which is imported inside: it takes 600 ms."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from ..augmentation.mixing import Mix
from ..augmentation.photo_changes import CHANGES
from ..augmentation.transform import Transform
from ..base import files, plot_fonts, report_language
from ..base.errors import N_
from ..base.field_specs import FieldSpec, describe_fields
from ..base.palette import RUN_COLORS, TRAIN, VALIDATION
from ..base.report_language import Translator
from ..config import Augmentation
from ..imaging.decode import Photo

if TYPE_CHECKING:
    from .robustness import RobustnessCurve

_FORMATS = ("png", "jpg", "jpeg", "webp", "pdf", "svg")
_CAPTION_WIDTH = 32  # signs that fit under a variant
_MAX_ROWS = 12  # rows of variants in a picture
_FIGURE_LABELS = (
    N_("Accuracy"),
    N_("Loss"),
    N_("Training"),
    N_("Validation"),
    N_("Best epoch"),
    N_("Epoch"),
    N_("guessing"),
)
_FLIP_LABELS = (N_("unchanged"), N_("flipped"))


def write_contact_sheet(
    variants: Sequence[tuple[Photo, Transform]],
    out: Path | BinaryIO,
    columns: int = 5,
    *,
    kind: str = "",
    originals: Sequence[Photo] = (),
    mixes: Sequence[Mix] = (),
    title: str = "",
) -> None:
    """Draw a photo's variants, the drawn values under each: one picture, or pages of a PDF.

    Args:
        variants: as `augment.make_variants` gives them.
        out: the file to write or replace, or one open for bytes.
        columns: variants in a row; twice as many where a picture would be too long otherwise.
        kind: "png", "pdf" or another format; by default by the file's extension, else PNG.
        originals: what the variants were made of, shown small above them.
        mixes: how each variant was mixed, where they were.
        title: a line above; `describe_augmentation` makes one of settings.

    Raises:
        CatDogError: the file cannot be written.
    """
    kind = _file_format(kind or (out.suffix if isinstance(out, Path) else ""))
    captions = [format_transform(drawn) for _, drawn in variants]
    if mixes:
        captions = [
            f"{text}\n{_format_mix(mix)}" for text, mix in zip(captions, mixes, strict=True)
        ]
    cells = list(zip((photo for photo, _ in variants), captions, strict=True))
    if kind != "pdf" and len(cells) > _MAX_ROWS * columns:
        columns *= 2
    a_page = 4 * columns if kind == "pdf" else len(cells)
    sheets = [
        _draw_page(cells[start : start + a_page], columns, originals, title, kind)
        for start in range(0, len(cells), a_page)
    ]
    _save_figures(sheets, out, kind)


def _draw_page(
    cells: Sequence[tuple[Photo, str]],
    columns: int,
    originals: Sequence[Photo],
    title: str,
    kind: str,
) -> Any:
    """Draw one page: a head with the originals and the title, below it the cells row by row."""
    # All in inches from the upper left corner; a photo of 150 pixels is drawn at twice its size.
    side, gap, line, little = 2.0, 0.15, 0.13, 1.0
    columns = max(3, min(columns, len(cells)))  # room for the head above a single variant
    lines = max(text.count("\n") + 1 for _, text in cells)
    width = columns * (side + gap) + gap
    indent = gap + len(originals) * (little + gap)
    words = textwrap.wrap(title, int((width - indent - gap) * 12.5)) if title else []
    head = max(little if originals else 0.0, len(words) * 0.18)
    top = gap + head + (gap if head else 0.0)
    row = side + 0.06 + lines * line + gap
    height = top + -(-len(cells) // columns) * row

    figure = new_figure(width, height, dpi=150)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()

    def draw_photo(photo: Photo, left: float, upper: float, size: float) -> None:
        # Pages keep the photo's own pixels; a picture shows them smoothly enlarged.
        smooth = "none" if kind in ("pdf", "svg") else "bicubic"
        where = (left, left + size, upper + size, upper)
        axes.imshow(photo, extent=where, interpolation=smooth, aspect="auto")

    for n, photo in enumerate(originals):
        draw_photo(photo, gap + n * (little + gap), gap, little)
    text = {"va": "top", "linespacing": 1.25, "parse_math": False}
    axes.text(indent, gap, "\n".join(words), fontsize=9, **text)
    for n, (photo, caption) in enumerate(cells):
        left, upper = gap + n % columns * (side + gap), top + n // columns * row
        draw_photo(photo, left, upper, side)
        axes.text(left + side / 2, upper + side + 0.06, caption, ha="center", fontsize=7, **text)
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def describe_augmentation(settings: Augmentation) -> str:
    """Return the settings that change something, in one line of English."""
    on = settings.active
    parts = [
        _describe_setting(control, getattr(settings, control.name))
        for control in sorted(
            describe_fields(Augmentation), key=lambda control: control.kind == "choice"
        )
        if control.name in on
    ]
    return ", ".join(parts) or "nothing is changed"


def _describe_setting(control: FieldSpec, value: Any) -> str:
    label = control.label if control.unit == "α" else control.label.lower()  # MixUp, CutMix
    if control.kind == "bool":
        return label
    if control.kind == "choice":
        return f"{label} {value}"
    number = f"{value[0]:g}–{value[1]:g}" if control.kind == "range" else f"{value:g}"
    space = "" if control.unit in ("", "°") else "\u00a0"  # a number keeps its unit on its line
    return f"{label} {number}{space}{control.unit}"


def write_history_plot(
    epochs: Sequence[Mapping[str, Any]],
    best: int | None,
    out: Path,
    say: Translator | None = None,
    guess: tuple[float, float] | None = None,
) -> None:
    """Write the overfitting plots of a run: accuracy left, loss right, training red.

    Args:
        epochs: rows of a run's metrics, epochs counted from 0; people see them from 1.
        best: the epoch to mark, counted from 0.
        out: the file to write or replace; PNG unless its extension asks for another format.
        say: the language of its words, by default that of the environment; English where no font
            here could draw it.
        guess: validation accuracy and loss of a network that guesses, to draw as lines.

    Raises:
        CatDogError: the file cannot be written.
    """
    _save_figures([plot_history(epochs, best, say, guess)], out, _file_format(out.suffix))


def plot_history(
    epochs: Sequence[Mapping[str, Any]],
    best: int | None,
    say: Translator | None = None,
    guess: tuple[float, float] | None = None,
) -> Any:
    """Draw the figure that `write_history_plot` writes."""
    say = _choose_language(say)
    figure = new_figure(10, 4, layout="constrained")
    metrics, guesses = ("accuracy", "loss"), guess or (None, None)
    for axes, metric, value in zip(figure.subplots(1, 2), metrics, guesses, strict=True):
        draw_metric(axes, metric, epochs, best, say, value)
    return figure


def plot_metric(
    metric: str,
    epochs: Sequence[Mapping[str, Any]],
    best: int | None,
    say: Translator | None = None,
    guess: float | None = None,
) -> Any:
    """Draw one metric over the epochs, "accuracy" or "loss", transparent and narrow."""
    figure = new_figure(5.2, 3.6, layout="constrained")
    axes = figure.subplots()
    draw_metric(axes, metric, epochs, best, _choose_language(say), guess)
    for patch in (figure.patch, axes.patch):
        patch.set_alpha(0)
    axes.get_legend().set_frame_on(False)
    return figure


def write_robustness_plot(
    curves: Sequence[RobustnessCurve], names: Sequence[str], out: Path, guess: float | None = None
) -> None:
    """Write accuracy against the strength of a change, a line a model, with 95 % intervals.

    Args:
        curves: of the same photos and the same change.
        names: of the models.
        out: the file to write or replace; PNG unless its extension asks for another format.
        guess: accuracy of always predicting the largest class, to draw as a line.

    Raises:
        CatDogError: the file cannot be written.
    """
    say = report_language.get_current_translator()
    change = CHANGES[curves[0].change]
    words = [say(change.label), say(change.axis), say("Accuracy"), say("guessing"), *names]
    if not plot_fonts.can_draw("".join(words)):
        say = report_language.format_english
    figure = new_figure(8, 4.5, layout="constrained")
    axes = figure.subplots()
    for number, (curve, name) in enumerate(zip(curves, names, strict=True)):
        values = [curve.accuracy(strength) for strength in curve.strengths]
        ends = [curve.interval(strength) for strength in curve.strengths]
        color = RUN_COLORS[number % len(RUN_COLORS)]
        axes.plot(
            curve.strengths, values, color=color, marker="os^"[number % 3], label=name, linewidth=2
        )
        axes.fill_between(
            curve.strengths, *zip(*ends, strict=True), color=color, alpha=0.15, linewidth=0
        )
    if guess is not None:
        axes.axhline(guess, color="0.6", linestyle="--", linewidth=1, label=say("guessing"))
    if change.is_flip:
        axes.set_xticks([0, 1], list(map(say, _FLIP_LABELS)))
    axes.set_title(say(change.label))
    axes.set_xlabel(say(change.axis))
    axes.set_ylabel(say("Accuracy"))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.25)
    for text in axes.legend().get_texts():
        text.set_parse_math(False)
    _save_figures([figure], out, _file_format(out.suffix))


def _choose_language(say: Translator | None) -> Translator:
    """Return the language asked for, or English where no font can draw it."""
    say = say or report_language.get_current_translator()
    return (
        say
        if plot_fonts.can_draw("".join(map(say, _FIGURE_LABELS)))
        else report_language.format_english
    )


def draw_metric(
    axes: Any,
    metric: str,
    epochs: Sequence[Mapping[str, Any]],
    best: int | None,
    say: Translator,
    guess: float | None = None,
) -> None:
    """Draw one metric over the epochs, training against validation, into axes.

    `guess` is the metric of a network that guesses; None draws no line.
    """
    x = [row["epoch"] + 1 for row in epochs]
    validation, label = _metric_column(epochs, f"val_{metric}"), say("Validation")
    axes.plot(x, _metric_column(epochs, metric), color=TRAIN, label=say("Training"))
    axes.plot(x, validation, color=VALIDATION, label=label, marker="o", markersize=3)
    if best is not None:
        best_label = say("Best epoch")
        axes.axvline(best + 1, color="0.6", linestyle=":", label=f"{best_label}: {best + 1}")
    if guess is not None:
        axes.axhline(guess, color="0.6", linestyle="--", linewidth=1, label=say("guessing"))
    axes.set_title(say("Accuracy") if metric == "accuracy" else say("Loss"))
    axes.set_xlabel(say("Epoch"))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend()


def _metric_column(epochs: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return a column of the metrics; what is missing is NaN, a hole in its curve."""
    return [nan if row.get(name) is None else float(row[name]) for row in epochs]


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = None, dpi: int = 100
) -> Any:
    """Return an empty figure, in inches, that no other thread's pyplot can touch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _file_format(name: str) -> str:
    kind = name.lower().lstrip(".")
    return kind if kind in _FORMATS else "png"


def _save_figures(figures: Sequence[Any], out: Path | BinaryIO, kind: str) -> None:
    """Write figures: each a page of a PDF; other formats hold one."""
    for figure in figures:
        plot_fonts.apply_fallback_fonts(figure)
    if isinstance(out, Path):
        with files.atomic_replace(out) as temporary, open(temporary, "wb") as file:
            _write_figures(figures, file, kind)
    else:
        _write_figures(figures, out, kind)


def _write_figures(figures: Sequence[Any], file: BinaryIO, kind: str) -> None:
    if kind != "pdf":
        # The usual compression of PNG takes most of the time, for 12 % less.
        options = {"pil_kwargs": {"compress_level": 3}} if kind == "png" else {}
        figures[0].savefig(file, format=kind, **options)
        return
    from matplotlib.backends.backend_pdf import PdfPages

    with PdfPages(file, metadata={"CreationDate": None}) as pages:  # the same file each time
        for figure in figures:
            pages.savefig(figure)


def format_transform(drawn: Transform) -> str:
    """Return the drawn values of a transform in short lines: degrees, pixels, factors."""
    flips = "".join(
        arrow
        for arrow, is_on in (("↔", drawn.flip_horizontal), ("↕", drawn.flip_vertical))
        if is_on
    )
    lines = [
        f"{_format_rounded(drawn.theta)}°  x {_format_rounded(drawn.shift_x)} px"
        f"  y {_format_rounded(drawn.shift_y)} px",
        f"zoom {drawn.zx:.2f} × {drawn.zy:.2f}  {flips}".rstrip(),
    ]
    others = [
        (drawn.shear, f"shear {_format_rounded(drawn.shear)}°"),
        (drawn.brightness != 1.0, f"light × {drawn.brightness:.2f}"),
        (drawn.channel_shift, f"shift {_format_rounded(drawn.channel_shift)}"),
        (drawn.contrast != 1.0, f"contrast × {drawn.contrast:.2f}"),
        (drawn.saturation != 1.0, f"saturation × {drawn.saturation:.2f}"),
        (drawn.hue, f"hue {_format_rounded(drawn.hue)}°"),
        (drawn.blur, f"blur {drawn.blur:.1f} px"),
        (drawn.noise, f"noise {drawn.noise:.0f}"),
        (drawn.erased, "erased {2} × {3} px".format(*drawn.erased or (0, 0, 0, 0))),
    ]
    line = ""
    for part in [text for is_on, text in others if is_on]:
        longer = f"{line}  {part}".lstrip()
        if len(longer) > _CAPTION_WIDTH:
            lines.append(line)
            longer = part
        line = longer
    return "\n".join([*lines, line]).rstrip()


def _format_mix(mix: Mix) -> str:
    """Return the shares of the two photos in a mixed one, and how they were mixed."""
    first = round(100 * mix.share)
    return f"{'MixUp' if mix.box is None else 'CutMix'} {first} : {100 - first} %"


def _format_rounded(value: float) -> str:
    return f"{round(value):+d}"  # an int has no "-0"
