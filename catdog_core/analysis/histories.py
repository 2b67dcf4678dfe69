"""Verdicts on runs and on histories from elsewhere, with all that is known of the training."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from ..base import bounded_readers
from ..base.errors import CatDogError, RunError
from ..base.files import open_regular, truncate_for_display
from ..base.metric_rows import EpochRow, MetricName
from ..config import Training
from ..models import architecture
from ..runs import ImportedHistory, Run, RunRecord
from .diagnose import RunContext, Verdict, diagnose

_COLUMNS: tuple[MetricName, ...] = ("loss", "accuracy", "val_loss", "val_accuracy")
_OLD_NAMES = {"acc": "accuracy", "val_acc": "val_accuracy"}  # Keras's names before version 2.3
MAX_BYTES = 5_000_000
"""Bytes of a history's file; 10,000 epochs take one million."""
MAX_EPOCHS = 1000
MAX_COLUMNS = 1000
_MAX_EPOCH_NUMBER = 10**6  # a number beyond it counts no epochs


def diagnose_run(run: RunRecord) -> Verdict:
    """Diagnose a run, or what there is of it so far."""
    return diagnose(run.epochs, build_run_context(run))


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
        validation_photos=run.validation_photos or None,
        planned_epochs=training.epochs,
        is_training=run.is_active,
        diverged_epoch=int(params["epoch"]) - 1 if broke else None,
        saved_epoch=run.best_epoch,
        patience=training.early_stopping,
        learning_rate=training.learning_rate,
        augmented=run.augmentation is not None and not run.augmentation.is_off,
        dropout=_uses_dropout(training),
        pretrained=str(training.model) == "transfer",
        smoothed=training.label_smoothing > 0,
    )


def _uses_dropout(training: Training) -> bool | None:
    try:
        rows = architecture.list_training_layers(training)
    except CatDogError:
        return None
    return any("Dropout" in row.kind for row in rows)


def read_history_csv(path: Path) -> list[EpochRow]:
    """Read a history as Keras's `CSVLogger` writes it: a header, then a row an epoch from 0.

    Without a column epoch, rows are counted. What is no number becomes infinity: a loss that broke.

    Raises:
        RunError: the file cannot be read, or lacks a column.
    """
    try:
        with open_regular(path) as file:
            return parse_history_csv(path, file.read(MAX_BYTES + 1))
    except OSError as error:
        raise _csv_error(path, error.strerror or str(error)) from error


def parse_history_csv(path: Path, data: bytes) -> list[EpochRow]:
    """Parse a CSV file's content as `read_history_csv` does. Raises RunError, naming `path`."""
    try:
        if len(data) > MAX_BYTES:
            raise bounded_readers.BoundError("it has more than {most:,} bytes", most=MAX_BYTES)
        header, lines = bounded_readers.parse_bounded_csv(
            data.decode("utf-8-sig"), MAX_COLUMNS, MAX_EPOCHS
        )
    except bounded_readers.BoundError as error:
        raise _csv_error(path, error) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _csv_error(path, type(error).__name__) from error
    return validate_rows(path, header, [dict(zip(header, line, strict=False)) for line in lines])


def _csv_error(path: Path, reason: object) -> RunError:
    return RunError(
        "{file} couldn't be read as CSV: {reason}. Use a run folder or a history with one row per "
        "epoch.",
        file=path,
        reason=reason,
    )


def validate_rows(
    path: Path, names: Sequence[Any], rows: Sequence[Mapping[Any, Any]]
) -> list[EpochRow]:
    """Return rows of an untrusted table of epochs as the lab's own.

    Args:
        path: where they are from, for the error.
        names: of its columns; those of Keras before version 2.3 are known.
        rows: one an epoch.

    Raises:
        RunError: a column is missing.
    """
    header = [_OLD_NAMES.get(str(name), str(name)) for name in names if name]
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise RunError(
            "{file} lacks the columns {missing} and has only {found}. Use the columns {names}, as "
            "in Keras's CSVLogger.",
            file=path,
            missing=", ".join(missing),
            names=", ".join(_COLUMNS),
            found=truncate_for_display(", ".join(header)) or "none",
        )
    return [_parse_row(number, row) for number, row in enumerate(rows)]


def _parse_row(number: int, row: Mapping[Any, Any]) -> EpochRow:
    named = {_OLD_NAMES.get(name, name): value for name, value in row.items()}
    epoch = _parse_number(named.get("epoch"))
    parsed: EpochRow = {"epoch": int(epoch) if 0 <= epoch <= _MAX_EPOCH_NUMBER else number}
    for name in _COLUMNS:
        parsed[name] = _parse_number(named.get(name))
    return parsed


def _parse_number(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        return inf
    return value if value == value else inf
