"""The flags of a training on several workers, and what they come to for a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import runs
from ..cluster import ray_here, team_size
from ..errors import SettingsError
from ..settings import Training
from ..training import about

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=team_size.MOST,
        metavar="N",
        help="How many workers train it together, each on its part of every batch; more than one"
        " need Ray (docs/cluster.md).",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Of the Ray cluster they work at: local (this machine, the default), auto, or"
        " HOST:PORT.",
    ),
]


def asked(training: Training, workers: int | None, address: str | None) -> tuple[int, str]:
    """The workers and the address a run is made with.

    Raises:
        SettingsError: they do not go together, or with the settings.
        ClusterError: there is no Ray, or the address is none.
    """
    workers = workers or 1
    team_size.refuse(training, workers)
    if workers == 1:
        if address is not None:
            raise SettingsError(
                "--address is given without several workers. Expected --workers 2 or more with it;"
                " one worker trains here, without a cluster."
            )
        return 1, ""
    ray_here.require()
    return workers, ray_here.check(address or ray_here.LOCAL)


def change(folder: Path, workers: int | None, address: str | None) -> None:
    """Have a run go on with other workers, or elsewhere; None for as before.

    Raises:
        SettingsError, ClusterError: as `asked`.
        CatDogError: the run cannot be changed.
    """
    run = runs.load(folder)
    runs.refuse_ended(run)
    if (workers is None and address is None) or run.is_active or run.training is None:
        return
    count = workers or run.workers
    found = asked(run.training, count, address or (run.address if count > 1 else None) or None)
    about.change(folder, dict(zip(("workers", "address"), found, strict=True)))
