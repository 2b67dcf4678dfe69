"""The lines a worker writes of its epochs and batches, read as they may lie there after a fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from .. import files

_NUMBERS = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def read_epochs(folder: Path) -> list[dict[str, Any]]:
    """The metrics by epoch; of an epoch trained twice, after a resume, the last line counts."""
    rows = {
        row["epoch"]: row
        for row in files.read_lines(folder / "metrics.jsonl")
        if _counts(row, "epoch") and _all_numbers(row, _NUMBERS)
    }
    return [rows[epoch] for epoch in sorted(rows)]


def batches(run_dir: Path) -> list[dict[str, Any]]:
    """Points inside the epochs: epoch (from 0), batch, steps, loss, accuracy; last word counts."""
    rows = {
        (row["epoch"], row["batch"]): row
        for row in files.read_lines(Path(run_dir) / "batches.jsonl")
        if _counts(row, "epoch", "batch") and _all_numbers(row, ("loss", "accuracy", "steps"))
    }
    return [rows[key] for key in sorted(rows)]


def _counts(row: dict[str, Any], *names: str) -> bool:
    """Whether these are counts, from 0 on; a line may hold anything that is JSON."""
    return all(type(row.get(name)) is int and row[name] >= 0 for name in names)


def _all_numbers(row: dict[str, Any], names: Sequence[str]) -> bool:
    """Whether these are numbers, as far as they are there; a loss that broke is NaN, or null."""
    return all(type(row.get(name)) in (int, float, NoneType) for name in names)


def best_epoch(epochs: list[dict[str, Any]], monitor: str) -> int | None:
    """The best epoch so far by `Training.monitor`; of equals, the earliest."""
    if not epochs:
        return None
    return int(min(epochs, key=lambda row: _badness(row, monitor))["epoch"])


def _badness(row: dict[str, Any], monitor: str) -> tuple[float, float]:
    loss = row.get("val_loss")
    loss = float("inf") if loss is None or loss != loss else float(loss)
    accuracy = -float(row.get("val_accuracy") or 0.0)
    return (accuracy, loss) if monitor == "val_accuracy" else (loss, accuracy)
