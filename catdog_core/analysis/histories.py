"""Verdicts on runs and on imported histories, with all that is known of the training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from ..base.errors import CatDogError
from ..base.metric_rows import EpochRow
from ..config import Training
from ..models import architecture
from ..runs import ImportedHistory, Run, RunRecord
from . import accuracy_gap
from .diagnose import METRICS, RunContext, Verdict, diagnose


def diagnose_run(run: RunRecord) -> Verdict:
    """Diagnose a run, or what there is of it so far."""
    rows = tuple((row["epoch"], *(row.get(name) for name in METRICS)) for row in run.epochs)
    return _diagnose_rows(rows, build_run_context(run))


# A page with a table of 100 runs is drawn again at every click, and a verdict takes 3 ms.
@lru_cache(maxsize=1000)
def _diagnose_rows(rows: tuple[tuple[Any, ...], ...], context: RunContext) -> Verdict:
    return diagnose(
        [cast(EpochRow, dict(zip(("epoch", *METRICS), row, strict=True))) for row in rows], context
    )


def build_run_context(run: RunRecord) -> RunContext:
    """Return what is known of a run besides its numbers."""
    if isinstance(run, ImportedHistory):
        photos = run.validation_photos or None
        return RunContext(classes=max(len(run.classes), 2), validation_photos=photos)
    if not isinstance(run, Run):
        return RunContext()
    training = run.training
    error: Mapping[str, Any] = run.state.get("error") or {}
    params = error.get("params") or {}
    # Only a loss that became no number ends a training with these two values.
    broke = run.status == "failed" and isinstance(params, dict) and {"loss", "epoch"} <= {*params}
    return RunContext(
        classes=max(len(run.classes), 2),
        training_photos=run.train_photos or None,
        validation_photos=run.validation_photos or None,
        class_counts=_class_counts(run),
        recalls=_recalls(run),
        class_names=tuple(run.classes),
        clean_gap=gap.value if (gap := accuracy_gap.measure_gap(run, "clean")) else None,
        planned_epochs=training.epochs,
        is_training=run.is_active,
        diverged_epoch=int(params["epoch"]) - 1 if broke else None,
        saved_epoch=run.best_epoch,
        monitor=training.monitor,
        patience=training.early_stopping,
        learning_rate=training.learning_rate,
        optimizer=training.optimizer,
        augmented=run.augmentation is not None and not run.augmentation.is_off,
        dropout=_uses_dropout(training),
        pretrained=str(training.model) == "transfer",
        smoothed=training.label_smoothing > 0,
    )


def _class_counts(run: Run) -> tuple[int, ...] | None:
    """Return the validation photos of each class; None where unknown, or where all are of one."""
    counts = run.validation_counts
    return counts if sum(count > 0 for count in counts) > 1 else None


def _recalls(run: Run) -> tuple[float, ...] | None:
    """Return the recall of each class; one without validation photos misses none."""
    if run.final_evaluation is None:
        return None
    return tuple(1.0 if recall is None else recall for recall in run.final_evaluation.recalls)


def _uses_dropout(training: Training) -> bool | None:
    try:
        rows = architecture.list_training_layers(training)
    except CatDogError:
        return None
    return any("Dropout" in row.kind for row in rows)
