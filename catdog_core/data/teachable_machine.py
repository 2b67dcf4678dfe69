"""Read projects of Google's Teachable Machine, which are zips of photos named by their class.

    manifest.json        about the project
    Class 1-!-0.jpg      a photo of Class 1

Known from public reports of such files (teachablemachine-community#38).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from ..base import files
from ..base.errors import DatasetError
from .archive_safety import ArchiveEntry

SUFFIX = ".tm"
"""What the names of projects end in."""
_MANIFEST = "manifest.json"
_MARK = "-!-"


def rename_samples(entries: Iterable[ArchiveEntry], name: str) -> Iterable[ArchiveEntry]:
    """Give the photos of a project their class folders; other zips stay as they are.

    Args:
        entries: of a zip.
        name: its file name.

    Raises:
        DatasetError: it is named like a project and holds no photos of one.
    """
    listed = list(entries)
    names = {str(entry.path) for entry in listed}
    is_project = _MANIFEST in names and any(_is_sample(entry) for entry in listed)
    if not is_project and name.lower().endswith(SUFFIX):
        raise DatasetError(
            "{name} has no photos of a Teachable Machine image project, such as Cat-!-0.jpg. "
            "Choose an image project, or a zip of class folders.",
            name=files.truncate_for_display(name),
        )
    if not is_project:
        return listed
    return [_renamed(entry) if _is_sample(entry) else entry for entry in listed]


def _is_sample(entry: ArchiveEntry) -> bool:
    before, mark, after = str(entry.path).rpartition(_MARK)
    return bool(before and mark) and "/" not in after and entry.is_photo


def _renamed(entry: ArchiveEntry) -> ArchiveEntry:
    """The entry in the folder of its class, whose name may hold slashes."""
    before, _, after = str(entry.path).rpartition(_MARK)
    path = PurePosixPath(before.replace("/", "_"), after)
    if entry.raw is None:
        return replace(entry, path=path)
    raw, _, last = entry.raw.rpartition(_MARK.encode())
    return replace(entry, path=path, raw=raw.replace(b"/", b"_") + b"/" + last)
