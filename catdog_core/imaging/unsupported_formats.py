"""Pictures in formats the lab cannot read: left out like any other file, but not without a word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TypeAlias

from ..base.errors import N_
from ..base.files import truncate_for_display

_MODERN = (".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd")
_RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2")
UNSUPPORTED_EXTENSIONS = (*_MODERN, *_RAW)
Warnings: TypeAlias = list[tuple[str, dict[str, str]]]
"""Messages of the catalogue with their values."""


def is_unsupported_picture(path: PurePath) -> bool:
    """Whether a file is a picture by its name, in none of the lab's formats."""
    return path.suffix.lower() in UNSUPPORTED_EXTENSIONS


def unsupported_format_warnings(found: Sequence[PurePath]) -> Warnings:
    """What to say of such files."""
    if not found:
        return []
    message = N_(
        "{n} pictures are left out, since the lab cannot read their format: {files}. Convert them"
        " to JPEG and add them."
    )
    names = ", ".join(sorted({path.name for path in found})[:3])
    return [(message, {"n": str(len(found)), "files": truncate_for_display(names, 120)})]
