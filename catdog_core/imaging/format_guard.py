"""Refuse files of too many parts: readers take a microsecond for each, and some memory.

A file of 50 MB may hold ten million marks, chunks, tags or comments before its first pixel. Photos
hold a few hundred. Imports no TensorFlow.
"""

from __future__ import annotations

import struct
from mmap import mmap

from ..base.errors import PhotoError
from . import coded_pictures

MAX_PARTS = 50_000
_MAX_EXIF = 1_000_000  # bytes; a camera writes at most 65,533
_MAX_NUMBERS = 400_000  # in the tags of a TIFF; 40 million pixels in tiles of 16 × 16 want 312,500
_MAX_RUNS = 4_000_000  # bytes of a BMP packed by run lengths, which is unpacked in Python
_MAX_TABLE = 400_000  # bytes; that of 48 tiles, as a phone writes them, has 4,000
_BYTES_OF = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""By type of a TIFF's tag, of those read as numbers, the bytes of each."""
_RESTART_OR_FILL = (0xFF, 0x01, *range(0xD0, 0xD8))  # marks of a JPEG without a length


def check_part_count(data: bytes | mmap) -> None:
    """Refuse a file of more parts than a photo has; others pass, whether they are photos or not.

    Args:
        data: the whole file.

    Raises:
        PhotoError: naming how many parts were found.
    """
    head = data[:12]
    if head[:2] == b"\xff\xd8":
        _check_jpeg(data)
    elif head[:8] == b"\x89PNG\r\n\x1a\n":
        _check_png(data)
    elif head[:4] == b"GIF8":
        _check_gif(data)
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_tiff(data, "<" if head[:1] == b"I" else ">", b"+" in head[2:4])
    elif head[:4] == b"RIFF":
        _check_webp(data)
    elif head[4:8] == b"ftyp":
        _check_boxes(data)
    elif head[:2] == b"BM" and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        _refuse_metadata(len(data), _MAX_RUNS)


def _check_jpeg(data: bytes | mmap) -> None:
    offset, exif = 2, 0
    for _ in range(MAX_PARTS):
        if data[offset : offset + 1] != b"\xff":
            offset += 1  # what lies between two marks is skipped by readers, a byte at a time
            continue
        kind = data[offset + 1 : offset + 2]
        if kind in (b"", b"\xda", b"\xd9"):
            return
        if kind[0] in _RESTART_OR_FILL:
            offset += 1 if kind == b"\xff" else 2
            continue
        size = int.from_bytes(data[offset + 2 : offset + 4], "big")
        if kind == b"\xe1" and data[offset + 4 : offset + 10] == b"Exif\0\0":
            exif += size
            _refuse_metadata(exif, _MAX_EXIF)
        offset += 2 + max(size, 2)
        if offset >= len(data):
            return
    raise _part_count_error()


def _check_png(data: bytes | mmap) -> None:
    offset = 8
    for _ in range(MAX_PARTS):
        if offset + 8 > len(data):
            return
        size = int.from_bytes(data[offset : offset + 4], "big")
        if data[offset + 4 : offset + 8] == b"eXIf":
            _refuse_metadata(size, _MAX_EXIF)
        offset += 12 + size
    raise _part_count_error()


def _check_gif(data: bytes | mmap) -> None:
    flags = data[10] if len(data) > 12 else 0
    offset = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    inside = False  # of an extension, made of blocks that end with one of no bytes
    for _ in range(MAX_PARTS):
        if offset >= len(data):
            return
        if inside:
            size = data[offset]
            offset, inside = offset + 1 + size, size > 0
        elif data[offset] == 0x21:
            offset, inside = offset + 2, True
        elif data[offset] in (0x2C, 0x3B):  # the first picture, or the end
            return
        else:
            offset += 1  # readers skip what they do not know
    raise _part_count_error()


def _check_tiff(data: bytes | mmap, order: str, big: bool) -> None:
    """The first directory only: no other is read."""
    count_as, row_as, place_as = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    try:
        (offset,) = struct.unpack_from(order + place_as, data, 8 if big else 4)
        (count,) = struct.unpack_from(order + count_as, data, offset)
    except (struct.error, OverflowError):  # the second of a place beyond 2**63
        return
    if count > MAX_PARTS:
        raise _part_count_error()
    row, numbers = struct.Struct(order + row_as), 0
    start = offset + struct.calcsize(order + count_as)
    for number in range(count):
        try:
            _, kind, many, where = row.unpack_from(data, start + number * row.size)
        except (struct.error, OverflowError):
            return
        each = _BYTES_OF.get(kind, 0)
        if each and where + many * each <= len(data):  # else it is skipped as damaged
            numbers += many
    if numbers > _MAX_NUMBERS:
        raise _part_count_error(_MAX_NUMBERS)


def _check_webp(data: bytes | mmap) -> None:
    offset = 12
    for _ in range(MAX_PARTS):
        if offset + 8 > len(data):
            return
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        if data[offset : offset + 4] == b"EXIF":
            _refuse_metadata(size, _MAX_EXIF)
        offset += 8 + size + size % 2
    raise _part_count_error()


def _check_boxes(data: bytes | mmap) -> None:
    """AVIF and HEIC, made of boxes; readers look up the items of a table one by one."""
    try:
        longest = coded_pictures.longest_table(data)
    except coded_pictures.UnreadableError:
        raise _part_count_error() from None
    _refuse_metadata(longest, _MAX_TABLE)


def _refuse_metadata(size: int, limit: int) -> None:
    if size > limit:
        raise PhotoError(
            "The file has a part of {size:,} bytes, but the limit is {limit:,}. Open it in an "
            "image editor and save it again.",
            size=size,
            limit=limit,
        )


def _part_count_error(limit: int = MAX_PARTS) -> PhotoError:
    return PhotoError(
        "The file has more than {limit:,} parts, while a photo has a few hundred. Open it in an "
        "image editor and save it again.",
        limit=limit,
    )
