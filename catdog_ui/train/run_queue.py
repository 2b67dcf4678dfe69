"""Where a run stands in the queue: whose runs are before it, and how long that will take."""

from __future__ import annotations

from catdog_core import runs
from catdog_core.files import shown
from catdog_core.runs import Run
from catdog_core.training import waiting_line

from .. import phrases
from ..words import escape, t

_NAMED = 3
"""Runs named at most."""


def told(run: Run) -> str:
    """A run that waits, in a sentence or two of Markdown."""
    line = waiting_line.before(run, runs.listing())
    if not line.ahead:
        return t("Starting the training process…")
    names = [_name(other) for other in line.ahead[:_NAMED]]
    if len(line.ahead) > _NAMED:
        names.append(t("{n} more", n=len(line.ahead) - _NAMED))
    first = t(
        "It waits for its turn. Before it: {names}.",
        names=", ".join(names),
    )
    if line.seconds is not None:
        first += " " + t("That may take about {time}.", time=phrases.duration(line.seconds))
    return first + " " + t("It starts by itself; you may leave the page.")


def _name(run: Run) -> str:
    name = escape(shown(run.name or run.id))
    if not run.owner:
        return f"“{name}”"
    return t("“{run}” of {owner}", run=name, owner=escape(shown(run.owner)))
