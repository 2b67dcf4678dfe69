"""Parse the grid of a sweep and list its combinations of settings. Imports no TensorFlow.

    {"settings": {"learning_rate": [1e-4, 1e-3], "dropout": {"low": 0, "high": 0.5}},
     "augmentation": {"rotation_range": [0, 20]}, "samples": 8, "seed": 0,
     "asha": {"grace": 2, "reduction": 3}}

`settings` are fields of a training, or of a network of one's own; `augmentation` those of an
augmentation. Every value is checked as a form's or a flag's would be. Without `samples` all
combinations are made; with it so many are drawn by `seed`, which ranges need.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from ..base import bounded_readers, field_specs, files
from ..base.errors import SettingsError
from ..base.field_specs import FieldSpec, Settings
from ..config import Augmentation, Network, Training

MAX_RUNS = 500
"""Runs of one sweep: what the lists of the pages hold at once."""
_MAX_BYTES = 100_000  # of a grid's file
_MAX_VALUES = 1000  # of a field, each of which is compared with all others
_SIGNIFICANT_DIGITS = 3  # of a number drawn from a range: finer differences are none to learn from
_DRAWS_PER_SAMPLE = 50  # draws for one new combination


class Range(Settings):
    """Numbers to draw from, both ends included; `log` gives every factor of ten the same share."""

    low: float
    high: float
    log: bool = False


ParamSpace = tuple[Any, ...] | Range
"""What one field may be: these values, or numbers of a range."""


class Asha(Settings):
    """When a bad trial is stopped early, by asynchronous successive halving.

    Li et al., 2020, "A System for Massively Parallel Hyperparameter Tuning", arXiv:1810.05934.

    After `grace` epochs, and again each time it has trained `reduction` times as long, a trial goes
    on only if it is among the best 1/`reduction` of those that came as far.
    """

    grace: int = Field(2, ge=1, le=1000)
    reduction: int = Field(3, ge=2, le=10)

    def rungs(self, epochs: int) -> list[int]:
        """Return the epochs, each below `epochs`, after which trials are compared (the rungs)."""
        rung_epochs, at = [], self.grace
        while at < epochs:
            rung_epochs.append(at)
            at *= self.reduction
        return rung_epochs

    def share(self, epochs: int) -> float:
        """Return the least share of all epochs that is trained, 0..1.

        Of the trials at a rung, 1/`reduction` go on.
        """
        spent, alive, before = 0.0, 1.0, 0
        for at in [*self.rungs(epochs), epochs]:
            spent += alive * (at - before)
            alive, before = alive / self.reduction, at
        return spent / epochs


class Grid(Settings):
    """What a sweep tries. `samples` is None for all combinations."""

    settings: dict[str, ParamSpace] = Field(default_factory=dict)
    augmentation: dict[str, ParamSpace] = Field(default_factory=dict)
    samples: int | None = Field(None, ge=1, le=MAX_RUNS)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    asha: Asha | None = None

    @property
    def fields(self) -> dict[str, ParamSpace]:
        """All fields; those of the augmentation as ``augmentation.name``."""
        return {
            **self.settings,
            **{f"augmentation.{name}": choice for name, choice in self.augmentation.items()},
        }

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of the fields that differ between runs."""
        return tuple(name for name, choice in self.fields.items() if _count_values(choice) > 1)

    @property
    def size(self) -> int:
        """How many combinations there are, or how many are drawn of more."""
        every = math.prod(map(_count_values, self.fields.values()))
        return every if self.samples is None else min(self.samples, every)


_SETTINGS_MODELS: dict[str, tuple[type[BaseModel], ...]] = {
    "settings": (Training, Network),
    "augmentation": (Augmentation,),
}
"""Whose fields each part of a grid may name."""


def searchable_fields(part: str) -> dict[str, tuple[type[BaseModel], FieldSpec]]:
    """Return the fields one part of a grid may name, with the settings model of each."""
    return {
        c.name: (model, c)
        for model in _SETTINGS_MODELS[part]
        for c in field_specs.describe_fields(model)
    }


def load_grid(path: Path | str) -> Grid:
    """Read and check the grid in a JSON file.

    Raises:
        CatDogError: there is no such file, it is no JSON, or no grid.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        raise SettingsError(
            "{path} is larger than {most} bytes. Use a grid, which is a small JSON file.",
            path=files.truncate_for_display(str(path), 200),
            most=_MAX_BYTES,
        )
    return parse_grid(files.read_json(path, max_bytes=bounded_readers.SMALL_BYTES))


def parse_grid(values: Any) -> Grid:
    """Check a grid from outside.

    Raises:
        SettingsError: naming the field, what was received and what is accepted.
    """
    if isinstance(values, dict):
        values = {name: value for name, value in values.items() if value is not None}
        values |= {
            part: _parse_part(values[part], part) for part in _SETTINGS_MODELS if values.get(part)
        }
    grid = field_specs.parse_settings(Grid, values, "The grid")
    if not grid.varied:
        raise SettingsError(
            "The grid changes nothing. Give at least one field two values or a range."
        )
    ranges = [name for name, choice in grid.fields.items() if isinstance(choice, Range)]
    if ranges and grid.samples is None:
        raise SettingsError(
            "In the grid, {name} is a range with endless values. Set 'samples' to the number of "
            "combinations to draw.",
            name=ranges[0],
        )
    if grid.size > MAX_RUNS:
        raise SettingsError(
            "The grid has {number} combinations, but the limit is {most}. Set 'samples' to draw a "
            "smaller number.",
            number=grid.size,
            most=MAX_RUNS,
        )
    if grid.asha and "monitor" in grid.varied:
        raise SettingsError(
            "With 'asha', the grid must judge all runs by the same metric. Give monitor one value."
        )
    return grid


def sample_grid(grid: Grid) -> list[dict[str, Any]]:
    """List the distinct combinations of a grid, as values by field name; drawn by its seed."""
    fields = grid.fields
    if grid.samples is None or math.prod(map(_count_values, fields.values())) <= grid.samples:
        lists = [choice for choice in fields.values() if not isinstance(choice, Range)]
        return [dict(zip(fields, values, strict=True)) for values in itertools.product(*lists)]
    rng = random.Random(grid.seed)
    combinations: dict[tuple[Any, ...], dict[str, Any]] = {}  # by its values, which can be hashed
    for _ in range(grid.samples * _DRAWS_PER_SAMPLE):
        drawn = {name: _draw_value(name, choice, rng) for name, choice in fields.items()}
        combinations.setdefault(tuple(drawn.values()), drawn)
        if len(combinations) == grid.samples:
            break
    return list(combinations.values())


def _count_values(choice: ParamSpace) -> int:
    """Count the values of a choice; a range counts as 10⁹."""
    return 10**9 if isinstance(choice, Range) else len(choice)


def _draw_value(name: str, choice: ParamSpace, rng: random.Random) -> Any:
    if not isinstance(choice, Range):
        return rng.choice(choice)
    if choice.log:
        value = math.exp(rng.uniform(math.log(choice.low), math.log(choice.high)))
    else:
        value = rng.uniform(choice.low, choice.high)
    part, _, own = name.rpartition(".")
    if searchable_fields(part or "settings")[own][1].kind == "int":
        return round(value)
    return min(max(float(f"{value:.{_SIGNIFICANT_DIGITS}g}"), choice.low), choice.high)


def _parse_part(choices: Any, part: str) -> dict[str, Any]:
    """Parse the choices of one part of a grid, each value checked against its field."""
    if not isinstance(choices, Mapping):
        raise SettingsError(
            "In the grid, {part} is {received}. Give an object of fields, each with a list of "
            "values or a range.",
            part=part,
            received=repr(choices)[:60],
        )
    known = searchable_fields(part)
    parsed = {}
    for name, choice in choices.items():
        if name not in known:
            raise SettingsError(
                "The grid has no setting '{name}' in {part}. Use one of: {names}.",
                name=files.truncate_for_display(str(name), 60),
                part=part,
                names=", ".join(known),
            )
        parsed[name] = _parse_param_space(*known[name], choice)
    return parsed


def _parse_param_space(model: type[BaseModel], control: FieldSpec, choice: Any) -> Any:
    """Parse one choice: at least one valid value, or a range with low < high."""

    def checked(value: Any) -> Any:
        return getattr(
            field_specs.parse_settings(model, {control.name: value}, "The grid"), control.name
        )

    is_number = control.kind in ("int", "float")
    if isinstance(choice, (list, tuple)) and 0 < len(choice) <= _MAX_VALUES:
        values = [checked(value) for value in choice]
        return tuple(value for n, value in enumerate(values) if value not in values[:n])
    if (
        isinstance(choice, Mapping)
        and is_number
        and {"low", "high"} <= set(choice) <= set(Range.model_fields)
    ):
        low, high, log = checked(choice["low"]), checked(choice["high"]), choice.get("log", False)
        ordered = low is not None and high is not None and low < high
        if ordered and isinstance(log, bool) and (low > 0 or not log):
            return {"low": low, "high": high, "log": log}
    params = {
        "name": control.name,
        "received": repr(dict(choice) if isinstance(choice, Mapping) else choice)[:80],
        "most": _MAX_VALUES,
        "accepted": field_specs.describe_accepted_values(control),
    }
    if is_number:
        raise SettingsError(
            "In the grid, {name} is {received}. Give a list of 1 to {most} values or a range such "
            'as {{"low": 1, "high": 2}}, each {accepted}. With "log", start the range above '
            "0.",
            **params,
        )
    raise SettingsError(
        "In the grid, {name} is {received}. Give a list of 1 to {most} values, each {accepted}.",
        **params,
    )
