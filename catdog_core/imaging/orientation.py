"""Read a photo's EXIF orientation and its size, from the file's head."""

from __future__ import annotations

from io import BytesIO
from mmap import mmap
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin

_PNG = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_EXIF_CHUNKS = (b"eXIf", b"iTXt", b"zTXt", b"tEXt")  # chunks of a PNG that may tell an orientation


def read_orientation(image: Image.Image, data: bytes | mmap) -> int:
    """Return the EXIF orientation of a photo, 1..8; 1, upright, where it is absent or invalid.

    Args:
        image: as opened; its pixels need not have been read.
        data: the whole file.
    """
    value = _exif_orientation(image)
    if value is None and isinstance(image, PngImagePlugin.PngImageFile):
        value = _late_exif_orientation(data)
    return int(value) if value in range(1, 9) else 1


def stored_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height of a photo's stored pixels before they are read.

    Pillow gives those of a TIFF as its orientation tag turns them, and of no other format.
    """
    width, height = image.size
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    return (
        (height, width) if tags.get(ExifTags.Base.Orientation) in (5, 6, 7, 8) else (width, height)
    )


def shown_size(image: Image.Image, data: bytes | mmap) -> tuple[int, int]:
    """Return width and height of a photo as it is decoded, from its head alone."""
    width, height = stored_size(image)
    return (height, width) if read_orientation(image, data) >= 5 else (width, height)


def load_as_stored(image: Image.Image) -> None:
    """Read the pixels of a photo without turning them.

    Pillow turns those of a TIFF by itself, for which it holds them twice.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        image.load()
        return
    exif = image.getexif()
    if ExifTags.Base.Orientation in exif:
        del exif[ExifTags.Base.Orientation]
    image.load()
    _sync_size(image)


def _sync_size(image: TiffImagePlugin.TiffImageFile) -> None:
    """Make the size that an image tells that of its pixels.

    Pillow swaps width and height of a turned TIFF when it opens it, and expects to turn the pixels
    when it reads them. There is no public way to set the size: `size` cannot be assigned to. This
    is how Pillow's own `ImageOps.exif_transpose` does it.
    """
    image._size = image.im.size


def _exif_orientation(image: Image.Image) -> Any:
    try:
        # A PNG's own `getexif` reads all of its pixels.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except Exception:
        # A damaged EXIF block says nothing about the pixels: the photo is shown as stored.
        return None


def _late_exif_orientation(data: bytes | mmap) -> Any:
    """The mark of a PNG that tells it after its pixels, as ExifTool writes it."""
    head, late, at = len(_PNG), b"", len(_PNG)
    pixels = False
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 12 + size
        if kind == b"IDAT":
            pixels = True
        elif kind in (b"IEND", b"fcTL") and pixels:
            break
        elif not pixels:
            head = end
        elif kind in _EXIF_CHUNKS:
            late += data[at:end]
        at = end
    if not late:
        return None
    try:
        # Its head, no pixels, and what comes after them.
        with Image.open(BytesIO(data[:head] + late + _END), formats=("PNG",)) as image:
            return _exif_orientation(image)
    except Exception:
        return None
