"""The command that draws a photo's random variants on one sheet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..analysis import plots
from ..augmentation import color, make_variants, mixing
from ..augmentation.mixing import Mix
from ..augmentation.transform import Transform
from ..base.english_plurals import format_count
from ..base.errors import PhotoError
from ..config import Augmentation, Training
from ..imaging import decode
from ..imaging.decode import Photo
from . import models, options, output_files

Variants = Sequence[tuple[Photo, Transform]]


@options.with_flags(Augmentation)
def augment(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to change.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="The image to write, or OUT.pdf.")],
    count: Annotated[int, typer.Option(min=1, max=200, help="Number of variants.")] = 20,
    seed: Annotated[
        int, typer.Option(min=0, help="A different seed gives different variants.")
    ] = 0,
    start: Annotated[
        str,
        typer.Option(
            "--augment", help="Settings to start from: notes, another preset, or FILE.json."
        ),
    ] = "notes",
    image_size: Annotated[
        int,
        typer.Option(min=32, max=320, help="Side of the photo in pixels. Use the run's size."),
    ] = Training().image_size,
    partner: Annotated[
        Path | None,
        typer.Option("--with", metavar="PHOTO", help="The photo that MixUp and CutMix mix in."),
    ] = None,
    force: options.Force = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Draw random variants of a photo, as in training, on a sheet."""
    inputs = (photo, partner, Path(start) if Path(start).is_file() else None)
    target = output_files.resolve_output(out, output_files.get_figure_kind(out), inputs, force)
    settings = options.override_settings(options.resolve_augmentation(start), flags)
    shown = [_load_photo(path, image_size) for path in (photo, partner) if path]
    variants: Variants = make_variants(shown[0], settings, count, seed)
    mixes: list[Mix] = []
    if settings.mixes and partner:
        variants, mixes = _mix_variants(variants, shown[1], settings, seed)
    elif settings.mixes:
        print(
            "MixUp and CutMix need a second photo, so they're left out. Add one with --with PHOTO.",
            file=sys.stderr,
        )
        settings = settings.model_copy(update={"mixup_alpha": 0.0, "cutmix_alpha": 0.0})
    elif partner:
        print(
            f"{partner} isn't mixed in, because --mixup-alpha and --cutmix-alpha are 0.",
            file=sys.stderr,
        )
    title = f"{photo.name}: {plots.describe_augmentation(settings)}"
    originals = shown if mixes else shown[:1]
    plots.write_contact_sheet(variants, target, originals=originals, mixes=mixes, title=title)
    print(f"{format_count(count, 'variants')} in {out}")
    if clipped := color.largest_clipping(shown[0], settings.hue_range):
        print(
            f"At a hue of up to ±{settings.hue_range:g}°, up to {clipped:.0%} of the pixels are"
            " clipped."
        )


def _load_photo(path: Path, size: int) -> Photo:
    data = models.read_photo_argument(path)
    try:
        return decode.decode_and_fit(data, size)
    except PhotoError as error:
        raise PhotoError("{file}: {reason}", file=path, reason=error) from error


def _mix_variants(
    variants: Variants, partner: Photo, settings: Augmentation, seed: int
) -> tuple[Variants, list[Mix]]:
    """Mix each variant with one of the partner: in training too, all are changed, then mixed."""
    others = [other for other, _ in make_variants(partner, settings, len(variants), seed + 1)]
    mixed = mixing.make_mixed_variants([photo for photo, _ in variants], others, settings, seed)
    drawn = [transform for _, transform in variants]
    return list(zip([photo for photo, _ in mixed], drawn, strict=True)), [mix for _, mix in mixed]
