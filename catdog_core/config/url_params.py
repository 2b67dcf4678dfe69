"""Write settings as the query of a link, and read it: what differs from a starting point."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from ..base.errors import SettingsError
from ..base.field_specs import Settings, describe_fields, parse_settings

# Each character fits one part only: what fits two is tried in all ways, of a long text for ever.
_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?"
_LONGEST = 100  # characters of a value
_PAIR = re.compile(rf"({_NUMBER})-({_NUMBER})", re.ASCII)
S = TypeVar("S", bound=Settings)


def settings_to_query(settings: S, base: S) -> dict[str, str]:
    """Return the settings that differ from `base`, as short texts by name.

    Numbers are "30", truths "true" or "false", factors "0.7-1.3", choices their names.
    """
    return {
        control.name: _format_value(getattr(settings, control.name))
        for control in describe_fields(type(base))
        if getattr(settings, control.name) != getattr(base, control.name)
    }


def settings_from_query(query: Mapping[str, str], base: S) -> tuple[S, list[SettingsError]]:
    """Return the settings in a link's query; keys that are no setting belong to others.

    Args:
        query: texts by name, as from `settings_to_query`; they may hold anything.
        base: the settings where the query says nothing.

    Returns:
        The settings, and one error for each value that was refused and replaced by the base's.
    """
    model = type(base)
    values: dict[str, object] = {}
    refused = []
    for control in describe_fields(model):
        if control.name not in query:
            continue
        text = query[control.name]
        if len(text) > _LONGEST:
            text = text[:_LONGEST] + "…"  # no setting takes it, and the error shows it
        pair = _PAIR.fullmatch(text) if control.kind == "range" else None
        is_unset = control.optional and text == _UNSET
        value = {control.name: None if is_unset else pair.groups() if pair else text}
        try:
            parse_settings(model, value, "URL")
        except SettingsError as error:
            refused.append(
                SettingsError(
                    "{reason} The default, {default}, applies instead.",
                    reason=error,
                    default=_format_value(getattr(base, control.name)),
                )
            )
        else:
            values |= value
    return parse_settings(model, {**base.model_dump(), **values}, "URL"), refused


_UNSET = "1-1"  # no range of factors: the one that changes nothing; no number: as by default


def _format_value(value: object) -> str:
    if value is None:
        return _UNSET
    if isinstance(value, tuple):
        return "-".join(map(_format_value, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(abs(value)).removesuffix(".0")  # exact; no setting is below zero, but for -0.0
    return str(value)
