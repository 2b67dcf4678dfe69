"""Datasets from elsewhere, whose photos come to lie in the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from ..base import access, files
from . import archives, datasets, preview, url_import
from .archive_safety import Entry
from .archives import Progress
from .cats_vs_dogs import DOWNLOADING, UNPACKING, Tell
from .datasets import Dataset
from .preview import Preview

Photos = Mapping[str, Sequence[tuple[str, bytes]]]
"""(file name, content) of each photo, by class name."""


def archive(file: IO[bytes] | Path, name: str, progress: Progress | None = None) -> Dataset:
    """Unpack a zip or tar of photos into the workspace and remember it.

    Args:
        file: the archive.
        name: its file name, shown and made part of the dataset's id; never used as a path.
        progress: called with (bytes done, bytes in all).

    Raises:
        DatasetError: unsafe, damaged, too large, or no dataset inside.
    """
    title = archives.title(name)
    return datasets.adopt(
        _new_id(title),
        title,
        archives.kind(name),
        lambda folder: archives.unpack(file, name, folder, progress),
    )


def url(
    address: str,
    tell: Tell = lambda phase, done, total: None,
    stopped: Callable[[], bool] = lambda: False,
    is_allowed: Callable[[str], bool] = lambda url: True,
) -> Dataset:
    """Download an archive, or a folder of photos, at a URL, and make a dataset of it.

    Args:
        address: see `url_import.checked`.
        tell: learns what is done, and how much of how much.
        stopped: asked now and then whether to give up.
        is_allowed: asked of each address that the server redirects to.

    Raises:
        AccessError: the visitor may not change data; nothing was asked for.
        CatDogError: see `url_import.download`, `archive` and `entries`.
    """

    def unpacking(done: int, total: int) -> None:
        tell(UNPACKING, done, total)

    with _downloaded(address, tell, stopped, is_allowed) as (found, name):
        if isinstance(found, Path):
            return archive(found, name, unpacking)
        return entries(found, name, "url", unpacking)


def look_at_url(address: str, tell: Tell) -> Preview:
    """Tell what `url` would make a dataset of; what is downloaded for that goes again."""
    with _downloaded(address, tell) as (found, name):
        if isinstance(found, Path):
            return archives.look(found, name)
        return preview.of_plan(archives.plan(found, name), name)


@contextmanager
def _downloaded(
    address: str,
    tell: Tell,
    stopped: Callable[[], bool] = lambda: False,
    is_allowed: Callable[[str], bool] = lambda url: True,
) -> Iterator[tuple[Path | list[Entry], str]]:
    """What is at a URL, and its name; the files go with the block."""
    access.check("change data")

    def downloading(done: int, total: int) -> None:
        tell(DOWNLOADING, done, total)

    with files.temporary_beside(datasets.root() / "url") as folder:
        found = url_import.download(address, folder, downloading, stopped, is_allowed)
        yield found, url_import.file_name(url_import.checked(address))


def look_at_photos(photos: Photos, name: str) -> Preview:
    """Tell what photos dropped one by one would become. Raises DatasetError as `photos`."""
    access.check("change data")
    return preview.of_plan(archives.plan(archives.dropped(photos), name), name)


def photos(photos: Photos, name: str, progress: Progress | None = None) -> Dataset:
    """Make a dataset of photos that came one by one.

    Raises:
        DatasetError: a bad class name, fewer than two classes, or a class with too few photos.
    """
    return entries(archives.dropped(photos), name, "photos", progress)


def entries(
    source: Iterable[Entry],
    name: str,
    kind: str,
    progress: Progress | None = None,
    classes: Sequence[str] = (),
) -> Dataset:
    """Make a dataset of a list of entries, iterated twice; `classes` as for `archives.plan`."""
    title = files.shown(" ".join(name.split()) or "photos", 60)
    return datasets.adopt(
        _new_id(title),
        title,
        kind,
        lambda folder: archives.write(source, folder, progress, title, classes),
    )


def _new_id(title: str) -> str:
    return f"{files.slug(title, 24)}-{uuid4().hex[:8]}"
