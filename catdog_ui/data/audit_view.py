"""The health check on the Data page: what it found, photo by photo, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Literal

import streamlit as st

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.data import audit, datasets
from catdog_core.data.audit import FINDING_KINDS, Finding
from catdog_core.data.datasets import Dataset, Item, PhotoEdit
from catdog_core.data.edits import SPLITS as SPLIT_NAMES
from catdog_core.imaging import decode

from .. import permissions
from ..i18n import N_, escape, say, t
from ..session import page_state
from . import edit_actions
from .edit_actions import apply_edits, lazy_expander
from .source_widgets import progress_bar

AUTO_CHECK_PHOTOS = 1000
"""A dataset of at most this many photos is checked without being asked: it takes seconds."""
_MAX_REMEMBERED = 8  # states of datasets whose findings a session keeps
_CARDS, _ROWS, _GROUPS, _GROUP = 12, 20, 6, 12
"""Photos, lines and groups on a page; photos of a group that are shown."""
_KIND_TITLES = {
    "unreadable": (N_("Unreadable files"), ":material/broken_image:"),
    "truncated": (N_("Truncated files"), ":material/broken_image:"),
    "two_labels": (N_("Duplicates with different labels"), ":material/rule:"),
    "near_two_labels": (N_("Near-duplicates with different labels"), ":material/rule:"),
    "leak": (N_("Duplicates across splits"), ":material/content_copy:"),
    "near_leak": (
        N_("Near-duplicates across splits"),
        ":material/content_copy:",
    ),
    "duplicate": (N_("Duplicates within a split"), ":material/filter_none:"),
    "near_duplicate": (N_("Near-duplicates within a split"), ":material/filter_none:"),
    "imbalance": (N_("Class imbalance"), ":material/balance:"),
    "wrong_extension": (N_("Wrong file extensions"), ":material/extension_off:"),
    "tiny": (N_("Very small photos"), ":material/photo_size_select_small:"),
    "extreme_shape": (N_("Very wide or very tall photos"), ":material/aspect_ratio:"),
    "rotated": (N_("Rotated photos (EXIF)"), ":material/screen_rotation:"),
    "cmyk": (N_("CMYK photos"), ":material/print:"),
    "grey": (N_("Grayscale photos"), ":material/contrast:"),
}
_KIND_EXPLANATIONS = {
    "unreadable": N_("Training always skips them. Exclude them to stop this message."),
    "truncated": N_("Training always skips them. Copy them again, or exclude them."),
    "two_labels": N_("One of the labels is wrong, and the network learns both."),
    "near_two_labels": N_(
        "One of the labels is probably wrong. If two animals just look alike, that's fine."
    ),
    "leak": N_("Validation reuses photos the model has memorized, so it looks better than it is."),
    "near_leak": N_(
        "Validation reuses photos the model has memorized, so it looks better than it is."
    ),
    "duplicate": N_("A duplicate counts twice."),
    "near_duplicate": N_("A near-duplicate counts almost twice."),
    "imbalance": N_(
        "Move or add photos, or use fewer from the large class. If your real-world classes are "
        "unbalanced too, you can leave this."
    ),
    "wrong_extension": N_("The lab reads files by their content. You don't need to do anything."),
    "tiny": N_("They get blurry when enlarged."),
    "extreme_shape": N_("They get distorted when made square. Crop or exclude them."),
    "rotated": N_("The lab turns them upright. You don't need to do anything."),
    "cmyk": N_("The lab converts them. You don't need to do anything."),
    "grey": N_("They're used like any other photo. Check whether one class has more of them."),
}


def show_health(dataset: Dataset) -> None:
    """Draw the health check, at once or on request: findings by kind, with their photos."""
    st.subheader(t("Is your data clean?"), anchor=False)
    st.caption(
        t(
            "The check looks at every photo once. It finds files that aren't photos, duplicates, "
            "near-duplicates, conflicting labels, and odd shapes and colors. You decide what to do "
            "with them. No file is ever deleted or changed."
        )
    )
    findings = _check_dataset(dataset)
    if findings is not None:
        _show_findings(dataset, findings)


def get_known_findings(dataset: Dataset) -> list[Finding] | None:
    """Return the findings of the dataset as it is now, None where it was not checked."""
    return page_state().data.findings.get(_get_dataset_state(dataset))


_PROBLEMS = FINDING_KINDS[: FINDING_KINDS.index("imbalance") + 1]
"""Kinds of finding that make a training worse; photos with the others are used all the same."""
_MOST_SUMMED_UP = 3  # kinds named in a line


def summarize_health(dataset: Dataset) -> str:
    """Return a dataset's health in one line of Markdown, without looking at photos anew."""
    findings = get_known_findings(dataset)
    if findings is None and len(dataset.items()) <= AUTO_CHECK_PHOTOS and _is_scanned(dataset):
        findings = audit.audit_dataset(dataset)
        page_state().data.findings[_get_dataset_state(dataset)] = findings
    if findings is None:
        left_out = len(dataset.note.get("unusable", ()))
        if left_out:
            return ":material/warning: " + t("{n:,} photos can't be read.", n=left_out)
        return t("Not checked yet.")
    counts = Counter(finding.kind for finding in findings if finding.kind in _PROBLEMS)
    if not counts:
        return ":material/check_circle: " + t("The data check found no problem.")
    kinds = [kind for kind in _PROBLEMS if kind in counts]
    parts = [f"{t(_KIND_TITLES[kind][0])} ({counts[kind]:,})" for kind in kinds[:_MOST_SUMMED_UP]]
    if len(kinds) > _MOST_SUMMED_UP:
        parts.append("…")
    return ":material/warning: " + " · ".join(parts)


def _is_scanned(dataset: Dataset) -> bool:
    """Return whether the photos were looked at before: a second look is quick."""
    return (datasets.datasets_folder() / dataset.id / "looks-2.npy").is_file()


def _check_dataset(dataset: Dataset) -> list[Finding] | None:
    """The findings; None until the check of a large dataset is asked for."""
    count = len(dataset.items())
    is_requested = (
        get_known_findings(dataset) is not None
        or count <= AUTO_CHECK_PHOTOS
        or _is_scanned(dataset)
    )
    label = t("Check again") if is_requested else t("Check {n:,} photos", n=count)
    if st.button(label, icon=":material/health_and_safety:", key="health_check"):
        page_state().data.findings.pop(_get_dataset_state(dataset), None)
        is_requested = True
    if not is_requested:
        return None
    if get_known_findings(dataset) is None:
        with progress_bar(t("Checking every photo…")) as tell:
            known = page_state().data.findings
            known[_get_dataset_state(dataset)] = audit.audit_dataset(dataset, tell)
        while len(known) > _MAX_REMEMBERED:
            del known[next(iter(known))]  # the oldest
    return get_known_findings(dataset)


def _get_dataset_state(dataset: Dataset) -> Hashable:
    # What is kept as it is changes what is told, and no fingerprint.
    return (
        dataset.id,
        dataset.fingerprint,
        tuple(sorted(map(repr, dataset.dismissed_findings.items()))),
    )


def _show_findings(dataset: Dataset, findings: Sequence[Finding]) -> None:
    if not findings:
        st.success(
            t(
                "All {n:,} photos are readable, none is in both training and validation, and the "
                "classes are roughly balanced.",
                n=len(dataset.items()),
            ),
            icon=":material/check_circle:",
        )
        return
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_kind[finding.kind].append(finding)
    for kind in FINDING_KINDS:
        if kind not in by_kind:
            continue
        title, icon = _KIND_TITLES[kind]
        count = len(by_kind[kind])
        key, first = f"health_{kind}_{dataset.id}", kind == findings[0].kind
        with lazy_expander(f"{t(title)} ({count:,})", key, icon, first) as is_open:
            if is_open:
                st.caption(t(_KIND_EXPLANATIONS[kind]))
                items = items_by_file(dataset)
                show_bulk_actions(dataset, items, kind, by_kind[kind])
                _KIND_VIEWS.get(kind, _show_cards)(dataset, items, by_kind[kind])


def _show_sentences(_: Dataset, __: Items, findings: Sequence[Finding]) -> None:
    st.markdown("\n".join("- " + _describe_finding(finding) for finding in findings))


def _show_rows(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Files that show nothing, with the reason."""
    for finding in _select_page(findings, _ROWS):
        error = finding.params.get("reason")
        reason = (
            escape(say(error)) if isinstance(error, CatDogError) else _describe_finding(finding)
        )
        item = items.get(finding.files[0])
        if item is None:  # left out already, so there is nothing to decide
            st.caption(_describe_finding(finding))
            continue
        edit_actions.photo_row(dataset, item, reason, finding_key(finding), keep_all(finding))


def _show_cards(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Single photos."""
    shown = _select_page(findings, _CARDS)
    with st.grid(min_column_width=edit_actions.CARD_WIDTH, gap="small"):
        for finding in shown:
            item = items[finding.files[0]]
            edit_actions.photo_card(dataset, item, finding_key(finding), keep_all(finding))


def _show_groups(dataset: Dataset, items: Items, findings: Sequence[Finding]) -> None:
    """Photos that are alike, side by side."""
    shown = _select_page(findings, _GROUPS)
    with st.grid(2, min_column_width=440, gap="small"):
        for finding in shown:
            with st.container(border=True):
                _show_group(dataset, items, finding)


def _show_group(dataset: Dataset, items: Items, finding: Finding) -> None:
    show_group_actions(dataset, items, finding)
    with st.grid(min_column_width=edit_actions.SMALL_CARD_WIDTH, gap="small"):
        for file in finding.files[:_GROUP]:
            key = f"{finding_key(finding)}_{edit_actions.hash_key(file)}"
            edit_actions.photo_card(dataset, items[file], key, ())
    if len(finding.files) > _GROUP:
        st.caption(t("and {n} more photos", n=len(finding.files) - _GROUP))


def _select_page(findings: Sequence[Finding], size: int) -> Sequence[Finding]:
    """Those of the page that is turned to."""
    first = edit_actions.pager(len(findings), size, f"page_{findings[0].kind}")
    return findings[first : first + size]


def _describe_finding(finding: Finding) -> str:
    return escape(say(CatDogError(finding.message, **finding.params)))


_KIND_VIEWS: dict[str, Callable[[Dataset, Items, Sequence[Finding]], None]] = {
    "imbalance": _show_sentences,
    "unreadable": _show_rows,
    "truncated": _show_rows,
    **dict.fromkeys(
        ("two_labels", "near_two_labels", "leak", "near_leak", "duplicate", "near_duplicate"),
        _show_groups,
    ),
}
"""How a kind is shown, where not as single photos."""


Items = dict[str, Item]
MakeChoices = Callable[[], list[PhotoEdit]]
ButtonKind = Literal["secondary", "tertiary"]

_LABEL_KINDS = ("two_labels", "near_two_labels")
_LEAK_KINDS = ("leak", "near_leak")
_USELESS_KINDS = ("unreadable", "truncated", "tiny", "extreme_shape")
_MAX_CLASSES = 4  # of a group that are offered as the right one


def items_by_file(dataset: Dataset) -> Items:
    """Return the photos of a dataset by their names."""
    return {item.file: item for item in dataset.items()}


def finding_key(finding: Finding) -> str:
    """Return the part of the widgets' keys that stands for a finding."""
    return edit_actions.hash_key("\0".join((finding.kind, *finding.files)))


def keep_all(finding: Finding) -> list[PhotoEdit]:
    """Return the edits that keep all photos of a finding, which is not shown again."""
    return [PhotoEdit(file, "keep", finding.kind) for file in finding.files]


def exclude_all(finding: Finding) -> list[PhotoEdit]:
    """Return the edits that exclude all photos of a finding."""
    return [PhotoEdit(file, "exclude") for file in finding.files]


def keep_one(items: Items, finding: Finding, label: int | None = None) -> list[PhotoEdit]:
    """Return the edits that keep one photo of a group: of training if possible, the largest.

    Args:
        items: the dataset's photos by name.
        finding: of a group of photos.
        label: of the class the photo is to be of; by default any.
    """
    candidates = [items[file] for file in finding.files if label in (None, items[file].label)]
    best = min(
        candidates,
        key=lambda item: (SPLIT_NAMES.index(item.split), -_count_pixels(item), item.file),
    )
    return [PhotoEdit(file, "exclude") for file in finding.files if file != best.file]


def show_group_actions(dataset: Dataset, items: Items, finding: Finding) -> None:
    """Draw the buttons of one group of photos that are alike."""
    name = finding_key(finding)
    with st.container(horizontal=True, gap="small"):
        if finding.kind in _LABEL_KINDS:
            for label in sorted({items[file].label for file in finding.files})[:_MAX_CLASSES]:
                words = escape(truncate_for_display(dataset.classes[label], 40))
                text = t("Keep one as {name}", name=words)
                _show_choices_button(
                    text,
                    f"only_{label}_{name}",
                    dataset,
                    partial(keep_one, items, finding, label),
                )
        else:
            splits = {items[file].split for file in finding.files}
            _show_choices_button(
                _keep_one_label(finding, splits),
                f"only_{name}",
                dataset,
                partial(keep_one, items, finding),
            )
        _show_choices_button(
            t("Exclude all"), f"none_{name}", dataset, partial(exclude_all, finding), "tertiary"
        )
        _show_choices_button(
            t("Mark as fine"), f"fine_{name}", dataset, partial(keep_all, finding), "tertiary"
        )


def show_bulk_actions(
    dataset: Dataset, items: Items, kind: str, findings: Sequence[Finding]
) -> None:
    """Draw the buttons that decide about all findings of a kind at once."""
    findings = [each for each in findings if all(file in items for file in each.files)]
    count = len(findings)
    if count < 2 or kind == "imbalance":
        return
    with st.container(horizontal=True, gap="xsmall"):
        if kind in _USELESS_KINDS:
            text = t("Exclude all {n:,}", n=count)
            _show_choices_button(
                text, f"all_out_{kind}", dataset, partial(_collect_choices, exclude_all, findings)
            )
        elif kind not in _LABEL_KINDS and len(findings[0].files) > 1:
            text = t("Keep one per group ({n:,})", n=count)
            one = partial(keep_one, items)
            _show_choices_button(
                text, f"all_one_{kind}", dataset, partial(_collect_choices, one, findings)
            )
        text = t("Keep all {n:,}", n=count)
        _show_choices_button(
            text, f"all_keep_{kind}", dataset, partial(_collect_choices, keep_all, findings)
        )


def _keep_one_label(finding: Finding, splits: set[str]) -> str:
    if finding.kind not in _LEAK_KINDS:
        return t("Keep only one")
    if "train" in splits:
        return t("Keep training copy")
    return t("Keep validation copy")


def _show_choices_button(
    text: str, name: str, dataset: Dataset, make: MakeChoices, kind: ButtonKind = "secondary"
) -> None:
    permissions.action_button(
        text, name, "change data", _apply_choices, dataset.id, make, type=kind
    )


def _apply_choices(dataset_id: str, make: MakeChoices) -> None:
    apply_edits(dataset_id, make())  # made when asked for: to find the largest copy, files are read


def _collect_choices(
    make: Callable[[Finding], list[PhotoEdit]], findings: Sequence[Finding]
) -> list[PhotoEdit]:
    return [choice for finding in findings for choice in make(finding)]


def _count_pixels(item: Item) -> int:
    try:
        width, height = decode.read_dimensions(item.path)
    except PhotoError:
        return 0
    return width * height
