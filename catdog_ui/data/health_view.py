"""The health check on the Data page: what it found, photo by photo, and what to do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Literal

import streamlit as st

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import shown
from catdog_core.data import audit, datasets
from catdog_core.data.audit import KINDS, Finding
from catdog_core.data.datasets import Choice, Dataset, Item
from catdog_core.data.edits import SPLITS as SPLIT_NAMES
from catdog_core.imaging import decode

from .. import visitors
from ..i18n import N_, escape, say, t
from . import edit_actions
from .edit_actions import decide, lazy_expander
from .source_widgets import progress

AT_ONCE = 1000
"""A dataset of at most this many photos is checked without being asked: it takes seconds."""
_REMEMBERED = 8  # states of datasets whose findings a session keeps
_CARDS, _ROWS, _GROUPS, _GROUP = 12, 20, 6, 12
"""Photos, lines and groups on a page; photos of a group that are shown."""
_KINDS = {
    "unreadable": (N_("Files that could not be read"), ":material/broken_image:"),
    "truncated": (N_("Files that are cut off"), ":material/broken_image:"),
    "two_labels": (N_("The same photo under two labels"), ":material/rule:"),
    "near_two_labels": (N_("Nearly the same photo under two labels"), ":material/rule:"),
    "leak": (N_("The same photo on both sides of the split"), ":material/content_copy:"),
    "near_leak": (
        N_("Nearly the same photo on both sides of the split"),
        ":material/content_copy:",
    ),
    "duplicate": (N_("Copies within a split"), ":material/filter_none:"),
    "near_duplicate": (N_("Near copies within a split"), ":material/filter_none:"),
    "imbalance": (N_("Unequal numbers of photos"), ":material/balance:"),
    "wrong_extension": (N_("Names that do not fit the content"), ":material/extension_off:"),
    "tiny": (N_("Very small photos"), ":material/photo_size_select_small:"),
    "extreme_shape": (N_("Very long or very tall photos"), ":material/aspect_ratio:"),
    "rotated": (N_("Photos stored turned"), ":material/screen_rotation:"),
    "cmyk": (N_("Photos in printing colours"), ":material/print:"),
    "grey": (N_("Grey photos"), ":material/contrast:"),
}
_SENSE = {
    "unreadable": N_("Training passes them over in any case. Excluded, they are not told again."),
    "truncated": N_("Training passes them over in any case. Copy them again, or exclude them."),
    "two_labels": N_("One of the labels is wrong, and the network is told both."),
    "near_two_labels": N_("One of the labels is probably wrong. Two alike animals are fine."),
    "leak": N_("What was learnt by heart is asked again: the validation looks better than it is."),
    "near_leak": N_(
        "What was learnt by heart is asked again: the validation looks better than it is."
    ),
    "duplicate": N_("A photo that is there twice counts twice."),
    "near_duplicate": N_("A photo that is there nearly twice counts nearly twice."),
    "imbalance": N_(
        "Move or add photos, or take fewer of the large class. Nothing needs to be done if your"
        " question is unequal, too."
    ),
    "wrong_extension": N_("The lab reads them by their content. Nothing needs to be done here."),
    "tiny": N_("Enlarged, they are a blur."),
    "extreme_shape": N_("Made square, they are squeezed. Crop them, or exclude them."),
    "rotated": N_("The lab turns them upright. Nothing needs to be done here."),
    "cmyk": N_("The lab converts them. Nothing needs to be done here."),
    "grey": N_("They are used like any other. Look whether one class has more of them."),
}


def show(dataset: Dataset) -> None:
    """The section: the check, at once or on request; findings by kind, with their photos."""
    st.subheader(t("Is the data sound?"), anchor=False)
    st.caption(
        t(
            "Every photo is looked at once: files that are no photo, copies and near copies,"
            " wrong labels, odd shapes and colours. You decide what becomes of them; no file"
            " is ever deleted or changed."
        )
    )
    found = _check(dataset)
    if found is not None:
        _findings(dataset, found)


def known(dataset: Dataset) -> list[Finding] | None:
    """What was found in the dataset as it is now, if this session has looked."""
    return _memory().get(_state(dataset))


def _check(dataset: Dataset) -> list[Finding] | None:
    """The findings; None until the check of a large dataset is asked for."""
    count = len(dataset.items())
    asked = (
        known(dataset) is not None
        or count <= AT_ONCE
        or (datasets.root() / dataset.id / "looks-2.npy").is_file()  # a second look is quick
    )
    label = t("Check again") if asked else t("Check all {n:,} photos", n=count)
    if st.button(label, icon=":material/health_and_safety:", key="health_check"):
        _memory().pop(_state(dataset), None)
        asked = True
    if not asked:
        return None
    if known(dataset) is None:
        with progress(t("Looking at every photo…")) as tell:
            _memory()[_state(dataset)] = audit.check(dataset, tell)
        while len(_memory()) > _REMEMBERED:
            del _memory()[next(iter(_memory()))]
    return known(dataset)


def _memory() -> dict[Hashable, list[Finding]]:
    found: dict[Hashable, list[Finding]] = st.session_state.setdefault("health_found", {})
    return found


def _state(dataset: Dataset) -> Hashable:
    # What is kept as it is changes what is told, and no fingerprint.
    return dataset.id, dataset.fingerprint, tuple(sorted(map(repr, dataset.kept.items())))


def _findings(dataset: Dataset, found: Sequence[Finding]) -> None:
    if not found:
        st.success(
            t(
                "All {n:,} photos can be read, none lies in both training and validation, and the"
                " classes are about equal.",
                n=len(dataset.items()),
            ),
            icon=":material/check_circle:",
        )
        return
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_kind[finding.kind].append(finding)
    for kind in KINDS:
        if kind not in by_kind:
            continue
        title, icon = _KINDS[kind]
        count = len(by_kind[kind])
        key, first = f"health_{kind}_{dataset.id}", kind == found[0].kind
        with lazy_expander(f"{t(title)} ({count:,})", key, icon, first) as is_open:
            if is_open:
                st.caption(t(_SENSE[kind]))
                items = items_by_file(dataset)
                all_actions(dataset, items, kind, by_kind[kind])
                _SHOWN.get(kind, _cards)(dataset, items, by_kind[kind])


def _sentences(_: Dataset, __: Items, findings: Sequence[Finding]) -> None:
    st.markdown("\n".join("- " + _say(finding) for finding in findings))


def _rows(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Files that show nothing, with the reason."""
    for finding in _some(findings, _ROWS):
        error = finding.params.get("reason")
        reason = escape(say(error)) if isinstance(error, CatDogError) else _say(finding)
        item = items.get(finding.files[0])
        if item is None:  # left out already, so there is nothing to decide
            st.caption(_say(finding))
            continue
        edit_actions.photo_row(dataset, item, reason, group_key(finding), keep_buttons(finding))


def _cards(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Single photos."""
    shown = _some(findings, _CARDS)
    with st.grid(min_column_width=edit_actions.CARD_WIDTH, gap="small"):
        for finding in shown:
            item = items[finding.files[0]]
            edit_actions.photo_card(dataset, item, group_key(finding), keep_buttons(finding))


def _groups(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Photos that are alike, side by side."""
    shown = _some(findings, _GROUPS)
    with st.grid(2, min_column_width=440, gap="small"):
        for finding in shown:
            with st.container(border=True):
                _group(dataset, items, finding)


def _group(dataset: Dataset, items: Items, finding: Finding) -> None:
    group_actions(dataset, items, finding)
    with st.grid(min_column_width=edit_actions.SMALL, gap="small"):
        for file in finding.files[:_GROUP]:
            key = f"{group_key(finding)}_{edit_actions.short_key(file)}"
            edit_actions.photo_card(dataset, items[file], key, ())
    if len(finding.files) > _GROUP:
        st.caption(t("and {n} more", n=len(finding.files) - _GROUP))


def _some(findings: Sequence[Finding], size: int) -> Sequence[Finding]:
    """Those of the page that is turned to."""
    first = edit_actions.pager(len(findings), size, f"page_{findings[0].kind}")
    return findings[first : first + size]


def _say(finding: Finding) -> str:
    return escape(say(CatDogError(finding.message, **finding.params)))


_SHOWN: dict[str, Callable[[Dataset, Items, Sequence[Finding]], None]] = {
    "imbalance": _sentences,
    "unreadable": _rows,
    "truncated": _rows,
    **dict.fromkeys(
        ("two_labels", "near_two_labels", "leak", "near_leak", "duplicate", "near_duplicate"),
        _groups,
    ),
}
"""How a kind is shown, where not as single photos."""


Items = dict[str, Item]
Make = Callable[[], list[Choice]]
Kind = Literal["secondary", "tertiary"]

_LABELS = ("two_labels", "near_two_labels")
_LEAKS = ("leak", "near_leak")
_USELESS = ("unreadable", "truncated", "tiny", "extreme_shape")
_CLASSES = 4  # of a group that are offered as the right one


def items_by_file(dataset: Dataset) -> Items:
    """The photos of a dataset by their names."""
    return {item.file: item for item in dataset.items()}


def group_key(finding: Finding) -> str:
    """A name for the widgets of a finding."""
    return edit_actions.short_key("\0".join((finding.kind, *finding.files)))


def keep_buttons(finding: Finding) -> list[Choice]:
    """The choices by which the check tells no more of a finding."""
    return [Choice(file, "keep", finding.kind) for file in finding.files]


def exclude_all(finding: Finding) -> list[Choice]:
    """The choices that leave all photos of a finding out."""
    return [Choice(file, "exclude") for file in finding.files]


def single_actions(items: Items, finding: Finding, label: int | None = None) -> list[Choice]:
    """The choices that leave one photo of a group: in training, if there is one; the largest.

    Args:
        items: the dataset's photos by name.
        finding: of a group of photos.
        label: of the class the photo is to be of; by default any.
    """
    mine = [items[file] for file in finding.files if label in (None, items[file].label)]
    best = min(mine, key=lambda item: (SPLIT_NAMES.index(item.split), -_pixels(item), item.file))
    return [Choice(file, "exclude") for file in finding.files if file != best.file]


def group_actions(dataset: Dataset, items: Items, finding: Finding) -> None:
    """The buttons of one group of photos that are alike."""
    name = group_key(finding)
    with st.container(horizontal=True, gap="small"):
        if finding.kind in _LABELS:
            for label in sorted({items[file].label for file in finding.files})[:_CLASSES]:
                words = escape(shown(dataset.classes[label], 40))
                text = t("All are {name}: keep one", name=words)
                _remedy_button(
                    text,
                    f"only_{label}_{name}",
                    dataset,
                    partial(single_actions, items, finding, label),
                )
        else:
            splits = {items[file].split for file in finding.files}
            _remedy_button(
                _only(finding, splits),
                f"only_{name}",
                dataset,
                partial(single_actions, items, finding),
            )
        _remedy_button(
            t("Exclude all"), f"none_{name}", dataset, partial(exclude_all, finding), "tertiary"
        )
        _remedy_button(
            t("Fine as it is"), f"fine_{name}", dataset, partial(keep_buttons, finding), "tertiary"
        )


def all_actions(dataset: Dataset, items: Items, kind: str, findings: Sequence[Finding]) -> None:
    """The buttons that decide about all findings of a kind at once."""
    findings = [each for each in findings if all(file in items for file in each.files)]
    count = len(findings)
    if count < 2 or kind == "imbalance":
        return
    with st.container(horizontal=True, gap="xsmall"):
        if kind in _USELESS:
            text = t("Exclude all {n:,}", n=count)
            _remedy_button(
                text, f"all_out_{kind}", dataset, partial(_of_all, exclude_all, findings)
            )
        elif kind not in _LABELS and len(findings[0].files) > 1:
            text = t("In all {n:,} groups, keep one and exclude the others", n=count)
            one = partial(single_actions, items)
            _remedy_button(text, f"all_one_{kind}", dataset, partial(_of_all, one, findings))
        text = t("Keep all {n:,}", n=count)
        _remedy_button(text, f"all_keep_{kind}", dataset, partial(_of_all, keep_buttons, findings))


def _only(finding: Finding, splits: set[str]) -> str:
    if finding.kind not in _LEAKS:
        return t("Keep one, exclude the others")
    if "train" in splits:
        return t("Keep the training copy, exclude the others")
    return t("Keep the validation copy, exclude the others")


def _remedy_button(
    text: str, name: str, dataset: Dataset, make: Make, kind: Kind = "secondary"
) -> None:
    visitors.action_button(text, name, "change data", _decide_group, dataset.id, make, type=kind)


def _decide_group(dataset_id: str, make: Make) -> None:
    decide(dataset_id, make())  # made when asked for: to find the largest copy, files are read


def _of_all(make: Callable[[Finding], list[Choice]], findings: Sequence[Finding]) -> list[Choice]:
    return [choice for finding in findings for choice in make(finding)]


def _pixels(item: Item) -> int:
    try:
        width, height = decode.dimensions(item.path)
    except PhotoError:
        return 0
    return width * height
