"""Estimate from a photo's head the memory that decoding it takes. Imports no TensorFlow.

A picture's pixels lie in Pillow once and as plain RGB once. Some formats take more while they are
read: JPEGs of several scans keep every coefficient, a compressed TIFF a strip or tile of any size.
"""

from __future__ import annotations

from typing import Any

from PIL import Image, TiffImagePlugin

from . import coded_pictures, decode_errors, jpeg, orientation

_BYTES_PER_PIXEL = 7.35  # bytes for each pixel allowed: 294 MB of the 300 at the usual 40 million
_MIN_BUDGET = 64_000_000  # bytes that are always allowed
_RGB = 3  # bytes of a pixel as it is given away
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # else 4
_WEBP = 16  # bytes a pixel: its frame, the canvas of an animation, and both kinds of Pillow's
_TEXT = 1_000_000  # bytes a packed text of a PNG may become, see PngImagePlugin.MAX_TEXT_CHUNK
_TEXTS = 64_000_000  # and all of them
_PACKED = 1032  # times a packed text may grow
_OLD_JPEG, _JPEG, _PIXAR_LOG, _YCC = 6, 7, 32909, 6
_MAX_CHECKED_STRIPS = 64  # strips of a TIFF, of those that are large


def check_decode_memory(image: Image.Image, data: bytes, allowed_pixels: int) -> None:
    """Refuse a photo that would take more memory than one of all pixels allowed should.

    Args:
        image: as opened, its pixels not yet read.
        data: the whole file, which counts as well.
        allowed_pixels: the limit on pixels in force.

    Raises:
        PhotoError: naming both numbers.
    """
    budget = max(int(_BYTES_PER_PIXEL * allowed_pixels), _MIN_BUDGET)
    needed = estimate_decode_memory(image, data)
    if needed > budget:
        raise decode_errors.decode_memory_error(needed, budget)


def estimate_decode_memory(image: Image.Image, data: bytes) -> int:
    """Return the bytes that decoding a photo takes at most, its file included."""
    width, height = orientation.stored_size(image)
    stored = width * height * _STORED.get(image.mode, 4)
    while_read = 0
    if image.format == "WEBP":
        stored, while_read = 0, width * height * _WEBP + len(data)
    elif image.format in ("AVIF", "HEIF"):
        while_read = _coded_bytes(image, data)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        while_read = _tiff_buffer(image, data)
    elif data[:2] == b"\xff\xd8":
        frame = jpeg.read_jpeg_frame(data)
        while_read = frame.buffered_bytes if frame else 0
    plain = width * height * _RGB
    return len(data) + _metadata_bytes(image, data) + stored + max(while_read, plain)


def check_coded_pictures(data: bytes, limit: int) -> None:
    """Refuse an AVIF or HEIC photo whose coded pictures are larger than a photo may be.

    Args:
        data: the whole file.
        limit: pixels allowed.

    Raises:
        PhotoError: one has more pixels, or all together twice as many.
        coded_pictures.UnreadableError: it is built in a way that isn't understood here.
    """
    pictures = coded_pictures.read_coded_pictures(data)
    largest = max(pictures, key=lambda each: each.pixels)
    if largest.pixels > limit or sum(each.pixels for each in pictures) > 2 * limit:
        raise decode_errors.format_pixel_count_error(largest.width, largest.height, limit)


def _coded_bytes(image: Image.Image, data: bytes) -> int:
    """What the decoder of an AVIF or HEIC photo holds beside Pillow's pixels: planes and RGB."""
    planes = max(each.bytes_per_pixel for each in coded_pictures.read_coded_pictures(data))
    width, height = image.size
    has_alpha = image.mode == "RGBA"
    return int(width * height * (planes + 3 + (1 + planes / 1.5) * has_alpha)) + len(data)


def _metadata_bytes(image: Image.Image, data: bytes) -> int:
    """The bytes of what a file says beside its pixels, which Pillow copies."""
    if image.format == "PNG":
        return _png_texts(data)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        values: Any = image.tag_v2.values()
    else:
        # A JPEG's segments are all kept; other formats' are among `info`.
        values = [part for _, part in getattr(image, "applist", ())] + [*image.info.values()]
    return sum(len(value) for value in values if isinstance(value, (bytes, str)))


def _png_texts(data: bytes) -> int:
    at, plain, packed = 8, 0, 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            packed += min(size * _PACKED, _TEXT)
        elif kind not in (b"IDAT", b"fdAT"):
            plain += size
        at += 12 + size
    return min(plain, len(data)) + min(packed, _TEXTS)


def _tiff_buffer(image: TiffImagePlugin.TiffImageFile, data: bytes) -> int:
    """What libtiff holds at once of a compressed TIFF: the largest strip or tile."""
    tags = image.tag_v2
    packing, colours = tags.get(259, 1), tags.get(262, 1)
    if packing == 1:
        return 0
    width, height = orientation.stored_size(image)
    if 322 in tags:
        across, down = _first(tags.get(322)), _first(tags.get(323))
        offsets = tags.get(324, ())
    else:
        across, down = width, min(_first(tags.get(278, height)), height)
        offsets = tags.get(273, ())
    samples = 1 if tags.get(284) == 2 else _first(tags.get(277, 1))
    deep = samples * max(tags.get(258, (1,))) / 8
    decoder_bytes = 0.0
    if packing in (_OLD_JPEG, _PIXAR_LOG):
        decoder_bytes = across * down * samples * 2
    elif packing == _JPEG and across * down * _MAX_CHECKED_STRIPS > width * height:
        offsets = offsets if isinstance(offsets, tuple) else (offsets,)
        frames = [jpeg.read_jpeg_frame(data, offset) for offset in offsets[:_MAX_CHECKED_STRIPS]]
        decoder_bytes = max((each.buffered_bytes for each in frames if each), default=0)
    return int(across * down * max(deep, 4 if colours == _YCC else 0) + decoder_bytes)


def _first(value: Any) -> int:
    first = value[0] if isinstance(value, tuple) and value else value
    return int(first) if isinstance(first, (int, float)) else 0
