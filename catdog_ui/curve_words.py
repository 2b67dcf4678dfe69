"""How the charts of trainings are read, and what they show now, in sentences from their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catdog_core.files import shown
from catdog_core.outcomes.contrast import Point

from . import charts
from .charts import Curve, Metric, Row
from .words import N_, escape, t

LIVE: dict[str, str] = {
    "accuracy": N_(
        "The higher, the more photos are called right. The band between the lines is the gap: what"
        " the network knows of its own photos only. The dotted line is guessing."
    ),
    "loss": N_(
        "The loss is the mean of −ln of the probability given to the true class: the lower, the"
        " better. Where validation rises while training falls, it overfits."
    ),
}
OVERLAY: dict[str, str] = {
    "accuracy": N_(
        "A colour and a symbol a run, solid on validation photos, dotted on training photos; the"
        " higher, the better. A ring marks where a run begins to overfit."
    ),
    "loss": N_(
        "The same runs by their loss; the lower, the better. A solid line that turns up while the"
        " dotted one falls is overfitting."
    ),
}
TWINS: dict[str, str] = {
    "accuracy": N_(
        "Above the plain run, below the augmented one, on the same axes; the band is the gap"
        " between training and validation accuracy."
    ),
    "loss": N_("The same by loss: the lower, the better, and the narrower the band, too."),
}
DATA = N_(
    "Each point is a run, further right with more training photos; from one mark of the axis to"
    " the next they about double. The higher, the better, and where bars overlap the difference"
    " may be chance."
)
SCHEDULE = N_("The height is the size of the steps by which the weights change, epoch by epoch.")
SEARCH = N_(
    "Each step took a higher rate than the one before; thin its own loss, thick the smoothed one."
    " Where it falls steeply the network learns, where it rises the steps are too large."
)
Found = tuple[int, float]  # an epoch from 0 and its value


def alt(metric: Metric) -> str:
    """What a chart of this metric is, for those who do not see it."""
    if metric == "accuracy":
        return t("Chart of accuracy over the epochs; the words below tell what it shows")
    return t("Chart of loss over the epochs; the words below tell what it shows")


def told(how: str, now: str) -> str:
    """How to read a chart, and in bold what it shows, as Markdown."""
    return f"{t(how)} **{now}**" if now else t(how)


def live(metric: Metric, curve: Curve) -> str:
    """Where the lines of one run stand, and the best of validation."""
    last = _last(metric, curve.epochs)
    if last is None:
        return t("The lines begin with the first whole epoch.")
    epoch, training, validation = last
    if metric == "accuracy":
        now = t(
            "After epoch {n} it calls {train:.1%} of the training photos right and {val:.1%} of the"
            " validation photos: a gap of {gap:.1f} points.",
            n=epoch + 1,
            train=training,
            val=validation,
            gap=100 * (training - validation),
        )
    else:
        now = t(
            "After epoch {n} the loss is {train:.3f} on training photos and {val:.3f} on validation"
            " photos.",
            n=epoch + 1,
            train=training,
            val=validation,
        )
    best = _best(metric, curve.epochs)
    if best is None or best[0] == epoch:
        no_better = t("Validation was never better.")
        return f"{now} {no_better}"
    value = _value(metric, best[1])
    then = t("Validation was best in epoch {n}: {value}.", n=best[0] + 1, value=value)
    return f"{now} {then}"


def overlay(metric: Metric, curves: Sequence[Curve]) -> str:
    """Which of several runs is best on validation photos, and by how much."""
    found = [(curve.name, best) for curve in curves if (best := _best(metric, curve.epochs))]
    if not found:
        return t("The lines begin with the first whole epoch.")
    sign = -1 if metric == "accuracy" else 1
    ordered = sorted(found, key=lambda entry: sign * entry[1][1])
    name, (epoch, value) = ordered[0]
    now = t(
        "Best on validation photos: {name} in epoch {n}, {value}.",
        name=_name(name),
        n=epoch + 1,
        value=_value(metric, value),
    )
    if len(ordered) == 1:
        return now
    second, (_, other) = ordered[1]
    if value == other:
        alike = t("{name} is as good.", name=_name(second))
        return f"{now} {alike}"
    away = abs(value - other)
    behind = t(
        "{name} comes next, {away} behind.",
        name=_name(second),
        away=t("{n:.1f} points", n=100 * away) if metric == "accuracy" else f"{away:.3f}",
    )
    return f"{now} {behind}"


def twins(metric: Metric, plain: Curve, augmented: Curve) -> str:
    """The gaps of both runs at the last epoch both have reached."""
    reached = {row["epoch"] for row in plain.epochs} & {row["epoch"] for row in augmented.epochs}
    one, two = (
        _last(metric, [row for row in curve.epochs if row["epoch"] in reached])
        for curve in (plain, augmented)
    )
    if one is None or two is None:
        return t("They can be compared when both have a whole epoch.")
    (epoch, *first), (_, *second) = one, two
    if metric == "loss":
        return t(
            "At epoch {n} the validation loss is {first:.3f} plain and {second:.3f} augmented.",
            n=epoch + 1,
            first=first[1],
            second=second[1],
        )
    return t(
        "At epoch {n} the gap is {first:.1f} points plain and {second:.1f} points augmented.",
        n=epoch + 1,
        first=100 * (first[0] - first[1]),
        second=100 * (second[0] - second[1]),
    )


def against_data(points: Sequence[Point], names: Mapping[tuple[str, bool], str]) -> str:
    """The highest point, and the lowest beside it."""
    best = max(points, key=lambda point: point.accuracy)
    least = min(points, key=lambda point: point.accuracy)
    now = t(
        "Highest: {name} with {n:,} photos, {value:.1%}.",
        name=escape(names[best.line]),
        n=best.photos,
        value=best.accuracy,
    )
    if least is best:
        return now
    low = t(
        "Lowest: {name} with {n:,} photos, {value:.1%}.",
        name=escape(names[least.line]),
        n=least.photos,
        value=least.accuracy,
    )
    return f"{now} {low}"


def schedule(points: Sequence[tuple[float, float]]) -> str:
    """Where the learning rate begins, is highest and ends."""
    peak = max(points, key=lambda point: point[1])
    return t(
        "It begins with {first:.2g}, is highest with {most:.2g} in epoch {n}, and ends with"
        " {last:.2g}.",
        first=points[0][1],
        most=peak[1],
        n=int(peak[0]) + 1,
        last=points[-1][1],
    )


def search(points: Sequence[tuple[float, float]], smoothed: Sequence[float]) -> str:
    """The rates tried, and where the smoothed loss was lowest."""
    place = min(range(len(smoothed)), key=smoothed.__getitem__)
    return t(
        "{n} rates from {low:.1g} to {high:.1g} were tried; the smoothed loss is lowest,"
        " {loss:.3f}, at {rate:.1g}.",
        n=len(points),
        low=points[0][0],
        high=points[-1][0],
        loss=smoothed[place],
        rate=points[place][0],
    )


def _last(metric: Metric, epochs: Sequence[Row]) -> tuple[int, float, float] | None:
    """The latest epoch, from 0, with both numbers: training's and validation's."""
    for row in reversed(epochs):
        pair = charts.finite(row.get(metric)), charts.finite(row.get(f"val_{metric}"))
        if pair[0] is not None and pair[1] is not None:
            return int(row["epoch"]), pair[0], pair[1]
    return None


def _best(metric: Metric, epochs: Sequence[Row]) -> Found | None:
    """The first epoch, from 0, with the best validation number."""
    found = [
        (int(row["epoch"]), value)
        for row in epochs
        if (value := charts.finite(row.get(f"val_{metric}"))) is not None
    ]
    pick: Any = max if metric == "accuracy" else min
    return pick(found, key=lambda entry: entry[1]) if found else None


def _value(metric: Metric, value: float) -> str:
    return f"{value:.1%}" if metric == "accuracy" else f"{value:.3f}"


def _name(name: str) -> str:
    return f"“{escape(shown(name, 40))}”"
