"""The rows of metrics that a training writes: one an epoch, and points inside the epochs.

They are lines of `metrics.jsonl` and `batches.jsonl` in a run's folder. A loss that is no number
any more is NaN or null there.
"""

from __future__ import annotations

from typing import Literal, Required, TypedDict

MetricName = Literal["loss", "accuracy", "val_loss", "val_accuracy"]
"""The metrics of an epoch; those with ``val_`` are measured on the validation photos."""


class EpochRow(TypedDict, total=False):
    """The metrics of one epoch.

    `epoch` counts from 0, accuracies are fractions, `learning_rate` is that of the last step, and
    `seconds` is how long the epoch took with its validation. An imported history has no more than
    the metrics.
    """

    epoch: Required[int]
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float


class BatchRow(TypedDict, total=False):
    """The mean metrics of an epoch after some of its batches.

    `epoch` counts from 0, `batch` from 1 to `steps`, which is how many the epoch has.
    """

    epoch: Required[int]
    batch: Required[int]
    steps: int
    loss: float | None
    accuracy: float | None
