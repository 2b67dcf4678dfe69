"""Any picture of Pillow's to upright plain RGB, a strip at a time. Light.

At 40 megapixels each further copy of a picture costs 160 MB. So what has to be converted, laid on
white or made smaller is so in strips, and only the plain pixels are ever there as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from . import deep_grey

LARGE = 8_000_000
"""Pixels up to which a picture is never made smaller here."""
_STRIP = 1_000_000  # pixels
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True)}
_TURNS |= {8: (1, False)}  # by EXIF mark: quarter turns against the clock, then mirrored or not


def to_rgb(image: Image.Image, at_least: int | None) -> NDArray[np.uint8]:
    """Convert a picture whose pixels have been read.

    Args:
        image: of any mode; transparent ones are laid on white.
        at_least: when given, more than `LARGE` pixels may be averaged by 2 × 2, 4 × 4 or 8 × 8, as
            long as the short side stays at least this long, pixels.

    Returns:
        (H, W, 3) uint8, turned as its EXIF mark tells.

    Raises:
        PhotoError: it holds no finite number.
    """
    factor = _factor(image, at_least)
    limits = deep_grey.limits(map(np.asarray, _strips(image, factor))) if _is_deep(image) else None
    width, height = (-(-side // factor) for side in image.size)
    pixels, top = np.empty((height, width, 3), np.uint8), 0
    for strip in _strips(image, factor):
        plain = _grey(strip, limits) if limits else _plain(strip)
        part = np.asarray(plain.reduce(factor) if factor > 1 else plain)
        pixels[top : top + len(part)] = part
        top += len(part)
    return _upright(pixels, _orientation(image))


def _factor(image: Image.Image, at_least: int | None) -> int:
    if at_least is None or image.width * image.height <= LARGE:
        return 1
    return next(f for f in (8, 4, 2, 1) if f == 1 or min(image.size) // at_least >= f)


def _strips(image: Image.Image, factor: int) -> Iterator[Image.Image]:
    rows = max(1, _STRIP // image.width // factor) * factor
    if rows >= image.height:
        yield image
        return
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _grey(image: Image.Image, limits: tuple[float, float]) -> Image.Image:
    return Image.fromarray(deep_grey.to_rgb(np.asarray(image), *limits))


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(paper, rgba)
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        # A damaged EXIF block says nothing about the pixels: the photo is shown as stored.
        return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    turns, mirrored = _TURNS.get(orientation, (0, False))
    if not turns and not mirrored:
        return pixels
    turned = np.rot90(pixels, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
