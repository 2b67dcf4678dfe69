"""The health of a dataset: what a look at every photo found, by name and reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import streamlit as st

from catdog_core import health
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.health import Finding

from .source_parts import progress
from .words import N_, escape, say, t

AT_ONCE = 1000
"""A dataset of at most this many photos is checked without being asked: it takes seconds."""
_LISTED = 50
_KINDS = {
    "unreadable": (N_("Files that could not be read"), ":material/broken_image:"),
    "truncated": (N_("Files that are cut off"), ":material/broken_image:"),
    "two_labels": (N_("The same photo under two labels"), ":material/rule:"),
    "near_two_labels": (N_("Nearly the same photo under two labels"), ":material/rule:"),
    "leak": (N_("The same photo in training and validation"), ":material/content_copy:"),
    "near_leak": (
        N_("Nearly the same photo in training and validation"),
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


def show(dataset: Dataset) -> None:
    """The section: the check, at once or on request, and its findings by kind."""
    st.subheader(t("Is the data sound?"), anchor=False)
    st.caption(
        t(
            "Every file is read once: files that are no photo, copies, the same photo in training"
            " and validation, unequal classes."
        )
    )
    known: dict[str, list[Finding]] = st.session_state.setdefault("health_found", {})
    asked = dataset.fingerprint in known or len(dataset.items()) <= AT_ONCE
    label = t("Check again") if asked else t("Check all {n:,} photos", n=len(dataset.items()))
    if st.button(label, icon=":material/health_and_safety:", key="health_check"):
        known.pop(dataset.fingerprint, None)
        asked = True
    if asked and dataset.fingerprint not in known:
        with progress(t("Looking at every photo…")) as tell:
            known[dataset.fingerprint] = health.check(dataset, tell)
    if asked:
        _findings(dataset, known[dataset.fingerprint])


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
    for kind, findings in by_kind.items():
        title, icon = _KINDS.get(kind, (kind, ":material/info:"))
        with st.expander(f"{t(title)} ({len(findings)})", icon=icon, expanded=kind == "unreadable"):
            _list(kind, findings)


def _list(kind: str, findings: Sequence[Finding]) -> None:
    lines = [
        "- " + escape(say(CatDogError(finding.message, **finding.params)))
        for finding in findings[:_LISTED]
    ]
    if kind in ("unreadable", "truncated"):
        st.caption(t("They are left out of training; nothing else happens because of them."))
    st.markdown("\n".join(lines))
    if len(findings) > _LISTED:
        st.caption(t("and {n} more", n=len(findings) - _LISTED))
