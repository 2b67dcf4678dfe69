"""Commands that decide about the photos of a dataset. Files are never touched, `undo` undoes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..base.files import truncate_for_display
from ..data import datasets
from ..data.datasets import Dataset, FolderReading
from ..data.edits import ACTIONS, PhotoEdit
from . import output
from .options import Folder, with_reading


@with_reading
def decide(
    folder: Folder,
    action: Annotated[str, typer.Argument(metavar="ACTION", help=", ".join(ACTIONS) + ".")],
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO", help="Paths, or names as 'check' prints them."),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="For move: train, validation or test. For relabel: the class. For keep: the kind"
            " of finding to hide, by default all."
        ),
    ] = "",
    *,
    reading: FolderReading,
) -> None:
    """Exclude, move, relabel, keep or restore photos. 'keep' hides findings of 'check', and
    'restore' goes back to the folders. Commands and pages follow. No file changes."""
    dataset = datasets.open_folder(folder, reading)
    chosen = [PhotoEdit(resolve_photo_name(dataset, folder, photo), action, to) for photo in photos]
    _print_dataset_counts(datasets.edit_photos(dataset.id, chosen))


@with_reading
def undo(folder: Folder, *, reading: FolderReading) -> None:
    """Undo the last decision about a dataset."""
    _print_dataset_counts(datasets.undo_last_edit(datasets.open_folder(folder, reading).id))


@with_reading
def split(
    folder: Folder,
    seed: Annotated[int, typer.Option(min=0, help="A different seed gives a different split.")] = 0,
    validation: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of each class for validation.")
    ] = datasets.VALIDATION_FRACTION,
    test: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction of each class for testing.")
    ] = 0.0,
    *,
    reading: FolderReading,
) -> None:
    """Make a new split, by class and seed. Near-duplicates stay in the same set."""
    dataset = datasets.open_folder(folder, reading)
    with output.progress_bar("comparing photos") as progress:
        anew = datasets.resplit(dataset.id, seed, validation, test, progress)
    _print_dataset_counts(anew)


@with_reading
def classes(
    folder: Folder,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLASS", help="All classes in order, from number 0."),
    ] = None,
    *,
    reading: FolderReading,
) -> None:
    """Print the numbers of the classes, or set their order."""
    dataset = datasets.read_folder(folder, reading=reading)
    if names:
        dataset = datasets.order_classes(datasets.open_folder(folder, reading).id, names)
    for number, name in enumerate(dataset.classes):
        print(f"{number} {truncate_for_display(name)}")


def open_dataset(folder: Path, order: str | None, reading: FolderReading) -> Dataset:
    """Open a folder's dataset; `order`, class names with commas between, is set if given.

    Raises:
        DatasetError: the folder is none, or the names are not those of its classes.
    """
    dataset = datasets.open_folder(folder, reading)
    names = _parse_order(order)
    if names and names != dataset.classes:
        return datasets.order_classes(dataset.id, names)
    return dataset


def read_dataset(folder: Path, order: str | None, reading: FolderReading) -> Dataset:
    """Read a folder's dataset as `open_dataset`, but write nothing."""
    return datasets.read_folder(folder, _parse_order(order), reading)


def _parse_order(order: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in order.split(",")) if order else ()


def resolve_photo_name(dataset: Dataset, folder: Path, photo: Path) -> str:
    """Return a photo's name in its dataset, given as that, as a path, or relative to the folder."""
    known = {file for file, _, _ in dataset.photos} | set(dataset.excluded)
    if photo.as_posix() in known:
        return photo.as_posix()
    root = dataset.root.resolve()
    for path in (photo, folder / photo):
        resolved = path.parent.resolve() / path.name  # a link to a photo is a photo of its own
        for named in (resolved, Path(os.path.normpath(path.absolute()))):  # as is a linked class
            if named.is_relative_to(root) and named.relative_to(root).as_posix() in known:
                return named.relative_to(root).as_posix()
    return photo.as_posix()


def _print_dataset_counts(dataset: Dataset) -> None:
    output.print_counts(dataset.counts())
    if dataset.excluded:
        print(f"excluded: {len(dataset.excluded)}")
