"""Decode and resize photos: training, preview and prediction all read them through here.

One decoder means no difference between what a model was trained on and what it is asked about.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ..base import files, limits
from ..base.errors import PhotoError
from . import (
    color_profiles,
    convert_rgb,
    decode_cost,
    decode_errors,
    file_kinds,
    format_guard,
    jpeg,
    orientation,
    photo_formats,
)

Photo = NDArray[np.uint8]
"""A photo: (H, W, 3) uint8, RGB."""
PhotoSize = int | tuple[int, int]
"""Pixels of a fitted photo: the side of a square, or (height, width)."""
FINE_RATIO, COARSE_RATIO = 1.75, 3.0
"""Times that a side is too long, from which `resize_photo` averages twice, or whole areas."""

_MAX_SIDE = 65_535  # pixels; a JPEG has no more, and what is read in strips of rows needs rows
_COSTLY = 0.4  # of the pixels allowed, for kinds of which all would cost more than 300 MB
_CODED = 0.65  # of the pixels allowed, for AVIF and HEIC: phones take 24.5 million
_REDUCED = 6  # times the pixels allowed that a JPEG may have which is decoded at a reduced size
_MAX_WORK = 25  # times the pixels allowed: pixels × scans of a JPEG; cameras write ten scans
_DECODERS = min(4, os.cpu_count() or 1)  # each may hold a photo of all pixels allowed
_CHUNK = 32  # photos a thread decodes in one go
_AHEAD = 8  # chunks decoded before they are asked for, at most

# `decode_photo` goes by the limits in force; Pillow's own is process-wide, so it is set once, to
# the most they may be, and its warning below that is dropped: catch_warnings is not thread-safe.
Image.MAX_IMAGE_PIXELS = 400_000_000
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What it warns of in damaged files is either an error as well, or does not matter.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# A TIFF directory of absurd counts is reported on the console by Pillow; the error is enough.
TiffImagePlugin.logger.disabled = True

# OpenCV's own threads would compete with those that call it, the training's above all.
cv2.setNumThreads(1)


def decode_photo(data: bytes, at_least: int | None = None) -> Photo:
    """Decode a photo with its EXIF orientation applied.

    Grey, palette, CMYK and 16-bit pictures become 8-bit RGB; transparent ones are laid on white;
    of an animation the first frame is taken. The content decides the format, not the name.

    Args:
        data: a whole file in one of `photo_formats.EXTENSIONS_OF`.
        at_least: when given, a large photo may be decoded at a half, a quarter or an eighth of its
            size, as long as its short side stays at least this many pixels: less time and memory.
            JPEGs are whenever they can, others above `convert_rgb.LARGE`. A JPEG of more pixels
            than allowed always is, to as many as are allowed.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        PhotoError: no photo, a damaged one, or one beyond the limits.
    """
    allowed = limits.current_limits()
    if len(data) > allowed.photo_bytes:
        raise decode_errors.file_size_error(len(data), allowed.photo_bytes)
    format_guard.check_part_count(data)
    if (quick := jpeg.decode_plainest_jpeg(data, at_least, allowed.photo_pixels)) is not None:
        return quick
    scans = _check_scan_count(data, allowed.photo_scans)
    try:
        # Formats are named so that EPS never reaches Ghostscript.
        with Image.open(BytesIO(data), formats=photo_formats.pillow_formats(data)) as image:
            width, height = orientation.stored_size(image)
            profile = image.info.get("icc_profile")
            is_coded = image.format in ("AVIF", "HEIF")
            share = min(
                _COSTLY if _is_costly(image) else _CODED if is_coded else 1.0,
                color_profiles.allowed_pixel_share(
                    profile, image.mode, "progressive" in image.info
                ),
            )
            limit = int(allowed.photo_pixels * share)
            is_large = width * height > limit
            if is_large:
                _check_reducible(data, (width, height), limit, allowed.photo_pixels)
                at_least = _reduced_side((width, height), limit, at_least)
            if max(width, height) > _MAX_SIDE:
                raise decode_errors.side_length_error(width, height, _MAX_SIDE)
            most = _MAX_WORK * allowed.photo_pixels // max(width * height, 1)
            if scans > most and not is_large:  # of a large one, only the first is decoded
                raise decode_errors.scan_count_error(scans, most)
            if (quick := jpeg.decode_plain_jpeg(image, data, at_least)) is not None:
                return color_profiles.convert_to_srgb(quick, profile)
            if is_coded:
                decode_cost.check_coded_pictures(data, limit)
            if not is_large:
                decode_cost.check_decode_memory(image, data, allowed.photo_pixels)
            if at_least is not None:
                # A JPEG holds the frequencies of blocks of 8 × 8 pixels; libjpeg can turn the
                # lowest of them into 4 × 4, 2 × 2 or 1 pixel and leave out the rest. Pillow takes
                # the largest such factor that keeps both sides at `at_least` or more, as
                # `jpeg.decode_plain_jpeg` does, so that both ways give the same pixels. Other
                # formats ignore it. "RGB" asks for no conversion; only "L" and "YCbCr" would.
                image.draft("RGB", (at_least, at_least))
            if is_large:
                decode_cost.check_decode_memory(image, data, allowed.photo_pixels)
            turned = orientation.read_orientation(image, data)
            orientation.load_as_stored(image)
            return convert_rgb.convert_to_rgb(image, at_least, turned, profile)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(
            "The image is too large. The limit is {limit:,} pixels. Make it smaller and try again.",
            limit=allowed.photo_pixels,
        ) from error
    except Exception as error:
        # Pillow rejects files by OSError, ValueError, KeyError, SyntaxError and a dozen more.
        raise file_kinds.explain_decode_error(data, error) from error


def resize_photo(image: Photo, size: PhotoSize) -> Photo:
    """Resize a photo to what a network takes; as in the notes, the shape is not kept.

    Shrinking averages, so that fine texture does not turn into noise: a side more than `FINE_RATIO`
    times too long is sampled twice for each pixel, one beyond `COARSE_RATIO` by whole areas. On
    photographs reduced by `decode_photo` that takes a third of the time of whole areas alone, and
    differs from them by 0.8 of 255 in the mean.

    Args:
        image: (H, W, 3) uint8.
        size: side of the square in pixels, S, or height and width.

    Returns:
        (S, S, 3) or (height, width, 3) uint8.
    """
    height, width = image.shape[:2]
    rows, columns = (size, size) if isinstance(size, int) else size
    if height >= rows and width >= columns:
        # Linear interpolation takes the samples next to a place, however far apart the places are:
        # beyond a factor of 2 it skips pixels. So a long side is first sampled at twice the size,
        # then halved. OpenCV counts from the pixels' outer edges: x of a result half as large lies
        # at 2x + 0.5, right between two samples, and becomes their mean.
        if height > COARSE_RATIO * rows or width > COARSE_RATIO * columns:
            return _resized(image, columns, rows, cv2.INTER_AREA)
        across = columns * (1 + (width > FINE_RATIO * columns))
        down = rows * (1 + (height > FINE_RATIO * rows))
        image = _resized(image, across, down)
    return _resized(image, columns, rows)


def read_dimensions(path: Path) -> tuple[int, int]:
    """Return width and height of a photo as it is shown, in pixels; only its head is read.

    Raises:
        PhotoError: it is no photo, or cannot be opened.
    """
    try:
        with (
            files.open_regular(path) as file,
            mmap(file.fileno(), 0, access=ACCESS_READ) as data,
        ):
            format_guard.check_part_count(data)
            try:
                source: Any = data  # of which only what is read is fetched
                with Image.open(source, formats=photo_formats.pillow_formats(data)) as image:
                    return orientation.shown_size(image, data)
            except Exception as error:  # as in `decode_photo`
                raise file_kinds.explain_header_error(data) from error
    except PhotoError:
        raise
    except Exception as error:  # of an empty file, or one that cannot be opened
        raise decode_errors.not_a_photo_error() from error


def decode_and_fit(data: bytes, size: PhotoSize) -> Photo:
    """Decode and fit in one step: file bytes to (S, S, 3) uint8. Raises PhotoError."""
    longest = size if isinstance(size, int) else max(size)
    return resize_photo(decode_photo(data, at_least=longest), size)


def read_photo_bytes(path: Path) -> bytes:
    """Read the bytes of a photo file.

    Raises:
        PhotoError: it cannot be read, or is too large.
    """
    try:
        most = limits.current_limits().photo_bytes
        with files.open_regular(path, buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise decode_errors.file_size_error(size, most)
            # Half of what `Path.read_bytes` asks of the system: of many small files that is felt.
            data = os.read(file.fileno(), size + 1)
            while len(data) != size:  # a network's disk may give less at once
                more = os.read(file.fileno(), most + 1 - len(data))
                data += more
                if not more:
                    break
        if len(data) > most:
            raise decode_errors.file_size_error(len(data), most)
        return data
    except OSError as error:
        raise PhotoError(
            "The file couldn't be read: {reason}. Check that it still exists and that you have "
            "permission.",
            reason=error.strerror or str(error),
        ) from error


def load_photos(paths: Sequence[Path], size: PhotoSize) -> Generator[Photo | PhotoError]:
    """Read and fit photo files in parallel, in order, a bounded number ahead.

    Args:
        paths: photo files.
        size: side of the squares in pixels, S, or height and width.

    Yields:
        (S, S, 3) uint8 for each path, or the error that tells why it could not be read.
    """

    def chunk(start: int) -> list[Photo | PhotoError]:
        return [_load_photo(path, size) for path in paths[start : start + _CHUNK]]

    running: deque[Future[list[Photo | PhotoError]]] = deque()
    pool = ThreadPoolExecutor(_DECODERS)
    try:
        for start in range(0, len(paths), _CHUNK):
            running.append(pool.submit(chunk, start))
            if len(running) == _AHEAD:
                yield from running.popleft().result()
        while running:
            yield from running.popleft().result()
    finally:  # also when no more are asked for
        pool.shutdown(cancel_futures=True)


def make_thumbnail(image: Photo, side: int) -> Photo:
    """Shrink so that the longer side is at most `side` pixels, keeping the shape."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, target, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def encode_photo(image: Photo, kind: Literal["jpeg", "png"] = "jpeg", quality: int = 90) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG or PNG bytes for display or download."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == "jpeg" else []
    done, buffer = cv2.imencode(
        ".jpg" if kind == "jpeg" else ".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options
    )
    if not done:
        raise PhotoError("The image couldn't be saved as {kind}. Try another photo.", kind=kind)
    return buffer.tobytes()


def _load_photo(path: Path, size: PhotoSize) -> Photo | PhotoError:
    try:
        return decode_and_fit(read_photo_bytes(path), size)
    except PhotoError as error:
        return error


def _resized(image: Photo, width: int, height: int, how: int = cv2.INTER_LINEAR) -> Photo:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def _check_scan_count(data: bytes, most: int) -> int:
    """Refuse what need not be opened for that; the number of a JPEG's scans."""
    if not data:
        raise PhotoError("The file is empty. Check that the photo was copied completely.")
    # Within JPEG's coded data 0xFF is always escaped, so the marks count scans.
    scans = (
        int(np.count_nonzero(jpeg.find_jpeg_markers(data) == 0xDA))
        if data[:2] == b"\xff\xd8"
        else 0
    )
    if scans > most:
        raise decode_errors.scan_count_error(scans, most)
    return scans


def _check_reducible(data: bytes, size: tuple[int, int], limit: int, allowed_pixels: int) -> None:
    """Raise PhotoError for a photo of more pixels than the limit that can't be decoded smaller."""
    if not jpeg.is_reducible(data, size):
        raise decode_errors.format_pixel_count_error(*size, limit)
    if size[0] * size[1] > _REDUCED * allowed_pixels:
        raise decode_errors.pixel_count_error(*size, _REDUCED * allowed_pixels)


def _reduced_side(size: tuple[int, int], limit: int, at_least: int | None) -> int:
    """The short side to ask for, so that a JPEG is decoded with at most half the pixels allowed."""
    pixels = 2 * size[0] * size[1]
    factor = next((f for f in (2, 4, 8) if pixels <= limit * f * f), 8)
    side = max(1, min(size) // factor)
    return side if at_least is None else min(side, at_least)


def _is_costly(image: Image.Image) -> bool:
    """WebP takes Pillow 16 bytes a pixel; a BMP packed by run lengths is unpacked in Python."""
    in_runs = image.format == "BMP" and "bmp_rle" in str(getattr(image, "tile", ""))
    return image.format == "WEBP" or in_runs
