"""The pieces of the Augment page: a photo, its controls, and 20 variants drawn at once."""

from __future__ import annotations

import random
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catdog_core import augment, images
from catdog_core.augment import Transform
from catdog_core.controls import controls, parse
from catdog_core.datasets import Dataset, Item
from catdog_core.errors import PhotoError
from catdog_core.files import shown
from catdog_core.images import Photo
from catdog_core.settings import PRESETS, Augmentation

from . import forms, gallery, phrases, pictures, state
from .startup import guard
from .words import N_, escape, say, t

SIZE = 150
"""Side of the photos shown, in pixels: the size the notes' network takes."""
COUNT = 20
KEY = "augment"
_ALL = -1  # in place of a label
_GROUPS = (
    (
        N_("Position and shape"),
        ("width_shift_range", "height_shift_range", "rotation_range", "zoom_range", "shear_range"),
    ),
    (N_("Flips"), ("horizontal_flip", "vertical_flip")),
    (N_("Light"), ("brightness_range", "channel_shift_range")),
    (N_("Empty corners"), ("fill_mode", "cval")),
)


@st.fragment
def workbench(dataset: Dataset | None) -> None:
    """The photo and its controls beside 20 variants; a moved slider redraws only this part."""
    with guard():
        # The variants come first, so that on a telephone they are not below a screen of sliders.
        pictures_, controls_ = st.columns([3, 2], gap="large")
        with controls_:
            original = _photo(dataset)
            settings = _controls()
        with pictures_:
            _actions(settings)
            if original is not None:
                _pictures(original, settings)
            _told(settings)


def _photo(dataset: Dataset | None) -> Photo | None:
    """Let the user take a photo of the dataset or bring one, and show it.

    Returns:
        (S, S, 3) uint8, squeezed as the network gets it; None, and a sentence, if there is none.
    """
    picture, choice = st.columns([2, 3], vertical_alignment="center")
    with choice:
        file = _upload()
        item = _pick(dataset) if dataset and file is None else None
    if file is not None:
        name, found = file.name, pictures.uploaded(file.file_id, file.getvalue(), SIZE)
    elif item is not None:
        name, found = item.file, pictures.fitted(item.path, SIZE)
    else:
        return None
    if isinstance(found, PhotoError):
        st.error(f"**{escape(name)}**: {escape(say(found))}", icon=":material/broken_image:")
        return None
    with picture:
        gallery.grid(
            [images.encode(found)], [t("Original")], [name], columns=1, alts=[name], width=160
        )
    return found


def _upload() -> UploadedFile | None:
    with st.popover(t("My own photo"), icon=":material/upload:"):
        file: UploadedFile | None = st.file_uploader(
            t("JPEG, PNG, WebP, BMP, GIF or TIFF"),
            type=[extension.lstrip(".") for extension in images.EXTENSIONS],
            key="augment_upload",
        )
    return file


def _pick(dataset: Dataset) -> Item:
    """One training photo, of one class if asked; "next" and "random" walk through them."""
    label = st.selectbox(
        t("Class"),
        [_ALL, *range(len(dataset.classes))],
        format_func=lambda n: t("all classes") if n == _ALL else shown(dataset.classes[n]),
        key=f"augment_class_{dataset.id}",
        label_visibility="collapsed",
    )
    with st.container(horizontal=True, gap="small"):
        st.button(t("Next"), icon=":material/skip_next:", key="photo_next", on_click=_next)
        st.button(t("Random"), icon=":material/shuffle:", key="photo_random", on_click=_random)
    items = [item for item in dataset.items("train") if label in (_ALL, item.label)]
    place: int = st.session_state.get("augment_at", 0)
    return items[place % len(items)]


def _next() -> None:
    st.session_state["augment_at"] = st.session_state.get("augment_at", 0) + 1


def _random() -> None:
    st.session_state["augment_at"] = random.randrange(1_000_000)


def _controls() -> Augmentation:
    now = parse(Augmentation, forms.current(Augmentation, KEY))
    st.session_state["augment_preset"] = next(
        (name for name, preset in PRESETS.items() if preset == now), None
    )
    st.segmented_control(
        t("Presets"),
        list(PRESETS),
        format_func=lambda name: t(phrases.PRESET_NAMES[str(name)]),
        key="augment_preset",
        on_change=_take_preset,
        width="stretch",
        wrap=True,
    )
    grouped = {name for _, names in _GROUPS for name in names}
    rest = tuple(c.name for c in controls(Augmentation) if c.name not in grouped)
    values: dict[str, Any] = {}
    for title, names in (*_GROUPS, (N_("More"), rest)):
        if names:
            st.markdown(f"**{t(title)}**")
            unused = ("cval",) if now.fill_mode != "constant" else ()
            values |= forms.form(Augmentation, KEY, names, columns=2, disabled=unused)
    return parse(Augmentation, values)


def _take_preset() -> None:
    name = st.session_state["augment_preset"]
    if name is not None:
        forms.fill(Augmentation, KEY, PRESETS[name].model_dump())


def _actions(settings: Augmentation) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("New draw"), key="new_draw", icon=":material/casino:", on_click=_draw_anew)
        st.button(t("Reset"), key="augment_reset", icon=":material/undo:", on_click=_reset)
        st.toggle(t("Show the values"), key="augment_values", persist_state="session")
        st.space("stretch")
        used = st.session_state.get("train_augmentation") == settings.model_dump()
        st.button(
            t("Used in training") if used else t("Use these in training"),
            key="use_in_training",
            type="secondary" if used else "primary",
            icon=":material/check:" if used else ":material/model_training:",
            disabled=used,
            on_click=_use,
            args=(settings.model_dump(),),
        )


def _told(settings: Augmentation) -> None:
    """That the training uses these settings, with the way there; below all that could jump."""
    if st.session_state.get("train_augmentation") == settings.model_dump():
        st.caption(t("The next training uses: {words}.", words=phrases.augmentation(settings)))
        st.page_link(
            "pages/3_Train.py",
            label=t("Go to Train"),
            icon=":material/arrow_forward:",
            query_params=state.query(),
        )


def _use(values: dict[str, Any]) -> None:
    st.session_state["train_augmentation"] = values
    st.session_state["train_augment"] = "mine"  # the Train page's own choice between off and this


def _draw_anew() -> None:
    st.session_state["augment_seed"] = st.session_state.get("augment_seed", 0) + 1


def _reset() -> None:
    forms.fill(Augmentation, KEY, Augmentation().model_dump())
    st.session_state["augment_seed"] = 0


def _pictures(original: Photo, settings: Augmentation) -> None:
    drawn = augment.variants(original, settings, COUNT, st.session_state.get("augment_seed", 0))
    values = [_values(transform) for _, transform in drawn]
    long = st.session_state.get("augment_values", False)
    gallery.grid(
        [images.encode(image) for image, _ in drawn],
        captions=values if long else None,
        tooltips=values,
        alts=[t("Variant {n}", n=n + 1) for n in range(COUNT)],
        least=60,  # four rows of five on a telephone too
    )
    if settings.is_off:
        st.caption(t("Nothing is set, so every variant equals the original. Move a slider."))
    elif not long:
        st.caption(t("Rest the pointer on a variant to see what was drawn for it."))


def _values(drawn: Transform) -> str:
    """The drawn values of one variant, a line each; what changes nothing is left out."""
    lines = []
    if drawn.theta:
        lines.append(t("turned {value:+.1f}°", value=drawn.theta))
    if drawn.shift_x or drawn.shift_y:
        lines.append(t("moved {x:+.1f}, {y:+.1f} px", x=drawn.shift_x, y=drawn.shift_y))
    if (drawn.zx, drawn.zy) != (1.0, 1.0):
        lines.append(t("zoom {x:.2f} × {y:.2f}", x=drawn.zx, y=drawn.zy))
    if drawn.shear:
        lines.append(t("shear {value:+.1f}°", value=drawn.shear))
    if drawn.brightness != 1:
        lines.append(t("brightness × {value:.2f}", value=drawn.brightness))
    if drawn.channel_shift:
        lines.append(t("channels {value:+.0f}", value=drawn.channel_shift))
    if drawn.flip_horizontal:
        lines.append(t("left for right"))
    if drawn.flip_vertical:
        lines.append(t("upside down"))
    return "\n".join(lines) or t("unchanged")
