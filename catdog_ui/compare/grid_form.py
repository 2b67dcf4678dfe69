"""The part of the form that is a sweep's grid: what varies, and how values are combined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import streamlit as st

from catdog_core.base.field_specs import FieldSpec
from catdog_core.config import NETWORKS, Network
from catdog_core.models import backbones
from catdog_core.tuning import grid as grids

from .. import forms
from ..i18n import t
from ..train import train_form

KEY = "sweep"
_VARIED_KEY = f"{KEY}_varied"
_SAMPLES = 8
MAX_VARIED = 5
"""As many settings at once: of more, no number of runs one can wait for tells anything."""
_LEFT_OUT = ("monitor", "epoch_weights", "steps_per_epoch", "validation_steps", "cval")
"""They change how a run is judged or kept, or how long it is; a grid's file may name some."""
_DEFAULT_SETTINGS = ("learning_rate", "batch_size")
_MAX_SLIDER_SPAN = 400


class FieldRange(TypedDict):
    """A range that values are drawn from."""

    low: float
    high: float
    log: NotRequired[bool]
    """Draw powers evenly, not values."""


FieldChoice = list[Any] | FieldRange
"""What one setting may be: values of the field's own type, or a range."""


class VariedSettings(TypedDict):
    """What the settings that vary may be, by their names, in both parts of a `Grid`."""

    settings: dict[str, FieldChoice]
    augmentation: dict[str, FieldChoice]


class SearchOptions(TypedDict, total=False):
    """How many combinations a `Grid` draws at random, and by which seed; empty for all of them."""

    samples: int
    seed: int


def tunable_settings(model: str) -> dict[str, tuple[str, FieldSpec]]:
    """Return the settings that can vary here, by name: the part of the grid, and the field.

    Args:
        model: the network all runs share; some settings mean something for some networks only.
    """
    left_out = [*_LEFT_OUT]
    if model != backbones.TRANSFER:
        left_out += train_form.PRETRAINED_FIELDS
    if model != "custom" and model not in NETWORKS:
        left_out += Network.model_fields
    return {
        name: (part, control)
        for part in ("settings", "augmentation")
        for name, (_, control) in grids.searchable_fields(part).items()
        if name not in left_out and control.kind != "range"
    }


def chosen_settings() -> Sequence[str]:
    """Return the names of the settings that vary, as they were chosen last."""
    names: Sequence[str] = st.session_state.get(_VARIED_KEY, _DEFAULT_SETTINGS)
    return names


def choose_grid(base: Mapping[str, Any]) -> VariedSettings:
    """Let the user choose settings and what they may be.

    Args:
        base: the settings that all runs share, by name, from which values are suggested.
    """
    known = tunable_settings(base["model"])
    # Another network may not have what was chosen. The default goes into the session as well: given
    # both, Streamlit would warn that the value was set twice.
    st.session_state[_VARIED_KEY] = [name for name in chosen_settings() if name in known]
    names = st.multiselect(
        t("Settings to vary"),
        list(known),
        format_func=lambda name: _setting_label(*known[name]),
        max_selections=MAX_VARIED,
        key=_VARIED_KEY,
        persist_state="session",
        placeholder=t("Choose settings"),
    )
    choices: VariedSettings = {"settings": {}, "augmentation": {}}
    with st.grid(2, min_column_width=330, gap="medium"):
        for name in names:
            part, control = known[name]
            with st.container(border=True, gap="small"):
                choice = _choose_for_field(control, base.get(name, control.default))
            if part == "settings":
                choices["settings"][name] = choice
            else:
                choices["augmentation"][name] = choice
    return choices


def choose_search(varied: VariedSettings) -> SearchOptions:
    """Let the user choose all combinations or random ones; ranges can only be drawn from."""
    choices = [*varied["settings"].values(), *varied["augmentation"].values()]
    has_range = any(isinstance(choice, dict) for choice in choices)
    kinds = {"all": t("All combinations"), "random": t("Random draw")}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            t("Search"),
            list(kinds),
            format_func=kinds.__getitem__,
            default="all",
            required=True,
            key=f"{KEY}_search",
            persist_state="session",
            disabled=has_range,
            help=t(
                "If few settings matter, random draws try more values of each than an equally "
                "large grid (Bergstra and Bengio, 2012)."
            ),
        )
        if kind == "all" and not has_range:
            return {}
        shared: dict[str, Any] = {"persist_state": "session", "width": 160}
        samples = st.number_input(
            t("Number of runs"), 2, grids.MAX_RUNS, _SAMPLES, key=f"{KEY}_samples", **shared
        )
        seed = st.number_input(t("Random seed"), 0, 2**31 - 1, 0, key=f"{KEY}_draw", **shared)
    if has_range:
        st.caption(t("A range has endless values, so they're drawn at random."))
    return {"samples": samples, "seed": seed}


def suggested_values(control: FieldSpec, base: Any) -> tuple[list[Any], list[Any]]:
    """Return values to choose from, and those chosen at first, all within the field's range.

    Args:
        control: a number.
        base: its value in the settings all runs share; None for one that follows from the data.
    """
    assert control.low is not None and control.high is not None
    factors: tuple[float, ...] = (0.1, 0.3, 1, 3, 10) if control.scale == "log" else (0.5, 1, 2)
    usual = list(control.typical or ())
    if base:
        first = [base * factor for factor in (factors[::2] if len(factors) > 3 else factors)]
        every = [base * factor for factor in factors] + usual
    elif usual:
        first = [0, *usual]
        every = [0, usual[0], sum(usual) / 2, usual[1]]
    else:
        start = control.low if base is None else 0
        every = [start + n for n in range(5)]
        first = every[:3]
    return _clean_values(control, every), _clean_values(control, first)


def _setting_label(part: str, control: FieldSpec) -> str:
    label = t(control.label)
    return t("Augmentation: {name}", name=label) if part == "augmentation" else label


def _choose_for_field(control: FieldSpec, base: Any) -> FieldChoice:
    st.markdown(f"**{forms.field_label(control)}**", help=t(control.help))
    if control.kind == "bool":
        st.caption(t("off and on"))
        return [False, True]
    if control.kind == "choice":
        return _choose_options(control, base)
    kinds = {"values": t("Values"), "range": t("Range")}
    kind = st.segmented_control(
        t("How to choose {name}", name=t(control.label)),
        list(kinds),
        format_func=kinds.__getitem__,
        default="values",
        required=True,
        key=f"{KEY}_{control.name}_kind",
        persist_state="session",
        label_visibility="collapsed",
    )
    return _choose_values(control, base) if kind == "values" else _choose_range(control, base)


def _choose_options(control: FieldSpec, base: Any) -> list[str]:
    others = [choice for choice in control.choices if choice != base]
    return st.pills(
        t(control.label),
        control.choices,
        selection_mode="multi",
        default=[base, others[0]] if base in control.choices else list(control.choices[:2]),
        key=f"{KEY}_{control.name}_choices",
        persist_state="session",
        label_visibility="collapsed",
    )


def _choose_values(control: FieldSpec, base: Any) -> list[Any]:
    every, first = (
        [f"{value:g}" for value in values] for values in suggested_values(control, base)
    )
    key = f"{KEY}_{control.name}_values"
    typed = [value for value in st.session_state.get(key, []) if value not in every]
    return st.multiselect(
        t("Values of {name}", name=t(control.label)),
        [*every, *typed],
        default=first,
        accept_new_options=True,
        key=key,
        persist_state="session",
        label_visibility="collapsed",
        placeholder=t("Choose or type values"),
    )


def _choose_range(control: FieldSpec, base: Any) -> FieldRange:
    every, _ = suggested_values(control, base)
    low, high = every[0], every[-1]
    shared: dict[str, Any] = {
        "label": t("Range of {name}", name=t(control.label)),
        "key": f"{KEY}_{control.name}_range",
        "persist_state": "session",
        "label_visibility": "collapsed",
    }
    is_log = control.scale == "log"
    assert control.low is not None and control.high is not None
    if is_log:
        steps = {*forms.log_steps(control.low, control.high), low, high}
        steps |= set(st.session_state.get(shared["key"], ()))
        ends = st.select_slider(
            options=sorted(steps),
            value=(low, high),
            format_func=lambda value: f"{value:g}",
            **shared,
        )
    else:
        number = int if control.kind == "int" else float
        # A slider over all that is allowed could not be set to the little that is meant.
        most = min(control.high, max(4 * high, *st.session_state.get(shared["key"], (0,))))
        ends = st.slider(
            min_value=number(control.low),
            max_value=number(most if control.high > _MAX_SLIDER_SPAN else control.high),
            value=(number(low), number(high)),
            step=number(control.step or 1),
            **shared,
        )
    chosen: FieldRange = {"low": ends[0], "high": ends[1]}
    return {**chosen, "log": True} if is_log else chosen


def _clean_values(control: FieldSpec, values: list[Any]) -> list[Any]:
    """Values within the range, on its steps, in order and each once; at least two."""
    assert control.low is not None and control.high is not None
    step = control.step or 1
    cleaned = set()
    for value in values:
        clipped = min(max(value, control.low), control.high)
        if control.kind == "int":
            cleaned.add(round(control.low + round((clipped - control.low) / step) * step))
        else:
            cleaned.add(float(f"{clipped:.3g}") if clipped else 0.0)
    return sorted(cleaned)
