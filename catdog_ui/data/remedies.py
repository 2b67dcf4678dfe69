"""What can be done about a finding by one click, for one group of photos or for all of a kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import streamlit as st

from catdog_core import images
from catdog_core.curation.choices import SPLITS as SPLIT_NAMES
from catdog_core.datasets import Choice, Dataset, Item
from catdog_core.errors import PhotoError
from catdog_core.files import shown
from catdog_core.health import Finding

from .. import visitors
from ..words import escape, t
from . import finding_photos
from .decide import decide

Items = dict[str, Item]
Make = Callable[[], list[Choice]]
Kind = Literal["secondary", "tertiary"]

_LABELS = ("two_labels", "near_two_labels")
_LEAKS = ("leak", "near_leak")
_USELESS = ("unreadable", "truncated", "tiny", "extreme_shape")
_CLASSES = 4  # of a group that are offered as the right one


def by_file(dataset: Dataset) -> Items:
    """The photos of a dataset by their names."""
    return {item.file: item for item in dataset.items()}


def key(finding: Finding) -> str:
    """A name for the widgets of a finding."""
    return finding_photos.short("\0".join((finding.kind, *finding.files)))


def keep(finding: Finding) -> list[Choice]:
    """The choices by which the check tells no more of a finding."""
    return [Choice(file, "keep", finding.kind) for file in finding.files]


def exclude(finding: Finding) -> list[Choice]:
    """The choices that leave all photos of a finding out."""
    return [Choice(file, "exclude") for file in finding.files]


def alone(items: Items, finding: Finding, label: int | None = None) -> list[Choice]:
    """The choices that leave one photo of a group: in training, if there is one; the largest.

    Args:
        items: the dataset's photos by name.
        finding: of a group of photos.
        label: of the class the photo is to be of; by default any.
    """
    mine = [items[file] for file in finding.files if label in (None, items[file].label)]
    best = min(mine, key=lambda item: (SPLIT_NAMES.index(item.split), -_pixels(item), item.file))
    return [Choice(file, "exclude") for file in finding.files if file != best.file]


def for_group(dataset: Dataset, items: Items, finding: Finding) -> None:
    """The buttons of one group of photos that are alike."""
    name = key(finding)
    with st.container(horizontal=True, gap="small"):
        if finding.kind in _LABELS:
            for label in sorted({items[file].label for file in finding.files})[:_CLASSES]:
                words = escape(shown(dataset.classes[label], 40))
                text = t("All are {name}: keep one", name=words)
                _button(
                    text, f"only_{label}_{name}", dataset, partial(alone, items, finding, label)
                )
        else:
            splits = {items[file].split for file in finding.files}
            _button(_only(finding, splits), f"only_{name}", dataset, partial(alone, items, finding))
        _button(t("Exclude all"), f"none_{name}", dataset, partial(exclude, finding), "tertiary")
        _button(t("Fine as it is"), f"fine_{name}", dataset, partial(keep, finding), "tertiary")


def for_all(dataset: Dataset, items: Items, kind: str, findings: Sequence[Finding]) -> None:
    """The buttons that decide about all findings of a kind at once."""
    findings = [each for each in findings if all(file in items for file in each.files)]
    count = len(findings)
    if count < 2 or kind == "imbalance":
        return
    with st.container(horizontal=True, gap="xsmall"):
        if kind in _USELESS:
            text = t("Exclude all {n:,}", n=count)
            _button(text, f"all_out_{kind}", dataset, partial(_of_all, exclude, findings))
        elif kind not in _LABELS and len(findings[0].files) > 1:
            text = t("In all {n:,} groups, keep one and exclude the others", n=count)
            one = partial(alone, items)
            _button(text, f"all_one_{kind}", dataset, partial(_of_all, one, findings))
        text = t("Keep all {n:,}", n=count)
        _button(text, f"all_keep_{kind}", dataset, partial(_of_all, keep, findings))


def _only(finding: Finding, splits: set[str]) -> str:
    if finding.kind not in _LEAKS:
        return t("Keep one, exclude the others")
    if "train" in splits:
        return t("Keep the training copy, exclude the others")
    return t("Keep the validation copy, exclude the others")


def _button(text: str, name: str, dataset: Dataset, make: Make, kind: Kind = "secondary") -> None:
    st.button(
        text,
        key=name,
        type=kind,
        **visitors.gate("change data"),
        on_click=_decide,
        args=(dataset.id, make),
    )


def _decide(dataset_id: str, make: Make) -> None:
    decide(dataset_id, make())  # made when asked for: to find the largest copy, files are read


def _of_all(make: Callable[[Finding], list[Choice]], findings: Sequence[Finding]) -> list[Choice]:
    return [choice for finding in findings for choice in make(finding)]


def _pixels(item: Item) -> int:
    try:
        width, height = images.dimensions(item.path)
    except PhotoError:
        return 0
    return width * height
