"""Convert the colours of a photo with an ICC profile to sRGB, at a bounded cost.

Only embedded ICC profiles count. A PNG's gAMA and cHRM chunks and a camera's EXIF mark of Adobe RGB
are left out of account, as most programs do.
"""

from __future__ import annotations

import hashlib
import io
import struct
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..base.file_cache import FileCache

MAX_BYTES = 4_000_000
"""Of a profile; printers' tables for four inks take up to 3 MB. A larger one is ignored."""
_MAX_TAGS = 100  # a profile has about twenty
_HEAD = 128  # bytes
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")  # of profiles that describe a device's colours
_SPACE_OF = {"RGB": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY", "LAB": b"Lab "}
_FLOAT = b"D2B"  # tables of any number of steps, of which each colour may cost a millisecond
_TABLE = b"A2B"  # tables of colours, which take longer than three primaries and a curve
_TABLE_SHARE = {"CMYK": 0.4, "RGB": 0.7, "LAB": 0.7}
_PROGRESSIVE_SHARE = 0.8
_TOLERANCE = 2  # of 255: colours a profile changes by no more than that are sRGB already
_STRIP = 262_144  # pixels
_CACHE_SIZE = 16  # conversions kept, of a megabyte or two each

Pixels = NDArray[np.uint8]
_conversions: FileCache[ImageCms.ImageCmsTransform | None] = FileCache(_CACHE_SIZE)


def base_mode(mode: str) -> str:
    """Return the kind of colours of one of Pillow's modes: L, RGB, CMYK or LAB."""
    if mode in ("CMYK", "LAB"):
        return mode
    grey = mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")
    return "L" if grey else "RGB"


def get_srgb_transform(profile: object, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what converts colours of a profile to sRGB; None where they stay as they are.

    That is so for a profile that is sRGB itself, and for one that is damaged, too large, or of
    another kind of colours than the picture.

    Args:
        profile: as found in a file; None where there is none.
        mode: of the colours, as `base_mode` gives it.
    """
    if not isinstance(profile, bytes) or not _is_sound(profile, mode):
        return None
    key = hashlib.blake2b(profile, digest_size=16).digest(), mode
    return _conversions.get(key, [], partial(_build_srgb_transform, profile, mode))


@lru_cache(maxsize=1)
def get_lab_transform() -> ImageCms.ImageCmsTransform:
    """Return what converts CIELAB colours without a profile to sRGB; made once."""
    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, target, "LAB", "RGB")


def allowed_pixel_share(profile: object, mode: str, progressive: bool = False) -> float:
    """Return the part of the pixels allowed, 0..1, at which a photo costs no more than others.

    Args:
        profile: as found in a file; None where there is none.
        mode: one of Pillow's.
        progressive: whether the pixels alone take long, as those of a JPEG of several scans.
    """
    space = base_mode(mode)
    if not isinstance(profile, bytes) or get_srgb_transform(profile, space) is None:
        return 1.0
    is_table = _TABLE in profile[_HEAD : _HEAD + 4 + 12 * _MAX_TAGS]
    share = _TABLE_SHARE.get(space, 1.0) if is_table else 1.0
    return share * _PROGRESSIVE_SHARE if progressive else share


def convert_to_srgb(pixels: Pixels, profile: object) -> Pixels:
    """Turn RGB pixels under a profile into sRGB, in place where there is anything to turn.

    Args:
        pixels: (H, W, 3) uint8.
        profile: as found in the file.
    """
    transform = get_srgb_transform(profile, "RGB")
    if transform is None:
        return pixels
    if not pixels.flags.writeable:
        pixels = pixels.copy()
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        strip = Image.fromarray(pixels[top : top + rows])
        pixels[top : top + rows] = np.asarray(transform.apply(strip))
    return pixels


def _is_sound(profile: bytes, mode: str) -> bool:
    """Whether a profile's head and list of tags are those of a profile for such colours."""
    if not _HEAD + 4 < len(profile) <= MAX_BYTES or profile[36:40] != b"acsp":
        return False
    size, tags = struct.unpack_from(">I", profile)[0], struct.unpack_from(">I", profile, _HEAD)[0]
    if not _HEAD + 4 < size <= len(profile) or not 0 < tags <= _MAX_TAGS:
        return False
    if profile[12:16] not in _CLASSES or profile[16:20] != _SPACE_OF[mode]:
        return False
    names = (profile[at : at + 4] for at in range(_HEAD + 4, _HEAD + 4 + 12 * tags, 12))
    return not any(name.startswith(_FLOAT) for name in names)


def _build_srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return None if mode in ("RGB", "L") and _changes_nothing(transform, mode) else transform
    except Exception:  # damaged, in one of the ways littlecms knows: as if there were none
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    steps = np.linspace(0, 255, 9 if mode == "RGB" else 256).round().astype(np.uint8)
    if mode == "RGB":
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        expected = grid
    else:
        grid = steps[None]
        expected = np.repeat(grid[:, :, None], 3, axis=2)
    converted = np.asarray(transform.apply(Image.fromarray(grid)))
    return int(np.abs(converted.astype(int) - expected).max()) <= _TOLERANCE
