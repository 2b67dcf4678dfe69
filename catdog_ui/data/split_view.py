"""The parts of a dataset and its labels: how photos are divided, and each class's number."""

from __future__ import annotations

from itertools import islice, zip_longest
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset, Item
from catdog_core.data.preview import LAYOUT_MESSAGES
from catdog_core.data.splits import SplitSettings
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo
from catdog_core.models import architecture

from .. import gallery, permissions, widgets
from ..i18n import N_, escape, t
from ..session import page_state
from ..startup import guard
from . import batch_view, edit_actions
from .edit_actions import set_class_order
from .source_widgets import SPLITS, progress_bar

_MAX_SEED = 2**31 - 1
Counts = dict[str, dict[str, int]]
_WHY_TEXT = N_(
    "You evaluate a model on photos it hasn't seen. Similar photos stay in the same split, so "
    "memorized photos don't come up again. **Validation** photos show how well it does after "
    "every epoch. If you choose a model by them, you choose some luck too. **Test** photos are "
    "used once, at the end, and give the honest result."
)


def show_split(dataset: Dataset) -> None:
    """Draw the split as it is, and a form for another one."""
    st.subheader(t("How your photos are split"), anchor=False)
    st.markdown(t(_WHY_TEXT))
    with st.grid(2, min_column_width=340, gap="large"):
        with st.container():
            _show_current_split(dataset)
        with st.container():
            _show_split_form(dataset)


def _show_current_split(dataset: Dataset) -> None:
    split_settings = dataset.note.get("split")
    st.markdown(t("**Current split**"))
    lines = [t(LAYOUT_MESSAGES.get(dataset.note.get("layout", "split"), LAYOUT_MESSAGES["split"]))]
    if split_settings:
        lines.append(
            t(
                "Every class is split the same way: {validation:.0%} validation, {test:.0%} test, "
                "seed {seed}.",
                validation=split_settings["validation_fraction"],
                test=split_settings.get("test_fraction", 0),
                seed=split_settings["seed"],
            )
        )
    st.caption("  \n".join(lines))
    at, before = page_state().data.counts_before_split or (0.0, {})
    last = dataset.changes[-1] if dataset.changes else None
    _show_split_table(dataset, before if last and last.at == at else None)


def _show_split_table(dataset: Dataset, before: Counts | None) -> None:
    now = dataset.counts()
    splits = [split for split in SPLITS if split in now or split in (before or {})]
    photo_count = len(dataset.photos) or 1
    columns = {
        t("Class"): [*(truncate_for_display(name, 60) for name in dataset.classes), t("All")]
    }
    for split in splits:
        row, was = now.get(split, {}), (before or {}).get(split, {})
        head = f"{t(SPLITS[split])} ({sum(row.values()) / photo_count:.0%})"
        numbers = [(row.get(name, 0), was.get(name, 0)) for name in dataset.classes]
        numbers.append((sum(row.values()), sum(was.values())))
        columns[head] = [f"{old:,} → {new:,}" if before else f"{new:,}" for new, old in numbers]
    widgets.show_table(
        columns,
        "split_table",
        t("Photos by split and class"),
        height=min(38 + 35 * (len(dataset.classes) + 1), 400),
    )
    if before:
        st.caption(t("The number before each arrow is from before the new split."))


def _show_split_form(dataset: Dataset) -> None:
    split_settings = dataset.note.get("split") or SplitSettings(seed=0, validation_fraction=0.25)
    has_test_folder = any(split == "test" for split in dataset.counts()) and not split_settings.get(
        "test_fraction"
    )
    with st.form("split_form"):
        st.markdown(t("**New split**"))
        seed = st.number_input(
            t("Seed"),
            min_value=0,
            max_value=_MAX_SEED,
            value=int(split_settings.get("seed", 0)),
            key="split_seed",
            help=t("The same seed splits the same photos identically on every computer."),
        )
        validation = st.slider(
            t("Validation (%)"),
            5,
            60,
            round(100 * split_settings.get("validation_fraction", 0.25)),
            key="split_validation",
        )
        test = st.slider(
            t("Test (%)"),
            0,
            35,
            round(100 * split_settings.get("test_fraction", 0)),
            key="split_test",
            help=t("Photos in a test folder stay in the test set, and this stays at 0."),
            disabled=has_test_folder,
        )
        pressed = st.form_submit_button(
            t("New split"),
            icon=":material/call_split:",
            key="split_divide",
            **permissions.permission_kwargs("change data"),
        )
        st.caption(
            t("Files stay where they are. Existing runs continue with their original photos.")
        )
    if pressed:
        with guard():
            _resplit(dataset, int(seed), validation / 100, test / 100)


def _resplit(dataset: Dataset, seed: int, validation: float, test: float) -> None:
    before = dataset.counts()
    with progress_bar(t("Looking for similar photos…")) as tell:
        updated_dataset = datasets.resplit(dataset.id, seed, validation, test, tell)
    edit_actions.announce_last_edit(updated_dataset)
    page_state().data.counts_before_split = (updated_dataset.changes[-1].at, before)
    st.rerun()


_PHOTOS, _TRIED, _LISTED = 6, 24, 12
_SIDE = 112  # pixels of a sample photo
_MODES = {
    "binary": (
        N_("One number per photo. The network outputs one number, the probability of class 1."),
        "binary_crossentropy",
    ),
    "categorical": (
        N_("One row per photo, with a single 1. The network outputs one probability per class."),
        "categorical_crossentropy",
    ),
    "sparse": (
        N_(
            "Just the class number. The network outputs one probability per class. Short, even "
            "for 100 classes."
        ),
        "sparse_categorical_crossentropy",
    ),
}


def show_labels(dataset: Dataset) -> None:
    """Draw the numbers of the classes, their order, and the class modes side by side."""
    st.subheader(t("From names to numbers"), anchor=False)
    st.markdown(
        t(
            "A network only knows numbers. The first class in alphabetical order gets 0, the next "
            "1, and so on, as Keras does with folder names. `classes=[…]` sets another order. The "
            "lab always shows names, and models store them."
        )
    )
    _show_numbers(dataset)
    _show_reorder(dataset)
    st.markdown(t("**The three class modes, on photos of this dataset**"))
    drawn = sample_photos(dataset)
    _show_photos(dataset, drawn)
    _show_modes(dataset, np.array([item.label for item in drawn]))


def sample_photos(dataset: Dataset) -> list[Item]:
    """Return a few training photos that can be read, class after class, in a mixed order."""
    of_class: list[list[Item]] = [[] for _ in dataset.classes]
    for item in dataset.items("train"):
        of_class[item.label].append(item)
    turns = zip_longest(*(group[:_TRIED] for group in of_class[:_PHOTOS]))
    mixed = (item for row in turns for item in row if item is not None)
    readable = (item for item in mixed if isinstance(_load_fitted(item), np.ndarray))
    samples = list(islice(readable, _PHOTOS))
    return [samples[i] for i in np.random.default_rng(0).permutation(len(samples))]


def _load_fitted(item: Item) -> Photo | PhotoError:
    return gallery.fitted_photo(item.path, _SIDE)


def _show_numbers(dataset: Dataset) -> None:
    shown_names = dataset.classes[:_LISTED]
    words = [
        f"**{number}** = {escape(truncate_for_display(name))}"
        for number, name in enumerate(shown_names)
    ]
    more = [t("and {n} more classes", n=len(dataset.classes) - _LISTED)]
    st.markdown("  ·  ".join(words + (more if len(dataset.classes) > _LISTED else [])))
    names = ", ".join(repr(truncate_for_display(name)) for name in shown_names)
    st.code(f"classes=[{names}{', …' if len(dataset.classes) > _LISTED else ''}]", "python")


def _show_reorder(dataset: Dataset) -> None:
    names = dataset.classes
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(names) == 2:
            permissions.action_button(
                t("Swap"),
                "labels_swap",
                "change data",
                set_class_order,
                dataset.id,
                names[::-1],
                icon="swap_horiz",
            )
        else:
            _show_number_form(dataset)
        if names != tuple(sorted(names)):
            permissions.action_button(
                t("Sort by name"),
                "labels_sort",
                "change data",
                set_class_order,
                dataset.id,
                sorted(names),
                icon="sort_by_alpha",
            )
    st.caption(
        t("This order applies from the next run. Earlier runs and their models keep theirs.")
    )


def _show_number_form(dataset: Dataset) -> None:
    names = dataset.classes
    numbers = list(range(len(names)))
    label = st.selectbox(
        t("Class"),
        numbers,
        format_func=lambda label: truncate_for_display(names[label]),
        key="labels_class",
        width=240,
    )
    target = st.selectbox(t("New number"), numbers, key="labels_number", width=140)
    moved = [name for name in names if name != names[label]]
    moved.insert(target, names[label])
    permissions.action_button(
        t("Apply"),
        "labels_set",
        "change data",
        set_class_order,
        dataset.id,
        moved,
        disabled=label == target,
    )


def _show_photos(dataset: Dataset, drawn: list[Item]) -> None:
    photos = [photo for photo in map(_load_fitted, drawn) if not isinstance(photo, PhotoError)]
    gallery.image_grid(
        [decode.encode_photo(photo) for photo in photos],
        captions=[truncate_for_display(dataset.classes[item.label], 30) for item in drawn],
        tooltips=[truncate_for_display(item.file, 200) for item in drawn],
        colors=[class_color(item.label) for item in drawn],
        columns=_PHOTOS,
        width=_PHOTOS * (_SIDE + 8),
    )


def _show_modes(dataset: Dataset, numbers: NDArray[Any]) -> None:
    arrays = batch_view.encode_labels(numbers, len(dataset.classes))
    used = architecture.loss_name(len(dataset.classes), mixes=False)
    with st.grid(3, min_column_width=300, gap="small"):
        for mode, (what, loss) in _MODES.items():
            with st.container(border=True):
                here = t("used here")
                mark = f"  :green-badge[{here}]" if loss == used else ""
                st.markdown(f"`class_mode='{mode}'`{mark}")
                array = arrays[mode]
                if array is None:
                    st.info(
                        t(
                            "One number can tell only two classes apart. This dataset has {n}.",
                            n=len(dataset.classes),
                        )
                    )
                    continue
                st.code(format_array(array), "python")
                st.caption(t(what))
                st.code(
                    _format_output_layer(mode, len(dataset.classes), loss),
                    "python",
                    wrap_lines=True,
                )


def format_array(labels: NDArray[np.float32]) -> str:
    """Return a label array as numpy prints it, in few characters where it is wide."""
    text = np.array2string(labels, threshold=80, edgeitems=3, max_line_width=44)
    return f">>> labels.shape\n{labels.shape}\n>>> print(labels)\n{text}"


def _format_output_layer(mode: str, classes: int, loss: str) -> str:
    last = (1, "sigmoid") if mode == "binary" else (classes, "softmax")
    return f'Dense({last[0]}, activation="{last[1]}")\nloss="{loss}"'
