"""The controls of the Augment page: presets, sliders in groups, questions, and the page's address.

The settings that differ from the defaults travel in the address by name, as in
``?rotation_range=30&vertical_flip=false``: such a link opens with the same sliders.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from catdog_core.augmentation import links, questions
from catdog_core.augmentation.questions import Question
from catdog_core.controls import controls, parse
from catdog_core.datasets import Dataset
from catdog_core.settings import PRESETS, Augmentation

from .. import forms, phrases
from ..words import N_, escape, say, t
from . import augment_share

KEY = "augment"
_NAMES = tuple(control.name for control in controls(Augmentation))
_REFUSED = "augment_refused"
_GROUPS = (
    (
        N_("Position and shape"),
        ("width_shift_range", "height_shift_range", "rotation_range", "zoom_range", "shear_range"),
    ),
    (N_("Flips"), ("horizontal_flip", "vertical_flip")),
    (N_("Empty corners"), ("fill_mode", "cval")),
    (
        N_("Light and colour"),
        (
            "brightness_range",
            "contrast_range",
            "channel_shift_range",
            "saturation_range",
            "hue_range",
        ),
    ),
    (
        N_("Blur, noise and holes"),
        ("blur_range", "noise_range", "erasing_probability", "erasing_area"),
    ),
    (N_("Mixing with other photos"), ("mixup_alpha", "cutmix_alpha")),
)
_OPEN = 2  # the notes' own settings; the others are a click away


def settings() -> Augmentation:
    """What the controls are set to, known before they are drawn; a link's settings on arrival."""
    _follow_address()
    return current()


def show(now: Augmentation, dataset: Dataset | None) -> None:
    """Draw the controls, set to what `settings` gave."""
    _presets(now)
    asked = questions.questions(now, dataset.classes if dataset else ())
    for place, (title, names) in enumerate(_GROUPS):
        _group(t(title), names, place < _OPEN, now, [q for q in asked if q.setting in names])
    _into_address(now)


def current() -> Augmentation:
    """What the controls are set to, before or after they are drawn."""
    return parse(Augmentation, forms.current(Augmentation, KEY))


def fill(settings: Augmentation) -> None:
    """Set the controls, before they are drawn."""
    forms.fill(Augmentation, KEY, settings.model_dump())


def reset() -> None:
    """Back to the class notes' own settings."""
    fill(Augmentation())


def _presets(now: Augmentation) -> None:
    st.session_state["augment_preset"] = next(
        (name for name, preset in PRESETS.items() if preset == now), None
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            t("Presets"),
            list(PRESETS),
            format_func=lambda name: t(phrases.PRESET_NAMES[str(name)]),
            key="augment_preset",
            on_change=_take_preset,
            label_visibility="collapsed",
            wrap=True,
        )
        augment_share.popover(now, fill)


def _take_preset() -> None:
    name = st.session_state["augment_preset"]
    if name is not None:
        fill(PRESETS[name])


def _group(
    title: str,
    names: tuple[str, ...],
    is_open: bool,
    now: Augmentation,
    asked: Sequence[Question],
) -> None:
    key = f"augment_group_{names[0]}"
    if key not in st.session_state:
        is_open = is_open or any(getattr(now, n) != getattr(PRESETS["none"], n) for n in names)
    with st.expander(title, expanded=is_open, key=key):
        forms.form(Augmentation, KEY, names, columns=2, disabled=_without_effect(now))
        if "mixup_alpha" in names:
            st.caption(
                t(
                    "Mixing changes labels: a photo that is 70 % cat and 30 % dog is labelled so."
                    " The training then takes the cross-entropy for shares, binary for two"
                    " classes and categorical for more, and counts a photo as right when the"
                    " class with the larger share is named."
                )
            )
        for question in asked:
            params = {
                name: escape(value) if isinstance(value, str) else value
                for name, value in question.params.items()
            }
            st.caption(f":material/help: {t(question.text, **params)}")


def _without_effect(now: Augmentation) -> tuple[str, ...]:
    unused = [] if now.fill_mode == "constant" else ["cval"]
    return (*unused, *([] if now.erasing_probability else ["erasing_area"]))


def _follow_address() -> None:
    """Take over the settings a link asks for, once, and say which of its values were refused."""
    if "augment_arrived" not in st.session_state:
        st.session_state["augment_arrived"] = True
        asked = {name: st.query_params[name] for name in _NAMES if name in st.query_params}
        if asked:
            settings, refused = links.from_query(asked)
            fill(settings)
            st.session_state[_REFUSED] = (refused, settings)
    refused, at_arrival = st.session_state.get(_REFUSED, ((), None))
    if refused and at_arrival == current():  # said until something is moved
        for error in refused:
            st.warning(escape(say(error)), icon=":material/link_off:")


def _into_address(settings: Augmentation) -> None:
    """Keep the page's address up to date without a step in the browser's history.

    `st.query_params` would add one for every move of a slider, and a query sent along with the
    next move before the browser has followed would undo it. So the address is read on arrival
    only, and written by the browser itself; the values are this page's own, numbers and names.
    """
    query = json.dumps(links.to_query(settings))
    st.html(
        "<script>{const address = new URL(window.location.href);"
        f"const query = {query};"
        f"for (const name of {json.dumps(_NAMES)}) name in query"
        " ? address.searchParams.set(name, query[name]) : address.searchParams.delete(name);"
        "if (address.href !== window.location.href)"
        ' window.history.replaceState(window.history.state, "", address);}</script>',
        unsafe_allow_javascript=True,
    )
