"""Suggest a learning rate from the losses of a few steps whose rate rises from tiny to huge.

This is the learning rate range test (Smith, 2017, arXiv:1506.01186), read as follows.

First the loss stays flat, then it falls, then the steps are too large and it rises. The suggested
rate is where the loss falls most steeply, and at most a tenth of the rate with the lowest loss,
where steps are almost too large already. With photos that are hard to tell apart, 100 steps may
show no fall beyond the noise of the batches; then a tenth of the rate at which the loss rises for
good is suggested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10, sqrt
from statistics import mean, stdev

from ..base.errors import CatDogError
from ..base.field_specs import describe_fields
from ..config import Training

MIN_RATE, MAX_RATE = 1e-5, 1.0
STEPS = 100
DIVERGENCE_FACTOR = 1.5
"""The search ends when the smoothed loss exceeds its minimum by this factor."""
_SMOOTHING = 0.9  # of the moving average that smooths the losses
_MIN_STEPS = 20  # fewer show nothing; the first of them measure how noisy the losses are
_MIN_STANDARD_ERRORS = 6.0  # a larger change of the smoothed loss is not noise

Points = Sequence[tuple[float, float]]
"""(learning rate, loss of its step), the rates rising."""


@dataclass(frozen=True)
class RateSuggestion:
    """The result of a range test.

    Attributes:
        points: (learning rate, loss) of each step, rates rising.
        smoothed: the moving average of the losses, one for each finite loss.
        rate: the suggested learning rate, rounded to one digit.
        falls: True where the loss fell clearly; False where only its rise was clear.
    """

    points: list[tuple[float, float]]
    smoothed: list[float]
    rate: float
    falls: bool


def rate_at(step: int, steps: int = STEPS) -> float:
    """Return the learning rate of a step, counted from 0; steps are equal factors apart."""
    return float(MIN_RATE * (MAX_RATE / MIN_RATE) ** (step / max(steps - 1, 1)))


def smooth_losses(losses: Sequence[float]) -> list[float]:
    """Return the exponential moving average of losses, corrected for its start at 0."""
    smoothed, average, weight = [], 0.0, 1.0
    for loss in losses:
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        weight *= _SMOOTHING
        smoothed.append(average / (1 - weight))
    return smoothed


def has_diverged(losses: Sequence[float]) -> bool:
    """Return whether the loss has diverged, so that higher rates show nothing more."""
    if not losses or not isfinite(losses[-1]):
        return bool(losses)
    smoothed = smooth_losses(losses)
    return len(losses) >= _MIN_STEPS and smoothed[-1] > DIVERGENCE_FACTOR * min(smoothed)


def suggest_rate(points: Points) -> RateSuggestion:
    """Suggest a learning rate, rounded to one digit.

    Raises:
        CatDogError: the loss neither fell nor rose, so there is no suggestion.
    """
    usable = [(rate, loss) for rate, loss in points if isfinite(loss)]
    losses = [loss for _, loss in usable]
    smoothed = smooth_losses(losses)
    if len(usable) >= _MIN_STEPS:
        start = mean(losses[:_MIN_STEPS])
        clear = (
            _MIN_STANDARD_ERRORS
            * stdev(losses[:_MIN_STEPS])
            * sqrt((1 - _SMOOTHING) / (1 + _SMOOTHING))
        )
        settled = range(_MIN_STEPS - 1, len(smoothed))  # earlier averages hold too few losses
        # After the loss has risen for good, a diverged network only guesses: ignore what follows.
        risen = next((n for n in settled if smoothed[n] > start + clear), len(points))
        calm = [n for n in settled if n < risen] or [_MIN_STEPS - 1]
        lowest = min(calm, key=smoothed.__getitem__)
        if start - smoothed[lowest] > clear:
            rate = min(usable[_find_steepest(smoothed, lowest)][0], usable[lowest][0] / 10)
            return RateSuggestion(list(points), smoothed, _round_rate(rate), falls=True)
        if risen < len(points) or len(usable) < len(points):  # or became no number
            rate = usable[min(risen, len(usable) - 1)][0] / 10
            return RateSuggestion(list(points), smoothed, _round_rate(rate), falls=False)
    raise CatDogError(
        "The loss didn't change at any of {n} learning rates, so there's no suggestion. Check "
        "that the labels are right and the classes look different, or try larger batches.",
        n=len(usable),
    )


def _find_steepest(smoothed: Sequence[float], lowest: int) -> int:
    """Return the index where the losses fall most steeply before their lowest.

    Slopes are taken over a tenth of the steps, because neighboring losses differ by chance.
    """
    reach = max(2, len(smoothed) // 10)
    candidates = range(min(reach, lowest), lowest + 1)
    end = max(candidates, key=lambda at: smoothed[max(at - reach, 0)] - smoothed[at])
    return max(end - reach // 2, 0)


def _round_rate(rate: float) -> float:
    """Round to one significant digit, within the range of the setting."""
    control = next(c for c in describe_fields(Training) if c.name == "learning_rate")
    assert control.low is not None and control.high is not None
    rounded = float(f"{rate / 10 ** floor(log10(rate)):.0f}e{floor(log10(rate))}")
    return min(max(rounded, control.low), control.high)
