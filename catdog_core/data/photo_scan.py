"""Scan every photo of a dataset in parallel: its head, whether it is grey, its thumbnail.

workspace/datasets/<id>/looks-2.npy    writer: this module; a cache, safe to delete

What was seen is kept by the digest of the file's content, so that a second look at the same photos
decodes nothing. It is kept only beside a dataset's record, and goes with it.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..base import files
from ..base.errors import CatDogError, PhotoError
from ..imaging import decode, image_header
from ..imaging.image_header import ImageHeader
from . import content_hashes, duplicates

Progress = Callable[[int, int], None]

WORKERS = min(8, max(2, os.cpu_count() or 2))
"""Threads that look. Reading and decoding let go of Python's lock."""
_PROBE = 64  # photos are decoded no larger than needed to know that they are whole
_AHEAD = 512  # files handed to the threads at once, so that a scan given up ends soon
_COLOUR = 3.0  # mean difference of a pixel's channels, of 255, up to which it counts as grey
_ROW = np.dtype(
    [
        ("digest", "S32"),
        ("kind", "U4"),
        ("mode", "U8"),
        ("width", "<u4"),
        ("height", "<u4"),
        ("orientation", "u1"),
        ("grey", "?"),
        ("thumb", "u1", (duplicates.THUMB_SIDE, duplicates.THUMB_SIDE)),
    ]
)


@dataclass(frozen=True)
class PhotoInfo:
    """What a look at a readable photo saw: digest of the file, head, grey or not, thumbnail."""

    digest: str
    head: ImageHeader
    grey: bool
    thumb: duplicates.Thumbnail


@dataclass(frozen=True)
class UnusablePhoto:
    """Why a file is no usable photo; `cut_off` when only its end is missing."""

    error: PhotoError
    cut_off: bool


def scan_photos(
    root: Path, names: Sequence[str], folder: Path, progress: Progress | None = None
) -> list[PhotoInfo | UnusablePhoto]:
    """Look at photo files, in order.

    Args:
        root: folder the names are relative to.
        names: photo files.
        folder: of the dataset's record; where there is none, nothing is kept.
        progress: called with (photos done, photos in all).
    """
    stamps = content_hashes.read_digests(folder)
    seen = load_photo_infos(folder)

    def one(name: str) -> PhotoInfo | UnusablePhoto:
        digest = content_hashes.remembered_digest(root / name, stamps.get(name))
        return seen.get(digest) or _scan_photo(root / name, seen)

    photos: list[PhotoInfo | UnusablePhoto] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(names), _AHEAD):
            for result in pool.map(one, names[start : start + _AHEAD]):
                photos.append(result)
                if progress and (len(photos) % 25 == 0 or len(photos) == len(names)):
                    progress(len(photos), len(names))
    photo_infos = {photo.digest: photo for photo in photos if isinstance(photo, PhotoInfo)}
    if not photo_infos.keys() <= seen.keys():
        save_photo_infos(folder, photo_infos)
    return photos


def save_photo_infos(folder: Path, photo_infos: dict[str, PhotoInfo]) -> None:
    """Write what a scan noted, by digest, beside a dataset's record, if there is one."""
    if (folder / "dataset.json").is_file():
        with suppress(CatDogError):  # a full disk costs the cache, not the answer
            _write_photo_infos(folder, photo_infos)


def group_exact_copies(photos: Sequence[PhotoInfo | UnusablePhoto]) -> list[list[int]]:
    """Group the positions of photos whose files are the same, byte by byte."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, photo in enumerate(photos):
        if isinstance(photo, PhotoInfo):
            indices[photo.digest].append(index)
    return [group for group in indices.values() if len(group) > 1]


def group_similar_photos(photos: Sequence[PhotoInfo | UnusablePhoto]) -> list[list[int]]:
    """Group the positions of photos that show the same picture, `group_exact_copies` among them."""
    if not photos:
        return []
    blank = np.zeros((duplicates.THUMB_SIDE, duplicates.THUMB_SIDE), np.uint8)  # is like no other
    thumbs = [photo.thumb if isinstance(photo, PhotoInfo) else blank for photo in photos]
    return duplicates.find_duplicate_groups(np.stack(thumbs), group_exact_copies(photos))


def _scan_photo(path: Path, seen: dict[str, PhotoInfo]) -> PhotoInfo | UnusablePhoto:
    try:
        data = decode.read_photo_bytes(path)
    except PhotoError as error:
        return UnusablePhoto(error, image_header.is_truncated(b""))
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return seen.get(digest) or inspect_photo_bytes(data, digest)


def inspect_photo_bytes(data: bytes, digest: str) -> PhotoInfo | UnusablePhoto:
    """Return what a scan notes of a photo file's bytes."""
    try:
        photo = decode.decode_photo(data, at_least=_PROBE)
        head = image_header.read_image_header(data)
    except PhotoError as error:
        return UnusablePhoto(error, image_header.is_truncated(data))
    return PhotoInfo(digest, head, _is_grey(photo), duplicates.make_grey_thumbnail(photo))


def _is_grey(photo: decode.Photo) -> bool:
    """Whether a photo, (H, W, 3) uint8, shows greys only; one even grey is a colour like others."""
    small = cv2.resize(photo, (32, 32), interpolation=cv2.INTER_AREA).astype(np.int16)
    flat = small.std(axis=(0, 1)).max() < _COLOUR
    return not flat and float((small.max(axis=2) - small.min(axis=2)).mean()) < _COLOUR


def load_photo_infos(folder: Path) -> dict[str, PhotoInfo]:
    """Read what an earlier scan noted beside a dataset's record, by digest."""
    with suppress(OSError, ValueError, EOFError):
        rows = np.load(folder / "looks-2.npy", allow_pickle=False)
        if rows.dtype == _ROW:
            return {info.digest: info for info in map(_from_row, rows)}
    return {}


def _from_row(row: Any) -> PhotoInfo:
    numbers = (int(row[name]) for name in ("width", "height", "orientation"))
    head = ImageHeader(str(row["kind"]), str(row["mode"]), *numbers)
    return PhotoInfo(row["digest"].decode(), head, bool(row["grey"]), row["thumb"])


def _write_photo_infos(folder: Path, photo_infos: dict[str, PhotoInfo]) -> None:
    rows: NDArray[Any] = np.array([_to_row(info) for info in photo_infos.values()], _ROW)
    buffer = BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    files.write_bytes(folder / "looks-2.npy", buffer.getvalue())
    # Of an earlier decoder, which left colour profiles out of account.
    (folder / "looks-1.npy").unlink(missing_ok=True)


def _to_row(info: PhotoInfo) -> tuple[Any, ...]:
    head = info.head
    size = (head.width, head.height, head.orientation)
    return (info.digest.encode(), head.kind, head.mode, *size, info.grey, info.thumb)
