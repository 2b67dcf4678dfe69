"""The formats of photos that are read: the endings of their names, and what Pillow needs for them.

HEIC is read where the optional package `pillow-heif` is installed. It is loaded with the first such
photo.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import util
from mmap import mmap
from pathlib import PurePath

EXTENSIONS_OF = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif"),
}
"""By kind of photo, as Pillow calls it, the endings its name can have, the usual one first."""
HEIF_PACKAGE = "pillow-heif"
"""What to install for HEIC."""
_OPTIONAL = "HEIF"
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")
_CONTAINERS = (b"mif1", b"msf1")  # of either kind
_FORMATS = tuple(kind for kind in EXTENSIONS_OF if kind != _OPTIONAL)


@lru_cache(maxsize=1)
def is_heif_installed() -> bool:
    """Return whether the package that reads HEIC is installed."""
    return util.find_spec("pillow_heif") is not None


@lru_cache(maxsize=1)
def photo_extensions() -> tuple[str, ...]:
    """Return the endings of photos that can be read here, in lower case with their dots."""
    return tuple(
        end
        for kind, ends in EXTENSIONS_OF.items()
        for end in ends
        if kind != _OPTIONAL or is_heif_installed()
    )


def is_photo_name(path: PurePath) -> bool:
    """Tell whether a file is a photo that can be read here, by its name."""
    end = path.suffix.lower()
    return end in _ENDINGS or (end in EXTENSIONS_OF[_OPTIONAL] and is_heif_installed())


def modern_kind(data: bytes | mmap) -> str:
    """Return "AVIF" or "HEIF" for a file that begins like one, else an empty text.

    Args:
        data: the file, or its first bytes.
    """
    if data[4:8] != b"ftyp":
        return ""
    brand = bytes(data[8:12])
    if brand in (b"avif", b"avis") or (brand in _CONTAINERS and b"avif" in data[16:64]):
        return "AVIF"
    return _OPTIONAL if brand in _HEIF_BRANDS or brand in _CONTAINERS else ""


def pillow_formats(data: bytes | mmap) -> tuple[str, ...]:
    """Return the formats that Pillow can try on a file.

    Args:
        data: the whole file.
    """
    if data[4:8] == b"ftyp" and is_heif_installed():
        _register_heif()
        return (*_FORMATS, _OPTIONAL)
    return _FORMATS


_ENDINGS = frozenset(end for kind in _FORMATS for end in EXTENSIONS_OF[kind])


@lru_cache(maxsize=1)
def _register_heif() -> None:
    import pillow_heif  # lazy: optional, and loads three libraries

    # A thumbnail in the file could show another picture: the photo itself is always decoded.
    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
