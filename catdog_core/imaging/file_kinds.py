"""Say why a file cannot be decoded: it is of another format, or damaged."""

from __future__ import annotations

import struct
from mmap import mmap

from PIL import UnidentifiedImageError

from ..base.errors import PhotoError
from . import decode_errors, jpeg, photo_formats

_BRANDS = {
    b"crx ": "camera raw (CR3)",
    b"jxl ": "JPEG XL",
}
"""By brand of a file built as MPEG-4's are."""
_BEGINNINGS = (
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"IIRO", "camera raw (ORF)"),
    (b"IIRS", "camera raw (ORF)"),
    (b"MMOR", "camera raw (ORF)"),
    (b"IIU\0", "camera raw (RW2)"),
    (b"FUJIFILMCCD-RAW", "camera raw (RAF)"),
    (b"FOVb", "camera raw (X3F)"),
    (b"\0MRM", "camera raw (MRW)"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"DDS ", "DirectDraw surface (DDS)"),
    (b"\0\0\1\0", "icon (ICO)"),
    (b"\0\0\2\0", "cursor (CUR)"),
    (b"icns", "icon (ICNS)"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"AT&TFORM", "DjVu"),
    (b"SIMPLE  =", "FITS"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile (WMF)"),
    (b"/* XPM */", "XPM"),
    (b"\x1a\x45\xdf\xa3", "Matroska video"),
)
_LATER = (
    (128, b"DICM", "DICOM"),
    (8, b"AVI ", "AVI video"),
    (12, b"CgBI", "PNG for iPhone apps (CgBI)"),
    (40, b" EMF", "Windows metafile (EMF)"),
)
"""Where, what, and the kind of file it shows."""
_LETTERED = b"1234567fF"  # after a P: portable maps of Netpbm
_HEAD_BYTES = 1024  # bytes in which an SVG shows itself
_RAW_COLOURS = (32803, 34892)  # of a TIFF: what a sensor saw
_FLOAT = (3, 6)  # of a TIFF's kinds of numbers
_READABLE_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 32771, 32809)
"""Ways of compressing a TIFF for which there is a decoder."""


def explain_decode_error(data: bytes | mmap, error: Exception) -> PhotoError:
    """Return the error that says why a file could not be decoded."""
    unknown = isinstance(error, UnidentifiedImageError)
    named = _error_by_content(data, unknown)
    if named is not None:
        return named
    if unknown:
        return decode_errors.not_a_photo_error()
    return PhotoError(
        "The photo is damaged or incomplete ({reason}). Open it in an image viewer and save it"
        " again, or use another copy.",
        reason=str(error)[:80] or type(error).__name__,
    )


def explain_header_error(data: bytes | mmap) -> PhotoError:
    """Return the error that says why the head of a file could not be read."""
    return _error_by_content(data, True) or decode_errors.not_a_photo_error()


def _error_by_content(data: bytes | mmap, unknown: bool) -> PhotoError | None:
    head = data[:_HEAD_BYTES]
    if head[:2] == b"\xff\xd8":
        return _jpeg_error(data)
    if (kind := _format_name(head)) is not None:
        if kind == "HEIC" and not photo_formats.is_heif_installed():
            return decode_errors.missing_heif_error()
        if kind in ("AVIF", "HEIC"):
            return decode_errors.modern_format_error(kind)
        return decode_errors.unsupported_format_error(kind)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff_error(data, unknown)
    return None


def _format_name(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        if modern := photo_formats.modern_kind(head):
            return "HEIC" if modern == "HEIF" else modern
        return _BRANDS.get(head[8:12], "MPEG-4 or QuickTime video")
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    for at, mark, kind in _LATER:
        if head[at : at + len(mark)] == mark:
            return kind
    if head[:1] == b"P" and head[1:2] in (_LETTERED[n : n + 1] for n in range(len(_LETTERED))):
        return "Netpbm (PPM)" if head[2:3].isspace() else None
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith((b"<svg", b"<?xml", b"<!DOCTYPE")) and b"<svg" in text:
        return "SVG"
    return None


def _jpeg_error(data: bytes | mmap) -> PhotoError | None:
    if _is_jpeg_ls(data):
        return decode_errors.unsupported_format_error("JPEG-LS")
    frame = jpeg.read_jpeg_frame(data)
    if frame is None:
        return None
    if frame.bits != 8:
        return PhotoError(
            "This JPEG stores {bits} bits per color, and the lab reads 8. Save it again as an "
            "ordinary JPEG or PNG.",
            bits=frame.bits,
        )
    if frame.is_hierarchical:
        return PhotoError(
            "The lab can't read hierarchical JPEGs like this one. Save it again as an ordinary "
            "JPEG or PNG."
        )
    if frame.is_lossless:
        return PhotoError(
            "The lab can't read lossless JPEGs like this one. Save it again as an ordinary JPEG "
            "or PNG."
        )
    if len(frame.sampling_factors) not in (1, 3, 4):
        return PhotoError(
            "This JPEG stores {count} colors per pixel, and the lab reads 1, 3 or 4. Save it "
            "again as an ordinary JPEG or PNG.",
            count=len(frame.sampling_factors),
        )
    return None


def _is_jpeg_ls(data: bytes | mmap) -> bool:
    at = 2
    while data[at : at + 1] == b"\xff" and len(data) > at + 4:
        if data[at + 1] in (0xF7, 0xDA):
            return data[at + 1] == 0xF7
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return False


def _tiff_error(data: bytes | mmap, unknown: bool) -> PhotoError | None:
    tags = _tiff_tags(data)
    if not {256, 257} <= tags.keys():
        return None
    bits, numbers = max(tags.get(258, [1]), default=1), max(tags.get(339, [1]), default=1)
    (packing, *_), (colours, *_) = tags.get(259) or [1], tags.get(262) or [1]
    channels = (tags.get(277) or [1])[0]
    if colours in _RAW_COLOURS:
        return decode_errors.unsupported_format_error("camera raw (TIFF)")
    if packing not in _READABLE_COMPRESSIONS:
        return PhotoError(
            "The lab can't read this TIFF's compression, number {number}. Save it without "
            "compression, or as PNG or JPEG.",
            number=packing,
        )
    if not unknown or (bits <= 8 and channels in (1, 3, 4) and numbers not in _FLOAT):
        return None
    if numbers in _FLOAT:
        message = (
            "This TIFF stores each pixel as {count} floating-point numbers of {bits} bits. Save it"
            " with 8 bits for each colour, as TIFF, PNG or JPEG."
        )
    else:
        message = (
            "This TIFF stores each pixel as {count} whole numbers of {bits} bits. Save it with 8"
            " bits for each colour, as TIFF, PNG or JPEG."
        )
    return PhotoError(message, count=channels, bits=bits)


def _tiff_tags(data: bytes | mmap) -> dict[int, list[int]]:
    """The numbers of the first directory's tags, up to 16 each; those of one and two bytes more."""
    order, big = "<" if data[:1] == b"I" else ">", data[2:4] in (b"+\0", b"\0+")
    row = struct.Struct(f"{order}HHQ8s" if big else f"{order}HHI4s")
    tags: dict[int, list[int]] = {}
    try:
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
        at += 8 if big else 2
        for number in range(min(count, 1000)):
            tag, kind, many, value = row.unpack_from(data, at + number * row.size)
            letter = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
            if letter is None:
                continue
            form = struct.Struct(f"{order}{min(many, 16)}{letter}")
            if struct.calcsize(letter) * many > len(value):
                (where,) = struct.unpack(order + ("Q" if big else "I"), value)
                tags[tag] = list(form.unpack_from(data, where))
            else:
                tags[tag] = list(form.unpack_from(value))
    except (struct.error, OverflowError):
        pass  # damaged: what was found until then
    return tags
