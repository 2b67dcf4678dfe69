"""The gap between training and validation accuracy: of the curves, or on clean photos.

The curve of training is measured on augmented photos with dropout on, so their gap is smaller than
what the network really knows of its training photos only. A run's final evaluation measures both
alike. One kind of gap is never compared with the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..base.errors import N_
from ..base.files import truncate_for_display
from ..runs import RunRecord
from ..runs.final_evaluation import EpochEvaluation, FinalEvaluation
from .diagnose import Remark

GapKind = Literal["clean", "curves"]
GAP_NAMES: dict[GapKind, str] = {"clean": N_("Gap (clean photos)"), "curves": N_("Gap (curves)")}
"""What each kind is called, messages of the catalogue."""
GAP_COLUMNS: dict[GapKind, str] = {"clean": N_("Clean gap"), "curves": N_("Curve gap")}
"""The same where there is little room."""
GAP_MEANINGS: dict[GapKind, str] = {
    "clean": N_(
        "Gap: accuracy on clean training photos minus validation accuracy, at the last epoch. "
        "Clean means without augmentation and dropout. A larger gap means more overfitting."
    ),
    "curves": N_(
        "Gap of the curves: training accuracy minus validation accuracy, at the last epoch. If "
        "you use augmentation or dropout, they stay on while training accuracy is measured. A "
        "larger gap means more overfitting."
    ),
}
_MAX_CLASSES = 10  # named in a sentence


@dataclass(frozen=True)
class AccuracyGap:
    """Training minus validation accuracy of one epoch.

    Attributes:
        kind: on "clean" photos, or of the "curves".
        epoch: counted from 0.
        value: a fraction, -1..1.
    """

    kind: GapKind
    epoch: int
    value: float


def measure_gap(run: RunRecord, kind: GapKind | None = None) -> AccuracyGap | None:
    """Return a run's gap at its last epoch; None where it is not known.

    Args:
        run: the run.
        kind: which gap; by default on clean photos where it is known, else of the curves.
    """
    if kind is None:
        return measure_gap(run, "clean") or measure_gap(run, "curves")
    if kind == "clean":
        last = last_evaluation(run)
        return AccuracyGap("clean", last.epoch, last.gap) if last else None
    if not run.epochs:
        return None
    row = run.epochs[-1]
    training, validation = row.get("accuracy"), row.get("val_accuracy")
    if training is None or validation is None:
        return None
    return AccuracyGap("curves", row["epoch"], float(training) - float(validation))


def last_evaluation(run: RunRecord) -> EpochEvaluation | None:
    """Return how the model of a run's last epoch does on clean photos; None if not known."""
    return run.final_evaluation.last if run.final_evaluation else None


def shared_kind(runs: Iterable[RunRecord]) -> GapKind:
    """Return the kind of gap by which runs can be compared: clean only where all have it."""
    trained = [run for run in runs if run.epochs]
    return "clean" if trained and all(map(last_evaluation, trained)) else "curves"


BEST_ON_CLEAN_PHOTOS = N_(
    "Without augmentation and dropout, the saved model (epoch {epoch}) has {accuracy:.1%} accuracy "
    "on {n:,} training photos. Its gap to validation is {gap:.1f} percentage points."
)
LAST_ON_CLEAN_PHOTOS = N_(
    "At the last epoch ({epoch}), accuracy on these photos is {accuracy:.1%}, and the gap is "
    "{gap:.1f} percentage points."
)
CURVES_GAP = N_("In the curves, the gap at the last epoch is {gap:.1f} percentage points.")
RECALLS = N_("Recall on the validation photos: {classes}.")
LOWEST_RECALLS = N_("The lowest recalls on the validation photos: {classes}.")
MAJORITY = N_("Always predicting {name} would be right for {share:.1%} of the validation photos.")


def describe_final_evaluation(run: RunRecord) -> list[Remark]:
    """Describe how a run's models do on clean photos, and for each class; empty if not known."""
    evaluation = run.final_evaluation
    if evaluation is None:
        return []
    remarks = [Remark("clean_best", BEST_ON_CLEAN_PHOTOS, _epoch_params(evaluation.best))]
    last, curves = evaluation.last, measure_gap(run, "curves")
    if last is not None and last.epoch != evaluation.best.epoch:
        remarks.append(Remark("clean_last", LAST_ON_CLEAN_PHOTOS, _epoch_params(last)))
    if last is not None and curves is not None:
        remarks.append(Remark("curves_gap", CURVES_GAP, {"gap": 100 * curves.value}))
    return [*remarks, *_describe_classes(evaluation, run.classes)]


def _epoch_params(epoch: EpochEvaluation) -> dict[str, float]:
    return {
        "epoch": epoch.epoch + 1,
        "accuracy": epoch.accuracy,
        "n": epoch.n,
        "gap": 100 * epoch.gap,
    }


def _describe_classes(evaluation: FinalEvaluation, classes: Sequence[str]) -> list[Remark]:
    known = [
        (recall, count, truncate_for_display(name, 40))
        for name, recall, count in zip(
            classes, evaluation.recalls, evaluation.class_counts, strict=True
        )
        if recall is not None
    ]
    message = RECALLS
    if len(known) > _MAX_CLASSES:
        message, known = LOWEST_RECALLS, sorted(known)[:_MAX_CLASSES]
    words = ", ".join(f"{name} {recall:.1%} ({count:,})" for recall, count, name in known)
    largest = evaluation.class_counts.index(max(evaluation.class_counts))
    params = {
        "name": truncate_for_display(classes[largest], 40),
        "share": evaluation.majority_share,
    }
    return [Remark("recall", message, {"classes": words}), Remark("majority", MAJORITY, params)]
