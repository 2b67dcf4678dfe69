"""A dataset, and its record on the disk.

workspace/datasets/<id>/dataset.json    writer: this module

The record holds what the folders say, and beside it the history of what people decided. The
dataset one gets is the first after the second.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from filelock import FileLock

from ..base import files
from ..base.errors import CatDogError, DatasetError
from ..base.file_cache import FileCache
from ..base.messages import Message
from . import content_hashes, edits, photo_domain, splits, url_import
from .dataset_plan import DatasetNote
from .edits import DatasetEdit, EditEvent
from .photo_domain import Domain
from .splits import SplitSettings

FORMAT = 1
DEMO_ID = "demo"
"""The dataset of drawn pets that the lab makes itself."""


@dataclass(frozen=True)
class Item:
    """One photo: where it lies, its name within the dataset, label number and split."""

    path: Path
    file: str
    label: int
    split: str


@dataclass(frozen=True)
class Dataset:
    """Photos with labels and a split.

    `classes` gives the label numbers: the first is 0. `source` is "demo", "folder", or
    what it was imported from: "zip", "tar", "photos", "download", "tfds",
    "tfrecord", "url".
    `fingerprint` names the content: other photos, labels or split give another one. `note` tells
    how the folders were understood.

    `changes` are the edits in force, the oldest first; photos, fingerprint and split follow
    them. `excluded` are the files they leave out. `dismissed_findings` are the kinds of finding
    that the audit no longer reports, by file; the kind "" stands for all. `names` are the true
    names of what had to be stored under others: by path below the root, the last name of that
    file or folder in its archive. `domain` tells drawn pets, and copies of them, from photos.
    """

    id: str
    name: str
    root: Path
    classes: tuple[str, ...]
    source: str
    fingerprint: str
    note: DatasetNote = field(default_factory=lambda: DatasetNote())
    photos: tuple[tuple[str, int, str], ...] = ()
    changes: tuple[DatasetEdit, ...] = ()
    excluded: tuple[str, ...] = ()
    dismissed_findings: dict[str, frozenset[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    domain: Domain = "photos"

    @property
    def unlabeled(self) -> list[Path]:
        """Photos nobody knows the class of, for predictions."""
        return [self.root / file for file in self.note.get("unlabeled", ())]

    def items(self, split: str | None = None) -> list[Item]:
        """Return the photos of a split, or all of them, in the order of their names."""
        return list(self._items if split is None else self._of_split.get(split, ()))

    @cached_property
    def _items(self) -> list[Item]:
        return [Item(self.root / file, file, label, split) for file, label, split in self.photos]

    @cached_property
    def _of_split(self) -> dict[str, list[Item]]:
        items_by_split: dict[str, list[Item]] = {}
        for item in self._items:
            items_by_split.setdefault(item.split, []).append(item)
        return items_by_split

    def counts(self) -> dict[str, dict[str, int]]:
        """Return photos by split and class name; splits without photos are left out."""
        return {split: dict(self._counts[split]) for split in edits.SPLITS if split in self._counts}

    @cached_property
    def _counts(self) -> dict[str, dict[str, int]]:
        counts: dict[str, dict[str, int]] = {}
        for (label, split), count in Counter(row[1:] for row in self.photos).items():
            counts.setdefault(split, dict.fromkeys(self.classes, 0))[self.classes[label]] += count
        return counts

    def subset(self, count: int, seed: int = 0) -> Dataset:
        """Return this dataset with `count` training photos; validation and test stay as they are.

        A larger subset of the same seed holds a smaller one, so that experiments on 100, 250, 500
        … photos (`splits.SUBSET_SIZES`) differ in nothing but the photos that come on top. Nothing
        is written: runs may use different sizes of one dataset at once.

        Raises:
            DatasetError: there are fewer training photos, or `count` is below the classes.
        """
        chosen = splits.nested_subset(list(self.photos), count, seed, len(self.classes))
        photos = tuple(row for row in self.photos if row[2] != "train" or row[0] in chosen)
        if photos == self.photos:
            return self
        text = json.dumps([self.fingerprint, "subset", sorted(chosen)])
        return replace(
            self,
            fingerprint=hashlib.blake2b(text.encode(), digest_size=20).hexdigest(),
            note={**self.note, "subset": {"count": count, "seed": seed}},
            photos=photos,
        )


_cache: FileCache[Dataset] = FileCache(200_000, lambda dataset: len(dataset.photos))
"""As many photos as two large datasets have, about 400 bytes each once their items are listed."""


def apply_edits(dataset: Dataset, changes: Sequence[DatasetEdit]) -> Dataset:
    """Return a dataset as its folders say, after the edits."""
    outcome = edits.replay_edits(list(dataset.photos), dataset.classes, changes)
    note = dataset.note
    if outcome.division:
        division = outcome.division
        parts: SplitSettings = {
            "seed": division.seed,
            "validation_fraction": division.validation_fraction,
            "test_fraction": division.test_fraction,
        }
        note = {**note, "layout": "redivided", "split": parts}
    return replace(
        dataset,
        classes=outcome.classes,
        fingerprint=edits.fingerprint_edits(
            dataset.fingerprint,
            list(dataset.photos),
            outcome.photos,
            dataset.classes,
            outcome.classes,
        ),
        note=note,
        photos=tuple(outcome.photos),
        changes=tuple(changes),
        excluded=outcome.excluded,
        dismissed_findings=outcome.dismissed_findings,
    )


def datasets_folder() -> Path:
    """Return the folder of this workspace's datasets, one folder each."""
    return files.workspace_folder() / "datasets"


def load_dataset(dataset_id: str) -> Dataset:
    """Read a dataset's record.

    Raises:
        DatasetError: there is none, it is damaged, or its photos are gone.
    """
    folder = datasets_folder() / dataset_id
    if files.slugify(dataset_id, 80) != dataset_id or not (folder / "dataset.json").is_file():
        raise DatasetError(
            "There's no dataset '{id}'. Choose or create one on the Data page.",
            id=files.truncate_for_display(dataset_id),
        )
    dataset = _cache.get(folder, [folder / "dataset.json"], lambda: _load_with_edits(folder))
    if not dataset.root.is_dir():
        url = str(files.read_json_object(folder / "dataset.json").get("root"))
        if url_import.is_url(url) and dataset.source == "shards":
            raise DatasetError(
                "The shards of '{name}' are at {url}, which the lab can no longer read directly. "
                "Run 'import URL' with the original photos.",
                name=dataset.name,
                url=files.truncate_for_display(url_import.strip_url_secrets(url), 200),
            )
        if url_import.is_url(url):
            raise DatasetError(
                "The photos of '{name}' are at {url}, which the lab can no longer read directly. "
                "Add them from that URL on the Data page, or run 'import URL'.",
                name=dataset.name,
                url=files.truncate_for_display(url_import.strip_url_secrets(url), 200),
            )
        raise DatasetError(
            "The photos of '{name}' are gone from {folder}. Put them back, or delete the dataset.",
            name=dataset.name,
            folder=dataset.root,
        )
    return dataset


def _load_with_edits(folder: Path) -> Dataset:
    dataset, events = read_dataset_record(folder)
    return apply_edits(dataset, edits.active_edits(events))


def read_dataset_record(folder: Path) -> tuple[Dataset, list[EditEvent]]:
    """Read a record: the dataset as its folders say, and the events of its history.

    Raises:
        CatDogError: there is no record, or it is damaged.
    """
    record = files.read_json(folder / "dataset.json", FORMAT)
    try:
        dataset = Dataset(
            id=folder.name,
            name=str(record["name"]),
            root=folder / "photos" if record["root"] is None else Path(record["root"]),
            classes=tuple(map(str, record["classes"])),
            source=str(record["source"]),
            fingerprint=str(record["fingerprint"]),
            note=_parse_note(record["note"]),
            photos=tuple((str(f), int(label), str(s)) for f, label, s in record["photos"]),
            names={str(f): str(name) for f, name in record.get("names", {}).items()},
            domain=_parse_domain(record.get("domain"), str(record["source"]), folder),
        )
        events = list(record.get("history", []))
        edits.active_edits(events)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            "The record of dataset '{id}' is damaged. Delete the dataset and add it again. Its "
            "photos aren't touched.",
            id=folder.name,
        ) from error
    return dataset, events


def _parse_domain(stored: object, source: str, folder: Path) -> Domain:
    """The domain of a record; one of an earlier version has none."""
    if stored in ("drawn", "photos"):
        return cast(Domain, stored)
    if source == "demo":
        return "drawn"
    digests = [digest for _, _, digest in content_hashes.read_digests(folder).values()]
    return photo_domain.compare_with_demo(digests, datasets_folder() / DEMO_ID)


def _parse_note(note: Mapping[str, Any]) -> DatasetNote:
    parsed = cast(DatasetNote, dict(note))
    if "warnings" in note:
        parsed["warnings"] = _parse_messages(note["warnings"])
    if "explanations" in note:
        parsed["explanations"] = _parse_messages(note["explanations"])
    return parsed


def _parse_messages(stored: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Message]:
    return [Message(str(text), dict(params)) for text, params in stored]


def write_dataset_record(folder: Path, dataset: Dataset, events: Sequence[EditEvent]) -> None:
    """Write a record.

    Args:
        folder: its name is the dataset's id, once it is in its place.
        dataset: as its folders say, before any change.
        events: its history.
    """
    record = {
        "format": FORMAT,
        "id": dataset.id,
        "name": dataset.name,
        "source": dataset.source,
        "created": time.time(),
        "root": str(dataset.root) if dataset.source == "folder" else None,
        "classes": list(dataset.classes),
        "domain": dataset.domain,
        "fingerprint": dataset.fingerprint,
        "note": dataset.note,
        "history": list(events),
        "photos": [list(photo) for photo in dataset.photos],
    }
    if dataset.names:
        record["names"] = dataset.names
    # Escaped, since a file's name may hold bytes that are no UTF-8; compact, since often read.
    text = json.dumps(record, separators=(",", ":"))
    files.write_bytes(folder / "dataset.json", text.encode())


def read_edit_history(folder: Path) -> list[EditEvent]:
    """Read the events of a folder's record; none where there is no sound one.

    Raises:
        CatDogError: the record was made by a newer program, whose history must not get lost.
    """
    path = folder / "dataset.json"
    files.check_format_version(path, files.read_json_object(path), FORMAT)
    with suppress(CatDogError):
        return read_dataset_record(folder)[1]
    return []


def quarantine_record(folder: Path) -> None:
    """Keep a record that cannot be read under another name, for whoever can mend it."""
    try:
        read_dataset_record(folder)
    except CatDogError:
        path = folder / "dataset.json"
        if path.exists():
            with files.wrap_os_errors(path):
                os.replace(path, folder / "dataset-damaged.json")


@contextmanager
def lock_dataset_folder(dataset_id: str) -> Iterator[Path]:
    """Hold a dataset's folder for one writer: two pages may edit it at once.

    Raises:
        CatDogError: the workspace may not be written.
    """
    folder = datasets_folder() / dataset_id
    lock = FileLock(folder / "dataset.lock")
    with files.wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
