"""What the charts of the Evaluate page show now, in sentences made from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catdog_core.files import shown
from catdog_core.insight import scores
from catdog_core.insight.predictions import Table
from catdog_core.insight.scores import Calibration, Curve, Result
from catdog_core.insight.versus import Versus

from ..phrases import percent
from ..words import N_, escape, t

MATRIX = N_(
    "A row holds the photos that truly are of a class, a column those that are called so; what"
    " lies on the diagonal is right. Click a cell to see its photos."
)
FIGURES = N_(
    "Precision: of the photos called so, how many are. Recall: of those that are, how many were"
    " found. F1: their harmonic mean."
)
MIX_UPS = N_(
    "Each line is a kind of mistake; the most frequent ones come first. Tick one to see its photos."
)
SPREAD = N_(
    "Each bar counts photos by the probability of {name} the model gave them. What lies right of"
    " the dashed line is called {name}; bars of the other colour there are mistakes."
)
ROC = N_(
    "Each point of the line is a threshold: how many photos of a class are found, and how many"
    " others are called so by mistake. Guessing lies on the dotted line, the best corner is the"
    " upper left."
)
PR = N_(
    "Each point is a threshold: going right more photos of a class are found, going down more of"
    " those called so are wrong. The best corner is the upper right."
)
CALIBRATION = N_(
    "Photos are sorted by the probability the model gave; the height tells how often it came true,"
    " a larger dot holds more photos. On the dotted line a model keeps its word."
)
_SURE = 0.02  # a difference of certainty and accuracy below this is called none


def matrix(result: Result, classes: Sequence[str]) -> str:
    """The most frequent mistake."""
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return t("None of the {n:,} photos is called wrong.", n=result.n)
    truth, guess = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return t(
        "{n:,} of {total:,} photos are called wrong. Most often {truth} are called {guess}:"
        " {count:,} of {support:,}.",
        n=int(wrong.sum()),
        total=result.n,
        truth=_name(classes, int(truth)),
        guess=_name(classes, int(guess)),
        count=int(wrong[truth, guess]),
        support=int(result.support[truth]),
    )


def figures(result: Result, classes: Sequence[str]) -> str:
    """The weakest class."""
    known = np.where(np.isfinite(result.f1), result.f1, np.inf)
    weakest = int(known.argmin())
    if not np.isfinite(known[weakest]):
        return ""
    return t(
        "The weakest class is {name}: {recall} of them are found, and of what is called so"
        " {precision} is.",
        name=_name(classes, weakest),
        recall=percent(float(result.recall[weakest])),
        precision=percent(float(result.precision[weakest])),
    )


def mix_ups(result: Result, found: Sequence[tuple[int, int, int]]) -> str:
    """How much of all mistakes the listed ones make."""
    listed = sum(count for _, _, count in found)
    wrong = result.n - result.right
    return t(
        "These {kinds:,} kinds make {share:.0%} of all {wrong:,} mistakes.",
        kinds=len(found),
        share=listed / wrong,
        wrong=wrong,
    )


def spread(table: Table, result: Result, threshold: float) -> str:
    """How many photos are in doubt, and the threshold that would suit these best."""
    doubt = int(((table.probabilities[:, 1] > 0.1) & (table.probabilities[:, 1] < 0.9)).sum())
    told = t(
        "{n:,} of {total:,} photos lie between 10 % and 90 %. The threshold now is {now:.2f}.",
        n=doubt,
        total=len(table),
        now=threshold,
    )
    best, accuracy = scores.best_threshold(table)
    if result.accuracy >= accuracy:
        no_better = t("No other would be right on more of these photos.")
        return f"{told} {no_better}"
    better = t(
        "At {best:.2f} most of these photos would be right, {accuracy:.1%}.",
        best=best,
        accuracy=accuracy,
    )
    return f"{told} {better}"


def roc(curves: Sequence[Curve], table: Table, result: Result) -> str:
    """The area, and where the threshold lies."""
    if not curves:
        return t("These photos are all of one class: there is no such curve.")
    if len(table.classes) > 2:
        return _areas(t("Areas: from {low} to {high}."), curves, table.classes)
    first, second = (_name(table.classes, label) for label in (0, 1))
    return t(
        "The area is {area:.3f}: of one photo each of {second} and {first} at random, the model"
        " ranks the pair right in {area:.1%} of cases. At the dot {found} of {second} are found,"
        " and {mistaken} of {first} are called {second}.",
        area=curves[0].area,
        first=first,
        second=second,
        found=percent(float(result.recall[1])),
        mistaken=percent(float(1 - result.recall[0])),
    )


def precision_recall(curves: Sequence[Curve], table: Table) -> str:
    """The areas: of each class, or from the worst to the best."""
    if len(table.classes) > 2:
        return _areas(t("Average precision: from {low} to {high}."), curves, table.classes)
    told = ", ".join(f"{_name(table.classes, c.label)} {c.area:.3f}" for c in curves)
    return t("The area, called average precision: {told}; 1 would be perfect.", told=told)


def calibration(found: Calibration, table: Table) -> str:
    """How far the model is from its word, and in which direction."""
    sure = float(table.probabilities.max(axis=1).mean())
    right = float((table.probabilities.argmax(axis=1) == table.labels).mean())
    told = t(
        "On average it is off by {error:.1f} points (expected calibration error): it is"
        " {sure:.1%} sure of its answers and right in {right:.1%}.",
        error=100 * found.error,
        sure=sure,
        right=right,
    )
    if abs(sure - right) < _SURE:
        return told
    way = t("It is too sure of itself.") if sure > right else t("It is too cautious.")
    return f"{told} {way}"


def ranked(order: str, table: Table, rows: NDArray[np.int64], threshold: float) -> str:
    """What a list of photos holds."""
    if not len(rows):
        return t("There is none.")
    if order == "loss":
        losses = scores.losses(table)
        few = max(1, len(rows) // 20)
        return t(
            "The loss is −ln of the probability given to the true class. The first {n:,} of"
            " {total:,} photos make {share:.0%} of all of it.",
            n=few,
            total=len(rows),
            share=float(losses[rows[:few]].sum() / losses.sum()),
        )
    if order == "uncertain":
        near = int((scores.margins(table, threshold) < 0.1).sum())
        return t(
            "Here a little more or less would change the answer. {n:,} of {total:,} photos lie"
            " within 10 points of another answer.",
            n=near,
            total=len(rows),
        )
    called = scores.guesses(table, threshold)[rows]
    sure = table.probabilities[rows, called]
    return t(
        "{n:,} answers are wrong, and {sure:,} of them were given with 90 % or more. Look whether"
        " the photo or its label is to blame.",
        n=len(rows),
        sure=int((sure >= 0.9).sum()),
    )


def versus(found: Versus, first: str, second: str) -> str:
    """Who fixes what, and whether that can be chance."""
    one, two = len(found.only_first), len(found.only_second)
    first, second = escape(first), escape(second)
    if one + two == 0:
        return t("Both models are right and wrong on the same photos.")
    told = t(
        "“{second}” is right on {two:,} photos where “{first}” is wrong, and wrong on {one:,} where"
        " “{first}” is right. Models equally good would differ by as much or more with a"
        " probability of {p} (McNemar's exact test)",
        first=first,
        second=second,
        one=one,
        two=two,
        p="< 0.001" if found.p < 0.001 else f"{found.p:.3f}",
    )
    if found.p >= 0.05:
        chance = t("that can well be chance.")
        return f"{told}: {chance}"
    better = second if two > one else first
    verdict = t("“{name}” is better on such photos.", name=better)
    return f"{told}: {verdict}"


def answer(table: Table, row: int, guess: int) -> tuple[str, str]:
    """A photo's answer, and the truth or that it is the truth."""
    said = t(
        "called {name}, {share:.1%}",
        name=shown(table.classes[guess], 40),
        share=float(table.probabilities[row, guess]),
    )
    truth = int(table.labels[row])
    if truth == guess:
        return said, t("✓ right")
    return said, t("✗ is {name}", name=shown(table.classes[truth], 40))


def _areas(told: str, curves: Sequence[Curve], classes: Sequence[str]) -> str:
    low, high = (pick(curves, key=lambda curve: curve.area) for pick in (min, max))
    named = {
        key: f"{_name(classes, curve.label)} {curve.area:.3f}"
        for key, curve in (("low", low), ("high", high))
    }
    return told.format(**named)


def _name(classes: Sequence[str], label: int) -> str:
    return escape(shown(classes[label], 40))
