"""Read what a photo file's head says of it, and tell whether a broken file was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from . import file_kinds, format_guard, orientation, photo_formats


@dataclass(frozen=True)
class ImageHeader:
    """What a photo file's head says.

    Attributes:
        kind: one of `photo_formats.EXTENSIONS_OF`.
        mode: Pillow's.
        width, height: as stored, pixels.
        orientation: EXIF's, 1..8, where 1 is upright and 5 to 8 swap width and height.
    """

    kind: str
    mode: str
    width: int
    height: int
    orientation: int

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height as the photo is shown, pixels."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)


def read_image_header(data: bytes) -> ImageHeader:
    """Read the head of a photo; its pixels are not decoded.

    Raises:
        PhotoError: it is no photo.
    """
    format_guard.check_part_count(data)
    try:
        with Image.open(BytesIO(data), formats=photo_formats.pillow_formats(data)) as image:
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            size = orientation.stored_size(image)
            return ImageHeader(kind, image.mode, *size, orientation.read_orientation(image, data))
    except Exception as error:  # as in `decode.decode_photo`
        raise file_kinds.explain_header_error(data) from error


def is_truncated(data: bytes) -> bool:
    """Tell whether a file that cannot be decoded has pixels but lacks its end.

    A file cut within its head holds nothing of a picture and counts as no photo at all.
    """
    if data[:2] == b"\xff\xd8":
        pixels = data.find(b"\xff\xda")
        return pixels >= 0 and data.find(b"\xff\xd9", pixels) < 0
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return b"IDAT" in data and b"IEND" not in data[-16:]
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return 8 + int.from_bytes(data[4:8], "little") > len(data) > 30
    if data[:4] == b"GIF8":
        return len(data) > 800 and data[-1:] != b";"
    if data[:2] == b"BM":
        return int.from_bytes(data[2:6], "little") > len(data) > 54
    return False
