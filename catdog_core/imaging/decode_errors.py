"""The errors of a refused photo: what was found, what is expected, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from ..base.errors import N_, PhotoError
from ..base.files import truncate_for_display
from ..base.messages import Message
from . import photo_formats


def not_a_photo_error() -> PhotoError:
    """Return the error of a file in none of the formats that are read."""
    return PhotoError(
        "The lab can't read this file as a photo. Convert it to JPEG, PNG, WebP, BMP, GIF, TIFF or "
        "AVIF and try again."
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


def format_pixel_count_error(width: int, height: int, limit: int) -> PhotoError:
    """Return the error of a picture of too many pixels for any format but a baseline JPEG."""
    return PhotoError(
        "The image has {width:,} × {height:,} pixels, but the limit is {limit:,} pixels in this "
        "format. Make it smaller, or save it as a baseline JPEG.",
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


def missing_heif_error() -> PhotoError:
    """Return the error of a HEIC photo where the package that reads it isn't installed."""
    return PhotoError(
        "Reading HEIC photos needs the package {package}, which isn't installed. Run pip install "
        "{package}, or convert the photo to JPEG.",
        package=photo_formats.HEIF_PACKAGE,
    )


def modern_format_error(kind: str) -> PhotoError:
    """Return the error of an AVIF or HEIC photo that is damaged, or of a variant not read."""
    return PhotoError(
        "This {kind} photo is damaged or of a kind the lab can't read. Convert it to JPEG or PNG "
        "and try again.",
        kind=kind,
    )


_MODERN = (*photo_formats.EXTENSIONS_OF["HEIF"], ".jxl", ".jp2", ".svg", ".psd")
_RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2")
UNSUPPORTED_EXTENSIONS = (*_MODERN, *_RAW)
"""Endings of pictures that are counted and named, and not decoded."""
_PICTURES_SKIPPED = N_(
    "{n} images are skipped, since the lab can't read their format: {files}. Convert them to "
    "JPEG and add them."
)
_HEIF_SKIPPED = N_(
    "{n} HEIC photos are skipped, since {package} isn't installed: {files}. Run pip install "
    "{package}, or convert them to JPEG."
)


def is_unsupported_picture(path: PurePath) -> bool:
    """Tell whether a file is a picture by its name, in none of the formats that are read here."""
    return path.suffix.lower() in UNSUPPORTED_EXTENSIONS and not photo_formats.is_photo_name(path)


def unsupported_format_warnings(paths: Sequence[PurePath]) -> list[Message]:
    """Return what to say of the pictures of a dataset that are in none of the lab's formats."""
    heif_ends = photo_formats.EXTENSIONS_OF["HEIF"]
    heif = [path for path in paths if path.suffix.lower() in heif_ends]
    others = [path for path in paths if path.suffix.lower() not in heif_ends]
    warnings = []
    if heif:
        values = _named_files(heif) | {"package": photo_formats.HEIF_PACKAGE}
        warnings.append(Message(_HEIF_SKIPPED, values))
    if others:
        warnings.append(Message(_PICTURES_SKIPPED, _named_files(others)))
    return warnings


def _named_files(paths: Sequence[PurePath]) -> dict[str, str]:
    names = ", ".join(sorted({path.name for path in paths})[:3])
    return {"n": str(len(paths)), "files": truncate_for_display(names, 120)}
