"""Sweeps in words: values of settings, and what the chart of a sweep shows now."""

from __future__ import annotations

from typing import Any

from catdog_core.cluster.combinations import Choice, Range
from catdog_core.cluster.grid import Asha, Grid
from catdog_core.controls import controls
from catdog_core.files import shown
from catdog_core.outcomes import sweep_table
from catdog_core.outcomes.sweep_table import Column, Link, Table
from catdog_core.runs import Run
from catdog_core.settings import Augmentation, Network, Training

from .. import phrases
from ..words import N_, escape, t

READ = N_(
    "Each line is a run: it crosses every axis at its value of that setting and ends at the foot"
    " at its best validation accuracy, which also gives it its colour, further right and bluer for"
    " better. A setting matters where lines of one colour keep to one side of its axis; dotted"
    " lines are runs that are not done or were ended early."
)
SURE = 0.05
"""From this chance on a correlation is told as one that may well be none."""


def label(column: Column) -> str:
    """An axis's name with its unit."""
    title = heading(column)
    return t("{name}, logarithmic", name=title) if column.scale == "log" else title


def number(value: float) -> str:
    """A number on an axis, short: "0.0001", "1,024"."""
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}"


def value(column: Column, given: Any) -> str:
    """One value of a column, without its unit where the axis tells it."""
    if column.name == "augmentation":
        return phrases.preset_or_own(given)
    if column.control is None:
        return str(given)
    if column.scale != "named":
        return number(given)
    return phrases.setting(column.control, given) if given is not None else t("unset")


def name(run: Run) -> str:
    """A run's name, without that of the sweep, which stands above and may be cut off in it."""
    own, dot, sweep = run.name.rpartition(" · ")
    is_known = dot and run.group.get("name", "").startswith(sweep)
    return own if is_known else run.name or run.id


def heading(column: Column) -> str:
    """A column's name in a table."""
    unit = column.control.unit if column.control and column.scale != "named" else ""
    return f"{t(column.label)} ({t(unit)})" if unit else t(column.label)


def cell(column: Column, place: int) -> Any:
    """The value of one run in a table: a number where it is one, so that it sorts as one."""
    given = column.values[place]
    return value(column, given) if column.scale == "named" else given


def settings(found: Table, place: int) -> str:
    """The values of one run and its result, a line each, as plain text."""
    lines = [
        f"{t(column.label)}: {value(column, column.values[place])}" for column in found.columns
    ]
    result = phrases.percent(found.results[place])
    return "\n".join([*lines, t("Best validation accuracy: {value}", value=result)])


def rungs(asha: Asha, epochs: int) -> list[int]:
    """After how many epochs trials are judged, the first after `grace`."""
    found, at = [], asha.grace
    while at < epochs:
        found.append(at)
        at *= asha.reduction
    return found


def share(asha: Asha, epochs: int) -> float:
    """Which part of all epochs is trained at best, 0..1: each rung passed by one of `reduction`."""
    spent, alive, before = 0.0, 1.0, 0
    for at in [*rungs(asha, epochs), epochs]:
        spent += alive * (at - before)
        alive, before = alive / asha.reduction, at
    return spent / epochs


def asha(chosen: Asha, epochs: int) -> str:
    """What early stopping of trials does, in a sentence."""
    there = rungs(chosen, epochs)
    if not there:
        return t(
            "With {n} epochs nobody is judged before the end; fewer epochs for every trial, or more"
            " epochs, let it end bad ones.",
            n=epochs,
        )
    return t(
        "Trials are judged after so many epochs: {epochs}. Only the best of those that came as far"
        " go on, one of {n}; the others end there, and their time goes to better ones. At best"
        " {share:.0%} of all epochs are trained.",
        epochs=", ".join(map(str, there)),
        n=chosen.reduction,
        share=share(chosen, epochs),
    )


def cost(core_seconds: float) -> str:
    """What was spent: processors times time."""
    if core_seconds < 600:
        return t("{n:.1f} core-minutes", n=core_seconds / 60)
    if core_seconds < 36000:
        return t("{n:,.0f} core-minutes", n=core_seconds / 60)
    return t("{n:,.1f} core-hours", n=core_seconds / 3600)


def grid(chosen: Grid, epochs: int) -> str:
    """What a sweep tries, and when it ends trials early, as Markdown."""
    found = []
    for part, choices in (("settings", chosen.settings), ("augmentation", chosen.augmentation)):
        for name, choice in choices.items():
            label = _field(part, name)
            found.append(f"{label}: {_choice(choice)}")
    how = (
        t("All combinations of {what}.", what="; ".join(found))
        if chosen.samples is None
        else t(
            "{n} combinations drawn with the seed {seed} of {what}.",
            n=chosen.samples,
            seed=chosen.seed,
            what="; ".join(found),
        )
    )
    return f"{how} {asha(chosen.asha, epochs)}" if chosen.asha else how


def _field(part: str, name: str) -> str:
    models = (Augmentation,) if part == "augmentation" else (Training, Network)
    known = {control.name: control for model in models for control in controls(model)}
    return t(known[name].label) if name in known else escape(name)


def _choice(choice: Choice) -> str:
    if isinstance(choice, Range):
        words = t("{low:g} to {high:g}", low=choice.low, high=choice.high)
        return t("{range}, every factor alike", range=words) if choice.log else words
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in choice)


def plan(
    count: int,
    seconds: float | None,
    grid: Grid,
    address: str | None,
    most: int | None,
    epochs: int,
) -> str:
    """How many runs a sweep makes, and how long they take, as Markdown.

    Args:
        count: of the runs.
        seconds: of all of them one after another, None where nobody knows.
        grid: what is tried.
        address: where, None for one after another.
        most: how many at once, None where that is not known.
        epochs: of each run.
    """
    first = t("**{n} runs.**", n=count)
    if seconds is None:
        return f"{first} " + t(
            "How long they take is not known yet: no run of this network has been timed here."
        )
    time = phrases.duration(seconds)
    if address is None:
        then = t("One after another about {time} here, while nothing else trains.", time=time)
        return f"{first} {then}"
    then = t("One after another they would take about {time} here.", time=time)
    if most is None:
        then += " " + t("A cluster trains as many at once as it has processors for.")
    elif min(most, count) > 1:
        then += " " + t(
            "{n} at once share its processors, so it takes hardly less unless some stand idle.",
            n=min(most, count),
        )
    if grid.asha and rungs(grid.asha, epochs):
        least = phrases.duration(seconds * share(grid.asha, epochs))
        then += " " + t("Ending bad trials early may bring it down to {time}.", time=least)
    return f"{first} {then}"


def now(found: Table) -> str:
    """What the chart shows now: the best run, and which setting goes with the result."""
    first = sweep_table.best(found)[0]
    if found.results[first] is None:
        return t("No run has a whole epoch yet; the lines reach the foot with the first.")
    best = t(
        "Best so far: “{name}” with {value}.",
        name=escape(shown(name(found.runs[first]), 40)),
        value=phrases.percent(found.results[first]),
    )
    return " ".join(filter(None, [best, _strongest(found), _unfinished(found)]))


def _strongest(found: Table) -> str:
    if not found.columns:
        return t("All settings of these runs are the same.")
    if found.measured < sweep_table.FEWEST:
        return t(
            "Which setting matters cannot be told from {n} results; it takes {least} at least.",
            n=found.measured,
            least=sweep_table.FEWEST,
        )
    if len({result for result in found.results if result is not None}) == 1:
        return t("All results are the same, so no setting stands out.")
    links = sweep_table.links(found)
    if not links:
        return t("No setting here has an order that could go with the result.")
    return _link(links[0], len(links))


def _unfinished(found: Table) -> str:
    """How many results are of runs that would have gone on."""
    early = sum(
        run.status != "done"
        for run, result in zip(found.runs, found.results, strict=True)
        if result is not None
    )
    if not early:
        return ""
    return t(
        "{n} of {all} results are of runs that have not trained to their end, and may be the lower"
        " for it.",
        n=early,
        all=found.measured,
    )


def _link(link: Link, count: int) -> str:
    params: dict[str, Any] = {
        "setting": escape(t(link.column.label)),
        "rho": f"{link.rho:+.2f}".replace("-", "−"),
        "n": link.n,
        "part": f"{link.chance:.0%}" if link.chance >= 0.01 else t("less than 1 %"),
        "side": _side(link),
    }
    if link.chance > SURE:
        return t(
            "{setting} goes with the result most, rank correlation {rho} over {n} runs (Spearman),"
            " but shuffled results look as strong in {part} of all cases: it may be chance. More"
            " runs tell more.",
            **params,
        )
    if count == 1:
        return t(
            "{setting} goes with the result: rank correlation {rho} over {n} runs (Spearman);"
            " shuffled results look as strong in {part} of all cases. {side}",
            **params,
        )
    return t(
        "Of the settings {setting} goes with the result most: rank correlation {rho} over {n} runs"
        " (Spearman); shuffled results look as strong in {part} of all cases. {side}",
        **params,
    )


def _side(link: Link) -> str:
    """Which end of the axis does better."""
    column = link.column
    if column.scale != "named":
        return t("Higher did better.") if link.rho > 0 else t("Lower did better.")
    better = column.order[-1] if link.rho > 0 else column.order[0]
    return t("“{value}” did better.", value=escape(value(column, better)))
