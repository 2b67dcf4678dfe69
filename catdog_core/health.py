"""What is wrong with a dataset: files that cannot be read, copies, leaks, imbalance."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from . import images
from .datasets import Dataset, Item
from .errors import N_, PhotoError
from .files import shown

TINY = 32
"""Pixels of the shorter side below which a photo counts as tiny."""
IMBALANCE = 1.5
"""Ratio of the largest to the smallest class of a split from which it is told."""
_PROBE = 64  # photos are decoded no larger than needed to know that they are whole


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, the files it is about, a message id and its values.

    Kinds: "unreadable", "tiny", "duplicate" (within a split), "leak" (the same photo in several
    splits), "two_labels" (the same photo under several classes), "imbalance".
    """

    kind: str
    files: tuple[str, ...]
    message: str
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message.format(**self.params)


_UNREADABLE = N_("{file} cannot be read: {reason}")
_TINY = N_("{file} is only {width} × {height} px: little is left to learn from.")
_TWO_LABELS = N_("The same photo lies under several classes: {files}. One label is wrong.")
_LEAK = N_(
    "The same photo is in training and in validation: {files}. The validation is too kind by it."
)
_COPIES = N_("The same photo lies here several times: {files}. It counts more than the others.")
_IMBALANCE = N_(
    "In {split}, {most} has {high} photos and {least} only {low}. Guessing {most} would look good;"
    " look at each class."
)


def check(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Look at every photo of a dataset; nothing is changed.

    Args:
        dataset: its files are read once each, in parallel.
        progress: called with (photos done, photos in all).
    """
    items = dataset.items()
    found: list[Finding] = []
    copies: dict[bytes, list[Item]] = defaultdict(list)
    with ThreadPoolExecutor(2) as pool:
        for done, (item, digest, finding) in enumerate(pool.map(_look, items), start=1):
            if finding:
                found.append(finding)
            if digest:
                copies[digest].append(item)
            if progress and (done % 25 == 0 or done == len(items)):
                progress(done, len(items))
    found += [_copies(group) for group in copies.values() if len(group) > 1]
    found += _imbalances(dataset)
    kinds = ("unreadable", "two_labels", "leak", "duplicate", "imbalance", "tiny")
    return sorted(found, key=lambda finding: (kinds.index(finding.kind), finding.files))


def _look(item: Item) -> tuple[Item, bytes, Finding | None]:
    name = shown(item.file, 120)
    try:
        data = images.read(item.path)
        photo = images.decode(data, at_least=_PROBE)
    except PhotoError as error:
        params = {"file": name, "reason": error}
        return item, b"", Finding("unreadable", (item.file,), _UNREADABLE, params)
    digest = hashlib.blake2b(data, digest_size=16).digest()
    height, width = photo.shape[:2]
    if min(height, width) < TINY:
        size = {"file": name, "width": width, "height": height}
        return item, digest, Finding("tiny", (item.file,), _TINY, size)
    return item, digest, None


def _copies(group: list[Item]) -> Finding:
    names = tuple(sorted(item.file for item in group))
    if len({item.label for item in group}) > 1:
        kind, message = "two_labels", _TWO_LABELS
    elif len({item.split for item in group}) > 1:
        kind, message = "leak", _LEAK
    else:
        kind, message = "duplicate", _COPIES
    return Finding(kind, names, message, {"files": shown(", ".join(names[:5]), 240)})


def _imbalances(dataset: Dataset) -> list[Finding]:
    found = []
    for split, counts in dataset.counts().items():
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[most] > IMBALANCE * counts[least]:
            params = {"split": split, "most": shown(most), "least": shown(least)}
            numbers = {"high": counts[most], "low": counts[least]}
            found.append(Finding("imbalance", (), _IMBALANCE, params | numbers))
    return found
