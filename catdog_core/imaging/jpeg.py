"""Decode plain JPEGs in half the time, to the very pixels that Pillow gives.

OpenCV and Pillow carry the same JPEG library; OpenCV hands its pixels over in half the time. But it
also accepts files that Pillow refuses. So it is asked only where the file's bytes show that the
two must agree, and wherever it fails the usual way decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from mmap import mmap

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


_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # marks; those between are of tables
_PROGRESSIVE, _LOSSLESS = (0xC2, 0xC6, 0xCA, 0xCE), (0xC3, 0xC7, 0xCB, 0xCF)
_SEQUENTIAL = (0xC0, 0xC1)  # with Huffman codes
_HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xD9), 0xFF}


@dataclass(frozen=True)
class Frame:
    """What the frame header of a JPEG says (ITU-T T.81, B.2.2).

    Attributes:
        kind: the second byte of its marker, 0xC0 to 0xCF.
        bits: of each value.
        width, height: pixels.
        sampling_factors: of each component (colour), how often it is sampled across and down.
        first_scan_components: how many components its first scan holds; 0 where there is no scan.
    """

    kind: int
    bits: int
    width: int
    height: int
    sampling_factors: tuple[tuple[int, int], ...]
    first_scan_components: int

    @property
    def is_lossless(self) -> bool:
        """Whether it holds differences of pixels instead of coefficients."""
        return self.kind in _LOSSLESS

    @property
    def is_hierarchical(self) -> bool:
        """Whether it is one of several frames of rising sizes."""
        return self.kind in _HIERARCHICAL

    @property
    def is_multi_scan(self) -> bool:
        """Whether its pixels come in several scans, so that all must be kept until the last."""
        return self.kind in _PROGRESSIVE or self.first_scan_components < len(self.sampling_factors)

    @property
    def buffered_bytes(self) -> int:
        """Bytes that libjpeg holds until the last scan of a JPEG of several.

        Two for each coefficient, of whole blocks of 8 × 8 and whole sets of these. Decoding at a
        reduced size does not make it less.
        """
        if not self.is_multi_scan or not self.sampling_factors:
            return 0
        widest, highest = (
            max(1, *side) for side in zip((1, 1), *self.sampling_factors, strict=True)
        )
        blocks = 0
        for across, down in self.sampling_factors:
            row = -(-self.width * across // (8 * widest))
            column = -(-self.height * down // (8 * highest))
            blocks += _round_up(row, across) * _round_up(column, down)
        return blocks * 64 * (1 if self.is_lossless else 2)


def _round_up(count: int, step: int) -> int:
    return -(-count // max(step, 1)) * step


def read_jpeg_frame(data: bytes | mmap, start: int = 0) -> Frame | None:
    """Read the frame header of a JPEG that begins at byte `start`; None where it has none."""
    frame, at = None, start + 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in _WITHOUT_LENGTH:
            at += 1 if data[at] != 0xFF or data[at + 1] == 0xFF else 2
            continue
        kind, size = data[at + 1], data[at + 2] << 8 | data[at + 3]
        body = data[at + 4 : at + 2 + max(size, 2)]
        if kind == 0xD9:
            break
        if kind == _SCAN_MARK:
            return frame and replace(frame, first_scan_components=body[0] if body else 0)
        if kind in _FRAMES and len(body) >= 6:
            height, width = body[1] << 8 | body[2], body[3] << 8 | body[4]
            factors = tuple((each >> 4, each & 15) for each in body[7::3][: body[5]])
            frame = Frame(kind, body[0], width, height, factors, 0)
        at += 2 + max(size, 2)
    return frame


def is_reducible(data: bytes, size: tuple[int, int]) -> bool:
    """Tell whether a file is a JPEG that is decoded at a reduced size without keeping all of it.

    That is a sequential one of 8 bits with one scan and Huffman codes, as cameras write. Of others
    libjpeg keeps every coefficient, or takes several times as long.

    Args:
        data: the whole file.
        size: width and height that Pillow found, pixels.
    """
    if data[:2] != b"\xff\xd8":
        return False
    frame = read_jpeg_frame(data)
    return (
        frame is not None
        and frame.kind in _SEQUENTIAL
        and frame.bits == 8
        and not frame.is_multi_scan
        and (frame.width, frame.height) == size
    )


def find_jpeg_markers(data: bytes, start: int = 0) -> NDArray[np.uint8]:
    """Return the byte after each 0xFF from `start` on: the kinds of marker."""
    values = np.frombuffer(data, np.uint8, offset=start)
    return values[np.flatnonzero(values[:-1] == 0xFF) + 1]


def decode_plainest_jpeg(data: bytes, at_least: int | None, limit: int) -> NDArray[np.uint8] | None:
    """Decode as `decode_plain_jpeg`, without Pillow: reading the head takes it a tenth of the time.

    Only files are taken whose head holds nothing but what every JPEG holds, as cameras, programs
    and websites write most.

    Args:
        data: the whole file.
        at_least: as there.
        limit: pixels from which on the file is left to others.
    """
    size, start = (0, 0), 0
    for kind, at, end in _segments(data):
        if kind == _JFIF and not (data.startswith(b"JFIF\0", at) and end - at >= _JFIF_LENGTH):
            return None
        if kind == _BASELINE:
            if end - at != _BASELINE_LENGTH or data[at] != 8 or data[at + 5] != 3:  # bits, colours
                return None
            size = (data[at + 3] << 8 | data[at + 4], data[at + 1] << 8 | data[at + 2])
        start = end
    if not 0 < size[0] * size[1] <= limit or not _is_single_scan(data, start):
        return None
    return _decode_pixels(data, size, at_least)


_JFIF, _TABLES, _CODES, _BASELINE, _RESTARTS, _COMMENT, _SCAN_MARK = (
    0xE0,
    0xDB,
    0xC4,
    0xC0,
    0xDD,
    0xFE,
    0xDA,
)
_PLAINEST = {_JFIF, _TABLES, _CODES, _BASELINE, _RESTARTS, _COMMENT}
_JFIF_LENGTH, _BASELINE_LENGTH = 14, 15


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, first byte and end of each segment of a JPEG's head, the start of the scan included.

    Ends without that when anything but the plainest kinds is met.
    """
    offset = 2
    while offset + 4 <= len(data) and data[offset] == 0xFF:
        kind, end = data[offset + 1], offset + 2 + (data[offset + 2] << 8 | data[offset + 3])
        if kind == _SCAN_MARK or kind in _PLAINEST:
            yield kind, offset + 4, end
        if kind not in _PLAINEST:
            return
        offset = end


def decode_plain_jpeg(
    head: Image.Image, data: bytes, at_least: int | None
) -> NDArray[np.uint8] | None:
    """Decode an 8-bit baseline colour JPEG in one whole scan that is stored upright.

    Args:
        head: `data` as Pillow opened it, its pixels not yet read.
        data: the whole file.
        at_least: as in `decode.decode_photo`: the short side, in pixels, it may be reduced to.

    Returns:
        (H, W, 3) uint8 RGB, or None for any other file.
    """
    if not isinstance(head, JpegImagePlugin.JpegImageFile):
        return None
    start = head.fp.tell() if head.fp else 0
    if not (_is_plain(head) and _is_single_scan(data, start) and _is_upright(head)):
        return None
    return _decode_pixels(data, head.size, at_least)


def _decode_pixels(
    data: bytes, size: tuple[int, int], at_least: int | None
) -> NDArray[np.uint8] | None:
    width, height = size
    # The factor that Pillow's draft mode would take, so that the pixels are the same; see `decode`.
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


def _is_single_scan(data: bytes, start: int) -> bool:
    """Whether nothing but coded pixels of one scan lies between `start` and the file's end.

    In coded data 0xFF is followed by 0, or it is a restart mark. Any other mark there is where
    Pillow and OpenCV may part: one refuses the file, the other shows what came before.
    """
    if not (data.startswith(_SCAN, max(start - _SCAN_HEAD, 0)) and data.endswith(_END)):
        return False
    markers = find_jpeg_markers(data, start)[:-1]
    if not markers.any():
        return True
    return bool(np.all((markers == 0) | ((markers >= _FIRST_RESTART) & (markers <= _LAST_RESTART))))


def _is_upright(head: Image.Image) -> bool:
    if "exif" not in head.info and "xmp" not in head.info:
        return True
    try:
        return bool(head.getexif().get(ExifTags.Base.Orientation, 1) == 1)
    except Exception:  # damaged: `decode` knows what to do
        return False
