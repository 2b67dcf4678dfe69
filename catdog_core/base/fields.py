"""A settings field: its default, range, step, unit, label and words of help, all in one place."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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
    one_way: bool = False,
) -> Any:
    """A field of a settings model, with all that a form, a flag and a check need to know.

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
        one_way: values are drawn from the lowest up, not either way of what changes nothing.
    """
    extra = _extra(label, unit, low, high, step, scale, typical, one_way)
    return Field(default, ge=low, le=high, title=label, description=help, json_schema_extra=extra)


def factor_range_field(label: str, help: str, *, high: float, typical: tuple[float, float]) -> Any:
    """A field for a range of factors, (lowest, highest) from 0 to `high`; None changes nothing."""
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
    one_way: bool = False,
) -> dict[str, Any]:
    return {
        "label": label,
        "unit": unit,
        "step": step,
        "scale": scale,
        "low": low,
        "high": high,
        "typical": typical,
        "one_way": one_way,
    }
