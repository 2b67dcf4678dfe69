"""Find the tables of labels that belong to a dataset, and read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath

from ..base import bounded_readers
from ..base.errors import DatasetError
from ..base.files import truncate_for_display
from . import label_tables
from .folder_tree import File, Tree
from .label_tables import LabelChoice, PhotoIndex, TableMatch
from .root_settings import allowed_roots

_LISTED_ABOVE = 2000  # files next to the folder among which tables are looked for
_TABLE_FOLDERS = 500  # folders in which tables are looked for


def find_tables(tree: Tree, wrappers: Sequence[str]) -> list[File]:
    """Return what may be tables: around the dataset, in its folder and in two levels below.

    Args:
        tree: where the dataset is.
        wrappers: names of the folders that lead to the dataset.
    """
    folders = [tree.root]
    for name in wrappers:
        folders.append(next(f for f in folders[-1].folders.values() if name in f.spellings))
    below = list(folders[-1].folders.values())
    folders += below
    folders += [inner for folder in below for inner in folder.folders.values()]
    found = [
        file
        for folder in folders[:_TABLE_FOLDERS]
        for file in folder.files
        if label_tables.is_table(file.path) and 0 < file.size <= label_tables.MAX_BYTES
    ]
    if len(found) > label_tables.MAX_TABLES:
        # A text for each photo, such as boxes in YOLO's format, is no table of a dataset.
        one_each = (".txt", *label_tables.JSON_SUFFIXES)
        found = [file for file in found if file.path.suffix.lower() not in one_each]
    found.sort(key=lambda file: label_tables.is_json(file.path))
    total, some = 0, []
    for file in found[: label_tables.MAX_TABLES]:
        total += file.size
        some += [file] * (total <= 2 * label_tables.MAX_BYTES)
    return some


def find_tables_above(tree: Tree) -> list[File]:
    """Return tables next to the folder of photos, for those who choose that instead of both."""
    folder, allowed = tree.disk, allowed_roots()
    if folder is None or folder.parent == folder:
        return []
    if allowed is not None and not any(map(folder.parent.is_relative_to, allowed)):
        return []
    tables = []
    with suppress(OSError), os.scandir(folder.parent) as entries:
        for entry in islice(entries, _LISTED_ABOVE):
            path = PurePosixPath("..", entry.name)
            if label_tables.is_table(path) and entry.is_file(follow_symlinks=False):
                tables.append(File(path, entry.stat().st_size))
    tables.sort(key=lambda file: (label_tables.is_json(file.path), file.path))
    usable = [file for file in tables if 0 < file.size <= label_tables.MAX_BYTES // 4]
    return usable[: label_tables.MAX_TABLES // 2]


def match_file(
    tree: Tree, file: File, index: PhotoIndex, file_column: str = "", label_column: str = ""
) -> TableMatch | None:
    """Return what a table of a tree says; None where it is none, or lacks a column."""
    try:
        data = tree.read_text(file.path, label_tables.MAX_BYTES)
        table = label_tables.read_table(data, file.path)
        return label_tables.match_table(table, index, file_column, label_column)
    except (DatasetError, OSError):
        return None  # a text of another kind


def match_chosen_file(path: Path, choice: LabelChoice, index: PhotoIndex) -> TableMatch | None:
    """Return what a table that a person chose says. Raises DatasetError where it cannot be read."""
    try:
        data = bounded_readers.read_regular(path, label_tables.MAX_BYTES)
    except OSError as error:
        raise DatasetError(
            "{file} can't be read: {reason}. Choose a table of labels, such as labels.csv.",
            file=truncate_for_display(str(path), 200),
            reason=error.strerror or str(error),
        ) from error
    table = label_tables.read_table(data, PurePosixPath(path.name))
    return label_tables.match_table(table, index, choice.file_column, choice.label_column)


def refuse_several_columns(matches: Sequence[TableMatch]) -> None:
    """Raise DatasetError where a table has no column of labels, or several."""
    for match in matches:
        if match.labels:
            continue
        if match.choices:
            raise label_tables.LabelColumnError(
                "Several columns of {file} could be the label: {names}. Choose one "
                "(--label-column).",
                file=truncate_for_display(match.table.name),
                names=truncate_for_display(", ".join(match.choices), 200),
                columns=tuple(match.choices),
            )
        raise DatasetError(
            "{file} has no column of labels. Choose a table with one label per photo.",
            file=truncate_for_display(match.table.name),
        )
