"""Commands that decide about the photos of a dataset. Files are never touched, `undo` undoes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base.files import truncate_for_display
from ..data import datasets
from ..data.datasets import Dataset
from ..data.edits import ACTIONS, PhotoEdit
from . import output
from .options import Folder


def decide(
    folder: Folder,
    action: Annotated[str, typer.Argument(metavar="ACTION", help=", ".join(ACTIONS) + ".")],
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO...", help="Paths, or names as 'check' tells them."),
    ],
    to: Annotated[
        str,
        typer.Option(
            help="move: train, validation or test; relabel: the class; keep: the kind of finding"
            " to be quiet about, else all."
        ),
    ] = "",
) -> None:
    """Decide about photos: exclude them, move them to a split, relabel them, keep them as they are
    whatever 'check' says, or restore them to how they lie. All other commands and the pages go by
    it; no file is touched."""
    dataset = datasets.open_folder(folder)
    chosen = [
        PhotoEdit(_resolve_photo_name(dataset, folder, photo), action, to) for photo in photos
    ]
    _print_dataset_counts(datasets.edit_photos(dataset.id, chosen))


def undo(folder: Folder) -> None:
    """Take back what was decided last about a dataset."""
    _print_dataset_counts(datasets.undo_last_edit(datasets.open_folder(folder).id))


def split(
    folder: Folder,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
    validation: Annotated[
        float, typer.Option(min=0, max=1, help="Part of each class to validate.")
    ] = datasets.VALIDATION_FRACTION,
    test: Annotated[float, typer.Option(min=0, max=1, help="Part of each class to test.")] = 0.0,
) -> None:
    """Divide the photos anew, by class and seed; photos that look alike stay on one side."""
    dataset = datasets.open_folder(folder)
    with output.progress_bar("looking") as progress:
        anew = datasets.resplit(dataset.id, seed, validation, test, progress)
    _print_dataset_counts(anew)


def classes(
    folder: Folder,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CLASS...]", help="All, the first is number 0.")
    ] = None,
) -> None:
    """Tell the numbers of the classes, or set their order."""
    dataset = datasets.read_folder(folder)
    if names:
        dataset = datasets.order_classes(datasets.open_folder(folder).id, names)
    for number, name in enumerate(dataset.classes):
        print(f"{number} {truncate_for_display(name)}")


def open_dataset(folder: Path, order: str | None) -> Dataset:
    """Open a folder's dataset; `order`, class names with commas between, is set if given.

    Raises:
        DatasetError: the folder is none, or the names are not those of its classes.
    """
    dataset = datasets.open_folder(folder)
    names = _parse_order(order)
    if names and names != dataset.classes:
        return datasets.order_classes(dataset.id, names)
    return dataset


def read_dataset(folder: Path, order: str | None) -> Dataset:
    """Read a folder's dataset as `open_dataset`, but write nothing."""
    return datasets.read_folder(folder, _parse_order(order))


def _parse_order(order: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in order.split(",")) if order else ()


def _resolve_photo_name(dataset: Dataset, folder: Path, photo: Path) -> str:
    """Return a photo's name in its dataset, given as that, as a path, or relative to the folder."""
    known = {file for file, _, _ in dataset.photos} | set(dataset.excluded)
    if photo.as_posix() in known:
        return photo.as_posix()
    root = dataset.root.resolve()
    for path in (photo, folder / photo):
        resolved = path.parent.resolve() / path.name  # a link to a photo is a photo of its own
        if resolved.is_relative_to(root) and resolved.relative_to(root).as_posix() in known:
            return resolved.relative_to(root).as_posix()
    return photo.as_posix()


def _print_dataset_counts(dataset: Dataset) -> None:
    output.print_counts(dataset.counts())
    if dataset.excluded:
        print(f"excluded: {len(dataset.excluded)}")
