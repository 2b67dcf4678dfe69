"""What the health check may find, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..base.errors import N_

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
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message.format(**self.params)


UNREADABLE = N_("{file} cannot be read: {reason}")
TRUNCATED = N_("{file} is cut off: its end is missing, as after a broken download. Copy it again.")
TINY = N_("{file} is only {width} × {height} px: little is left to learn from.")
EXTREME_SHAPE = N_("{file} has {width} × {height} px: made square, its content is squeezed by far.")
WRONG_EXTENSION = N_(
    "{file} is a {kind} photo by its content. The lab goes by that; other programs may not. Its"
    " name should end in {expected}."
)
ROTATED = N_(
    "{file} is stored turned, with a mark that says so. The lab turns it upright; other programs,"
    " TensorFlow and Keras among them, do not."
)
CMYK = N_("{file} holds printing colours (CMYK). The lab converts them; other programs may not.")
GREY = N_("{file} is grey. Among colour photos that is something to learn by, if one class has it.")
TWO_LABELS = N_("The same photo lies under several classes: {files}. One label is wrong.")
NEAR_TWO_LABELS = N_(
    "Nearly the same photo lies under several classes: {files}. One label may be wrong."
)
LEAK = N_(
    "The same photo is in training and in validation: {files}. The validation is too kind by it."
)
NEAR_LEAK = N_(
    "Nearly the same photo is in training and in validation: {files}. The validation is too kind"
    " by it."
)
TEST_LEAK = N_("The same photo is in the test and outside it: {files}. The test is too kind by it.")
NEAR_TEST_LEAK = N_(
    "Nearly the same photo is in the test and outside it: {files}. The test is too kind by it."
)
COPIES = N_("The same photo lies here several times: {files}. It counts more than the others.")
NEAR_COPIES = N_(
    "Nearly the same photo lies here several times: {files}. It counts more than the others."
)
IMBALANCE = N_(
    "In {split}, {most} has {high} photos and {least} only {low}. Guessing {most} would look good;"
    " look at each class."
)
