"""The quick way through a plain JPEG, giving the very pixels the usual way gives. Light.

OpenCV and Pillow carry the same JPEG library; OpenCV hands its pixels over in half the time. But it
also accepts files that Pillow refuses. So it is asked only where the file's bytes show that the
two must agree, and wherever it fails the usual way decides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin

_SCAN = b"\xff\xda\0\x0c\x03"  # the start of a scan of three colours at once …
_SCAN_HEAD = 14  # … and the bytes from there to its first pixel
_END = b"\xff\xd9"
_FIRST_RESTART, _LAST_RESTART = 0xD0, 0xD7
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# Without the bit that asks for BGR: OpenCV refuses both orders at once.
_FLAGS = {
    8: _AS_STORED | cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: _AS_STORED | cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: _AS_STORED | cv2.IMREAD_REDUCED_GRAYSCALE_2,
    1: _AS_STORED,
}


def marks(data: bytes, start: int = 0) -> NDArray[np.uint8]:
    """The byte after each 0xFF from `start` on: the kind of mark. Quicker than counting."""
    values = np.frombuffer(data, np.uint8, offset=start)
    return values[np.flatnonzero(values[:-1] == 0xFF) + 1]


def decode(head: Image.Image, data: bytes, at_least: int | None) -> NDArray[np.uint8] | None:
    """Decode an 8-bit baseline colour JPEG in one whole scan that is stored upright.

    Args:
        head: `data` as Pillow opened it, its pixels not yet read.
        data: the whole file.
        at_least: as in `images.decode`: the photo may be reduced down to this short side, pixels.

    Returns:
        (H, W, 3) uint8 RGB, or None for any other file.
    """
    if not isinstance(head, JpegImagePlugin.JpegImageFile):
        return None
    if not (_is_plain(head) and _is_one_whole_scan(head, data) and _is_upright(head)):
        return None
    width, height = head.size
    least = min(width, height) if at_least is None else at_least
    factor = next(f for f in _FLAGS if f == 1 or min(width, height) // least >= f)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[factor])
    except cv2.error:
        return None
    if pixels is None or pixels.shape != (-(-height // factor), -(-width // factor), 3):
        return None
    return np.asarray(pixels, dtype=np.uint8)


def _is_plain(head: JpegImagePlugin.JpegImageFile) -> bool:
    return (
        (head.format, head.mode) == ("JPEG", "RGB")
        and (head.bits, head.layers) == (8, 3)
        and "progressive" not in head.info
    )


def _is_one_whole_scan(head: JpegImagePlugin.JpegImageFile, data: bytes) -> bool:
    """Whether nothing but coded pixels lies between the start of the scan and the file's end.

    In coded data 0xFF is followed by 0, or it is a restart mark. Any other mark there is where
    Pillow and OpenCV may part: one refuses the file, the other shows what came before.
    """
    start = head.fp.tell() if head.fp else 0
    if not (data.startswith(_SCAN, max(start - _SCAN_HEAD, 0)) and data.endswith(_END)):
        return False
    found = marks(data, start)[:-1]
    return bool(np.all((found == 0) | ((found >= _FIRST_RESTART) & (found <= _LAST_RESTART))))


def _is_upright(head: Image.Image) -> bool:
    if "exif" not in head.info and "xmp" not in head.info:
        return True
    try:
        return bool(head.getexif().get(ExifTags.Base.Orientation, 1) == 1)
    except Exception:  # damaged: `images` knows what to do
        return False
