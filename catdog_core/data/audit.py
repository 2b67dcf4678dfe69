"""What is wrong with a dataset: files that cannot be used, copies, leaks, imbalance, odd photos.

One look at every photo, in parallel, tells everything; a second look at the same photos takes no
time (`looks`). Nothing is changed: `datasets.change` is how people decide about what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from ..base.files import truncate_for_display
from ..imaging.image_header import EXTENSIONS_OF
from . import photo_scan
from .dataset_record import Dataset, Item, datasets_folder
from .issues import (
    CMYK,
    COPIES,
    EXTREME_SHAPE,
    FINDING_KINDS,
    GREY,
    IMBALANCE,
    LEAK,
    NEAR_COPIES,
    NEAR_LEAK,
    NEAR_TEST_LEAK,
    NEAR_TWO_LABELS,
    ROTATED,
    TEST_LEAK,
    TINY,
    TRUNCATED,
    TWO_LABELS,
    UNREADABLE,
    WRONG_EXTENSION,
    Finding,
)
from .photo_scan import PhotoInfo, UnusablePhoto

__all__ = ["FINDING_KINDS", "Finding", "audit_dataset"]

TINY_SIDE = 32
"""Pixels of the shorter side below which a photo counts as tiny."""
EXTREME_RATIO = 3.0
"""Ratio of the longer to the shorter side from which a shape counts as extreme."""
IMBALANCE_RATIO = 1.5
"""Ratio of the largest to the smallest class of a split from which it is told."""


def audit_dataset(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Look at every photo of a dataset; nothing is changed.

    Findings that people chose to keep are left out, as are photos they excluded. Files that were
    left out when the folder was opened, since they are empty or cannot be read, are named.

    Args:
        dataset: its files are read once each, in parallel.
        progress: called with (photos done, photos in all).

    Returns:
        What was found, the worst first.
    """
    items = dataset.items()
    names = [item.file for item in items]
    left_out = [str(file) for file in dataset.note.get("unusable", ())]
    seen = photo_scan.scan_photos(
        dataset.root, names + left_out, datasets_folder() / dataset.id, progress
    )
    found = seen[: len(names)]
    told: list[Finding] = []
    for item, look in zip(items, found, strict=True):
        told += _photo_findings(item.file, look)
    for file, look in zip(left_out, seen[len(names) :], strict=True):
        if isinstance(look, UnusablePhoto):  # else it was mended since the folder was opened
            told += _photo_findings(file, look)
    exact = photo_scan.group_exact_copies(found)
    told += [_duplicate_finding([items[i] for i in group], near=False) for group in exact]
    whole = {tuple(group) for group in exact}
    told += [
        _duplicate_finding([items[i] for i in group], near=True)
        for group in photo_scan.group_similar_photos(found)
        if tuple(group) not in whole
    ]
    told += _imbalance_findings(dataset)
    told = [finding for finding in told if not _is_dismissed(dataset, finding)]
    return sorted(told, key=lambda finding: (FINDING_KINDS.index(finding.kind), finding.files))


def _photo_findings(file: str, look: PhotoInfo | UnusablePhoto) -> Iterator[Finding]:
    name = truncate_for_display(file, 120)
    if isinstance(look, UnusablePhoto):
        if look.cut_off:
            yield Finding("truncated", (file,), TRUNCATED, {"file": name})
        else:
            yield Finding("unreadable", (file,), UNREADABLE, {"file": name, "reason": look.error})
        return
    head = look.head
    width, height = head.shown_size
    size = {"file": name, "width": width, "height": height}
    if min(width, height) < TINY_SIDE:
        yield Finding("tiny", (file,), TINY, size)
    if max(width, height) >= EXTREME_RATIO * min(width, height):
        yield Finding("extreme_shape", (file,), EXTREME_SHAPE, size)
    if PurePosixPath(file).suffix.lower() not in EXTENSIONS_OF[head.kind]:
        kinds = {"kind": head.kind, "expected": EXTENSIONS_OF[head.kind][0]}
        yield Finding("wrong_extension", (file,), WRONG_EXTENSION, {"file": name, **kinds})
    if head.orientation != 1:
        yield Finding("rotated", (file,), ROTATED, {"file": name})
    if head.mode == "CMYK":
        yield Finding("cmyk", (file,), CMYK, {"file": name})
    if look.grey:
        yield Finding("grey", (file,), GREY, {"file": name})


def _duplicate_finding(group: Sequence[Item], near: bool) -> Finding:
    names = tuple(sorted(item.file for item in group))
    splits = {item.split for item in group}
    if len({item.label for item in group}) > 1:
        kind, message = "two_labels", NEAR_TWO_LABELS if near else TWO_LABELS
    elif len(splits) > 1 and "test" in splits:
        kind, message = "leak", NEAR_TEST_LEAK if near else TEST_LEAK
    elif len(splits) > 1:
        kind, message = "leak", NEAR_LEAK if near else LEAK
    else:
        kind, message = "duplicate", NEAR_COPIES if near else COPIES
    listed = {"files": truncate_for_display(", ".join(names[:5]), 240)}
    return Finding(f"near_{kind}" if near else kind, names, message, listed)


def _imbalance_findings(dataset: Dataset) -> Iterator[Finding]:
    for split, counts in dataset.counts().items():
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[most] > IMBALANCE_RATIO * counts[least]:
            params = {
                "split": split,
                "most": truncate_for_display(most),
                "least": truncate_for_display(least),
            }
            numbers = {"high": counts[most], "low": counts[least]}
            yield Finding("imbalance", (), IMBALANCE, params | numbers)


def _is_dismissed(dataset: Dataset, finding: Finding) -> bool:
    kept = (dataset.kept.get(file, frozenset()) for file in finding.files)
    return bool(finding.files) and all({"", finding.kind} & kinds for kinds in kept)
