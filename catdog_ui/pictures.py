"""Photos as squares of the size a network takes, kept so that no page decodes one twice."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from catdog_core import images
from catdog_core.errors import PhotoError
from catdog_core.images import Photo


def fitted(path: Path, size: int) -> Photo | PhotoError:
    """A photo file as (S, S, 3) uint8, or why it cannot be read; read anew once it changes."""
    return _from_file(path, str(path), version(path), size)


def version(path: Path) -> int:
    """What tells a photo's file from later versions of it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # gone: reading it gives the reason


def uploaded(file_id: str, data: bytes, size: int) -> Photo | PhotoError:
    """An uploaded photo as (S, S, 3) uint8, or why it cannot be read."""
    return _from_bytes(file_id, data, size)


@st.cache_data(max_entries=500, show_spinner=False)
def _from_file(_path: Path, path: str, changed: int, size: int) -> Photo | PhotoError:
    return next(iter(images.load_all([_path], size)))


@st.cache_data(max_entries=50, show_spinner=False)
def _from_bytes(file_id: str, _data: bytes, size: int) -> Photo | PhotoError:
    try:
        return images.load(_data, size)
    except PhotoError as error:
        return error
