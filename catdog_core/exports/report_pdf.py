"""A run's report as a PDF: verdict and curves, matrix and mistakes, settings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import figures, files
from ..insight import heat
from ..palette import GREEN, VERMILION
from . import fonts, report_data, report_words, tongue
from .report_data import Facts
from .report_words import name
from .tongue import Say

_PAGE = (8.27, 11.69)  # inches of A4
_LEFT, _WIDTH = 0.09, 0.82  # of the page
_SIGNS = 92  # in a line of text; a sign of Hangul counts as two
_MOST = 10  # classes that a matrix has room for


def write(source: Path, out: Path, say: Say | None = None) -> None:
    """Write the report as a PDF.

    Args:
        source: a run folder.
        out: the file to write or replace.
        say: puts messages into the reader's language; by default that of the environment, and
            English where no font here has its signs.

    Raises:
        RunError: it is no run, damaged, or has no whole epoch.
        CatDogError: the file cannot be written.
    """
    facts = report_data.gather(source)
    say = say or tongue.current()
    if not fonts.can_draw(say(report_words.KINDS["healthy"])):
        say = tongue.english
    pages = [_first(facts, say)]
    if facts.table is not None:
        pages.append(_second(facts, say))
    pages.append(_settings(facts, say))
    with files.replacing(out) as temporary, open(temporary, "wb") as file:
        figures.save_pages(pages, file)


def _blank() -> Any:
    return figures.empty(*_PAGE)


class _Column:
    """Texts one under the other, from the top of a page."""

    def __init__(self, figure: Any, top: float) -> None:
        self.figure, self.y = figure, top

    def add(self, text: str, size: float = 9.5, soft: bool = False, **style: Any) -> None:
        room = int(_SIGNS * 9.5 / size)
        for line in _wrapped(text, room):
            self.figure.text(
                _LEFT,
                self.y,
                line,
                fontsize=size,
                color="0.4" if soft else "0.05",
                va="top",
                parse_math=False,
                **style,
            )
            self.y -= size * 1.5 / 72 / _PAGE[1]

    def gap(self, inches: float = 0.14) -> None:
        self.y -= inches / _PAGE[1]


def _wrapped(text: str, room: int) -> list[str]:
    wide = sum(ord(sign) > 0x1100 for sign in text)
    room = max(20, int(room * len(text) / (len(text) + wide))) if text else room
    return textwrap.wrap(text, room) or [""]


def _first(facts: Facts, say: Say) -> Any:
    figure, run = _blank(), facts.run
    column = _Column(figure, 0.95)
    column.add(name(run.name or run.id), 20, weight="bold")
    column.gap(0.05)
    column.add(report_words.under_the_title(run), soft=True)
    column.gap()
    told = report_words.tiles(facts, say)
    for n, (label, value) in enumerate(told):
        left = _LEFT + n * _WIDTH / len(told)
        figure.text(left, column.y, label, fontsize=7, color="0.4", va="top", parse_math=False)
        figure.text(left, column.y - 0.014, value, fontsize=13, va="top", parse_math=False)
    column.gap(0.6)
    verdict = facts.verdict
    kind = say(report_words.KINDS[verdict.kind])
    title = say("The verdict")
    column.add(f"{title}: {kind}", 13, weight="bold")
    column.add(say(verdict.message, **verdict.params), 10.5)
    column.gap()
    steps, remarks = report_words.steps(facts, say)
    for heading, sentences in ((say("What to try next"), steps), (say("Worth knowing"), remarks)):
        if sentences:
            column.add(heading, weight="bold")
            for sentence in sentences:
                column.add(f"•  {sentence}", 9)
            column.gap(0.08)
    column.gap()
    column.add(say("Curves"), 13, weight="bold")
    column.add(say(report_words.CURVES), 9, soft=True)
    column.add(report_words.last_epoch(run, say), 9)
    top = max(column.y - 0.02, 0.32)
    for n, metric in enumerate(("accuracy", "loss")):
        axes = figure.add_axes((_LEFT + 0.05 + n * 0.43, top - 0.24, 0.34, 0.22))
        figures.draw_curves(axes, metric, run.epochs, run.best_epoch, say)
    return figure


def _second(facts: Facts, say: Say) -> Any:
    assert facts.result is not None
    figure = _blank()
    column = _Column(figure, 0.95)
    column.add(say("Confusion matrix"), 13, weight="bold")
    column.add(report_words.interval(facts.result, say))
    column.add(say(report_words.MATRIX), 9, soft=True)
    _matrix(figure, facts, column.y - 0.02, say)
    column.y -= 0.29
    if facts.mistakes:
        column.add(say("Worst mistakes"), 13, weight="bold")
        column.add(say(report_words.MISTAKES), 9, soft=True)
        _mistakes(figure, facts, column.y - 0.01, say)
    return figure


def _matrix(figure: Any, facts: Facts, top: float, say: Say) -> None:
    assert facts.result is not None and facts.table is not None
    counts, classes = facts.result.confusion[:_MOST, :_MOST], facts.table.classes[:_MOST]
    n, height = len(counts), 0.2
    axes = figure.add_axes((0.25, top - height - 0.03, 0.5, height))
    axes.set(xlim=(0, n), ylim=(n, 0))
    for row, column in ((r, c) for r in range(n) for c in range(n)):
        part = counts[row, column] / max(int(facts.result.support[row]), 1)
        color = GREEN if row == column else VERMILION
        alpha = 0.06 + 0.45 * part
        axes.add_patch(figures.rectangle(column, row, color, alpha))
        text = f"{counts[row, column]:,}"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=12)
    middles = [place + 0.5 for place in range(n)]
    called = [say("called {name}", name=name(text)[:18]) for text in classes]
    true = [say("is {name}", name=name(text)[:18]) for text in classes]
    axes.set_xticks(middles, called, fontsize=8, parse_math=False)
    axes.set_yticks(middles, true, fontsize=8, parse_math=False)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)


def _mistakes(figure: Any, facts: Facts, top: float, say: Say) -> None:
    """Photos in rows of three, each with its map beside it."""
    assert facts.table is not None
    classes = [name(text)[:18] for text in facts.table.classes]
    side, across = 0.128, 3
    down = side * _PAGE[0] / _PAGE[1]
    for n, mistake in enumerate(facts.mistakes[:12]):
        left = _LEFT + n % across * (2 * side + 0.025)
        lower = top - (n // across + 1) * (down + 0.032)
        shown = [mistake.photo]
        if mistake.heat is not None:
            shown.append(heat.overlay(mistake.photo, mistake.heat))
        for place, photo in enumerate(shown):
            axes = figure.add_axes((left + place * side, lower + 0.024, side - 0.004, down))
            axes.imshow(photo)
            axes.set_axis_off()
        called = say("called {name}, {share:.1%}", name=classes[mistake.guess], share=mistake.share)
        true = say("is {name}", name=classes[mistake.truth])
        for line, text in enumerate((f"{true}, {called}", name(mistake.file)[-44:])):
            y = lower + 0.02 - line * 0.0095
            figure.text(left, y, text, fontsize=6, color="0.3", va="top", parse_math=False)


def _settings(facts: Facts, say: Say) -> Any:
    figure, run = _blank(), facts.run
    column = _Column(figure, 0.95)
    column.add(say("Settings"), 13, weight="bold")
    parts: list[tuple[str, Sequence[tuple[str, str, bool]]]] = [
        (say("Photos"), report_words.data(run, say))
    ]
    if not run.is_history:
        parts.append((say("Training"), report_words.settings(run, say)))
        parts.append((say("Augmentation"), report_words.augmentation(run, say)))
    for title, rows in parts:
        if not rows:
            continue
        column.gap()
        column.add(title, 10.5, weight="bold")
        for label, value, other in rows:
            style = {"weight": "bold"} if other else {}
            figure.text(
                _LEFT + 0.34, column.y, value[:70], fontsize=9, va="top", parse_math=False, **style
            )
            column.add(label, 9, soft=True)
    return figure
