"""Forms drawn from the settings: a widget a field, its range, step and help taken from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

import streamlit as st
from pydantic import BaseModel

from catdog_core.base.field_specs import FieldSpec, describe_fields

from .i18n import t

FieldValues = dict[str, Any]
"""Values of a settings model by the names of its fields, for `field_specs.parse_settings`."""
UNCHANGED = (1.0, 1.0)
"""A range of factors that changes nothing; it stands for "not set" on a slider."""
_MAX_SLIDER_SPAN = 400  # an integer range wider than this is typed, not slid


def field_key(form: str, name: str) -> str:
    """Return the key of the widget of a form's field, to read or set its value in the session."""
    return f"{form}_{name}"


def settings_form(
    model: type[BaseModel],
    key: str,
    names: Sequence[str] | None = None,
    columns: int = 1,
    disabled: Sequence[str] = (),
) -> FieldValues:
    """Draw the fields of a settings model and return their values by name.

    The values outlive leaving the page. They are within each field's range; pass them to
    `field_specs.parse_settings`.

    Args:
        model: `Augmentation` or `Training`.
        key: of the form, see `field_key`.
        names: fields to draw, in this order; by default all.
        columns: fields side by side on a wide page.
        disabled: fields that are shown but have no effect now.
    """
    by_name = {control.name: control for control in describe_fields(model)}
    cells = st.grid(columns, min_column_width=150) if columns > 1 else st.container()
    values: FieldValues = {}
    for name in names if names is not None else by_name:
        with cells:
            values[name] = _field_widget(by_name[name], field_key(key, name), name in disabled)
    return values


def fill_form(model: type[BaseModel], key: str, values: Mapping[str, Any]) -> None:
    """Set a form's fields before it is drawn: from a preset, a link or an earlier run."""
    for control in describe_fields(model):
        if control.name in values:
            shown = _to_widget(control, values[control.name])
            st.session_state[field_key(key, control.name)] = shown


def form_values(model: type[BaseModel], key: str) -> FieldValues:
    """Return a form's values without drawing it; defaults where it was never drawn."""
    values: FieldValues = {}
    for control in describe_fields(model):
        default = _to_widget(control, control.default)
        shown = st.session_state.get(field_key(key, control.name), default)
        values[control.name] = _from_widget(control, shown)
    return values


def _field_widget(control: FieldSpec, key: str, disabled: bool) -> Any:
    # The default goes into the session, not into the widget: given both, Streamlit would warn that
    # the value was set twice as soon as `fill_form` has set the field.
    if key not in st.session_state:
        st.session_state[key] = _to_widget(control, control.default)
    shared: dict[str, Any] = {
        "label": field_label(control),
        "help": _help_text(control),
        "key": key,
        "persist_state": "session",
        "disabled": disabled,
    }
    value: Any
    if control.kind == "bool":
        value = st.toggle(**shared)
    elif control.kind == "choice":
        value = st.selectbox(options=control.choices, **shared)
    elif control.scale == "log":
        value = _log_slider(control, shared)
    elif control.optional and control.kind in ("int", "float"):
        value = _number(control, {**shared, "placeholder": t("Automatic")})
    elif control.kind == "int" and _field_span(control) > _MAX_SLIDER_SPAN:
        value = _number(control, shared)
    else:
        value = _slider(control, shared)
    return _from_widget(control, value)


def _slider(control: FieldSpec, shared: dict[str, Any]) -> Any:
    number = int if control.kind == "int" else float
    assert control.low is not None and control.high is not None and control.step is not None
    return st.slider(
        min_value=number(control.low),
        max_value=number(control.high),
        step=number(control.step),
        format=_number_format(control),
        **shared,
    )


def _number(control: FieldSpec, shared: dict[str, Any]) -> Any:
    number = int if control.kind == "int" else float
    assert control.low is not None and control.high is not None
    return st.number_input(
        min_value=number(control.low),
        max_value=number(control.high),
        value=None if control.optional else "min",
        step=number(control.step or 1),
        **shared,
    )


def _log_slider(control: FieldSpec, shared: dict[str, Any]) -> Any:
    assert control.low is not None and control.high is not None
    # A value between the steps, as of a copied run, is a step too: Streamlit would reset it else.
    steps = set(log_steps(control.low, control.high)) | {st.session_state[shared["key"]]}
    return st.select_slider(options=sorted(steps), format_func=lambda value: f"{value:g}", **shared)


def log_steps(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of each power of ten from `low` to `high`."""
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    values = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [value for value in values if low <= value <= high]


def field_label(control: FieldSpec) -> str:
    """Return a field's label with its unit, translated."""
    return f"{t(control.label)} ({t(control.unit)})" if control.unit else t(control.label)


def _help_text(control: FieldSpec) -> str:
    """What a field does, and which values are usual."""
    if control.typical is None:
        return t(control.help)
    low, high = (f"{value:g}" for value in control.typical)
    unit = t(control.unit) if control.unit else ""
    usual = t("Typical: {low} to {high} {unit}", low=low, high=high, unit=unit)
    return f"{t(control.help)}\n\n{usual.strip()}"


def _number_format(control: FieldSpec) -> str:
    step = control.step or 1
    return f"%.{max(0, -floor(log10(step)))}f"


def _field_span(control: FieldSpec) -> float:
    return (control.high or 0) - (control.low or 0)


def _to_widget(control: FieldSpec, value: Any) -> Any:
    if control.kind == "range":
        return tuple(value) if value is not None else UNCHANGED
    if value is not None and control.kind == "float":
        return float(value)
    return value


def _from_widget(control: FieldSpec, value: Any) -> Any:
    if control.kind == "range":
        return None if control.optional and tuple(value) == UNCHANGED else tuple(value)
    return value
