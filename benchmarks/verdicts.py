"""How often `diagnose` gives the verdict an expert gives: ``python -m benchmarks verdicts``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from catdog_core.analysis import diagnose

from .measure import console, table
from .verdict_cases import CASES, ExpertVerdict, VerdictCase, add_noise, to_rows

DRAWS = 200
"""Noisy draws of each history."""

_BY_MESSAGE: dict[str, ExpertVerdict] = {
    diagnose.NO_LEARNING: "not learning",
    diagnose.NO_LEARNING_BY_LOSS: "not learning",
    diagnose.NETWORK_DEAD: "not learning",
    diagnose.STILL_LEARNING: "improving",
    diagnose.GAP_GROWING: "improving",
    diagnose.NOISE_MEMORIZED: "label noise",
}
_BY_KIND: dict[str, ExpertVerdict] = {
    "too_short": "too early",
    "diverged": "diverged",
    "unstable": "unstable",
    "missed_class": "missed class",
    "wrong_labels": "wrong labels",
    "easy_validation": "easy validation",
    "overfitting": "overfitting",
    "underfitting": "underfitting",
    "healthy": "healthy",
}


def name_verdict(verdict: diagnose.Verdict) -> ExpertVerdict:
    """Return the expert's word for a verdict of `diagnose`."""
    return _BY_MESSAGE.get(verdict.message) or _BY_KIND[verdict.kind]


def find_faults(case: VerdictCase, verdict: diagnose.Verdict) -> list[str]:
    """Return what is wrong with a verdict on a case; nothing if the readers would agree.

    Wrong is a verdict of neither reader, none of the steps they ask for, or an overfitting that
    begins outside the epochs the expert gives.
    """
    name = name_verdict(verdict)
    if name not in (case.verdict, case.second):
        return [name]
    if name != case.verdict:
        return []
    faults = []
    if case.steps and not {step.id for step in verdict.steps} & set(case.steps):
        faults.append(f"advice: {', '.join(step.id for step in verdict.steps) or 'none'}")
    if case.since and verdict.since:
        first, last = (epoch + 1 for epoch in verdict.since)
        if last < case.since[0] or first > case.since[1]:
            faults.append(f"since epoch {first}")
    return faults


def draw_faults(case: VerdictCase, draws: int = DRAWS) -> Counter[str]:
    """Return what was wrong with the verdicts on noisy draws of a case, and how often."""
    faults: Counter[str] = Counter()
    for seed in range(draws):
        random = np.random.default_rng(seed)
        curves = add_noise(case.curves(random), case.context, random)
        faults.update(find_faults(case, diagnose.diagnose(to_rows(curves), case.context)))
    return faults


def verdicts(_: Path | None = None) -> None:
    """Print for each history how many of its noisy draws get another verdict than the expert's."""
    sheet = table(f"verdicts on {len(CASES)} histories", "expert", f"wrong of {DRAWS}", "what")
    worst = 0.0
    for case in CASES:
        faults = draw_faults(case)
        wrong = sum(faults.values())
        worst = max(worst, wrong / DRAWS)
        named = ", ".join(f"{name} {count}" for name, count in faults.most_common())
        sheet.add_row(case.name, case.verdict, f"{wrong}", named)
    console.print(sheet)
    console.print(f"At most {worst:.1%} wrong of any history.")
