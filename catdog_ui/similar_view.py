"""The photos of a dataset that are most like one photo: in a dialog, which has an address."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.messages import Message
from catdog_core.base.palette import class_color
from catdog_core.data.datasets import Dataset

from . import gallery, job_fragment, loaders
from .data import edit_actions
from .data.edit_actions import SIMILAR_PARAM
from .data.source_widgets import SPLITS
from .i18n import escape, say, t
from .startup import guard

if TYPE_CHECKING:
    from catdog_core.analysis.similar_photos import SimilarPhoto

COUNT = 12
"""Similar photos that are shown."""
_QUICK = 100  # photos that are compared while the page waits


def show_requested(dataset: Dataset) -> None:
    """Open the dialog of the photo that the address names, if it names one."""
    file = st.query_params.get(SIMILAR_PARAM)
    if not file:
        return
    if file not in {item.file for item in dataset.items()}:
        st.query_params.pop(SIMILAR_PARAM)
        name = escape(truncate_for_display(file, 60))
        st.toast(t("The photo “{name}” in this link isn't in this dataset.", name=name))
        return
    st.dialog(t("Similar photos"), width="large", on_dismiss=_close)(_show_dialog)(dataset, file)


def show_similar(dataset: Dataset, photo: str | bytes, split: str = "") -> None:
    """Draw the photos most like one photo, with label and split, and what they tell.

    Args:
        dataset: where they are from.
        photo: a name in it, or the content of a photo file.
        split: of the photo; empty for one from elsewhere.
    """
    if not are_photos_compared(dataset):
        return
    similar = loaders.find_similar(dataset, photo, [None], COUNT)[0]
    st.markdown(join_sentences(loaders.describe_similar(similar, dataset.classes, split)))
    show_strip(dataset, similar, 6, 96)
    st.caption(
        t(
            "Photos are similar when a pretrained network finds similar features in them. The"
            " number below a photo is its similarity. 1 means the same features, and 0 means"
            " nothing in common."
        )
    )


def join_sentences(messages: Sequence[Message]) -> str:
    """Return sentences of the core as one paragraph of Markdown."""
    return " ".join(
        escape(say(CatDogError(message.message, **message.params))) for message in messages
    )


def are_photos_compared(dataset: Dataset) -> bool:
    """Return whether the features of a dataset's photos are known; else compute them in a job."""
    count = len(dataset.items()) + len(dataset.excluded)
    return bool(
        job_fragment.background_result(
            "similar",
            (dataset.id, count),
            partial(loaders.prepare_similar, dataset),
            count,
            _QUICK,
            t("Comparing photos…"),
        )
    )


def show_strip(dataset: Dataset, similar: Sequence[SimilarPhoto], columns: int, least: int) -> None:
    """Draw similar photos side by side: class, split and similarity below each.

    Args:
        dataset: where they are from.
        similar: the photos.
        columns: in a row of a wide page.
        least: width of a photo in pixels.
    """
    shown = []
    for each in similar:
        path = each.item.path
        thumbnail = edit_actions.load_thumbnail(path, str(path), gallery.file_version(path))
        if not isinstance(thumbnail, PhotoError):  # gone since it was compared
            shown.append((each, thumbnail[0]))
    captions = []
    for each, _ in shown:
        number = t("same photo") if each.is_copy else f"{each.similarity:.2f}"
        label = truncate_for_display(dataset.classes[each.item.label], 30)
        captions.append(f"{label}\n{t(SPLITS[each.item.split])} · {number}")
    gallery.image_grid(
        [data for _, data in shown],
        captions=captions,
        tooltips=[truncate_for_display(each.item.file, 200) for each, _ in shown],
        alts=[
            f"{dataset.classes[each.item.label]}: {PurePosixPath(each.item.file).name}"
            for each, _ in shown
        ],
        columns=columns,
        colors=[class_color(each.item.label) for each, _ in shown],
        least=least,
    )


def _show_dialog(dataset: Dataset, file: str) -> None:
    with guard():
        item = next(item for item in dataset.items() if item.file == file)
        about = f"{dataset.classes[item.label]} · {t(SPLITS[item.split])}"
        left, right = st.columns([1, 3], gap="medium")
        with left:
            edit_actions.photo_picture(item.path, file, [about], class_color(item.label))
        with right:
            show_similar(dataset, file, item.split)


def _close() -> None:
    st.query_params.pop(SIMILAR_PARAM, None)
