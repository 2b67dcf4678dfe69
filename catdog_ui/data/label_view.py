"""Labels that look wrong, on the Data page: a ranked list, each photo beside its most similar."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data.datasets import Dataset, PhotoEdit

from .. import job_fragment, loaders, similar_view
from ..i18n import N_, escape, t
from ..learn.glossary_view import show_terms
from ..session import page_state
from . import edit_actions
from .source_widgets import SPLITS

if TYPE_CHECKING:
    from catdog_core.analysis.label_errors import LabelErrors, Suspect

_ROWS = 5  # suspects on a page: each shows nine photos
_NEIGHBORS = 4
_KINDS = {
    "wrong_label": (
        N_("Likely wrong labels"),
        ":material/label_off:",
        N_("These photos look more like another class. The most suspicious come first."),
    ),
    "no_class": (
        N_("Photos that fit no class"),
        ":material/help:",
        N_(
            "These photos show several things at once, or something small. Decide whether they"
            " help training."
        ),
    ),
    "outlier": (
        N_("Outliers"),
        ":material/scatter_plot:",
        N_(
            "These photos are unlike all others, such as drawings or things that belong to no"
            " class."
        ),
    ),
}


def show_label_errors(dataset: Dataset) -> None:
    """Draw the check of labels, on request, and what it found."""
    st.subheader(t("Are the labels right?"), anchor=False)
    st.caption(
        t(
            "A pretrained network compares all photos. Each label is judged by a model that never "
            "saw that photo. This is called confident learning."
        )
    )
    found = check_labels(dataset)
    if found is not None:
        _show_found(dataset, found)


def check_labels(dataset: Dataset) -> LabelErrors | None:
    """Draw the button that checks the labels, or its progress; return what was found, if known."""
    data = page_state().data
    is_known = dataset.id in data.label_errors
    count = len(dataset.items())
    label = t("Check labels again") if is_known else t("Check {n:,} labels", n=count)
    if st.button(label, icon=":material/label_off:", key="label_check"):
        data.label_errors.pop(dataset.id, None)
        data.label_checks[dataset.id] = data.label_checks.get(dataset.id, 0) + 1
    number = data.label_checks.get(dataset.id)
    if dataset.id not in data.label_errors and number:
        found = job_fragment.background_result(
            "label_errors",
            (dataset.id, number),
            partial(loaders.find_label_errors, dataset),
            count,
            0,
            t("Comparing photos…"),
        )
        if found is not None:
            data.label_errors[dataset.id] = found
            st.rerun()  # the button says "again" now
    return data.label_errors.get(dataset.id)


def _show_found(dataset: Dataset, found: LabelErrors) -> None:
    st.markdown(similar_view.join_sentences(loaders.describe_label_errors(found)))
    show_terms("confident-learning")
    left = loaders.list_suspects(dataset, found)
    suspects_by_kind = {kind: [one for one in left if one.kind == kind] for kind in _KINDS}
    first = next((kind for kind, suspects in suspects_by_kind.items() if suspects), "")
    if not first:
        st.success(t("There's nothing left to decide."), icon=":material/check_circle:")
    elif st.button(t("Review by keyboard"), icon=":material/keyboard:", key="label_review"):
        st.query_params.update(part="review", list="suspects")
        st.rerun()
    for kind, suspects in suspects_by_kind.items():
        if not suspects:
            continue
        title, icon, text = _KINDS[kind]
        key = f"labels_{kind}_{dataset.id}"
        label = f"{t(title)} ({len(suspects):,})"
        with edit_actions.lazy_expander(label, key, icon, kind == first) as is_open:
            if is_open and similar_view.are_photos_compared(dataset):
                st.caption(t(text))
                start = edit_actions.pager(len(suspects), _ROWS, f"page_{kind}")
                for suspect in suspects[start : start + _ROWS]:
                    with st.container(border=True):
                        _show_suspect(dataset, suspect)


def _show_suspect(dataset: Dataset, suspect: Suspect) -> None:
    """A photo beside the most similar ones of its class and of the likeliest other."""
    item, names = suspect.item, [truncate_for_display(name, 40) for name in dataset.classes]
    own, other = names[item.label], names[suspect.guess]
    groups = loaders.find_similar(dataset, item.file, [[item.label], [suspect.guess]], _NEIGHBORS)
    photo, *sides = st.columns([1, 2, 2], gap="medium")
    likely = t("Likely wrong")
    with photo, st.container(gap="xsmall"):
        about = f"{own} · {t(SPLITS[item.split])}"
        edit_actions.photo_picture(item.path, item.file, [about], class_color(item.label))
        st.markdown(
            t(
                "{label} {probability:.0%}, {other} {other_probability:.0%}",
                label=escape(own),
                probability=suspect.probability,
                other=escape(other),
                other_probability=suspect.guess_probability,
            )
            + (f" :orange-badge[{likely}]" if suspect.is_likely else "")
        )
    for side, name, similar in zip(sides, (own, other), groups, strict=True):
        with side, st.container(gap="xsmall"):
            st.caption(t("Most similar in {name}", name=escape(name)))
            similar_view.show_strip(dataset, similar, _NEIGHBORS, 64)
    key = f"{suspect.kind}_{edit_actions.hash_key(item.file)}"
    with st.container(horizontal=True, gap="xsmall"):
        relabel = PhotoEdit(item.file, "relabel", dataset.classes[suspect.guess])
        edit_actions.edit_button(
            t("Relabel as {name}", name=escape(other)), f"relabel_{key}", dataset, [relabel]
        )
        keep = PhotoEdit(item.file, "keep", suspect.kind)
        edit_actions.edit_button(t("Keep"), f"keep_{key}", dataset, [keep])
        exclude = PhotoEdit(item.file, "exclude")
        edit_actions.edit_button(t("Exclude"), f"exclude_{key}", dataset, [exclude])
        edit_actions.similar_button(item.file, key)
