"""A grid: which settings a sweep tries, as lists of values or ranges to draw from. Light.

    {"settings": {"learning_rate": [1e-4, 1e-3], "dropout": {"low": 0, "high": 0.5}},
     "augmentation": {"rotation_range": [0, 20]}, "samples": 8, "seed": 0,
     "asha": {"grace": 2, "reduction": 3}}

`settings` are fields of a training, or of a network of one's own; `augmentation` those of an
augmentation. Every value is checked as a form's or a flag's would be. Without `samples` all
combinations are made; with it so many are drawn by `seed`, which ranges need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from .. import bounded, controls, files
from ..controls import Control
from ..errors import SettingsError
from ..fields import Settings
from ..outcomes.experiments import Member
from ..settings import NETWORKS, NO_AUGMENTATION, Augmentation, Network, Training
from . import combinations
from .combinations import Choice, Range

MOST_RUNS = 500
"""Runs of one sweep: what the lists of the pages hold at once."""
_BYTES = 100_000  # of a grid's file
_MOST_VALUES = 1000  # of a field, each of which is compared with all others


class Asha(Settings):
    """When a bad trial is stopped early, by asynchronous successive halving (Li et al., 2020).

    After `grace` epochs, and again each time it has trained `reduction` times as long, a trial goes
    on only if it is among the best 1/`reduction` of those that came as far.
    """

    grace: int = Field(2, ge=1, le=1000)
    reduction: int = Field(3, ge=2, le=10)


class Grid(Settings):
    """What a sweep tries. `samples` is None for all combinations."""

    settings: dict[str, Choice] = Field(default_factory=dict)
    augmentation: dict[str, Choice] = Field(default_factory=dict)
    samples: int | None = Field(None, ge=1, le=MOST_RUNS)
    seed: int = Field(0, ge=0, le=2**31 - 1)
    asha: Asha | None = None

    @property
    def varied(self) -> tuple[str, ...]:
        """The names of the fields that differ between runs; of the augmentation as
        ``augmentation.name``."""
        return tuple(n for n, choice in _fields(self).items() if combinations.size(choice) > 1)

    @property
    def size(self) -> int:
        """How many combinations there are, or how many are drawn of more."""
        whole = math.prod(map(combinations.size, _fields(self).values()))
        return whole if self.samples is None else min(self.samples, whole)


def read(path: Path | str) -> Grid:
    """The grid in a JSON file.

    Raises:
        CatDogError: there is no such file, it is no JSON, or no grid.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > _BYTES:
        raise SettingsError(
            "{path} is larger than {most} bytes. Expected a grid, a small JSON file.",
            path=files.shown(str(path), 200),
            most=_BYTES,
        )
    return parse(files.read_json(path, most=bounded.SMALL_BYTES))


def parse(values: Any) -> Grid:
    """A grid from outside, checked.

    Raises:
        SettingsError: naming the field, what was received and what is accepted.
    """
    if not isinstance(values, dict):
        raise SettingsError(
            "The grid is {received}. Expected an object with 'settings', 'augmentation' or both.",
            received=type(values).__name__,
        )
    unknown = [name for name in values if name not in Grid.model_fields]
    if unknown:
        raise SettingsError(
            "The grid: there is no '{name}'. Expected {names}.",
            name=files.shown(str(unknown[0]), 60),
            names=", ".join(Grid.model_fields),
        )
    trained = _choices(values.get("settings"), (Training, Network), "settings")
    augmented = _choices(values.get("augmentation"), (Augmentation,), "augmentation")
    rest = {key: values[key] for key in ("samples", "seed", "asha") if key in values}
    asha = values.get("asha")
    if isinstance(asha, dict) and not set(asha) <= set(Asha.model_fields):
        raise SettingsError(
            "The grid: asha is {received}. Expected 'grace' (1 to 1000 epochs) and 'reduction' (2"
            " to 10), or null.",
            received=repr(asha)[:80],
        )
    grid = controls.parse(
        Grid, {**rest, "settings": trained, "augmentation": augmented}, "The grid"
    )
    _refuse(grid)
    return grid


def members(
    grid: Grid, training: Training, augmentation: Augmentation | None
) -> tuple[Member, ...]:
    """The runs of a sweep, named by what differs; the same grid gives the same ones.

    Args:
        grid: what to try.
        training: what all runs have in common.
        augmentation: likewise; None for none.

    Raises:
        SettingsError: a combination does not go together, or the model has no such part.
    """
    fields = _fields(grid)
    whole = {name for name in fields if _is_whole(name)}
    found = []
    for change in combinations.of(fields, whole, grid.samples, grid.seed):
        differs = {name: change[name] for name in grid.varied}
        name = ", ".join(f"{_words(key)} {_value(value)}" for key, value in differs.items())
        changed = _augmented(grid, change, augmentation)
        found.append(Member(name or "as given", _trained(grid, change, training), changed))
    return tuple(found)


def _choices(
    given: Any, models: tuple[type[BaseModel], ...], part: str
) -> dict[str, tuple[Any, ...] | dict[str, Any]]:
    """The choices of one part of a grid, each of their values checked against its field."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SettingsError(
            "The grid: {part} is {received}. Expected an object of fields, each with a list of"
            " values or a range.",
            part=part,
            received=repr(given)[:60],
        )
    known = {c.name: (model, c) for model in models for c in controls.controls(model)}
    found: dict[str, tuple[Any, ...] | dict[str, Any]] = {}
    for name, choice in given.items():
        if name not in known:
            raise SettingsError(
                "The grid: there is no setting '{name}' in {part}. Expected one of: {names}.",
                name=files.shown(str(name), 60),
                part=part,
                names=", ".join(known),
            )
        found[name] = _choice(known[name][0], known[name][1], choice)
    return found


def _choice(
    model: type[BaseModel], control: Control, choice: Any
) -> tuple[Any, ...] | dict[str, Any]:
    if isinstance(choice, Mapping):
        return _range(model, control, choice)
    if not isinstance(choice, (list, tuple)) or not choice:
        raise SettingsError(
            "The grid: {name} is {received}. Expected a list of values such as [1, 2], or a range"
            ' such as {{"low": 0, "high": 1}}.',
            name=control.name,
            received=repr(choice)[:60],
        )
    if len(choice) > _MOST_VALUES:  # before each is checked and compared with all others
        raise SettingsError(
            "The grid: {name} lists {number:,} values. Give at most {most}, or a range to draw"
            " from.",
            name=control.name,
            number=len(choice),
            most=_MOST_VALUES,
        )
    checked = [_checked(model, control.name, value) for value in choice]
    return tuple(value for n, value in enumerate(checked) if value not in checked[:n])


def _range(model: type[BaseModel], control: Control, choice: Mapping[str, Any]) -> dict[str, Any]:
    known = set(Range.model_fields)
    if control.kind not in ("int", "float") or not {"low", "high"} <= set(choice) <= known:
        raise SettingsError(
            "The grid: {name} is {received}. Expected {expected}.",
            name=control.name,
            received=repr(dict(choice))[:80],
            expected=f"a list of values, each {controls.accepted(control)}"
            if control.kind not in ("int", "float")
            else 'a range with "low", "high" and, if you like, "log"',
        )
    low, high = (_checked(model, control.name, choice[end]) for end in ("low", "high"))
    log = choice.get("log", False)
    ordered = low is not None and high is not None and low < high
    if not ordered or not isinstance(log, bool) or (log and low <= 0):
        raise SettingsError(
            "The grid: the range of {name} is {received}. Expected low below high, both"
            " {accepted}, and above 0 where log is true.",
            name=control.name,
            received=repr(dict(choice))[:80],
            accepted=controls.accepted(control),
        )
    return {"low": low, "high": high, "log": log}


def _checked(model: type[BaseModel], name: str, value: Any) -> Any:
    return getattr(controls.parse(model, {name: value}, "The grid"), name)


def _refuse(grid: Grid) -> None:
    if not grid.varied:
        raise SettingsError(
            "The grid changes nothing. Expected at least one field with two values or a range."
        )
    ranges = [name for name, choice in _fields(grid).items() if isinstance(choice, Range)]
    if ranges and grid.samples is None:
        raise SettingsError(
            "The grid: {name} is a range, which has no end of values. Expected 'samples', how many"
            " combinations to draw.",
            name=ranges[0],
        )
    if grid.size > MOST_RUNS:
        raise SettingsError(
            "The grid has {number} combinations. Expected at most {most}. Give 'samples' to draw so"
            " many of them.",
            number=grid.size,
            most=MOST_RUNS,
        )
    if grid.asha and "monitor" in grid.varied:
        raise SettingsError(
            "The grid: with 'asha' all runs are judged by the same figure. Expected one value of"
            " monitor."
        )


def _fields(grid: Grid) -> dict[str, Choice]:
    """All fields of a grid, those of the augmentation with its name before theirs."""
    return {
        **grid.settings,
        **{f"augmentation.{name}": choice for name, choice in grid.augmentation.items()},
    }


def _is_whole(name: str) -> bool:
    models = (Training, Network, Augmentation)
    known = {c.name: c for model in models for c in controls.controls(model)}
    return known[name.removeprefix("augmentation.")].kind == "int"


def _trained(grid: Grid, change: dict[str, Any], training: Training) -> Training:
    """The training of one run; parts of the network make it one of the user's own."""
    fields = Training.model_fields
    values = {name: change[name] for name in grid.settings if name in fields}
    built = {name: change[name] for name in grid.settings if name not in fields}
    if built:
        model = values.get("model", training.model)
        base = training.network or NETWORKS.get("notes" if model == "custom" else model)
        if base is None:
            raise SettingsError(
                "The grid: {name} is a part of a network of blocks, and '{model}' is none. Expected"
                " one of {names}.",
                name=next(iter(built)),
                model=model,
                names=", ".join(("custom", *NETWORKS)),
            )
        values |= {"model": "custom", "network": {**base.model_dump(), **built}}
    return controls.parse(Training, {**training.model_dump(), **values}, "The grid")


def _augmented(
    grid: Grid, change: dict[str, Any], augmentation: Augmentation | None
) -> Augmentation | None:
    if not grid.augmentation:
        return augmentation
    values = {name: change[f"augmentation.{name}"] for name in grid.augmentation}
    base = augmentation or NO_AUGMENTATION
    made = controls.parse(Augmentation, {**base.model_dump(), **values}, "The grid")
    return None if made.is_off else made


def _words(name: str) -> str:
    return name.removeprefix("augmentation.").replace("_", " ")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
