"""Define a settings field once, and read off it what forms, flags and checks need.

`field` gives a pydantic field its default, range, step, unit, label and help; `describe_fields`
lists a model's fields as `FieldSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from .errors import SettingsError


class Settings(BaseModel):
    """What every settings model shares: frozen, nothing unknown, no infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def field(
    default: Any,
    label: str,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    scale: Literal["linear", "log"] = "linear",
    typical: tuple[float, float] | None = None,
    one_sided: bool = False,
) -> Any:
    """Define a field of a settings model, with all that a form, a flag and a check need to know.

    Args:
        default: the value where nothing is said.
        label: a short name; a message id.
        help: what it does, in a sentence; a message id.
        low: the smallest value accepted.
        high: the largest value accepted.
        step: the distance of two values on a slider.
        unit: of the value; a message id.
        scale: how a slider spaces its values.
        typical: the range most trainings use, to say what is little and what is much.
        one_sided: values are drawn from the lowest up, not either way of what changes nothing.
    """
    extra = _extra(label, unit, low, high, step, scale, typical, one_sided)
    return Field(default, ge=low, le=high, title=label, description=help, json_schema_extra=extra)


def factor_range_field(label: str, help: str, *, high: float, typical: tuple[float, float]) -> Any:
    """Define a field for factors from 0 to `high`, (lowest, highest); None changes nothing."""
    extra = _extra(label, "×", 0.0, high, 0.05, "linear", typical)
    return Field(None, title=label, description=help, json_schema_extra=extra)


def _extra(
    label: str,
    unit: str,
    low: float | None,
    high: float | None,
    step: float | None,
    scale: str,
    typical: tuple[float, float] | None,
    one_sided: bool = False,
) -> dict[str, Any]:
    return {
        "label": label,
        "unit": unit,
        "step": step,
        "scale": scale,
        "low": low,
        "high": high,
        "typical": typical,
        "one_sided": one_sided,
    }


@dataclass(frozen=True)
class FieldSpec:
    """What a form or a flag needs to know of one settings field."""

    name: str
    label: str
    help: str
    unit: str
    kind: Literal["bool", "int", "float", "choice", "range"]
    default: Any
    low: float | None
    high: float | None
    step: float | None
    scale: Literal["linear", "log"]
    choices: tuple[str, ...]
    optional: bool
    typical: tuple[float, float] | None
    one_sided: bool


@cache
def describe_fields(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """Describe every field of a settings model that has a label, in its order.

    Others, such as a network within a training, are values of many parts: no flag or slider.
    """
    return tuple(
        _describe_field(name, field) for name, field in model.model_fields.items() if field.title
    )


def _describe_field(name: str, field: Any) -> FieldSpec:
    extra = field.json_schema_extra or {}
    options = get_args(field.annotation)
    optional = type(None) in options
    base: Any = field.annotation
    if optional:
        base = next(option for option in options if option is not type(None))
    kind: Any
    if get_origin(base) is Literal:
        kind = "choice"
    elif get_origin(base) is tuple:
        kind = "range"
    else:
        kind = {bool: "bool", int: "int", float: "float"}[base]
    return FieldSpec(
        name=name,
        label=extra["label"],
        help=field.description or "",
        unit=extra["unit"],
        kind=kind,
        default=field.default,
        low=extra["low"],
        high=extra["high"],
        step=extra["step"],
        scale=extra["scale"],
        choices=tuple(get_args(base)) if kind == "choice" else (),
        optional=optional,
        typical=extra["typical"],
        one_sided=extra["one_sided"],
    )


S = TypeVar("S", bound=BaseModel)


def parse_settings(model: type[S], values: Any, origin: str = "the settings") -> S:
    """Check values from outside (a file, a form, a link) and make settings of them.

    Args:
        model: `Augmentation` or `Training`.
        values: a mapping of field names to values.
        origin: where the values came from, named in the error.

    Raises:
        SettingsError: naming the first field that is unknown or out of range, what was received
            and what is accepted.
    """
    if not isinstance(values, dict):
        raise SettingsError(
            "{origin} has the type {received}. Use an object of settings by name.",
            origin=origin,
            received=type(values).__name__,
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain_validation_error(model, error.errors()[0], origin) from error


def describe_accepted_values(control: FieldSpec) -> str:
    """Say which values a control accepts: "0 to 180", "one of nearest, reflect, …"."""
    if control.kind == "bool":
        return "true or false"
    if control.kind == "choice":
        return "one of " + ", ".join(control.choices)
    low, high = f"{control.low:g}", f"{control.high:g}"
    if control.kind == "range":
        return f"two numbers from {low} to {high}, the smaller first"
    number = "a whole number" if control.kind == "int" else "a number"
    return f"{number} from {low} to {high}"


def is_settings(kind: Any) -> bool:
    """Tell whether a field's type is a settings model of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _explain_validation_error(
    model: type[BaseModel], problem: ErrorDetails, origin: str
) -> SettingsError:
    name, *inner = (str(part) for part in problem["loc"] or ("",))
    known = {control.name: control for control in describe_fields(model)}
    part = model.model_fields.get(name)
    if part is not None and name not in known:
        nested = next((kind for kind in get_args(part.annotation) if is_settings(kind)), None)
        if nested is not None and inner:
            problem = {**problem, "loc": tuple(inner)}
            return _explain_validation_error(nested, problem, f"{origin}, {name}")
        return SettingsError(
            "{origin}: {name} is {received}: {reason}.",
            origin=origin,
            name=name,
            received=repr(problem["input"])[:60],
            reason=problem["msg"],
        )
    if name not in known:
        return SettingsError(
            "{origin}: there's no setting '{name}'. Use one of: {names}.",
            origin=origin,
            name=name[:60],
            names=", ".join(known or model.model_fields),
        )
    return SettingsError(
        "{origin}: {name} is {received}. Use {accepted}.",
        origin=origin,
        name=name,
        received=repr(problem["input"])[:60],
        accepted=describe_accepted_values(known[name]),
    )
