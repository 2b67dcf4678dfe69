"""Runs as a table of what differs between them and what came of it, to be drawn and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..base.errors import N_
from ..base.field_specs import FieldSpec, describe_fields
from ..config import NO_AUGMENTATION, Augmentation, Network, Training
from ..runs.run_folder import Run, RunRecord

AxisScale = Literal["linear", "log", "named"]
MIN_RESULTS = 5
"""Fewer results than this have no rank correlation worth telling: of four runs any order at all
comes about in one of 24 shuffles."""
SHUFFLES = 2000
_LOG_SCALE_RATIO = (
    49.0  # largest over smallest value from which a linear axis would press the small ones flat
)


@dataclass(frozen=True)
class Column:
    """Something that differs between runs.

    Attributes:
        name: of the field; a field of the augmentation begins with ``augmentation.``. The names
            ``augmentation``, ``dataset`` stand for the whole of them.
        control: the field, None for the whole of an augmentation or a dataset.
        values: one for each run, in their order: numbers, or for a named scale anything.
        scale: how far values lie apart; "named" has no distances, only `order`.
    """

    name: str
    control: FieldSpec | None
    values: tuple[Any, ...]
    scale: AxisScale

    @property
    def label(self) -> str:
        """What people call it; a message id."""
        return self.control.label if self.control else _GROUP_LABELS[self.name]

    @property
    def order(self) -> tuple[Any, ...]:
        """The different values, smallest first; without an order, as the choices or runs are."""
        unique_values = tuple(dict.fromkeys(self.values))
        if self.scale != "named":
            return tuple(sorted(unique_values))
        if self.control and self.control.choices:
            return tuple(choice for choice in self.control.choices if choice in unique_values)
        if all(isinstance(value, (bool, int, float, type(None))) for value in unique_values):
            return tuple(sorted(unique_values, key=lambda value: (value is None, value or 0)))
        return unique_values

    @property
    def ranked(self) -> tuple[float, ...] | None:
        """Numbers in the order of the values; None where more than two names have no order."""
        if self.scale != "named":
            return tuple(float(value) for value in self.values)
        order = self.order
        return tuple(float(order.index(v)) for v in self.values) if len(order) == 2 else None


_GROUP_LABELS = {"augmentation": N_("Augmentation"), "dataset": N_("Dataset")}


@dataclass(frozen=True)
class SweepTable:
    """Runs, what differs between them, and their results.

    Attributes:
        runs: those whose settings are known, in the order given.
        columns: what differs, in the order of the settings models.
        results: for each run the validation accuracy 0..1 of its best epoch, None before one.
    """

    runs: tuple[Run, ...]
    columns: tuple[Column, ...]
    results: tuple[float | None, ...]

    @property
    def measured(self) -> int:
        """How many runs have a result."""
        return sum(result is not None for result in self.results)


@dataclass(frozen=True)
class Correlation:
    """How one setting goes with the results.

    Attributes:
        column: the setting.
        rho: Spearman's rank correlation, -1..1; above 0, higher values go with better results.
        chance: how often, 0..1, shuffled results show one as strong with any of the settings.
        n: runs it was told from.
    """

    column: Column
    rho: float
    chance: float
    n: int


def build_sweep_table(members: Sequence[RunRecord]) -> SweepTable:
    """Build a table of what differs between runs, and what came of it.

    A setting that is the same in all of them is left out. Augmentations of which more than one
    part differs, and all parts alike (as with and without), are one column.
    """
    known = tuple(run for run in members if isinstance(run, Run))
    columns = _differing_columns(
        Training, len(known), lambda n, name: _setting_value(known[n], name)
    )
    columns += [*_network_columns(known), *_augmentation_columns(known)]
    datasets = tuple(run.dataset_name for run in known)
    if len(set(datasets)) > 1:
        columns.append(Column("dataset", None, datasets, "named"))
    return SweepTable(known, tuple(columns), tuple(best_accuracy(run) for run in known))


def best_accuracy(run: RunRecord) -> float | None:
    """Return the validation accuracy of a run's best epoch, None before it has one."""
    row = run.best_row
    value = row.get("val_accuracy") if row else None
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else None


def rank_correlations(table: SweepTable, seed: int = 0) -> list[Correlation]:
    """Return how settings correlate with results, the strongest first; nothing of too few runs.

    Spearman's rank correlation (1904) with mean ranks for ties, over the runs that have a result.
    How often chance does as well is counted on shuffled results, against the strongest of all
    settings at each shuffle, so that trying many settings makes none of them look surer (max-T of
    Westfall and Young, 1993). Settings with more than two values without an order are left out.

    Args:
        table: the runs.
        seed: of the shuffles.
    """
    indices = [index for index, value in enumerate(table.results) if value is not None]
    if len(indices) < MIN_RESULTS:
        return []
    results = _normalized_ranks([table.results[index] or 0.0 for index in indices])
    rows, columns = [], []
    for column in table.columns:
        if column.ranked is not None:
            row = _normalized_ranks([column.ranked[index] for index in indices])
            if row.any():
                rows.append(row)
                columns.append(column)
    if not rows or not results.any():
        return []
    correlations = np.stack(rows) @ results
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(results, (SHUFFLES, 1)), axis=1)
    strongest = np.abs(np.stack(rows) @ shuffled.T).max(axis=0)
    reached = (strongest[None, :] >= np.abs(correlations)[:, None] - 1e-9).sum(axis=1)
    chances = (1 + reached) / (1 + SHUFFLES)
    every = [
        Correlation(column, float(rho), float(chance), len(indices))
        for column, rho, chance in zip(columns, correlations, chances, strict=True)
    ]
    return sorted(every, key=lambda link: -abs(link.rho))


def rank_runs(table: SweepTable) -> list[int]:
    """Return the runs' indices by their result, the best first; those without one come last."""
    return sorted(range(len(table.runs)), key=lambda index: -(table.results[index] or -1.0))


def _differing_columns(
    settings: type[BaseModel], count: int, read: Callable[[int, str], Any], prefix: str = ""
) -> list[Column]:
    """Return the fields of settings that differ between runs, read by run number and name."""
    columns = []
    for control in describe_fields(settings):
        values = tuple(read(n, control.name) for n in range(count))
        if len(set(values)) > 1:
            columns.append(
                Column(prefix + control.name, control, values, _choose_scale(control, values))
            )
    return columns


def _network_columns(known: Sequence[Run]) -> list[Column]:
    """Return what differs between custom networks, where all runs have one."""
    trainings = [run.training for run in known]
    if any(training.model != "custom" for training in trainings):
        return []
    built = [training.network or Network() for training in trainings]
    return _differing_columns(Network, len(built), lambda n, name: getattr(built[n], name))


def _setting_value(run: Run, name: str) -> Any:
    """Return a setting as it was meant: "all photos" as their number, derived steps as None."""
    training, value = run.training, getattr(run.training, name)
    if name == "train_photos":
        return run.train_photos
    if name in ("steps_per_epoch", "validation_steps"):
        free = training.model_copy(update={name: None})
        follows = (
            free.steps(run.train_photos)
            if name == "steps_per_epoch"
            else free.validation_batches(run.validation_photos)
        )
        return None if value == follows else value
    return value


def _augmentation_columns(known: Sequence[Run]) -> list[Column]:
    every = [run.augmentation or NO_AUGMENTATION for run in known]
    every = [NO_AUGMENTATION if settings.is_off else settings for settings in every]
    columns = _differing_columns(
        Augmentation, len(every), lambda n, name: getattr(every[n], name), "augmentation."
    )
    if len(columns) > 1 and len({_partition(column.values) for column in columns}) == 1:
        return [Column("augmentation", None, tuple(every), "named")]
    return columns


def _partition(values: Sequence[Any]) -> tuple[int, ...]:
    """Return which runs have the same value: equal for columns that separate the same runs."""
    order = list(dict.fromkeys(values))
    return tuple(order.index(value) for value in values)


def _choose_scale(control: FieldSpec, values: Sequence[Any]) -> AxisScale:
    if control.kind not in ("int", "float") or None in values:
        return "named"
    if min(values) > 0 and (control.scale == "log" or max(values) > _LOG_SCALE_RATIO * min(values)):
        return "log"
    return "linear"


def _normalized_ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Return ranks (N,), ties at their mean, centred and of length 1; zeros where all are equal."""
    _, group, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[group]
    centred = ranks - ranks.mean()
    length = float(np.linalg.norm(centred))
    return centred / length if length > 0 else np.zeros(len(values))
