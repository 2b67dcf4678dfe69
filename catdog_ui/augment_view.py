"""The pieces of the Augment page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from catdog_core import augment, images
from catdog_core.augment import Transform
from catdog_core.datasets import Dataset
from catdog_core.errors import PhotoError
from catdog_core.images import Photo
from catdog_core.settings import PRESETS, Augmentation, parse

from . import forms, gallery, phrases, state
from .words import N_, escape, say, t

SIZE = 150
"""Side of the photos shown, in pixels: the size the notes' network takes."""
_COUNT = 20
_KEY = "augment"
_GROUPS = (
    (N_("Place"), ("rotation_range", "width_shift_range", "height_shift_range")),
    (N_("Shape"), ("zoom_range", "shear_range", "horizontal_flip", "vertical_flip")),
    (N_("Light and edges"), ("brightness_range", "channel_shift_range", "fill_mode", "cval")),
)
_PRESET_NAMES = {
    "notes": N_("The notes'"),
    "gentle": N_("Gentle"),
    "strong": N_("Strong"),
    "none": N_("None"),
}


def photo(dataset: Dataset | None) -> Photo | None:
    """Let the user take a photo of the dataset or bring one; (S, S, 3), as the network gets it."""
    left, right = st.columns(2, gap="large")
    with right:
        file = st.file_uploader(t("Or a photo of your own"), type="image", key="augment_upload")
    if file is not None:
        try:
            return images.load(file.getvalue(), SIZE)
        except PhotoError as error:
            st.error(f"{escape(file.name)}: {escape(say(error))}", icon=":material/error:")
            return None
    if dataset is None:
        return None
    items = dataset.items("train")
    with left, st.container(horizontal=True, vertical_alignment="bottom"):
        place = st.number_input(
            t("Photo number (1 to {count})", count=len(items)),
            min_value=1,
            max_value=len(items),
            key=f"augment_photo_{dataset.id}",
            persist_state="session",
        )
        st.button(
            t("Random photo"),
            key="random_photo",
            icon=":material/casino:",
            on_click=_take_random,
            args=(f"augment_photo_{dataset.id}", len(items)),
        )
    item = items[int(place) - 1]
    found = _fitted(str(item.path), item.path.stat().st_mtime)
    if isinstance(found, PhotoError):
        st.error(f"{escape(item.file)}: {escape(say(found))}", icon=":material/error:")
        return None
    left.caption(escape(item.file))
    return found


@st.fragment
def workbench(original: Photo) -> None:
    """The controls beside the photo and its variants; a moved slider redraws only this part."""
    controls, pictures = st.columns([2, 5], gap="large")
    with controls:
        settings = _controls()
    with pictures:
        _show(original, settings)


def _controls() -> Augmentation:
    st.segmented_control(
        t("Presets"),
        list(_PRESET_NAMES),
        format_func=lambda name: t(_PRESET_NAMES[name]),
        key="augment_preset",
        on_change=_take_preset,
    )
    values: dict[str, Any] = {}
    for title, names in _GROUPS:
        st.markdown(f"**{t(title)}**")
        values |= forms.form(Augmentation, _KEY, names)
    return parse(Augmentation, values)


def _show(original: Photo, settings: Augmentation) -> None:
    seed = st.session_state.setdefault("augment_seed", 0)
    drawn = augment.variants(original, settings, _COUNT, seed)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(t("New draw"), key="new_draw", icon=":material/casino:"):
            st.session_state["augment_seed"] += 1
            st.rerun(scope="fragment")
        st.button(t("Reset"), key="augment_reset", icon=":material/undo:", on_click=_reset)
        if st.button(
            t("Use these in training"),
            key="use_in_training",
            type="primary",
            icon=":material/check:",
        ):
            st.session_state["train_augmentation"] = settings.model_dump()
            st.toast(t("The Train page offers these settings now."))
    alone, many = st.columns([1, 5], gap="small")
    with alone:
        gallery.grid([images.encode(original)], [t("Original")], columns=1)
    with many:
        gallery.grid(
            [images.encode(image) for image, _ in drawn],
            tooltips=[_values(transform) for _, transform in drawn],
            alts=[t("Variant {n}", n=n + 1) for n in range(_COUNT)],
        )
    st.caption(t("Rest the pointer on a variant to see the values drawn for it."))
    if "train_augmentation" in st.session_state:
        chosen = parse(Augmentation, st.session_state["train_augmentation"])
        st.caption(t("For training: {settings}", settings=phrases.augmentation(chosen)))
        st.page_link(
            "pages/3_Train.py",
            label=t("Go to training"),
            icon=":material/model_training:",
            query_params=state.query(),
        )


def _values(drawn: Transform) -> str:
    lines = [
        t("Rotation {value:.1f}°", value=drawn.theta),
        t("Shift {x:+.1f}, {y:+.1f} px", x=drawn.shift_x, y=drawn.shift_y),
        t("Zoom {x:.2f} × {y:.2f}", x=drawn.zx, y=drawn.zy),
    ]
    if drawn.shear:
        lines.append(t("Shear {value:.1f}°", value=drawn.shear))
    if drawn.brightness != 1:
        lines.append(t("Brightness × {value:.2f}", value=drawn.brightness))
    if drawn.channel_shift:
        lines.append(t("Channel shift {value:+.0f}", value=drawn.channel_shift))
    if drawn.flip_horizontal:
        lines.append(t("Flipped left for right"))
    if drawn.flip_vertical:
        lines.append(t("Flipped upside down"))
    return "\n".join(lines)


def _take_preset() -> None:
    name = st.session_state.get("augment_preset")
    if name in PRESETS:
        forms.fill(Augmentation, _KEY, PRESETS[name].model_dump())


def _reset() -> None:
    forms.fill(Augmentation, _KEY, Augmentation().model_dump())
    st.session_state["augment_preset"] = None
    st.session_state["augment_seed"] = 0


def _take_random(key: str, count: int) -> None:
    st.session_state[key] = int(np.random.default_rng().integers(count)) + 1


@st.cache_data(max_entries=200, show_spinner=False)
def _fitted(path: str, _changed: float) -> Photo | PhotoError:
    return next(iter(images.load_all([Path(path)], SIZE)))
