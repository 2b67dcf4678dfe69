"""Tell drawn pets from photos: a model that has seen only one kind knows little of the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from ..base import files
from . import content_hashes

Domain = Literal["drawn", "photos"]
DRAWN_COMMENT = b"Drawn by CatDog Lab"
"""The JPEG comment of a drawn pet. Copies of the file keep it, re-encoded pictures don't."""
_HEAD_BYTES = 512  # the comment follows the first header
_SAMPLE = 24  # files whose heads are read


def detect_domain(
    root: Path, names: Sequence[str], digests: Iterable[str], demo_folder: Path
) -> Domain:
    """Return "drawn" where more than half of a dataset's files are drawn pets.

    Args:
        root: folder of the photos.
        names: files relative to it; a sample of them is read.
        digests: of all files' contents, as `content_hashes.digest_files` returns them.
        demo_folder: the record folder of this workspace's demo dataset.
    """
    sample = names[:: max(1, len(names) // _SAMPLE)]
    if 2 * sum(_is_drawn(root / name) for name in sample) > len(sample):
        return "drawn"
    return compare_with_demo(digests, demo_folder)


def compare_with_demo(digests: Iterable[str], demo_folder: Path) -> Domain:
    """Return "drawn" where more than half of the files are in this workspace's demo dataset, too.

    Pets that earlier versions drew have no comment. Arguments as for `detect_domain`.
    """
    drawn = {digest for _, _, digest in content_hashes.read_digests(demo_folder).values()}
    is_known = [digest in drawn for digest in digests]
    return "drawn" if 2 * sum(is_known) > len(is_known) else "photos"


def parse_domain(stored: object) -> Domain | None:
    """Return the domain a record names, None for one that names none."""
    return next((domain for domain in get_args(Domain) if domain == stored), None)


def is_drawn_photo(data: bytes) -> bool:
    """Return whether a file's content, or at least its first 512 bytes, is a drawn pet's."""
    return DRAWN_COMMENT in data[:_HEAD_BYTES]


def _is_drawn(path: Path) -> bool:
    with suppress(OSError), files.open_regular(path) as file:
        return is_drawn_photo(file.read(_HEAD_BYTES))
    return False
