"""Find what is wrong with a dataset: unusable files, copies, leaks, imbalance, odd photos.

One look at every photo, in parallel, tells everything; a second look at the same photos takes no
time (`photo_scan`). Nothing is changed: `datasets.edit_photos` is how people decide about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..base.english_plurals import format_english
from ..base.errors import N_, Term
from ..base.files import truncate_for_display
from ..base.messages import Params
from ..imaging.photo_formats import EXTENSIONS_OF
from . import photo_scan, unreadable
from .dataset_record import Dataset, Item, datasets_folder
from .photo_scan import PhotoInfo, UnusablePhoto

FINDING_KINDS = (
    "unreadable",
    "truncated",
    "two_labels",
    "near_two_labels",
    "leak",
    "near_leak",
    "duplicate",
    "near_duplicate",
    "imbalance",
    "wrong_extension",
    "tiny",
    "extreme_shape",
    "rotated",
    "cmyk",
    "grey",
)
"""Kinds of finding, the worst first."""


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, the files it is about, a message id and its values.

    Of files that cannot be used: "unreadable", "truncated" (its end is missing). Of the same photo
    lying there several times: "duplicate" (within a split), "leak" (in several splits),
    "two_labels" (under several classes), and the same with "near_" in front when the pictures are
    alike and the files differ. Of a split: "imbalance". Of single photos, which are used all the
    same: "wrong_extension", "tiny", "extreme_shape", "rotated" (by its EXIF mark), "cmyk", "grey".
    """

    kind: str
    files: tuple[str, ...]
    message: str
    params: Params

    def __str__(self) -> str:
        return format_english(self.message, self.params)


UNREADABLE = N_("{file} can't be read: {reason}")
TRUNCATED = N_(
    "{file} is truncated. Its end is missing, as after a broken download, so copy it again."
)
TINY = N_("{file} is only {width} × {height} px, which leaves little to learn from.")
EXTREME_SHAPE = N_("{file} is {width} × {height} px. Making it square distorts it heavily.")
WRONG_EXTENSION = N_(
    "{file} contains {kind} data. The lab goes by the content, but other programs might not. Its "
    "name should end in {expected}."
)
ROTATED = N_(
    "{file} is stored rotated, with an EXIF orientation mark. The lab turns it upright, but other "
    "programs, including TensorFlow and Keras, don't."
)
CMYK = N_("{file} uses print colors (CMYK). The lab converts them, but other programs might not.")
GREY = N_(
    "{file} is grayscale. If only one class has grayscale photos, the network can use that as a "
    "shortcut."
)
TWO_LABELS = N_("Duplicates in different classes: {files}. One label is wrong.")
NEAR_TWO_LABELS = N_("Near-duplicates in different classes: {files}. One label might be wrong.")
LEAK = N_("Duplicates in training and validation: {files}. Validation looks too good.")
NEAR_LEAK = N_("Near-duplicates in training and validation: {files}. Validation looks too good.")
TEST_LEAK = N_("Duplicates inside and outside the test set: {files}. Test results look too good.")
NEAR_TEST_LEAK = N_(
    "Near-duplicates inside and outside the test set: {files}. Test results look too good."
)
COPIES = N_("Duplicates in one split: {files}. They count more than other photos.")
NEAR_COPIES = N_("Near-duplicates in one split: {files}. They count more than other photos.")
IMBALANCE = N_(
    "In {split}, {most} has {high} photos and {least} only {low}. Always guessing {most} would "
    "score high, so check each class."
)


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
    photos = seen[: len(names)]
    unreadable.remember_scan(dataset, names, photos)
    findings: list[Finding] = []
    for item, photo in zip(items, photos, strict=True):
        findings += _photo_findings(item.file, photo)
    for file, photo in zip(left_out, seen[len(names) :], strict=True):
        if isinstance(photo, UnusablePhoto):  # else it was mended since the folder was opened
            findings += _photo_findings(file, photo)
    exact = photo_scan.group_exact_copies(photos)
    findings += [_duplicate_finding([items[i] for i in group], near=False) for group in exact]
    exact_groups = {tuple(group) for group in exact}
    findings += [
        _duplicate_finding([items[i] for i in group], near=True)
        for group in photo_scan.group_similar_photos(photos)
        if tuple(group) not in exact_groups
    ]
    findings += _imbalance_findings(dataset)
    findings = [finding for finding in findings if not _is_dismissed(dataset, finding)]
    return sorted(findings, key=lambda finding: (FINDING_KINDS.index(finding.kind), finding.files))


def _photo_findings(file: str, photo: PhotoInfo | UnusablePhoto) -> Iterator[Finding]:
    name = truncate_for_display(file, 120)
    if isinstance(photo, UnusablePhoto):
        if photo.cut_off:
            yield Finding("truncated", (file,), TRUNCATED, {"file": name})
        else:
            yield Finding("unreadable", (file,), UNREADABLE, {"file": name, "reason": photo.error})
        return
    head = photo.head
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
    if photo.grey:
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
            params: dict[str, object] = {
                "split": Term(split),
                "most": truncate_for_display(most),
                "least": truncate_for_display(least),
            }
            numbers = {"high": counts[most], "low": counts[least]}
            yield Finding("imbalance", (), IMBALANCE, params | numbers)


def _is_dismissed(dataset: Dataset, finding: Finding) -> bool:
    dismissed_kinds = (dataset.dismissed_findings.get(file, frozenset()) for file in finding.files)
    return bool(finding.files) and all({"", finding.kind} & kinds for kinds in dismissed_kinds)
