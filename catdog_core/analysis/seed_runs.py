"""Runs that differ in nothing but the seed: how far apart they are, and what that says of others.

A difference between two runs means something where it is larger than what seeds alone make. That
takes at least two seeds of both. With fewer, nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from ..base.errors import N_
from ..runs import Run, RunRecord, run_names
from . import comparability, seed_spread, sweep_table
from .diagnose import Remark


@dataclass(frozen=True)
class SeedSummary:
    """The best validation accuracies of a run's settings, one a seed.

    Attributes:
        accuracies: by seed, 0..1.
        planned: how many seeds train, or wait in an experiment.
        photos: validation photos of each.
        name: of the oldest of the runs.
    """

    accuracies: dict[int, float]
    planned: int
    photos: int
    name: str

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return fmean(self.accuracies.values())

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds, that of a sample; there are at least two."""
        return stdev(self.accuracies.values())


def find_seed_runs(run: Run, known: Sequence[RunRecord], is_planned: bool = False) -> list[Run]:
    """Return the runs that are done and differ from a run in nothing but the seed, one a seed.

    Args:
        run: counts, too, if it is among those known.
        known: runs of the workspace, the newest first, which go before older ones of their seed.
        is_planned: take those as well that train, or wait in an experiment.
    """
    wanted = _settings_of(run)
    found: dict[int, Run] = {}
    for one in known:
        if not isinstance(one, Run) or _settings_of(one) != wanted:
            continue
        is_paused = one.status in ("stopped", "lost")
        is_repeat = one.group.get("kind") == "repeat"  # resumed there, never planned twice
        waits = one.is_active or (is_paused and (is_repeat or (bool(one.group) and not one.epochs)))
        if one.status == "done" or (is_planned and waits):
            found.setdefault(one.training.seed, one)
    return list(found.values())


def summarize_seeds(run: RunRecord, known: Sequence[RunRecord]) -> SeedSummary | None:
    """Return what the seeds of a run's settings reached; None where none of them is done."""
    if not isinstance(run, Run):
        return None
    done = find_seed_runs(run, known)
    accuracies = {
        one.training.seed: accuracy
        for one in done
        if (accuracy := sweep_table.best_accuracy(one)) is not None
    }
    if not accuracies:
        return None
    planned = len(find_seed_runs(run, known, is_planned=True)) - len(done)
    oldest = min(done, key=lambda one: one.created)
    return SeedSummary(
        dict(sorted(accuracies.items())),
        planned,
        run.validation_photos,
        run_names.short_name(oldest, 40),
    )


def describe_seeds(runs: Sequence[RunRecord], known: Sequence[RunRecord]) -> list[Remark]:
    """Say what seeds make of runs, whether the first differs from each other one by more.

    Args:
        runs: at least one.
        known: all runs of the workspace, the newest first.

    Returns:
        A sentence a run of known settings that is done, one for each comparison, and what ± means.
        Runs of the same settings are one.
    """
    summaries: dict[Any, tuple[RunRecord, SeedSummary]] = {}
    for run in runs:
        summary = summarize_seeds(run, known)
        if summary is not None and isinstance(run, Run):
            summaries.setdefault(_settings_of(run), (run, summary))
    several = list(summaries.values())
    remarks = [_describe_summary(summary) for _, summary in several]
    for other in several[1:]:
        if comparability.are_comparable([several[0][0], other[0]]):
            remarks.append(_compare(several[0][1], other[1]))
    if any(len(summary.accuracies) > 1 for _, summary in several):
        remarks.append(Remark("meaning", MEANING))
    return remarks


def _describe_summary(summary: SeedSummary) -> Remark:
    n = len(summary.accuracies)
    params: dict[str, Any] = {"name": summary.name, "n": n, "mean": summary.mean}
    if n < 2:
        return Remark("one_seed", ONE_SEED, params)
    return Remark("seeds", SEVERAL_SEEDS, {**params, "deviation": 100 * summary.deviation})


def _compare(first: SeedSummary, second: SeedSummary) -> Remark:
    names = {"first": first.name, "second": second.name}
    values = [list(summary.accuracies.values()) for summary in (first, second)]
    if min(map(len, values)) < 2:
        return Remark("unknown", UNKNOWN, names)
    resolution = 1 / max(1, min(first.photos, second.photos))
    difference, sure = seed_spread.difference_with_interval(values[0], values[1], resolution)
    if difference > 0:  # the better one is named first
        names = {"first": names["second"], "second": names["first"]}
    params = {**names, "difference": 100 * abs(difference), "sure": 100 * sure}
    if abs(difference) > sure:
        return Remark("beyond_seeds", BEYOND_SEEDS, params)
    return Remark("within_seeds", WITHIN_SEEDS, params)


def _settings_of(run: Run) -> Any:
    """Return all that makes a run but its seed."""
    changes = run.augmentation
    return (
        run.dataset_fingerprint,
        run.classes,
        run.training.model_copy(update={"seed": 0}).model_dump_json(),
        None if changes is None or changes.is_off else changes,
        run.parent.get("id") if run.parent else None,
        run.pipeline,
    )


ONE_SEED = N_(
    "“{name}”: {mean:.1%} best validation accuracy with one seed. Another seed might change it."
)
SEVERAL_SEEDS = N_(
    "Best validation accuracy of “{name}” over {n} seeds: {mean:.1%} ± {deviation:.1f} points."
)
UNKNOWN = N_(
    "With one seed, you can't tell whether “{first}” and “{second}” really differ. Train both with "
    "at least 2 seeds."
)
BEYOND_SEEDS = N_(
    "“{first}” is {difference:.1f} ± {sure:.1f} percentage points better than “{second}”. Seeds"
    " alone don't explain that."
)
WITHIN_SEEDS = N_(
    "“{first}” is {difference:.1f} ± {sure:.1f} percentage points ahead of “{second}”. Seeds"
    " alone could explain that."
)
MEANING = N_(
    "± after an accuracy is the standard deviation over seeds. ± after a difference is its 95%"
    " confidence interval (Welch's t-test). Neither accounts for the choice of validation"
    " photos."
)
