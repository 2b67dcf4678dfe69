"""Commands that bring photos into the lab."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from ..base import library_output
from ..base.english_plurals import format_count, format_english
from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from ..data import (
    archives,
    cats_vs_dogs,
    imports,
    text_encoding,
    tfds,
    tfrecord_frames,
    unreadable,
    url_import,
)
from ..data.cats_vs_dogs import Fetch, PhaseProgress
from ..data.datasets import Dataset, FolderReading
from ..data.preview import Preview
from . import output
from .options import with_reading

_TFDS_PREFIX = "tfds:"
_MB = 1_000_000


def download(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A new or empty folder. By default, the workspace."),
    ] = None,
) -> None:
    """Download the course dataset: 3,000 photos, 68 MB."""
    with _show_phase_progress() as (on_progress, pause):

        def show_preview(preview: Preview) -> None:
            pause()
            _print_preview(preview)

        fetch = Fetch(tell=on_progress, on_preview=show_preview)
        if folder is None:
            destination, total = (
                (dataset := cats_vs_dogs.fetch_cats_vs_dogs(fetch)).root,
                len(dataset.photos),
            )
        else:
            destination, total = folder, cats_vs_dogs.fetch_into_folder(folder, fetch).total
    print(f"{format_count(total, 'photos')} in {destination}")
    print(cats_vs_dogs.ORIGIN)


@with_reading
def import_dataset(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|URL|tfds:NAME",
            help="One or several zips or tars, TFRecords (a file or folder), the URL of a zip, tar"
            " or folder, or a dataset of tensorflow_datasets.",
        ),
    ],
    preview_only: Annotated[
        bool, typer.Option("--look", help="Show what's inside without importing.")
    ] = False,
    encoding: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Encoding of the names in an old archive, such as cp949 or shift_jis. By"
            " default, the likeliest.",
        ),
    ] = "",
    *,
    reading: FolderReading,
) -> None:
    """Import photos into the workspace. Several archives become one dataset: cats.zip dogs.zip has
    the classes cats and dogs. Archives in a zip are opened, too. TFRecords need image/encoded
    and image/class/label."""
    source = sources[0]
    encoding = text_encoding.parse_encoding(encoding) if encoding else ""
    if len(sources) == 1 and source.startswith(_TFDS_PREFIX):
        return _import_tfds(source.removeprefix(_TFDS_PREFIX), preview_only)
    if len(sources) == 1 and url_import.is_url(source):
        return _import_url(source, preview_only, reading)
    paths = [Path(each) for each in sources]
    if len(paths) == 1 and tfrecord_frames.holds_tfrecords(paths[0]):
        return _import_records(paths[0], preview_only)
    for path in paths:
        if not path.is_file():
            raise DatasetError(
                "{file} doesn't exist or isn't a file. Check the name of the zip or tar of photos.",
                file=path,
            )
    named = [(path, path.name) for path in paths]
    found = archives.inspect_archives(named, reading, encoding)
    _print_preview(found)
    if found.encodings and not encoding:
        choices = "; ".join(f"{each.encoding} ({each.names})" for each in found.encodings)
        print(f"To choose how names are read, add --encoding NAME: {choices}")
    if not preview_only:
        with output.progress_bar("unpacking") as progress:
            dataset = imports.import_archives(named, progress, reading, encoding)
        _print_dataset(dataset)
    return None


def _import_url(url: str, preview_only: bool, reading: FolderReading) -> None:
    with _show_phase_progress() as (on_progress, _):
        result = (
            imports.preview_url(url, on_progress, reading)
            if preview_only
            else imports.import_url(url, on_progress, reading=reading)
        )
    return _print_preview(result) if isinstance(result, Preview) else _print_dataset(result)


def _import_records(path: Path, preview_only: bool) -> None:
    library_output.import_tensorflow()
    from ..data import tfrecord_import

    if preview_only:
        return _print_preview(tfrecord_import.preview_tfrecords(path))
    with output.progress_bar("unpacking") as progress:
        dataset = tfrecord_import.import_tfrecords(path, progress=progress)
    for message, values in dataset.note["warnings"]:
        print(format_english(message, values))
    return _print_dataset(dataset)


def _import_tfds(name: str, preview_only: bool) -> None:
    info = tfds.inspect_tfds_dataset(name)
    counts = ", ".join(f"{n:,} {truncate_for_display(split)}" for split, n in info.counts.items())
    classes = truncate_for_display(", ".join(info.classes), 300)
    print(f"{counts or 'number of photos unknown'}; classes: {classes}")
    print(f"{info.size / _MB:,.0f} MB to download" if info.size else "Download size unknown")
    if not preview_only:
        # What the package itself says of its progress is no result.
        with _show_phase_progress() as (on_progress, _), redirect_stdout(sys.stderr):
            dataset = tfds.import_tfds_dataset(name, on_progress)
        _print_dataset(dataset)


def _print_preview(preview: Preview) -> None:
    output.print_counts(preview.counts)
    for sentence in (*preview.sentences()[1:], *preview.odd):
        print(sentence)


def _print_dataset(dataset: Dataset) -> None:
    count = unreadable.count_photos(dataset)
    left_out = f", {count.unreadable:,} can't be read" if count.unreadable else ""
    print(f"{format_count(count.readable, 'photos')} in {dataset.root}{left_out}")


@contextmanager
def _show_phase_progress() -> Iterator[tuple[PhaseProgress, Callable[[], None]]]:
    """Show a bar for each phase, in megabytes; yield the callback, and what ends the bar."""
    with ExitStack() as stack:
        now: dict[str, Callable[..., None]] = {}

        def on_progress(phase: str, done: int, total: int) -> None:
            if phase not in now:
                stack.close()
                now[phase] = stack.enter_context(output.progress_bar(f"{phase.lower()}, MB"))
            now[phase](done // _MB, total // _MB)

        yield on_progress, stack.close
