"""Many small pictures, or numbers, as one element; photos as squares, kept between reruns."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Literal

import streamlit as st

from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo, PhotoSize

_GAP = 8  # pixels between pictures
MIN_WIDTH = 80
_CAPTION_LETTERS = 36  # of a line of a caption; longer ones are cut with "…"


def image_grid(
    images: Sequence[bytes],
    captions: Sequence[str] | None = None,
    tooltips: Sequence[str] | None = None,
    columns: int = 5,
    alts: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
    width: int | Literal["stretch"] = "stretch",
    least: int = MIN_WIDTH,
) -> None:
    """Show pictures in rows of `columns`, of fewer where the page is narrow.

    Args:
        images: JPEG or PNG files.
        captions: a line below each picture.
        tooltips: shown while the pointer rests on a picture; may have several lines.
        columns: pictures in a row of a wide page.
        alts: descriptions for those who do not see the pictures; by default the captions.
        colors: a CSS colour a picture, drawn as a dot before its caption.
        width: of the whole, in pixels, at most; by default all there is.
        least: width of a picture in pixels below which a row takes fewer of them.
    """
    st.html(image_grid_html(images, captions, tooltips, columns, alts, colors, least), width=width)


def image_grid_html(
    images: Sequence[bytes],
    captions: Sequence[str] | None = None,
    tooltips: Sequence[str] | None = None,
    columns: int = 5,
    alts: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
    least: int = MIN_WIDTH,
) -> str:
    """Return the pictures of `image_grid` as HTML, every text in it escaped."""
    figures = "".join(
        _figure_html(
            image,
            captions[i] if captions else "",
            tooltips[i] if tooltips else "",
            alts[i] if alts else captions[i] if captions else "",
            colors[i] if colors else "",
        )
        for i, image in enumerate(images)
    )
    # A column is at least `least` wide and never so narrow that more than `columns` fit.
    share = f"calc((100% - {_GAP * (columns - 1)}px) / {columns})"
    return (
        f'<div style="display:grid;gap:{_GAP}px;'
        f'grid-template-columns:repeat(auto-fill,minmax(max({least}px,{share}),1fr))">'
        f"{figures}</div>"
    )


def data_uri(image: bytes) -> str:
    """Return a picture file as a URI that needs no further request."""
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _figure_html(image: bytes, caption: str, tooltip: str, alt: str, color: str) -> str:
    dot = (
        '<span style="display:inline-block;width:.6em;height:.6em;border-radius:50%;'
        f'margin-right:.35em;background:{escape(color)}"></span>'
        if color
        else ""
    )
    lines = [truncate_for_display(line, _CAPTION_LETTERS) for line in caption.split("\n")]
    if not tooltip and lines != caption.split("\n"):
        tooltip = caption
    caption = "\n".join(lines)
    below = (
        '<figcaption style="font-size:.75rem;line-height:1.35;padding:.15rem .1rem 0;opacity:.85;'
        f'white-space:pre-line;overflow-wrap:anywhere">{dot}{escape(caption)}</figcaption>'
        if caption
        else ""
    )
    return (
        f'<figure style="margin:0;min-width:0" title="{escape(tooltip)}">'
        f'<img src="{data_uri(image)}" alt="{escape(alt)}" style="display:block;width:100%;'
        'aspect-ratio:1;object-fit:contain;border-radius:.4rem">'
        f"{below}</figure>"
    )


def fitted_photo(path: Path, size: PhotoSize) -> Photo | PhotoError:
    """Return a photo file as (S, S, 3) uint8, or why it cannot be read; cached by its version."""
    return _fitted_from_file(path, str(path), file_version(path), size)


def file_version(path: Path) -> int:
    """Return what tells a photo's file from later versions of it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # gone: reading it gives the reason


def uploaded_photo(file_id: str, data: bytes, size: PhotoSize) -> Photo | PhotoError:
    """Return an uploaded photo as (S, S, 3) uint8, or why it cannot be read."""
    return _fitted_from_bytes(file_id, data, size)


@st.cache_data(max_entries=500, show_spinner=False)
def _fitted_from_file(_path: Path, path: str, changed: int, size: PhotoSize) -> Photo | PhotoError:
    return next(iter(decode.load_photos([_path], size)))


@st.cache_data(max_entries=50, show_spinner=False)
def _fitted_from_bytes(file_id: str, _data: bytes, size: PhotoSize) -> Photo | PhotoError:
    try:
        return decode.decode_and_fit(_data, size)
    except PhotoError as error:
        return error


def metric_row(items: Sequence[tuple[str, str]]) -> None:
    """Draw (label, value) pairs; both may hold any text."""
    st.html(metric_row_html(items))


def metric_row_html(items: Sequence[tuple[str, str]]) -> str:
    """Return the tiles as HTML."""
    inner = "".join(
        '<div style="border:1px solid rgba(128,128,128,.3);border-radius:.5rem;'
        'padding:.45rem .7rem .55rem">'
        f'<div style="font-size:.8rem;opacity:.75;line-height:1.25">{escape(label)}</div>'
        '<div style="font-size:1.35rem;line-height:1.3;'
        f'font-variant-numeric:tabular-nums">{escape(value)}</div></div>'
        for label, value in items
    )
    return (
        '<div style="display:grid;gap:.6rem;'
        f'grid-template-columns:repeat(auto-fit,minmax(104px,1fr))">{inner}</div>'
    )
