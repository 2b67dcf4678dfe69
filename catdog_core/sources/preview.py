"""What is understood of a folder or an archive, told before anything is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import files
from ..errors import N_, DatasetError
from ..photos import left_out
from . import entries, layout
from .entries import Entry
from .listed import Listed
from .places import Place, Remote

SEED, FRACTION = 0, 0.25
LAYOUTS = {
    "split": N_("The folders say which photos are for training and which for validation."),
    "seeded": N_(
        "The folders make no such difference, so the lab keeps a quarter of each class for"
        " validation, always the same photos."
    ),
    "train-divided": N_(
        "There is no validation folder, so the lab keeps a quarter of each class for validation,"
        " always the same photos."
    ),
    "packed": N_("The shards say which photos are for training and which for validation."),
    "redivided": N_(
        "The photos were divided anew on request: photos that are alike are on the same side."
    ),
}


@dataclass(frozen=True)
class Preview:
    """A dataset as it would become.

    `counts` are the photos by split and class name, `wrapper` the folders around the dataset that
    are looked through, `layout` and `ignored` as in a `Dataset`'s note, `size` the bytes of the
    photos, None where they stay in their folder, `warnings` what else is to be said.
    """

    name: str
    counts: dict[str, dict[str, int]]
    wrapper: str
    layout: str
    ignored: int
    size: int | None
    warnings: left_out.Warnings = field(default_factory=list)

    @property
    def total(self) -> int:
        """Photos in all."""
        return sum(sum(row.values()) for row in self.counts.values())

    def sentences(self) -> list[tuple[str, dict[str, Any]]]:
        """What was understood, as messages of the catalogue with their values."""
        classes = next(iter(self.counts.values()))
        found: list[tuple[str, dict[str, Any]]] = [
            (N_("{n:,} photos in {k} classes."), {"n": self.total, "k": len(classes)})
        ]
        if self.wrapper:
            found.append(
                (N_("The folder {wrapper} around them is skipped."), {"wrapper": self.wrapper})
            )
        found.append((LAYOUTS[self.layout], {}))
        if self.ignored:
            found.append((N_("{n:,} other files are left out."), {"n": self.ignored}))
        return found + self.warnings


def of_entries(source: Iterable[Entry], name: str) -> Preview:
    """Understand an archive from the names of its entries.

    Args:
        source: its entries, of which none is opened.
        name: what the dataset would be called.

    Raises:
        DatasetError: it is unsafe, or no dataset.
    """
    found = entries.judge(source)
    tree = Listed.of(found.photos, found.folders)
    try:
        root, photos, note = layout.understand_names(tree, SEED, FRACTION)
    except DatasetError as error:  # the root of an archive has no name
        params = {key: name if value == "" else value for key, value in error.params.items()}
        raise DatasetError(error.message, **params) from error
    wrapper = "" if root is tree else str(root.relative_to(tree))
    note["ignored"] += found.ignored
    note["warnings"] += left_out.warnings(found.foreign)
    return _preview(name, wrapper, photos, note, found.size)


def of_folder(folder: Place) -> Preview:
    """Understand a folder of photos, here or elsewhere. Raises DatasetError: it is no dataset."""
    if isinstance(folder, Remote) and (packed := _of_shards(folder)):
        return packed
    root, photos, note = layout.understand(folder, None, SEED, FRACTION)
    if isinstance(root, Path) and isinstance(folder, Path):
        wrapper = root.relative_to(folder.resolve()).as_posix()
    else:
        wrapper = str(root).removeprefix(str(folder)).strip("/")
    inner = "" if wrapper == "." else wrapper
    return _preview(files.shown(root.name, 60), inner, photos, note, None)


def _of_shards(folder: Remote) -> Preview | None:
    from ..packing import shard_source  # which asks what a dataset is

    if not shard_source.holds_shards(folder):
        return None
    found = shard_source.dataset(folder, "")
    return Preview(found.name, found.counts(), "", found.note["layout"], 0, None)


def _preview(
    name: str,
    wrapper: str,
    photos: layout.Photos,
    note: dict[str, Any],
    size: int | None,
) -> Preview:
    classes = [files.shown(each, 100) for each in note["classes"]]
    counts: dict[str, dict[str, int]] = {}
    for _, label, split in photos:
        row = counts.setdefault(split, dict.fromkeys(classes, 0))
        row[classes[label]] += 1
    return Preview(
        name=name,
        counts={split: counts[split] for split in layout.SPLITS if split in counts},
        wrapper=files.shown(wrapper),
        layout=note["layout"],
        ignored=note["ignored"],
        size=size,
        warnings=note["warnings"],
    )
