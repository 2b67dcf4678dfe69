"""Find which column of a history is which metric, and make one row per epoch of its rows.

Names are read word by word, so `valid_loss`, `val/loss` and `Validation Loss` are the same. Where a
name could be several metrics, nothing is guessed: `ColumnsError` asks.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, nan
from typing import Literal, TypeAlias, get_args

from ..base.errors import N_, RunError
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..base.metric_rows import EpochRow, MetricName
from .history_formats import EPOCH, MAX_EPOCHS, STEP, HistoryTable, parse_number

HistoryColumn = Literal["loss", "accuracy", "val_loss", "val_accuracy", "epoch"]
"""What a column of a history can be."""
ColumnNames: TypeAlias = Mapping[HistoryColumn, str]
"""The column of a file, by what it is."""
METRICS: tuple[MetricName, ...] = get_args(MetricName)
JUDGED: tuple[MetricName, ...] = ("loss", "val_loss", "val_accuracy")
"""What a verdict rests on. Some programs record no training accuracy."""
PERCENT = N_("The accuracies are percentages, so the lab divides them by 100.")
ERROR_RATE = N_("The file has error rates, so the lab uses 1 minus the error rate as accuracy.")
NO_TRAINING_ACCURACY = N_(
    "The history has no training accuracy, so the verdict rests on the losses and the validation "
    "accuracy."
)
NO_VALIDATION_ACCURACY = N_(
    "The history has no validation accuracy, so the verdict rests on the losses."
)
NO_LOSSES = N_("The history lacks {missing}, so overfitting can't be judged.")
REPEATED_EPOCHS = N_("Some epochs appear twice, so the lab uses their later rows.")
NO_NUMBERS = N_("The lab leaves out NaN values that are followed by numbers.")
MISSING_COLUMNS = N_(
    "{file} lacks the columns {missing} and has only {found}. Use the columns {names}, or say "
    "which of its columns they are."
)
COLUMNS_USED = N_("Columns used: {columns}.")


class ColumnsError(RunError):
    """The columns of some metrics are not known.

    Attributes:
        columns: all that the file has.
        missing: the metrics that none of them is for sure.
        found: the columns of the other metrics.
    """

    def __init__(self, table: HistoryTable, missing: Sequence[str], found: ColumnNames) -> None:
        super().__init__(
            MISSING_COLUMNS,
            file=table.name,
            missing=", ".join(missing),
            found=truncate_for_display(", ".join(table.columns)) or "none",
            names=", ".join(METRICS),
        )
        self.columns = table.columns
        self.missing = tuple(missing)
        self.found = dict(found)


@dataclass(frozen=True)
class History:
    """A training history from another program.

    Attributes:
        name: of its file.
        rows: one per epoch, in order. Accuracies are fractions.
        notes: what was understood or changed, a sentence each.
    """

    name: str
    rows: list[EpochRow]
    notes: list[Message] = field(default_factory=list)


def build_history(table: HistoryTable, columns: ColumnNames | None = None) -> History:
    """Build the history of a table.

    Args:
        table: as it was read.
        columns: those that the user named; they come before the ones that are recognized.

    Raises:
        ColumnsError: no column is known to be of the training, or one that is not known may be
            what is missing and the user has named none.
        RunError: a column that was named does not exist, there is no finished epoch, there are too
            many, or an accuracy is none.
    """
    if not table.columns:
        raise _no_epochs_error(table)
    chosen = _check_named(table, columns or {})
    filled = _filled_columns(table)
    names = {**find_columns(filled), **chosen}
    missing = [metric for metric in JUDGED if metric not in names]
    is_trained = "loss" in names or "accuracy" in names
    is_sure = bool(chosen) or not any(_could_be(table, name, missing, names) for name in filled)
    if missing and not (is_trained and is_sure):
        if not filled and find_columns(table.columns):
            raise _no_epochs_error(table)
        raise ColumnsError(table, missing, names)
    metrics = {metric: names[metric] for metric in METRICS if metric in names}
    rows, notes = _merge_rows(table, metrics, names.get(EPOCH))
    notes = _list_notes(metrics) | notes
    for metric in ("accuracy", "val_accuracy"):
        if metric in metrics and _normalize_accuracy(table, rows, metric, metrics[metric]):
            notes[PERCENT] = Message(PERCENT)
    if len(rows) > MAX_EPOCHS:
        raise RunError(
            "{file} has {epochs:,} epochs. Keep at most {most:,}.",
            file=table.name,
            epochs=len(rows),
            most=MAX_EPOCHS,
        )
    if not any(all(metric in row for metric in metrics) for row in rows):
        raise _no_epochs_error(table)
    return History(table.name, rows, list(notes.values()))


def _no_epochs_error(table: HistoryTable) -> RunError:
    return RunError(
        "{file} has no epochs. Train for at least one epoch, then save the history again.",
        file=table.name,
    )


def _check_named(table: HistoryTable, columns: ColumnNames) -> ColumnNames:
    for metric, name in columns.items():
        if metric not in get_args(HistoryColumn) or name not in table.columns:
            raise RunError(
                "{file} has no column {name} for {metric}. It has the columns {found}.",
                file=table.name,
                name=truncate_for_display(name),
                metric=truncate_for_display(metric),
                found=truncate_for_display(", ".join(table.columns)),
            )
    return columns


def _list_notes(metrics: Mapping[MetricName, str]) -> dict[str, Message]:
    notes: dict[str, Message] = {}
    if any(metric != name for metric, name in metrics.items()):
        used = ", ".join(f"{metric} = {name}" for metric, name in metrics.items())
        notes[COLUMNS_USED] = Message(COLUMNS_USED, {"columns": truncate_for_display(used, 200)})
    if any(map(_is_error_rate, metrics.values())):
        notes[ERROR_RATE] = Message(ERROR_RATE)
    losses = [name for name in ("loss", "val_loss") if name not in metrics]
    if losses:
        notes[NO_LOSSES] = Message(NO_LOSSES, {"missing": ", ".join(losses)})
    elif "val_accuracy" not in metrics:
        notes[NO_VALIDATION_ACCURACY] = Message(NO_VALIDATION_ACCURACY)
    elif "accuracy" not in metrics:
        notes[NO_TRAINING_ACCURACY] = Message(NO_TRAINING_ACCURACY)
    return notes


def _filled_columns(table: HistoryTable) -> list[str]:
    """Return the columns that hold anything."""
    return [
        name
        for name in table.columns
        if any(parse_number(row.get(name), table.decimal_comma) is not None for row in table.rows)
    ]


def _could_be(
    table: HistoryTable,
    name: str,
    missing: Sequence[MetricName],
    names: Mapping[HistoryColumn, str],
) -> bool:
    """Return whether a column that was not recognized may be one of the missing metrics.

    Its name says so among others, or says nothing and its values are those of one.
    """
    if name in names.values() or _OTHER.intersection(_split_name(name)):
        return False
    if (parts := _parse_name(name)) is not None:
        kind = "loss" if parts.kind == "loss" else "accuracy"
        metric = kind if parts.part == "train" else f"val_{kind}"
        return parts.part != "test" and (metric in missing or (not parts.part and kind in missing))
    values = (parse_number(row.get(name), table.decimal_comma) for row in table.rows)
    return all(0 <= value <= 100 for value in values if value is not None)


_VALIDATION = frozenset(("val", "valid", "validation", "eval", "dev", "va", "vl"))
_TEST = frozenset(("test",))
_TRAINING = frozenset(("train", "training", "tr", "trn"))
_ACCURACY = frozenset(("accuracy", "acc", "top1"))
_OTHER = frozenset(
    (
        *(
            "epoch",
            "epochs",
            "step",
            "steps",
            "iter",
            "iteration",
            "batch",
            "index",
            "time",
            "seconds",
        ),
        *("lr", "rate", "runtime", "timestamp", "wall", "duration", "grad", "norm", "momentum"),
        *("top3", "top5", "top10", "auc", "precision", "recall", "f1", "map50", "score", "mae"),
        *("mse", "memory", "gpu", "per", "samples", "min", "max", "seed", "fold", "run", "id"),
        *("top", "iou", "dice", "kappa", "mcc", "specificity", "sensitivity", "flos"),
    )
)
"""Words of columns that are neither a loss nor an accuracy of a split."""
# Words of other languages, by their stems.
_TRANSLATED = {
    "accuracy": "정확도|genauigkeit|exactitud|exactitude|正解率|准确率|準確率|精度",
    "loss": "손실|로스|verlust|perte|pérdida|perdita|損失|损失",
    "val": "검증|밸리데이션|validierung|validación|検証|验证|驗證",
    "train": "훈련|학습(?!률)|trainings|entraînement|entrenamiento|訓練|训练|学習(?!率)",
    "test": "테스트|시험|テスト|测试|測試",
    "epoch": "에포크|에폭|이폭|epoche|époque|época|エポック|轮次|輪次",
    "rate": "학습률|学習率|学习率|lernrate",
}
_FOREIGN = re.compile("|".join(f"(?P<{word}>{stems})" for word, stems in _TRANSLATED.items()))
# Words of a name that change nothing, such as those of Keras's accuracies.
_NEUTRAL = frozenset(
    (
        "binary",
        "categorical",
        "sparse",
        "metrics",
        "metric",
        "avg",
        "mean",
        "run",
        "tag",
        "logs",
    )
)
_NAME_CHARS = 200
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD_END = re.compile(r"[\W_]+")
_COPY = re.compile(r" \(\d{1,3}\)$")  # of a file that was downloaded twice


@dataclass(frozen=True)
class _NameParts:
    """A column's name, word by word: kind "loss", "accuracy" or "error"; part "train", "val",
    "test" or none. `rank` is higher the more words are not understood."""

    kind: str
    part: str
    rank: int


def _split_name(name: str) -> list[str]:
    words = _CAMEL.sub("_", _COPY.sub("", name[:_NAME_CHARS])).lower()
    words = _FOREIGN.sub(lambda match: f"_{match.lastgroup}_", words)
    return [word for word in _WORD_END.split(words) if word]


def _is_error_rate(name: str) -> bool:
    words = _split_name(name)
    return "error" in words and "rate" in words


def _parse_name(name: str) -> _NameParts | None:
    """Return what a column's name says, None where it names no metric."""
    if len(name) > _NAME_CHARS:
        return None
    words = _split_name(name)
    parts = {
        "val": any(word in _VALIDATION for word in words),
        "test": any(word in _TEST for word in words),
        "train": any(word in _TRAINING for word in words),
    }
    # A run of TensorBoard may be called train although its tag says val.
    part = next((part for part, is_it in parts.items() if is_it), "")
    if "loss" in words:
        kind = "loss"
    elif _ACCURACY.intersection(words):
        kind = "accuracy"
    elif _is_error_rate(name):
        kind = "error"
    else:
        return None
    known = _VALIDATION | _TEST | _TRAINING | _ACCURACY | _NEUTRAL
    known |= {"loss", "error", "rate", "epoch", "step"}
    rank = 10 * sum(word not in known for word in words)
    return _NameParts(kind, part, rank + 5 * ("step" in words) - ("epoch" in words))


def find_columns(names: Sequence[str]) -> dict[HistoryColumn, str]:
    """Return the columns that are recognized by their names; none where two could be meant."""
    parsed = {name: parts for name in names if (parts := _parse_name(name)) is not None}

    def best(kind: str, *parts: str) -> str | None:
        for part in parts:
            ranked = sorted(
                (each.rank, name)
                for name, each in parsed.items()
                if (each.kind, each.part) == (kind, part)
            )
            if ranked and (len(ranked) == 1 or ranked[0][0] < ranked[1][0]):
                return ranked[0][1]
            if ranked:
                return None
        return None

    found: dict[HistoryColumn, str | None] = {
        "loss": best("loss", "train", ""),
        "val_loss": best("loss", "val", "test"),
        "val_accuracy": best("accuracy", "val", "test"),
        "accuracy": best("accuracy", "train", ""),
    }
    # Keras calls its own metrics so, whatever others there are beside them.
    found |= {metric: metric for metric in METRICS if metric in names}
    is_loss_named = "loss" not in names and found["loss"] is not None
    if found["val_accuracy"] is None and is_loss_named:
        # With a loss of training and one of validation, fastai and Ultralytics measure the
        # accuracy, without a word for it, on the validation photos.
        found["val_accuracy"] = best("accuracy", "") or best("error", "val", "")
        if found["accuracy"] == found["val_accuracy"]:
            found["accuracy"] = None
    found[EPOCH] = next((name for name in names if _split_name(name) in _EPOCH_NAMES), None)
    return {metric: name for metric, name in found.items() if name is not None}


_EPOCH_NAMES = ([EPOCH], [EPOCH, EPOCH], ["epochs"], ["ep"])

_Numbers: TypeAlias = dict[MetricName, float]


def _merge_rows(
    table: HistoryTable, metrics: Mapping[MetricName, str], epoch_column: str | None
) -> tuple[list[EpochRow], dict[str, Message]]:
    """Return one row per epoch: as they are where every row is whole, else put together.

    Also returns what was left out, a message each.
    """
    rows: list[_Numbers] = []
    positions: list[float | None] = []
    step_column = next((name for name in table.columns if _split_name(name) == [STEP]), None)
    position_column = epoch_column or step_column
    for source in table.rows:
        numbers: _Numbers = {}
        for metric, name in metrics.items():
            value = parse_number(source.get(name), table.decimal_comma)
            if value is not None:
                numbers[metric] = 1 - value if _is_error_rate(name) else value
        rows.append(numbers)
        position = None
        if position_column is not None:
            position = parse_number(source.get(position_column), table.decimal_comma)
        positions.append(position if position is not None and isfinite(position) else None)
    notes: dict[str, Message] = {}
    is_whole = all(len(numbers) == len(metrics) for numbers in rows)
    if _drop_gaps(rows, metrics):
        notes[NO_NUMBERS] = Message(NO_NUMBERS)
    if is_whole:
        kept = _drop_repeated(positions if epoch_column else [None] * len(rows))
        if len(kept) < len(rows):
            notes[REPEATED_EPOCHS] = Message(REPEATED_EPOCHS)
        rows, positions = [rows[at] for at in kept], [positions[at] for at in kept]
        epochs = _number_epochs(positions if epoch_column else [None] * len(rows))
        return [_epoch_row(n, numbers) for n, numbers in zip(epochs, rows, strict=True)], notes
    if position_column is None or any(position is None for position in positions):
        grouped = [[numbers] for numbers in rows if numbers]
    else:
        known = [position for position in positions if position is not None]
        grouped = _group_rows(rows, known, by_step=epoch_column is None)
    return [_epoch_row(n, _merge_group(group)) for n, group in enumerate(grouped)], notes


def _drop_gaps(rows: Sequence[_Numbers], metrics: Iterable[MetricName]) -> bool:
    """Drop what is NaN or infinite before a finite value; return whether there was any.

    Weights that are NaN stay so: a loss that is finite again was only not written down, or of a
    step that mixed precision skipped.
    """
    is_dropped = False
    for metric in metrics:
        finite = [at for at, numbers in enumerate(rows) if isfinite(numbers.get(metric, nan))]
        for numbers in rows[: finite[-1] if finite else 0]:
            if not isfinite(numbers.get(metric, 0.0)):
                del numbers[metric]
                is_dropped = True
    return is_dropped


def _drop_repeated(positions: Sequence[float | None]) -> list[int]:
    """Return the rows that count, of a training that was resumed from an earlier epoch.

    Where the epochs begin again at the first, another training follows and all rows count.
    """
    kept: list[int] = []
    for at, position in enumerate(positions):
        if position is not None and position != positions[0]:
            while kept and (before := positions[kept[-1]]) is not None and before >= position:
                if before == positions[0]:
                    break
                kept.pop()
        kept.append(at)
    return kept


def _epoch_row(epoch: int, numbers: Mapping[MetricName, float]) -> EpochRow:
    row: EpochRow = {"epoch": epoch}
    for metric, value in numbers.items():
        row[metric] = value
    return row


def _number_epochs(positions: Sequence[float | None]) -> list[int]:
    """Return the number of each row's epoch, from 0: the file's where they ascend, else counted."""
    numbers = [int(p) for p in positions if p is not None and 0 <= p <= 10**6 and p == int(p)]
    if len(numbers) < len(positions) or not all(a < b for a, b in pairwise(numbers)):
        return list(range(len(positions)))
    first = 1 if numbers[:1] == [1] else 0
    return [number - first for number in numbers]


def _group_rows(
    rows: Sequence[_Numbers], positions: Sequence[float], by_step: bool
) -> list[list[_Numbers]]:
    """Return the rows of each epoch, in its order.

    Args:
        rows: what each holds.
        positions: its epoch, or a part of one such as 1.5; or its step.
        by_step: positions are steps. Each validation ends an epoch then; without any, each step
            with metrics is one.
    """
    validated = {
        at
        for numbers, at in zip(rows, positions, strict=True)
        if "val_loss" in numbers or "val_accuracy" in numbers
    }
    ends = sorted(validated or set(positions))
    groups: dict[int, list[_Numbers]] = {}
    for numbers, position in zip(rows, positions, strict=True):
        if numbers:
            key = bisect_left(ends, position) if by_step else math.ceil(position - 1e-9)
            groups.setdefault(key, []).append(numbers)
    return [groups[key] for key in sorted(groups)]


def _merge_group(group: Sequence[_Numbers]) -> _Numbers:
    """Return an epoch's numbers: training's are means over its steps, validation's the last."""
    merged: _Numbers = {}
    for metric in METRICS:
        values = [numbers[metric] for numbers in group if metric in numbers]
        if values:
            is_validation = metric.startswith("val_")
            merged[metric] = values[-1] if is_validation else sum(values) / len(values)
    return merged


def _normalize_accuracy(
    table: HistoryTable, rows: Sequence[EpochRow], metric: MetricName, column: str
) -> bool:
    """Turn percentages into fractions in place; return whether they were."""
    values = [v for row in rows if (v := row.get(metric)) is not None and isfinite(v)]
    most = max(values, default=0.0)
    if most > 100:
        raise RunError(
            "The accuracy in column {column} of {file} reaches {most:g}. Choose a column with "
            "values from 0 to 1, or from 0 to 100%.",
            column=truncate_for_display(column),
            file=table.name,
            most=most,
        )
    if most <= 1.5:  # rounding may pass 1
        return False
    for row in rows:
        value = row.get(metric)
        if value is not None:
            row[metric] = value / 100
    return True
