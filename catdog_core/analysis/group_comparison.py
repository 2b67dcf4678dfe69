"""What an experiment showed: differences between its runs, put into words with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from ..base.errors import N_
from ..runs.final_evaluation import EpochEvaluation
from ..runs.run_folder import Run
from . import accuracy_gap, diagnose, metrics
from .accuracy_gap import last_evaluation
from .diagnose import MIN_EPOCHS, HistoryCurves, Remark, RunContext, Z, clean_history


@dataclass(frozen=True)
class LearningCurvePoint:
    """A run of a small-data experiment: its best validation accuracy so far, 95 % interval.

    `line` names what it is compared along: (model, whether augmented).
    """

    photos: int
    line: tuple[str, bool]
    accuracy: float
    low: float
    high: float
    measured: int
    is_final: bool

    @property
    def error(self) -> float:
        """The standard error of the accuracy."""
        return diagnose.standard_error(self.accuracy, self.measured)


def compare_pair(plain: Run, augmented: Run) -> list[Remark]:
    """Describe what augmentation changed, judged at the last epoch both runs have reached."""
    reached = min(len(plain.epochs), len(augmented.epochs))
    if reached < MIN_EPOCHS:
        return [Remark("wait", EARLY, {"n": reached, "least": MIN_EPOCHS})]
    first, second = (_curves_until(run, reached) for run in (plain, augmented))
    ends = [last_evaluation(run) for run in (plain, augmented) if len(run.epochs) == reached]
    if len(ends) == 2 and ends[0] and ends[1]:
        gaps = _compare_clean_gaps(ends[0], ends[1], plain, augmented)
    else:
        gaps = _compare_curve_gaps(first, second)
    return [gaps, _compare_accuracy(first, second)]


def learning_curve_points(members: Sequence[Run]) -> list[LearningCurvePoint]:
    """Return the runs of a small-data experiment that have an epoch, by line and size."""
    points = []
    for run in members:
        best = next((row for row in run.epochs if row["epoch"] == run.best_epoch), None)
        if best is None or not run.validation_photos:
            continue
        accuracy, n = float(best["val_accuracy"] or 0.0), run.validation_photos
        low, high = metrics.wilson_interval(round(accuracy * n), n)
        line, is_final = _line_of(run), run.status == "done"
        points.append(LearningCurvePoint(run.train_photos, line, accuracy, low, high, n, is_final))
    return sorted(points, key=lambda point: (point.line, point.photos))


def describe_learning_curve(points: Sequence[LearningCurvePoint]) -> list[Remark]:
    """Describe what more photos brought each line, of the runs that are done."""
    messages = []
    for line in dict.fromkeys(point.line for point in points):
        ready = [point for point in points if point.line == line and point.is_final]
        if len(ready) > 1:
            messages.append(_compare_sizes(ready[0], ready[-1]))
    return messages


def compare_lines(
    points: Sequence[LearningCurvePoint],
) -> Iterator[tuple[LearningCurvePoint, LearningCurvePoint, Remark]]:
    """Compare each line with the first one, at the smallest size at which both are done."""
    lines = list(dict.fromkeys(point.line for point in points))
    for line in lines[1:]:
        for base in (p for p in points if p.line == lines[0] and p.is_final):
            other = [p for p in points if p.line == line and p.photos == base.photos and p.is_final]
            if other:
                yield base, other[0], _compare_points(base, other[0])
                break


def compare_gaps_by_size(members: Sequence[Run]) -> Iterator[tuple[tuple[str, bool], Remark]]:
    """Compare the gaps of each line's smallest and largest size that are done, of one kind."""
    ended = sorted((run for run in members if run.status == "done"), key=lambda r: r.train_photos)
    kind = accuracy_gap.shared_kind(ended)
    for line in dict.fromkeys(map(_line_of, members)):
        ordered = [run for run in ended if _line_of(run) == line]
        gaps = [accuracy_gap.measure_gap(run, kind) for run in ordered]
        if len(ordered) > 1 and gaps[0] and gaps[-1]:
            params = {
                "line": format_line(line),
                "small": ordered[0].train_photos,
                "large": ordered[-1].train_photos,
                "from": 100 * gaps[0].value,
                "to": 100 * gaps[-1].value,
            }
            message = CLEAN_GAP_BY_SIZE if kind == "clean" else GAP_BY_SIZE
            yield line, Remark("gap_by_size", message, params)


def _line_of(run: Run) -> tuple[str, bool]:
    return run.model, run.augmentation is not None and not run.augmentation.is_off


def format_line(line: tuple[str, bool]) -> str:
    """Return a line's name in English: "notes, augmented"."""
    return f"{line[0]}, {'augmented' if line[1] else 'plain'}"


def _curves_until(run: Run, reached: int) -> HistoryCurves:
    facts = RunContext(
        classes=max(len(run.classes), 2), validation_photos=run.validation_photos or None
    )
    return HistoryCurves.from_rows(clean_history(run.epochs[:reached]), facts)


def _compare_curve_gaps(plain: HistoryCurves, augmented: HistoryCurves) -> Remark:
    sure = Z * sqrt(plain.val_error**2 + augmented.val_error**2)
    return _compare_gaps(plain.gap, augmented.gap, sure, (GAP_CLOSED, GAP_WIDER, GAP))


def _compare_clean_gaps(
    plain: EpochEvaluation, augmented: EpochEvaluation, plain_run: Run, augmented_run: Run
) -> Remark:
    variance = sum(
        diagnose.standard_error(end.accuracy, end.n) ** 2
        + diagnose.standard_error(end.val_accuracy, max(run.validation_photos, 1)) ** 2
        for end, run in ((plain, plain_run), (augmented, augmented_run))
    )
    messages = (CLEAN_GAP_CLOSED, CLEAN_GAP_WIDER, CLEAN_GAP)
    return _compare_gaps(plain.gap, augmented.gap, Z * sqrt(variance), messages)


def _compare_gaps(
    plain: float, augmented: float, sure: float, messages: tuple[str, str, str]
) -> Remark:
    """Compare two gaps of one kind; the messages say closed, wider, and no difference."""
    params = {"plain": 100 * plain, "augmented": 100 * augmented, "sure": 100 * sure}
    closed, wider, same = messages
    if augmented - plain < -sure:
        return Remark("gap_closed", closed, params)
    return (
        Remark("gap_wider", wider, params)
        if augmented - plain > sure
        else Remark("gap", same, params)
    )


def _compare_accuracy(plain: HistoryCurves, augmented: HistoryCurves) -> Remark:
    before, after = (c.final_level(c.val_accuracy) for c in (plain, augmented))
    sure = Z * sqrt(plain.val_error**2 + augmented.val_error**2)
    params = {
        "plain": before,
        "plain_sure": 100 * Z * plain.val_error,
        "augmented": after,
        "augmented_sure": 100 * Z * augmented.val_error,
        "difference": 100 * (after - before),
        "sure": 100 * sure,
    }
    if abs(after - before) <= sure:
        return Remark("level", LEVEL, params)
    return Remark("better", BETTER, params) if after > before else Remark("worse", WORSE, params)


def _compare_sizes(small: LearningCurvePoint, large: LearningCurvePoint) -> Remark:
    change = large.accuracy - small.accuracy
    sure = Z * sqrt(small.error**2 + large.error**2)
    params = {
        "model": large.line[0],
        "small": small.photos,
        "large": large.photos,
        "from": small.accuracy,
        "to": large.accuracy,
        "change": 100 * change,
        "sure": 100 * sure,
    }
    is_augmented = large.line[1]
    if abs(change) <= sure:
        return Remark("same", SAME_AUGMENTED if is_augmented else SAME, params)
    return Remark("grown", GROWN_AUGMENTED if is_augmented else GROWN, params)


def _compare_points(base: LearningCurvePoint, other: LearningCurvePoint) -> Remark:
    change = other.accuracy - base.accuracy
    sure = Z * sqrt(base.error**2 + other.error**2)
    params = {
        "other": format_line(other.line),
        "base": format_line(base.line),
        "photos": base.photos,
        "change": 100 * change,
        "sure": 100 * sure,
    }
    return Remark("ahead", AHEAD if abs(change) > sure else NO_DIFFERENCE, params)


EARLY = N_(
    "Both runs need at least {least} epochs for a comparison, but one has only {n}. Train longer."
)
GAP_CLOSED = N_(
    "Augmentation narrowed the gap of the curves. The final gap is {plain:.1f} percentage points "
    "without it and {augmented:.1f} with it. This change is accurate to ± {sure:.1f} points."
)
GAP_WIDER = N_(
    "With augmentation, the gap of the curves is wider. The final gap is {plain:.1f} percentage "
    "points without it and {augmented:.1f} with it. This change is accurate to ± {sure:.1f} points."
)
GAP = N_(
    "The final gap of the curves is {plain:.1f} percentage points without augmentation and "
    "{augmented:.1f} with it. The difference is within chance (± {sure:.1f})."
)
CLEAN_GAP_CLOSED = N_(
    "Augmentation narrowed the gap on clean training photos. The final gap is {plain:.1f} "
    "percentage points without it and {augmented:.1f} with it. This change is accurate to "
    "± {sure:.1f} points."
)
CLEAN_GAP_WIDER = N_(
    "With augmentation, the gap on clean training photos is wider. The final gap is {plain:.1f} "
    "percentage points without it and {augmented:.1f} with it. This change is accurate to "
    "± {sure:.1f} points."
)
CLEAN_GAP = N_(
    "The final gap on clean training photos is {plain:.1f} percentage points without augmentation "
    "and {augmented:.1f} with it. The difference is within chance (± {sure:.1f})."
)
CLEAN_GAP_BY_SIZE = N_(
    "{line}: from {small:,} to {large:,} photos, the gap on clean training photos went from "
    "{from:.1f} to {to:.1f} percentage points."
)
GAP_BY_SIZE = N_(
    "{line}: from {small:,} to {large:,} photos, the gap of the curves went from {from:.1f} to "
    "{to:.1f} percentage points."
)
LEVEL = N_(
    "Final validation accuracy is {plain:.1%} ± {plain_sure:.1f} points without augmentation and "
    "{augmented:.1%} ± {augmented_sure:.1f} with it. The difference of {difference:+.1f} ± "
    "{sure:.1f} points is within chance."
)
BETTER = N_(
    "Final validation accuracy is better with augmentation: {augmented:.1%} compared with "
    "{plain:.1%}, a difference of {difference:+.1f} ± {sure:.1f} percentage points."
)
WORSE = N_(
    "Final validation accuracy is worse with augmentation: {augmented:.1%} compared with "
    "{plain:.1%}, a difference of {difference:+.1f} ± {sure:.1f} percentage points."
)
GROWN = N_(
    "{model}, not augmented: from {small:,} to {large:,} photos, validation accuracy went from "
    "{from:.1%} to {to:.1%} ({change:+.1f} ± {sure:.1f} percentage points)."
)
GROWN_AUGMENTED = N_(
    "{model}, augmented: from {small:,} to {large:,} photos, validation accuracy went from "
    "{from:.1%} to {to:.1%} ({change:+.1f} ± {sure:.1f} percentage points)."
)
SAME = N_(
    "{model}, not augmented: from {small:,} to {large:,} photos, validation accuracy changed by "
    "{change:+.1f} ± {sure:.1f} percentage points. The difference is within chance."
)
SAME_AUGMENTED = N_(
    "{model}, augmented: from {small:,} to {large:,} photos, validation accuracy changed by "
    "{change:+.1f} ± {sure:.1f} percentage points. The difference is within chance."
)
AHEAD = N_(
    "{other} compared with {base} at {photos:,} photos: {change:+.1f} ± {sure:.1f} percentage "
    "points."
)
NO_DIFFERENCE = N_(
    "{other} compared with {base} at {photos:,} photos: {change:+.1f} ± {sure:.1f} percentage "
    "points. The difference is within chance."
)
