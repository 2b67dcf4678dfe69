"""Limits on what an untrusted file may cost, from the workspace's `limits.json`.

The file names only what differs, such as ``{"photo_pixels": 100000000}``. It is read once for each
workspace a process works with: a change holds from the next start of the lab.
"""

from __future__ import annotations

import logging
import os
from functools import cache

from . import bounded_readers, field_specs, files
from .field_specs import Settings, field

FILE = "limits.json"
_REMOVED = "shard_cache_bytes"  # of an earlier version
log = logging.getLogger("catdog")
UPLOAD_MEGABYTES = 400
"""The most a browser may send at once; `.streamlit/config.toml` sets it for the server."""


class Limits(Settings):
    """What a photo, an archive and a model file may cost at most. Sizes are in bytes."""

    photo_bytes: int = field(
        50_000_000,
        "Photo, bytes",
        "Size of a photo file.",
        low=100_000,
        high=500_000_000,
        unit="bytes",
    )
    photo_pixels: int = field(
        40_000_000,
        "Photo, pixels",
        "Width times height. At the default, a photo takes up to 300 MB and 3 s. Twice the pixels"
        " take twice as much. A baseline JPEG can have six times as many.",
        low=10_000,
        high=400_000_000,
        unit="pixels",
    )
    photo_scans: int = field(
        100,
        "Photo, scans",
        "Scans of a progressive JPEG. 1,500 scans take minutes.",
        low=10,
        high=1000,
    )
    archive_entries: int = field(
        150_000,
        "Archive, entries",
        "Files and folders in a zip or tar, or records in TFRecords.",
        low=10,
        high=2_000_000,
    )
    archive_bytes: int = field(
        8_000_000_000,
        "Archive, bytes unpacked",
        "Size of a zip or tar when unpacked.",
        low=1_000_000,
        high=1_000_000_000_000,
        unit="bytes",
    )
    archive_ratio: int = field(
        40,
        "Archive, ratio",
        "Unpacked size of an archive as a multiple of its own size. Photos hardly shrink.",
        low=2,
        high=1000,
        unit="×",
    )
    model_bytes: int = field(
        1_000_000_000,
        "Model, bytes of weights",
        "Size of a model file when unpacked.",
        low=1_000_000,
        high=20_000_000_000,
        unit="bytes",
    )
    model_config_bytes: int = field(
        4_000_000,
        "Model, bytes of configuration",
        "Size of the text that describes the layers of a model.",
        low=10_000,
        high=50_000_000,
        unit="bytes",
    )
    model_seconds: int = field(
        10,
        "Model check, seconds",
        "CPU time for the check of a model file, after TensorFlow has started.",
        low=2,
        high=600,
        unit="s",
    )
    model_memory: int = field(
        4_000_000_000,
        "Model check, memory",
        "Memory of the process that checks a model file, including 0.7 GB for TensorFlow.",
        low=1_500_000_000,
        high=100_000_000_000,
        unit="bytes",
    )
    model_batch_bytes: int = field(
        1_000_000_000,
        "Model at work, memory",
        "Memory for a forward pass, a heat map or an X-ray, besides the model's weights. If 32"
        " photos need more, the lab processes fewer at once.",
        low=100_000_000,
        high=100_000_000_000,
        unit="bytes",
    )
    api_photos: int = field(
        64,
        "API, photos per request",
        "Photos in one request to the API.",
        low=1,
        high=1000,
    )
    api_rate: int = field(
        600,
        "API, photos per minute",
        "Photos that programs with one token can send in a minute.",
        low=1,
        high=1_000_000,
    )


def current_limits() -> Limits:
    """Return the limits in force in this workspace.

    Raises:
        SettingsError, CatDogError: `limits.json` is damaged, or names what is no limit.
    """
    return _load_limits(os.environ.get("CATDOG_WORKSPACE"))  # cheap: asked for every photo


@cache
def _load_limits(workspace: str | None) -> Limits:
    path = files.workspace_folder() / FILE
    if not os.path.lexists(path):
        return Limits()
    values = files.read_json(path, max_bytes=bounded_readers.SMALL_BYTES)
    if isinstance(values, dict) and _REMOVED in values:
        log.warning("%s was removed. Delete it from %s.", _REMOVED, FILE)
        values = {name: value for name, value in values.items() if name != _REMOVED}
    return field_specs.parse_settings(Limits, values, FILE)
