"""Commands that bring photos into the lab."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from ..base import library_output
from ..base.errors import DatasetError
from ..base.files import shown
from ..data import archives, cats_vs_dogs, imports, tfds, tfrecord_frames, url_import
from ..data.cats_vs_dogs import Fetch, Tell
from ..data.datasets import Dataset
from ..data.preview import Preview
from . import output

_TFDS = "tfds:"
_MB = 1_000_000


def download(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A new or empty folder; else the workspace."),
    ] = None,
) -> None:
    """Download the dataset of the class: 3,000 photos of cats and dogs, 68 MB."""
    with _telling() as (tell, pause):

        def looked(found: Preview) -> None:
            pause()
            _understood(found)

        fetch = Fetch(tell=tell, looked=looked)
        if folder is None:
            place, total = (made := cats_vs_dogs.dataset(fetch)).root, len(made.photos)
        else:
            place, total = folder, cats_vs_dogs.into(folder, fetch).total
    print(f"{total} photos in {place}")
    print(cats_vs_dogs.ORIGIN)


def bring(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|tfds:NAME",
            help="A zip or tar, TFRecords, a zip, tar or folder at a URL, or a TFDS dataset.",
        ),
    ],
    look: Annotated[
        bool, typer.Option("--look", help="Tell what is inside, write nothing.")
    ] = False,
) -> None:
    """Bring a zip or tar of photos, TFRecords (a file, or a folder of them with image/encoded and
    image/class/label), a zip, tar or folder of photos at a URL such as s3://bucket/photos, or a
    dataset of tensorflow_datasets, into the workspace."""
    if source.startswith(_TFDS):
        return _bring_tfds(source.removeprefix(_TFDS), look)
    if url_import.is_url(source):
        return _bring_url(source, look)
    path = Path(source)
    if tfrecord_frames.found_in(path):
        return _bring_records(path, look)
    if not path.is_file():
        raise DatasetError(
            "{file} is not there, or is no file. Expected a zip or tar of photos. Check its name.",
            file=path,
        )
    _understood(archives.look(path, path.name))
    if not look:
        with output.bar("unpacking") as progress:
            found = imports.archive(path, path.name, progress)
        _made(found)
    return None


def _bring_url(url: str, look: bool) -> None:
    with _telling() as (tell, _):
        found = imports.look_at_url(url, tell) if look else imports.url(url, tell)
    return _understood(found) if isinstance(found, Preview) else _made(found)


def _bring_records(path: Path, look: bool) -> None:
    library_output.import_tensorflow()
    from ..data import tfrecord_import

    if look:
        return _understood(tfrecord_import.look(path))
    with output.bar("unpacking") as progress:
        found = tfrecord_import.import_foreign(path, progress=progress)
    for message, values in found.note["warnings"]:
        print(message.format(**values))
    return _made(found)


def _bring_tfds(name: str, look: bool) -> None:
    found = tfds.look(name)
    counts = ", ".join(f"{n:,} {shown(split)}" for split, n in found.counts.items())
    print(f"{counts or 'photos not counted yet'}; classes: {shown(', '.join(found.classes), 300)}")
    print(f"{found.size / _MB:,.0f} MB to fetch" if found.size else "Bytes to fetch: not known yet")
    if not look:
        # What the package itself says of its progress is no result.
        with _telling() as (tell, _), redirect_stdout(sys.stderr):
            made = tfds.dataset(name, tell)
        _made(made)


def _understood(found: Preview) -> None:
    output.print_counts(found.counts)
    for message, values in found.sentences()[1:]:
        print(message.format(**values))


def _made(found: Dataset) -> None:
    print(f"{len(found.photos)} photos in {found.root}")


@contextmanager
def _telling() -> Iterator[tuple[Tell, Callable[[], None]]]:
    """A bar for each phase of the work, in megabytes; and what ends it, to print a line."""
    with ExitStack() as stack:
        now: dict[str, Callable[..., None]] = {}

        def tell(phase: str, done: int, total: int) -> None:
            if phase not in now:
                stack.close()
                now[phase] = stack.enter_context(output.bar(f"{phase.lower()}, MB"))
            now[phase](done // _MB, total // _MB)

        yield tell, stack.close
