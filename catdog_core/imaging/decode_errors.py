"""The errors of a refused photo: what was found, what is expected, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ..base.errors import N_, PhotoError
from ..base.files import truncate_for_display
from ..base.messages import Message


def not_a_photo_error() -> PhotoError:
    """Return the error of a file in none of the formats that are read."""
    return PhotoError(
        "The lab can't read this file as a photo. Convert it to JPEG, PNG, WebP, BMP, GIF or TIFF "
        "and try again."
    )


def file_size_error(size: int, limit: int) -> PhotoError:
    """Return the error of a file of too many bytes."""
    return PhotoError(
        "The file has {size:,} bytes, but the limit is {limit:,}. Save a smaller version and try "
        "again.",
        size=size,
        limit=limit,
    )


def scan_count_error(scans: int, limit: int) -> PhotoError:
    """Return the error of a progressive JPEG that would take minutes."""
    return PhotoError(
        "This JPEG has {scans:,} scans, but the limit is {limit}. Open it in an image editor and "
        "save it again.",
        scans=scans,
        limit=limit,
    )


def side_length_error(width: int, height: int, limit: int) -> PhotoError:
    """Return the error of a picture of one endless row or column."""
    return PhotoError(
        "The image has {width:,} × {height:,} pixels, but the limit is {limit:,} pixels per "
        "side. Crop it and try again.",
        width=width,
        height=height,
        limit=limit,
    )


def pixel_count_error(width: int, height: int, limit: int) -> PhotoError:
    """Return the error of a picture of too many pixels."""
    return PhotoError(
        "The image has {width:,} × {height:,} pixels, but the limit is {limit:,} pixels in all. "
        "Make it smaller and try again.",
        width=width,
        height=height,
        limit=limit,
    )


def decode_memory_error(needed: int, limit: int) -> PhotoError:
    """Return the error of a picture whose format takes much memory; both in bytes."""
    return PhotoError(
        "The image needs {needed:,} MB of memory to decode, but the limit is {limit:,} MB. Make "
        "it smaller, or save it as an ordinary JPEG.",
        needed=-(-needed // 1_000_000),
        limit=limit // 1_000_000,
    )


def unsupported_format_error(kind: str) -> PhotoError:
    """Return the error of a file in a format that has a name."""
    return PhotoError(
        "The lab can't read the file's format, {kind}. Convert it to JPEG or PNG and try again.",
        kind=kind,
    )


_MODERN = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd")
_RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2")
UNSUPPORTED_EXTENSIONS = (*_MODERN, *_RAW)
"""Endings of pictures that are counted and named, and not decoded."""


def is_unsupported_picture(path: PurePath) -> bool:
    """Tell whether a file is a picture by its name, in none of the lab's formats."""
    return path.suffix.lower() in UNSUPPORTED_EXTENSIONS


def unsupported_format_warnings(paths: Sequence[PurePath]) -> list[Message]:
    """Return what to say of the pictures of a dataset that are in none of the lab's formats."""
    if not paths:
        return []
    message = N_(
        "{n} images are skipped, since the lab can't read their format: {files}. Convert them to "
        "JPEG and add them."
    )
    names = ", ".join(sorted({path.name for path in paths})[:3])
    return [Message(message, {"n": str(len(paths)), "files": truncate_for_display(names, 120)})]
