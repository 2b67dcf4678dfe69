"""Import datasets from archives, URLs and single photos into the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from ..base import access, files
from . import archives, datasets, preview, url_import
from .archive_safety import ArchiveEntry
from .archives import NamedArchive, Progress
from .cats_vs_dogs import DOWNLOADING, UNPACKING, PhaseProgress
from .dataset_plan import DEFAULT_READING, FolderReading
from .datasets import Dataset
from .preview import Preview

PhotosByClass = Mapping[str, Sequence[tuple[str, bytes]]]
"""(file name, content) of each photo, by class name."""
FolderFiles = Sequence[tuple[str, bytes]]
"""(path with the folder's name, content) of each file of an uploaded folder."""


def import_archive(
    file: IO[bytes] | Path,
    name: str,
    progress: Progress | None = None,
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> Dataset:
    """Unpack a zip or tar of photos into the workspace and remember it, as `import_archives`."""
    return import_archives([(file, name)], progress, reading, encoding)


def import_archives(
    files_: Sequence[NamedArchive],
    progress: Progress | None = None,
    reading: FolderReading = DEFAULT_READING,
    encoding: str = "",
) -> Dataset:
    """Unpack zips and tars of photos into the workspace and remember them as one dataset.

    Args:
        files_: each archive with its file name, which is shown and made part of the dataset's id;
            never used as a path.
        progress: called with (bytes done, bytes in all).
        reading: a table of labels, and whether oddly named folders are classes all the same.
        encoding: of names that don't state it, see `archive_safety.survey_entries`.

    Raises:
        DatasetError: unsafe, damaged, too large, or no dataset inside.
    """
    title = archives.archives_title([name for _, name in files_])
    return datasets.register_dataset(
        _new_dataset_id(title),
        title,
        archives.archive_kind(files_[0][1]),
        lambda folder: archives.unpack_archives(files_, folder, progress, reading, encoding),
    )


def import_url(
    address: str,
    tell: PhaseProgress = lambda phase, done, total: None,
    stopped: Callable[[], bool] = lambda: False,
    is_allowed: Callable[[str], bool] = lambda url: True,
    reading: FolderReading = DEFAULT_READING,
) -> Dataset:
    """Download an archive, or a folder of photos, at a URL, and make a dataset of it.

    Args:
        address: see `url_import.normalize_url`.
        tell: learns what is done, and how much of how much.
        stopped: asked now and then whether to give up.
        is_allowed: asked of each address that the server redirects to.
        reading: a table of labels, and whether oddly named folders are classes all the same.

    Raises:
        AccessError: the visitor may not change data; nothing was asked for.
        CatDogError: see `url_import.download_url`, `import_archive` and `import_entries`.
    """

    def unpacking(done: int, total: int) -> None:
        tell(UNPACKING, done, total)

    with _download_source(address, tell, stopped, is_allowed) as (source, name):
        if isinstance(source, Path):
            return import_archive(source, name, unpacking, reading)
        return import_entries(source, name, "url", unpacking, reading=reading)


def preview_url(
    address: str, tell: PhaseProgress, reading: FolderReading = DEFAULT_READING
) -> Preview:
    """Tell what `import_url` would make a dataset of; what is downloaded for that goes again."""
    with _download_source(address, tell) as (source, name):
        if isinstance(source, Path):
            return archives.inspect_archive(source, name, reading)
        return preview.preview_plan(archives.plan_entries(source, name, reading=reading), name)


@contextmanager
def _download_source(
    address: str,
    tell: PhaseProgress,
    stopped: Callable[[], bool] = lambda: False,
    is_allowed: Callable[[str], bool] = lambda url: True,
) -> Iterator[tuple[Path | list[ArchiveEntry], str]]:
    """What is at a URL, and its name; the files go with the block."""
    access.check_permission("change data")

    def downloading(done: int, total: int) -> None:
        tell(DOWNLOADING, done, total)

    with files.temporary_beside(datasets.datasets_folder() / "url") as folder:
        source = url_import.download_url(address, folder, downloading, stopped, is_allowed)
        yield source, url_import.url_file_name(url_import.normalize_url(address))


def preview_photos(photos: PhotosByClass, name: str) -> Preview:
    """Tell what photos dropped one by one would become. Raises DatasetError as `import_photos`."""
    access.check_permission("change data")
    reading = FolderReading(is_confirmed=True)  # a person named these classes
    plan = archives.plan_entries(archives.entries_from_photos(photos), name, reading=reading)
    return preview.preview_plan(plan, name)


def import_photos(photos: PhotosByClass, name: str, progress: Progress | None = None) -> Dataset:
    """Make a dataset of photos that came one by one.

    Raises:
        DatasetError: a bad class name, fewer than two classes, or a class with too few photos.
    """
    entries = archives.entries_from_photos(photos)
    reading = FolderReading(is_confirmed=True)  # a person named these classes
    return import_entries(entries, name, "photos", progress, reading=reading)


def preview_folder_upload(
    uploaded: FolderFiles, reading: FolderReading = DEFAULT_READING
) -> Preview:
    """Tell what an uploaded folder would become. Raises DatasetError as `import_folder_upload`."""
    access.check_permission("change data")
    name = _uploaded_folder_name(uploaded)
    plan = archives.plan_entries(archives.entries_from_folder(uploaded), name, reading=reading)
    return preview.preview_plan(plan, name)


def import_folder_upload(
    uploaded: FolderFiles,
    progress: Progress | None = None,
    reading: FolderReading = DEFAULT_READING,
) -> Dataset:
    """Make a dataset of the files of a folder, by the same rules as for a zip of it.

    Args:
        uploaded: the files.
        progress: called with (bytes done, bytes in all).
        reading: a table of labels, and whether oddly named folders are classes all the same.

    Raises:
        DatasetError: unsafe names, too large, or no dataset inside.
    """
    name = _uploaded_folder_name(uploaded)
    entries = archives.entries_from_folder(uploaded)
    return import_entries(entries, name, "photos", progress, reading=reading)


def _uploaded_folder_name(uploaded: FolderFiles) -> str:
    tops = {path.partition("/")[0] for path, _ in uploaded}
    return tops.pop() if len(tops) == 1 and "/" in uploaded[0][0] else "photos"


def import_entries(
    source: Iterable[ArchiveEntry],
    name: str,
    kind: str,
    progress: Progress | None = None,
    classes: Sequence[str] = (),
    reading: FolderReading = DEFAULT_READING,
) -> Dataset:
    """Make a dataset of entries, iterated twice; arguments as for `archives.store_entries`."""
    title = files.truncate_for_display(" ".join(name.split()) or "photos", 60)
    return datasets.register_dataset(
        _new_dataset_id(title),
        title,
        kind,
        lambda folder: archives.store_entries(source, folder, progress, title, classes, reading),
    )


def _new_dataset_id(title: str) -> str:
    return f"{files.slugify(title, 24)}-{uuid4().hex[:8]}"
