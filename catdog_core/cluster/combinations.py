"""Combinations of what fields may be: all of them, or some drawn by a seed. Light."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Mapping
from typing import Any

from ..fields import Settings

_DIGITS = 3  # of a number drawn from a range: finer differences are none to learn from
_TRIES = 50  # draws for one new combination


class Range(Settings):
    """Numbers to draw from, both ends included; `log` gives every factor of ten the same share."""

    low: float
    high: float
    log: bool = False


Choice = tuple[Any, ...] | Range
"""What one field may be: these values, or numbers of a range."""


def size(choice: Choice) -> int:
    """How many values a choice has; of a range, more than anybody tries."""
    return 10**9 if isinstance(choice, Range) else len(choice)


def of(
    fields: Mapping[str, Choice], whole: Collection[str], samples: int | None, seed: int
) -> list[dict[str, Any]]:
    """Combinations as values by field name, no two the same.

    Args:
        fields: what each field may be; without `samples` there may be no range among them.
        whole: the fields whose numbers are whole ones.
        samples: how many to draw, None for all there are.
        seed: of the drawing; the same one gives the same combinations.
    """
    if samples is None:
        return _all(fields)
    rng = random.Random(seed)
    if math.prod(map(size, fields.values())) <= samples:
        return _all(fields)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}  # by its values, which can be hashed
    for _ in range(samples * _TRIES):
        one = {name: _draw(choice, name in whole, rng) for name, choice in fields.items()}
        found.setdefault(tuple(one.values()), one)
        if len(found) == samples:
            break
    return list(found.values())


def _all(fields: Mapping[str, Choice]) -> list[dict[str, Any]]:
    lists = [choice for choice in fields.values() if not isinstance(choice, Range)]
    return [dict(zip(fields, values, strict=True)) for values in itertools.product(*lists)]


def _draw(choice: Choice, is_whole: bool, rng: random.Random) -> Any:
    if not isinstance(choice, Range):
        return rng.choice(choice)
    if choice.log:
        value = math.exp(rng.uniform(math.log(choice.low), math.log(choice.high)))
    else:
        value = rng.uniform(choice.low, choice.high)
    if is_whole:
        return round(value)
    return min(max(float(f"{value:.{_DIGITS}g}"), choice.low), choice.high)
