"""The Keras callback that keeps the weights of a few epochs: see `epoch_weights`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import keras

from ..settings import Training
from . import epoch_weights
from .averaging import AveragedWeights


class EpochWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """After every epoch: the weights of the model that predicts, if they are wanted."""

    def __init__(
        self,
        folder: Path,
        training: Training,
        averaged: AveragedWeights | None = None,
        whole: Callable[[keras.Model], keras.Model] | None = None,
    ) -> None:
        """Keep in a run's folder; the other arguments are those of `callbacks.Keeper`."""
        super().__init__()
        self.folder, self.training = folder, training
        self.averaged, self.whole = averaged, whole
        self.most: int | None = None  # how many are kept; not known before the first epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self.most == 0:
            return  # putting a whole model together takes longer than an epoch of its head alone
        with self.averaged.in_place() if self.averaged else nullcontext():
            model = self.whole(self.model) if self.whole else self.model
            weights = model.get_weights()
        if self.most is None:
            size = sum(one.nbytes for one in weights)
            self.most = epoch_weights.wanted(self.training, size)
        if self.most and self.folder.is_dir():  # not where the run was deleted meanwhile
            epoch_weights.keep(self.folder, epoch, weights, self.most)
