"""The dataset of the class: 3,000 photographs of cats and dogs, fetched from where Google keeps it.

They come from Asirra, a test of Microsoft Research with photos from Petfinder.com, by way of
Kaggle's competition "Dogs vs. Cats" of 2013; the selection is that of Google's machine learning
courses.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files
from ..base.errors import N_, CatDogError, DatasetError, DownloadError
from . import archives, datasets, download
from .archives import StoredPhotos
from .datasets import Dataset
from .download import Download
from .preview import Preview

URL = "https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip"
SIZE = 68_606_236
"""Bytes of the zip, as far as is known; what counts is what the server says and what is inside."""
LIMIT = 200_000_000
COUNTS = {"train": {"cats": 1000, "dogs": 1000}, "validation": {"cats": 500, "dogs": 500}}
ID, NAME = "cats-and-dogs-filtered", "cats_and_dogs_filtered"
DOWNLOADING, UNPACKING = N_("Downloading"), N_("Unpacking")
ORIGIN = N_(
    "3,000 photos from Asirra, a dataset Microsoft Research built from Petfinder.com photos. "
    "Kaggle offered part of it for its 2013 Dogs vs. Cats competition. Google's machine learning "
    "course picked these from it."
)
TERMS = N_(
    "The photos aren't part of the lab, and their owners' terms apply. Kaggle offered them for "
    "fun and research. For anything beyond learning, ask the owners."
)

Counts = dict[str, dict[str, int]]
PhaseProgress = Callable[[str, int, int], None]
"""Called with what is being done, one of the messages above, and with how much of how much."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """How the zip is fetched; only tests change more than the two callbacks.

    `tell` is called with what is being done, `on_preview` with what is inside before it is
    unpacked; `stopped` is asked now and then whether to give up.
    """

    tell: PhaseProgress = lambda phase, done, total: None
    on_preview: Callable[[Preview], None] = lambda preview: None
    stopped: Callable[[], bool] = lambda: False
    url: str = URL
    counts: Counts = field(default_factory=lambda: COUNTS)

    def zip(self) -> tuple[Path, Preview]:
        """Return the zip in the workspace's cache, downloaded if need be, and what it holds.

        Raises:
            DownloadError: it cannot be fetched, or holds something else.
        """
        path = Download(
            self.url,
            download.downloads_folder(),
            LIMIT,
            magic=b"PK",
            progress=lambda done, total: self.tell(DOWNLOADING, done, total or SIZE),
            stopped=self.stopped,
        ).run()
        preview: Preview | DatasetError
        try:
            preview = archives.inspect_archive(path, path.name)
        except DatasetError as error:
            preview = error
        if isinstance(preview, DatasetError) or preview.counts != self.counts:
            path.unlink()
            raise DownloadError(
                "{url} doesn't contain the {n:,} photos it should ({found}), so the download was "
                "removed. Try again, or add the photos as a zip or folder.",
                url=self.url,
                n=sum(sum(row.values()) for row in self.counts.values()),
                found=preview if isinstance(preview, DatasetError) else f"{preview.total:,}",
            )
        self.on_preview(preview)
        return path, preview


def fetch_cats_vs_dogs(fetch: Fetch) -> Dataset:
    """Return the dataset of the class in the workspace; the first call downloads it.

    Raises:
        DownloadError: it cannot be fetched.
        DatasetError: it cannot be unpacked.
    """
    with suppress(CatDogError):
        return datasets.load_dataset(ID)
    path, _ = fetch.zip()
    dataset = datasets.register_dataset(
        ID, NAME, "download", lambda folder: _unpack_photos(path, folder, fetch.tell)
    )
    path.unlink()
    return dataset


def fetch_into_folder(folder: Path, fetch: Fetch) -> Preview:
    """Put the photos into a new or empty folder, as ``train/cats/…`` and so on.

    Raises:
        DatasetError: the folder holds something.
        DownloadError: the photos cannot be fetched.
    """
    if files.exists_nonempty(folder):
        raise DatasetError(
            "{folder} isn't empty. Choose a new or empty folder for the photos.",
            folder=folder,
        )
    path, preview = fetch.zip()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_beside(folder.absolute()) as building:
        stored = _unpack_photos(path, building, fetch.tell)
        if folder.exists():
            folder.rmdir()
        os.replace(building / stored.root, folder)
    path.unlink()
    return preview


def _unpack_photos(path: Path, folder: Path, tell: PhaseProgress) -> StoredPhotos:
    return archives.unpack_archives(
        [(path, path.name)], folder, lambda done, total: tell(UNPACKING, done, total)
    )
