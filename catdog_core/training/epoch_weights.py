"""Store the weights of a few epochs of a run, so that pages can show how the model changed.

They lie in the run's folder as ``epochs/epoch-0007.npz``, epochs counted from 0: the arrays of
`get_weights` of the model that predicts, in their order. The worker is their one writer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base import file_cache
from ..base.errors import ModelError
from ..config import Training

EPOCHS_FOLDER = "epochs"
DEFAULT_MAX_EPOCHS = 8
"""Epochs kept where nothing else is said."""
SMALL_WEIGHTS_BYTES = 2_000_000
"""Bytes of one epoch's weights up to which they are kept where nothing else is said."""
_FILE_NAME = re.compile(r"epoch-(\d{4,6})\.npz")


def max_stored_epochs(training: Training, size: int) -> int:
    """Return how many epochs' weights are stored if one takes `size` bytes; 0 for none."""
    if training.epoch_weights is None:
        return DEFAULT_MAX_EPOCHS if size <= SMALL_WEIGHTS_BYTES else 0
    return training.epoch_weights


def select_stored_epochs(epoch: int, most: int) -> set[int]:
    """Return which epochs, from 0, stay stored after `epoch`: evenly spread, and the last.

    The first is always kept, then every second, fourth, eighth… so that what is left out once is
    never needed again, and a resumed training keeps the same ones.
    """
    if most < 2:
        return {epoch} if most else set()
    step = 1
    while -(-epoch // step) + 1 > most:
        step *= 2
    return {*range(0, epoch + 1, step), epoch}


def save_epoch_weights(
    run: Path, epoch: int, weights: Sequence[NDArray[np.float32]], most: int
) -> None:
    """Write the weights of an epoch that has just ended, and delete those not kept any more."""
    path = run / EPOCHS_FOLDER / f"epoch-{epoch:04d}.npz"
    path.parent.mkdir(exist_ok=True)
    file_cache.write_arrays(path, *weights)
    stay = select_stored_epochs(epoch, most)
    for other, old in list_epoch_weights(run).items():
        if other not in stay:  # or of an epoch that a resume does over again
            old.unlink(missing_ok=True)


def list_epoch_weights(run: Path) -> dict[int, Path]:
    """Return the stored weights of a run folder as paths by epoch, from 0, sorted."""
    paths_by_epoch = {}
    for path in (run / EPOCHS_FOLDER).glob("epoch-*.npz"):
        match = _FILE_NAME.fullmatch(path.name)
        if match:
            paths_by_epoch[int(match[1])] = path
    return dict(sorted(paths_by_epoch.items()))


def load_epoch_weights(
    path: Path, like: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """Read the weights of an epoch.

    Args:
        path: the file.
        like: weights of the same model, whose shapes they must have.

    Raises:
        ModelError: the file is gone, damaged, or of another network.
    """
    try:
        arrays = file_cache.read_arrays(path)
        weights = [arrays[f"arr_{n}"] for n in range(len(arrays))]
    except file_cache.ARRAY_READ_ERRORS as error:
        raise ModelError(
            "The weights in {name} can't be read as a saved epoch. Choose another epoch.",
            name=path.name,
        ) from error
    if [one.shape for one in weights] != [one.shape for one in like]:
        raise ModelError(
            "The weights in {name} belong to a different network. Choose another epoch.",
            name=path.name,
        )
    return weights
