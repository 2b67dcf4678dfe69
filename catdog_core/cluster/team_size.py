"""How many workers may train a run together, and how many cores each of them can have. Light."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ClusterError, SettingsError
from ..settings import Training

MOST = 64
"""Workers a training may have."""


def refuse(training: Training, workers: int) -> None:
    """Raise SettingsError where settings and number of workers do not go together."""
    if not 1 <= workers <= MOST:
        raise SettingsError(
            "The number of workers is {count}. Expected 1 to {most}.", count=workers, most=MOST
        )
    if workers > training.batch_size:
        raise SettingsError(
            "{count} workers cannot share a batch of {batch_size} photos. Expected at most as many"
            " workers as photos. Choose fewer workers or a larger batch size.",
            count=workers,
            batch_size=training.batch_size,
        )


def cores_each(nodes: Sequence[float], workers: int) -> int:
    """The most cores each worker can have, so that all of them find a place.

    Args:
        nodes: cores of each machine.
        workers: how many are to be placed.

    Raises:
        ClusterError: there is not one core for each.
    """
    for cores in range(int(max(nodes, default=0)), 0, -1):
        if sum(int(node // cores) for node in nodes) >= workers:
            return cores
    raise ClusterError(
        "The cluster has {cores} cores, too few for {count} workers. Choose fewer workers, or add"
        " machines to the cluster.",
        cores=int(sum(nodes)),
        count=workers,
    )
