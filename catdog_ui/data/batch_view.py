"""One batch as the model sees it: 20 photos, their labels in three modes, arrays and ranges."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data.datasets import Dataset, Item
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo

from .. import gallery, widgets
from ..i18n import escape, say, t
from ..session import page_state
from ..startup import guarded_fragment
from . import edit_actions

BATCH_SIZE = 20
SIZE = 150
"""Side of the squares in pixels: what the notes' network takes."""


def show_batch(dataset: Dataset) -> None:
    """Draw the section; "New batch" redraws this part alone."""
    guarded_fragment(_show_batch_panel)(dataset)


def draw_batch_items(items: list[Item], seed: int) -> list[Item]:
    """Return a batch drawn at random across the classes, as the training draws it."""
    order = np.random.default_rng(seed).permutation(len(items))[:BATCH_SIZE]
    return [items[index] for index in order]


def encode_labels(
    numbers: NDArray[np.int64], classes: int
) -> dict[str, NDArray[np.float32] | None]:
    """Return labels as `ImageDataGenerator` gives them under each class mode, float32.

    Shapes: binary (B,), categorical (B, classes) one-hot, sparse (B,). Binary is None where there
    are more than two classes.
    """
    plain = numbers.astype(np.float32)
    return {
        "binary": plain if classes == 2 else None,
        "categorical": np.eye(classes, dtype=np.float32)[numbers],
        "sparse": plain,
    }


def _draw_another_batch() -> None:
    page_state().data.batch_seed += 1


def _show_batch_panel(dataset: Dataset) -> None:
    seed = page_state().data.batch_seed
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(t("One batch, as the model sees it"), anchor=False, width="content")
        st.space("stretch")
        st.button(
            t("New batch"),
            icon=":material/casino:",
            key="new_batch",
            on_click=_draw_another_batch,
        )
    st.caption(
        t(
            "{n} training photos, picked at random across the classes and resized to {size} × "
            "{size} px.",
            n=BATCH_SIZE,
            size=SIZE,
        )
    )
    drawn = draw_batch_items(dataset.items("train"), seed)
    read = [(item, gallery.fitted_photo(item.path, SIZE)) for item in drawn]
    good = [(item, photo) for item, photo in read if not isinstance(photo, PhotoError)]
    _show_unreadable([(item, photo) for item, photo in read if isinstance(photo, PhotoError)])
    if not good:
        return
    numbers = np.array([item.label for item, _ in good])
    with st.grid(2, min_column_width=340, gap="large"):
        with st.container():
            _show_grid(dataset, good)
            _choose_similar([item for item, _ in good], seed)
            st.space("xsmall")
            _show_arrays(np.stack([photo for _, photo in good]), numbers, len(dataset.classes))
        with st.container():
            _show_labels(dataset, numbers)


def _show_unreadable(bad: list[tuple[Item, PhotoError]]) -> None:
    if bad:
        lines = [f"- **{escape(item.file)}**: {escape(say(error))}" for item, error in bad]
        st.warning(
            t("{n} photos of this batch couldn't be read and are skipped:", n=len(bad))
            + "\n\n"
            + "\n".join(lines)
        )


def _show_grid(dataset: Dataset, good: list[tuple[Item, Photo]]) -> None:
    gallery.image_grid(
        [decode.encode_photo(photo) for _, photo in good],
        captions=[f"{n + 1} · {dataset.classes[item.label]}" for n, (item, _) in enumerate(good)],
        tooltips=[item.file for item, _ in good],
        alts=[f"{dataset.classes[item.label]}: {item.file}" for item, _ in good],
        colors=[class_color(item.label) for item, _ in good],
    )


def _choose_similar(items: list[Item], seed: int) -> None:
    """A choice of a photo of the batch, and the button that shows those most like it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            t("Photo"),
            range(len(items)),
            format_func=lambda n: f"{n + 1} · {truncate_for_display(items[n].file, 60)}",
            key=f"batch_photo_{seed}_{len(items)}",
            width=280,
        )
        edit_actions.similar_button(items[number].file, "batch")


def _show_arrays(photos: Photo, numbers: NDArray[np.int64], classes: int) -> None:
    pixels = photos.astype(np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    modes = encode_labels(numbers, classes)
    rows = [
        (t("images"), str(pixels.shape), "float32", f"{low:.0f} … {high:.0f}"),
        (t("after Rescaling"), str(pixels.shape), "float32", f"{low / 255:.1f} … {high / 255:.1f}"),
        *(
            (mode, str(array.shape), "float32", f"{array.min():.0f} … {array.max():.0f}")
            for mode, array in modes.items()
            if array is not None
        ),
    ]
    names, shapes, kinds, ranges = zip(*rows, strict=True)
    widgets.show_table(
        {t("Array"): names, t("Shape"): shapes, t("Data type"): kinds, t("Values"): ranges},
        "batch_arrays",
        t("Shapes and value ranges of this batch's arrays"),
    )
    st.caption(
        t(
            "(photos, height, width, colors). The model's first layer, Rescaling, maps 0…255 to "
            "0…1, so you can pass in photos unchanged."
        )
    )


def _show_labels(dataset: Dataset, numbers: NDArray[np.int64]) -> None:
    modes = encode_labels(numbers, len(dataset.classes))
    table: dict[str, list[str]] = {
        "#": [str(n + 1) for n in range(len(numbers))],
        t("Class"): [dataset.classes[number] for number in numbers],
    }
    for mode, array in modes.items():
        table[mode] = (
            ["–"] * len(numbers) if array is None else [_format_label(row) for row in array]
        )
    st.markdown(t("**Labels in each class mode**"))
    widgets.show_table(
        table,
        "batch_labels",
        t("This batch's labels in class modes binary, categorical and sparse"),
    )
    st.caption(
        t(
            "binary: one number for two classes, with one sigmoid unit. categorical: a row with a "
            "single 1, with one softmax unit per class. sparse: the class number, for many "
            "classes."
        )
    )


def _format_label(label: NDArray[np.float32]) -> str:
    if label.ndim == 0:
        return f"{label:.0f}"
    if len(label) > 6:
        return "[0 … 1 … 0]"
    return "[" + " ".join(f"{value:.0f}" for value in label) + "]"
