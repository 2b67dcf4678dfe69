"""Convert any picture of Pillow's to upright plain RGB, a strip at a time.

At 40 megapixels each further copy of a picture costs 160 MB. So what has to be converted, laid on
white, made smaller or turned is so in strips, and only the plain pixels are ever there as a whole.
Grey pictures of more than eight bits, as scanners and microscopes write them, are scaled to eight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..base.errors import PhotoError
from . import color_profiles


def find_value_range(parts: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Return the values of a grey picture that stand for black and for white.

    16-bit values keep their top eight bits. Float and 32-bit pictures have no fixed range: 0..1
    and 0..255 are recognised, anything else is stretched from its minimum to its maximum.

    Args:
        parts: of one picture, (H, W) of any kind of number.

    Raises:
        PhotoError: none of the numbers is finite.
    """
    low, high, is_integer = np.inf, -np.inf, False
    for part in parts:
        if part.dtype == np.uint16:
            return 0.0, 65280.0  # 255 × 256
        is_integer = part.dtype.kind in "iu"
        finite = part if is_integer else part[np.isfinite(part)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise PhotoError(
            "The image contains no finite number. Export it again as an 8-bit PNG or JPEG."
        )
    if low >= 0:
        for top in (1.0, 255.0, 65535.0)[: 3 if is_integer else 2]:
            if high <= top:
                return 0.0, top
    return low, high


def grey_to_rgb(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Convert 16-bit, 32-bit or float grey to 8 bits; `convert("RGB")` would clip it to white.

    Args:
        values: (H, W) of any kind of number.
        low: what stands for black.
        high: what stands for white.

    Returns:
        (H, W, 3) uint8.
    """
    if values.dtype == np.uint16:
        grey = (values >> 8).astype(np.uint8)
    else:
        numbers = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
        grey = (np.clip((numbers - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


LARGE = 8_000_000
"""Pixels up to which a picture is never made smaller here."""
_STRIP = 262_144  # pixels
# By EXIF orientation: quarter turns counterclockwise, then whether it is mirrored.
_EXIF_ROTATIONS = {
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (3, True),
    6: (3, False),
    7: (1, True),
    8: (1, False),
}


def convert_to_rgb(
    image: Image.Image, at_least: int | None, orientation: int = 1, profile: object = None
) -> NDArray[np.uint8]:
    """Convert a picture whose pixels have been read.

    Args:
        image: of any mode; transparent ones are laid on white.
        at_least: when given, more than `LARGE` pixels may be averaged by 2 × 2, 4 × 4 or 8 × 8, as
            long as the short side stays at least this long, pixels.
        orientation: as EXIF counts it, 1..8.
        profile: of its colours, as found in the file, which become sRGB.

    Returns:
        (H, W, 3) uint8, turned as the orientation tells.

    Raises:
        PhotoError: it holds no finite number.
    """
    factor = _factor(image, at_least)
    limits = find_value_range(map(np.asarray, _strips(image, factor))) if _is_deep(image) else None
    width, height = (-(-side // factor) for side in image.size)
    shown = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    pixels, top = _as_stored(shown, orientation), 0
    mode = color_profiles.base_mode(image.mode)
    transform = color_profiles.get_srgb_transform(profile, mode)
    if mode == "LAB" and transform is None:
        transform = color_profiles.get_lab_transform()
    for strip in _strips(image, factor):
        if mode == "LAB" and transform:
            part = _reduced(transform.apply(strip), factor)
        elif mode == "CMYK" and transform:
            part = transform.apply(_reduced(strip, factor))
        else:
            part = _reduced(_grey(strip, limits) if limits else _plain(strip), factor)
            if transform:
                part = transform.apply(part.getchannel(0) if mode == "L" else part)
        pixels[top : top + part.height] = np.asarray(part)
        top += part.height
    return shown


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


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _grey(image: Image.Image, limits: tuple[float, float]) -> Image.Image:
    return Image.fromarray(grey_to_rgb(np.asarray(image), *limits))


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(paper, rgba)
    return image.convert("RGB")


def _as_stored(shown: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The pixels as they are shown, seen in the order in which they are stored."""
    quarters, mirrored = _EXIF_ROTATIONS.get(orientation, (0, False))
    if mirrored:
        shown = shown[:, ::-1]
    return np.rot90(shown, -quarters)
