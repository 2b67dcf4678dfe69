"""How much a result changes from seed to seed: of several seeds, or as measured before.

Another seed gives another network: other first weights, another order of the photos, other
augmentation. Runs that differ in nothing else differ in accuracy, also on the same photos, and the
interval of one run, which is that of its validation photos, knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt
from statistics import fmean, stdev

from ..base.errors import N_
from .diagnose import Remark, Z

COURSE_ACCURACY_SD = 0.011
"""Standard deviation of the course network's validation accuracy over seeds, on the same photos."""
COURSE_GAP_SD = 0.014
"""The same of its gap."""
TRANSFER_ACCURACY_SD = 0.0018
"""Standard deviation of the validation accuracy of `transfer` over seeds, on the same photos."""
_T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t distribution with 1, 2, 3 … degrees of freedom."""


def smallest_difference(deviation: float) -> float:
    """Return the difference of two runs, one seed each, that seeds alone seldom make.

    Args:
        deviation: standard deviation of one run's result over seeds.
    """
    return 2 * sqrt(2) * deviation


def mean_with_interval(
    values: Sequence[float], resolution: float = 0.0, photo_error: float = 0.0
) -> tuple[float, float]:
    """Return the mean over seeds and half the width of its 95 % interval.

    Args:
        values: a result, or a difference of two, for each of at least two seeds.
        resolution: the smallest standard deviation that is believed, such as that of one photo:
            a few results that happen to be equal are not exact.
        photo_error: standard error from the choice of photos; 0 where all used the same.
    """
    count = len(values)
    quantile = _T_QUANTILES[min(count - 1, len(_T_QUANTILES)) - 1]
    spread = quantile * max(stdev(values), resolution) / sqrt(count)
    return fmean(values), hypot(spread, Z * photo_error)


def difference_with_interval(
    first: Sequence[float], second: Sequence[float], resolution: float = 0.0
) -> tuple[float, float]:
    """Return how far the second mean is above the first, and half the width of its 95 % interval.

    B. L. Welch, "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34 (1947): the two may have other numbers of seeds and
    other spreads.

    Args:
        first, second: results of at least two seeds each, on the same photos.
        resolution: as for `mean_with_interval`.
    """
    parts = [max(stdev(values), resolution) ** 2 / len(values) for values in (first, second)]
    total = sum(parts)
    weights = sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    freedom = int(total**2 / weights) if weights else 1
    quantile = _T_QUANTILES[min(max(freedom, 1), len(_T_QUANTILES)) - 1]
    return fmean(second) - fmean(first), quantile * sqrt(total)


def describe_one_seed() -> list[Remark]:
    """Describe what one seed cannot tell."""
    return [Remark("one_seed", PHOTOS_ONLY), describe_seed_limit()]


def describe_seed_limit() -> Remark:
    """Describe which differences one seed for each setting cannot tell, as measured."""
    params = {
        "accuracy_sd": 100 * COURSE_ACCURACY_SD,
        "gap_sd": 100 * COURSE_GAP_SD,
        "accuracy": 100 * smallest_difference(COURSE_ACCURACY_SD),
        "gap": 100 * smallest_difference(COURSE_GAP_SD),
        "transfer_sd": 100 * TRANSFER_ACCURACY_SD,
        "transfer": 100 * smallest_difference(TRANSFER_ACCURACY_SD),
    }
    return Remark("seed_limit", SEED_LIMIT, params)


def describe_several_seeds(least: int, most: int, same_photos: bool) -> Remark:
    """Describe what the intervals of means over seeds cover.

    Args:
        least: the fewest seeds any of the numbers is a mean of.
        most: the most.
        same_photos: whether all runs were validated on the same photos.
    """
    count = str(most) if least == most else f"{least}–{most}"
    return Remark("seeds", SEEDS_SAME_PHOTOS if same_photos else SEEDS, {"n": count})


PHOTOS_ONLY = N_(
    "± is a 95% confidence interval that covers only the choice of validation photos. Another seed "
    "gives another network, which can change the result by more."
)
ONE_SEED_SOMEWHERE = N_(
    "Where only one seed is finished, ± covers only the choice of validation photos."
)
SEED_LIMIT = N_(
    "From seed to seed, the course network varied by {accuracy_sd:.1f} points in accuracy and "
    "{gap_sd:.1f} in the gap (standard deviation). So with one seed, differences below about "
    "{accuracy:.0f} points in accuracy or {gap:.0f} in the gap might be chance. With transfer, "
    "accuracy varied by {transfer_sd:.1f} points, so the limit is about {transfer:.1f}."
)
WITHIN_SEEDS = N_("A different seed alone can change a result this much. Train with 3 or 5 seeds.")
SEEDS_SAME_PHOTOS = N_(
    "Numbers are means over seeds ({n} finished). ± is a 95% confidence interval from the "
    "differences between seeds (t distribution). All runs used the same validation photos, so it "
    "doesn't cover the choice of photos."
)
SEEDS = N_(
    "Numbers are means over seeds ({n} finished). ± is a 95% confidence interval from the "
    "differences between seeds (t distribution) and the choice of validation photos."
)
