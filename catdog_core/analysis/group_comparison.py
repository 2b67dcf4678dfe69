"""What an experiment showed: differences between its runs, put into words with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot
from statistics import fmean

from ..base.errors import N_
from ..runs.final_evaluation import EpochEvaluation
from ..runs.run_folder import Run
from . import accuracy_gap, diagnose, metrics, seed_spread
from .accuracy_gap import last_evaluation
from .diagnose import MIN_EPOCHS, HistoryCurves, Remark, RunContext, Z, clean_history


@dataclass(frozen=True)
class LearningCurvePoint:
    """A line of a small-data experiment at one size: its best validation accuracy so far.

    Attributes:
        photos: training photos.
        line: what is compared along it: (model, whether augmented).
        accuracy: the mean over its seeds, those that are done where any is; 0..1.
        low, high: 95 % interval from the validation photos, and from the seeds if there are more.
        measured: validation photos.
        is_final: whether a run of it is done.
        by_seed: the accuracy of each seed.
        validation: identifies the validation photos.
    """

    photos: int
    line: tuple[str, bool]
    accuracy: float
    low: float
    high: float
    measured: int
    is_final: bool
    by_seed: tuple[tuple[int, float], ...] = ()
    validation: str = ""

    @property
    def error(self) -> float:
        """The standard error of the accuracy from the choice of validation photos."""
        return diagnose.standard_error(self.accuracy, self.measured)


@dataclass(frozen=True)
class _Difference:
    """From one result to another; `sure` is half the width of its 95 % interval."""

    before: float
    after: float
    sure: float
    seeds: int = 1

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class _PairResult:
    """What a plain and an augmented run of one seed reached, at the last epoch both have."""

    runs: tuple[Run, Run]
    curves: tuple[HistoryCurves, HistoryCurves]
    ends: tuple[EpochEvaluation, EpochEvaluation] | None

    @property
    def levels(self) -> tuple[float, float]:
        """Their validation accuracies."""
        plain, augmented = (c.final_level(c.val_accuracy) for c in self.curves)
        return plain, augmented

    @property
    def level_error(self) -> float:
        """The standard error of the difference of these from the choice of photos."""
        return hypot(*(c.val_error for c in self.curves))

    def gaps(self, is_clean: bool) -> tuple[float, float]:
        """Return their gaps, on clean photos or of the curves."""
        plain, augmented = self.ends if is_clean and self.ends else self.curves
        return plain.gap, augmented.gap

    def gap_error(self, is_clean: bool) -> float:
        """Return the standard error of the difference of these from the choice of photos."""
        if not is_clean or self.ends is None:
            return self.level_error
        return hypot(
            *(diagnose.standard_error(end.accuracy, end.n) for end in self.ends),
            *(
                diagnose.standard_error(end.val_accuracy, max(run.validation_photos, 1))
                for end, run in zip(self.ends, self.runs, strict=True)
            ),
        )


def pair_by_seed(members: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Return the plain and the augmented run of each seed of a paired experiment that has both."""
    plain, augmented = (
        {run.training.seed: run for run in members if _line_of(run)[1] == is_augmented}
        for is_augmented in (False, True)
    )
    return [(run, augmented[seed]) for seed, run in plain.items() if seed in augmented]


def compare_paired_runs(members: Sequence[Run]) -> list[Remark]:
    """Describe what augmentation changed in a paired experiment, and what the numbers cover.

    With two seeds or more that are done, these are means of the differences of each seed.
    """
    pairs = pair_by_seed(members)
    ready = [
        pair
        for pair in pairs
        if all(run.status == "done" and len(run.epochs) >= MIN_EPOCHS for run in pair)
    ]
    if not pairs:
        return []
    if len(ready) < 2:
        return _compare_one_seed(*(ready or pairs)[0])
    results = [_measure_pair(*pair) for pair in ready]
    same_photos = _share_photos([run for pair in ready for run in pair])
    gaps, level = _compare_results(results, same_photos)
    seeds = seed_spread.describe_several_seeds(len(ready), len(ready), same_photos)
    return [gaps, level, seeds]


def compare_pair(plain: Run, augmented: Run) -> list[Remark]:
    """Describe what augmentation changed, judged at the last epoch both runs have reached."""
    reached = min(len(plain.epochs), len(augmented.epochs))
    if reached < MIN_EPOCHS:
        return [Remark("wait", EARLY, {"n": reached, "least": MIN_EPOCHS})]
    return _compare_results([_measure_pair(plain, augmented)], same_photos=False)


def learning_curve_points(members: Sequence[Run]) -> list[LearningCurvePoint]:
    """Return the points of a small-data experiment that have an epoch, by line and size."""
    runs_by_point: dict[tuple[tuple[str, bool], int], list[Run]] = {}
    for run in members:
        if _best_accuracy(run) is not None and run.validation_photos:
            runs_by_point.setdefault((_line_of(run), run.train_photos), []).append(run)
    points = [_point(*key, found) for key, found in runs_by_point.items()]
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
    ended = [run for run in members if run.status == "done"]
    kind = accuracy_gap.shared_kind(ended)
    for line in dict.fromkeys(map(_line_of, members)):
        gaps: dict[int, dict[int, float]] = {}  # by size and seed
        for run in ended:
            gap = accuracy_gap.measure_gap(run, kind)
            if _line_of(run) == line and gap:
                gaps.setdefault(run.train_photos, {})[run.training.seed] = gap.value
        if len(gaps) < 2:
            continue
        small, large = min(gaps), max(gaps)
        seeds = [seed for seed in gaps[small] if seed in gaps[large]]
        first, last = ([gaps[size][seed] for seed in seeds] for size in (small, large))
        params = {"line": format_line(line), "small": small, "large": large}
        if len(seeds) > 1:
            photos = min(run.validation_photos for run in ended) or 1
            difference = _average(first, last, 1 / photos)
            message = CLEAN_GAP_BY_SIZE_SEEDS if kind == "clean" else GAP_BY_SIZE_SEEDS
            params |= {"change": 100 * difference.change, "sure": 100 * difference.sure}
        elif seeds:
            difference = _Difference(first[0], last[0], 0.0)
            message = CLEAN_GAP_BY_SIZE if kind == "clean" else GAP_BY_SIZE
        else:
            continue
        params |= {"from": 100 * difference.before, "to": 100 * difference.after}
        yield line, Remark("gap_by_size", message, params)


def describe_point_seeds(points: Sequence[LearningCurvePoint]) -> list[Remark]:
    """Describe what the intervals of a small-data experiment's comparisons cover."""
    counts = [len(point.by_seed) for point in points if point.is_final]
    remarks = []
    if (most := max(counts, default=0)) > 1:
        same_photos = len({(point.validation, point.measured) for point in points}) == 1
        remarks.append(seed_spread.describe_several_seeds(min(counts), most, same_photos))
        if min(counts) == 1:
            remarks.append(Remark("one_seed", seed_spread.ONE_SEED_SOMEWHERE))
    elif most:
        remarks.extend(seed_spread.describe_one_seed())
    return remarks


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


def _measure_pair(plain: Run, augmented: Run) -> _PairResult:
    reached = min(len(plain.epochs), len(augmented.epochs))
    pair = (plain, augmented)
    ends = [last_evaluation(run) for run in pair if len(run.epochs) == reached]
    is_clean = len(ends) == 2 and ends[0] is not None and ends[1] is not None
    return _PairResult(
        pair,
        (_curves_until(plain, reached), _curves_until(augmented, reached)),
        (ends[0], ends[1]) if is_clean else None,  # type: ignore[arg-type]
    )


def _compare_one_seed(plain: Run, augmented: Run) -> list[Remark]:
    """Compare one pair, and say what one seed cannot tell."""
    remarks = compare_pair(plain, augmented)
    if remarks[0].id == "wait":
        return remarks
    gaps, level = remarks
    gap_change = abs(gaps.params["augmented"] - gaps.params["plain"])
    limits = seed_spread.describe_seed_limit().params
    is_doubtful = (gaps.id != "gap" and gap_change < limits["gap"]) or (
        level.id != "level"
        and abs(level.params["difference"])
        < limits["transfer" if plain.model == "transfer" else "accuracy"]
    )
    doubt = [Remark("within_seeds", seed_spread.WITHIN_SEEDS)] if is_doubtful else []
    return [gaps, level, *doubt, *seed_spread.describe_one_seed()]


def _compare_results(results: Sequence[_PairResult], same_photos: bool) -> list[Remark]:
    """Compare pairs, one of each seed: their gaps, and their accuracies."""
    is_clean = all(result.ends for result in results)
    gaps = _difference(
        [result.gaps(is_clean) for result in results],
        [result.gap_error(is_clean) for result in results],
        results,
        same_photos,
    )
    levels = _difference(
        [result.levels for result in results],
        [result.level_error for result in results],
        results,
        same_photos,
    )
    sides = [
        Z * results[0].curves[side].val_error
        if len(results) == 1
        else seed_spread.mean_with_interval(
            [result.levels[side] for result in results],
            _resolution(results),
            0.0 if same_photos else max(result.curves[side].val_error for result in results),
        )[1]
        for side in (0, 1)
    ]
    return [_compare_gaps(gaps, is_clean), _compare_accuracy(levels, *sides)]


def _difference(
    values: Sequence[tuple[float, float]],
    errors: Sequence[float],
    results: Sequence[_PairResult],
    same_photos: bool,
) -> _Difference:
    before, after = zip(*values, strict=True)
    if len(values) == 1:
        return _Difference(before[0], after[0], Z * errors[0])
    return _average(before, after, _resolution(results), 0.0 if same_photos else max(errors))


def _average(
    before: Sequence[float], after: Sequence[float], resolution: float, photo_error: float = 0.0
) -> _Difference:
    """Average results before and after over seeds, with the interval of their differences."""
    changes = [last - first for first, last in zip(before, after, strict=True)]
    _, sure = seed_spread.mean_with_interval(changes, resolution, photo_error)
    return _Difference(fmean(before), fmean(after), sure, len(changes))


def _resolution(results: Sequence[_PairResult]) -> float:
    """Return by how much one validation photo changes an accuracy."""
    return 1 / max(1, min(run.validation_photos for result in results for run in result.runs))


def _share_photos(members: Sequence[Run]) -> bool:
    return len({(run.dataset_fingerprint, run.validation_photos) for run in members}) == 1


def _compare_gaps(gaps: _Difference, is_clean: bool) -> Remark:
    """Compare two gaps of one kind: closed, wider, or no difference."""
    messages = (
        (CLEAN_GAP_CLOSED, CLEAN_GAP_WIDER, CLEAN_GAP) if is_clean else (GAP_CLOSED, GAP_WIDER, GAP)
    )
    params = {"plain": 100 * gaps.before, "augmented": 100 * gaps.after, "sure": 100 * gaps.sure}
    closed, wider, same = messages
    if gaps.change < -gaps.sure:
        return Remark("gap_closed", closed, params)
    return (
        Remark("gap_wider", wider, params)
        if gaps.change > gaps.sure
        else Remark("gap", same, params)
    )


def _compare_accuracy(levels: _Difference, plain_sure: float, augmented_sure: float) -> Remark:
    params = {
        "plain": levels.before,
        "plain_sure": 100 * plain_sure,
        "augmented": levels.after,
        "augmented_sure": 100 * augmented_sure,
        "difference": 100 * levels.change,
        "sure": 100 * levels.sure,
    }
    if abs(levels.change) <= levels.sure:
        return Remark("level", LEVEL, params)
    return Remark("better", BETTER, params) if levels.change > 0 else Remark("worse", WORSE, params)


def _best_accuracy(run: Run) -> float | None:
    best = run.best_row
    return None if best is None else float(best["val_accuracy"] or 0.0)


def _point(line: tuple[str, bool], photos: int, members: Sequence[Run]) -> LearningCurvePoint:
    """Average the runs of one line and size, one of each seed."""
    done = [run for run in members if run.status == "done"]
    by_seed = {run.training.seed: _best_accuracy(run) or 0.0 for run in done or members}
    n = min(run.validation_photos for run in members)
    accuracy = fmean(by_seed.values())
    low, high = metrics.wilson_interval(round(accuracy * n), n)
    if len(by_seed) > 1:
        _, sure = seed_spread.mean_with_interval(list(by_seed.values()), 1 / n)
        low = max(0.0, accuracy - hypot(accuracy - low, sure))
        high = min(1.0, accuracy + hypot(high - accuracy, sure))
    # Where the runs of one point differ in their photos, it shares them with no other point.
    fingerprints = sorted({run.dataset_fingerprint for run in members})
    validation = "+".join(fingerprints)
    return LearningCurvePoint(
        photos, line, accuracy, low, high, n, bool(done), tuple(by_seed.items()), validation
    )


def _compare_two_points(first: LearningCurvePoint, second: LearningCurvePoint) -> _Difference:
    """Compare two points by the seeds both have."""
    before, after = dict(first.by_seed), dict(second.by_seed)
    seeds = [seed for seed in before if seed in after]
    photo_error = hypot(first.error, second.error)
    if len(seeds) < 2:
        one, two = (
            (before[seeds[0]], after[seeds[0]]) if seeds else (first.accuracy, second.accuracy)
        )
        return _Difference(one, two, Z * photo_error)
    same_photos = (first.validation, first.measured) == (second.validation, second.measured)
    return _average(
        [before[seed] for seed in seeds],
        [after[seed] for seed in seeds],
        1 / min(first.measured, second.measured),
        0.0 if same_photos else photo_error,
    )


def _compare_sizes(small: LearningCurvePoint, large: LearningCurvePoint) -> Remark:
    difference = _compare_two_points(small, large)
    params = {
        "model": large.line[0],
        "small": small.photos,
        "large": large.photos,
        "from": difference.before,
        "to": difference.after,
        "change": 100 * difference.change,
        "sure": 100 * difference.sure,
    }
    is_augmented = large.line[1]
    if abs(difference.change) <= difference.sure:
        return Remark("same", SAME_AUGMENTED if is_augmented else SAME, params)
    return Remark("grown", GROWN_AUGMENTED if is_augmented else GROWN, params)


def _compare_points(base: LearningCurvePoint, other: LearningCurvePoint) -> Remark:
    difference = _compare_two_points(base, other)
    params = {
        "other": format_line(other.line),
        "base": format_line(base.line),
        "photos": base.photos,
        "change": 100 * difference.change,
        "sure": 100 * difference.sure,
    }
    is_apart = abs(difference.change) > difference.sure
    return Remark("ahead", AHEAD if is_apart else NO_DIFFERENCE, params)


EARLY = N_(
    "Both runs need at least {least} epochs for a comparison, but one has only {n}. Train longer."
)
GAP_CLOSED = N_(
    "Augmentation narrowed the gap of the curves. The final gap is {plain:.1f} percentage points"
    " without it and {augmented:.1f} with it. The 95% confidence interval of this change is ±"
    " {sure:.1f} points."
)
GAP_WIDER = N_(
    "With augmentation, the gap of the curves is wider. The final gap is {plain:.1f} percentage"
    " points without it and {augmented:.1f} with it. The 95% confidence interval of this change"
    " is ± {sure:.1f} points."
)
GAP = N_(
    "The final gap of the curves is {plain:.1f} percentage points without augmentation and "
    "{augmented:.1f} with it. The difference is within chance (± {sure:.1f})."
)
CLEAN_GAP_CLOSED = N_(
    "Augmentation narrowed the gap on clean training photos. The final gap is {plain:.1f}"
    " percentage points without it and {augmented:.1f} with it. The 95% confidence interval of"
    " this change is ± {sure:.1f} points."
)
CLEAN_GAP_WIDER = N_(
    "With augmentation, the gap on clean training photos is wider. The final gap is {plain:.1f}"
    " percentage points without it and {augmented:.1f} with it. The 95% confidence interval of"
    " this change is ± {sure:.1f} points."
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
CLEAN_GAP_BY_SIZE_SEEDS = N_(
    "{line}: from {small:,} to {large:,} photos, the gap on clean training photos went from "
    "{from:.1f} to {to:.1f} percentage points ({change:+.1f} ± {sure:.1f})."
)
GAP_BY_SIZE_SEEDS = N_(
    "{line}: from {small:,} to {large:,} photos, the gap of the curves went from {from:.1f} to "
    "{to:.1f} percentage points ({change:+.1f} ± {sure:.1f})."
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
