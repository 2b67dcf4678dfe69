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
        "Size of a photo's file.",
        low=100_000,
        high=500_000_000,
        unit="bytes",
    )
    photo_pixels: int = field(
        40_000_000,
        "Photo, pixels",
        "Width times height. At the default a photo costs at most 300 MB and 3 s; twice the pixels,"
        " twice the cost.",
        low=10_000,
        high=400_000_000,
        unit="pixels",
    )
    photo_scans: int = field(
        100,
        "Photo, scans",
        "Scans of a progressive JPEG: 1,500 of them cost minutes.",
        low=10,
        high=1000,
    )
    archive_entries: int = field(
        150_000,
        "Archive, entries",
        "Files and folders in a zip or tar; also the records of TFRecords.",
        low=10,
        high=2_000_000,
    )
    archive_bytes: int = field(
        8_000_000_000,
        "Archive, bytes unpacked",
        "What a zip or tar may unpack to.",
        low=1_000_000,
        high=1_000_000_000_000,
        unit="bytes",
    )
    archive_ratio: int = field(
        40,
        "Archive, ratio",
        "How many times its own size an archive may unpack to; photos hardly shrink.",
        low=2,
        high=1000,
        unit="×",
    )
    model_bytes: int = field(
        1_000_000_000,
        "Model, bytes of weights",
        "Size of a model file, unpacked.",
        low=1_000_000,
        high=20_000_000_000,
        unit="bytes",
    )
    model_config_bytes: int = field(
        4_000_000,
        "Model, bytes of configuration",
        "Size of the text that tells a model's layers.",
        low=10_000,
        high=50_000_000,
        unit="bytes",
    )
    model_seconds: int = field(
        10,
        "Model check, seconds",
        "CPU time the check of a model file may take once TensorFlow has started.",
        low=2,
        high=600,
        unit="s",
    )
    model_memory: int = field(
        4_000_000_000,
        "Model check, memory",
        "Memory the process that checks a model file may take, TensorFlow's 0.7 GB included.",
        low=1_500_000_000,
        high=100_000_000_000,
        unit="bytes",
    )
    model_batch_bytes: int = field(
        1_000_000_000,
        "Model at work, memory",
        "Memory that a forward pass, a heat map or an X-ray may take beyond the model's weights."
        " Fewer photos are asked at once where 32 would take more.",
        low=100_000_000,
        high=100_000_000_000,
        unit="bytes",
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
