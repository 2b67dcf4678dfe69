"""A sweep as read at one moment, by its folder and its runs; nothing here writes. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .. import files
from ..errors import CatDogError, RunError
from ..outcomes import experiments
from ..outcomes.experiments import Group
from ..runs import Run
from ..training import status
from . import grid as grids
from . import ray_here, trial_marks
from .grid import Grid
from .trial_marks import root

FORMAT = 1
TRIES = 3
"""How often a trial's training is started, unless told otherwise: once, and twice again."""
TrialStatus = Literal["waiting", "running", "done", "pruned", "stopped", "failed"]
ENDED: tuple[TrialStatus, ...] = ("done", "pruned", "failed")


@dataclass(frozen=True)
class Trial:
    """One run of a sweep as it is now; `epoch` counts whole epochs, `seconds` held processors."""

    run: str
    status: TrialStatus
    tries: int
    seconds: float
    core_seconds: float
    epoch: int


@dataclass(frozen=True)
class Sweep:
    """A sweep as read at one moment.

    Attributes:
        grid: None where it trains an experiment of another kind.
        group: its runs.
        status: of its driver; as of a run.
        at_once: trials at one time, None for as many as there is room for.
        tries: how often a trial's training may be started by one driver.
        trials: by run id, in the order of the runs.
        core_seconds: what it has cost so far: seconds times processors held.
        eta: seconds it will still take, None where nothing tells.
        error: why it failed, as message and params; empty where it has not.
        state: the whole of state.json.
    """

    id: str
    folder: Path
    name: str
    created: float
    grid: Grid | None
    group: Group
    status: status.Status
    address: str
    at_once: int | None
    tries: int
    trials: Mapping[str, Trial]
    core_seconds: float
    eta: float | None
    error: Mapping[str, Any]
    state: Mapping[str, Any]

    @property
    def is_active(self) -> bool:
        """True while a driver lives or is about to."""
        return self.status in ("queued", "running", "stalled")

    @property
    def left(self) -> tuple[Run, ...]:
        """The runs a start would train, in their order."""
        return tuple(run for run in self.group.runs if is_left(run, self.group.pruned))

    @property
    def can_start(self) -> bool:
        """True when `start` would train something."""
        return not self.is_active and bool(self.left)

    def count(self, wanted: TrialStatus) -> int:
        """How many trials have a status."""
        return sum(trial.status == wanted for trial in self.trials.values())


def listing() -> list[Sweep]:
    """The sweeps of the workspace that have runs, the newest first."""
    found = []
    for group in experiments.listing():
        stored = record(group.id)
        if stored:
            found.append(_sweep(group, stored))
    return found


def load(key: str) -> Sweep:
    """A sweep by its id.

    Raises:
        RunError: there is none.
    """
    stored = record(key)
    if not stored:
        raise RunError(
            "There is no sweep '{key}'. Expected the id of one; 'sweeps' lists them.",
            key=files.shown(key),
        )
    files.refuse_newer(root() / key / "sweep.json", stored, FORMAT)
    return _sweep(experiments.load(key), stored)


def is_left(run: Run, pruned: frozenset[str]) -> bool:
    """Whether a start would train a run: not one that is done, pruned, or beyond repair."""
    return run.id not in pruned and (run.can_resume or run.is_active)


def trials(
    folder: Path, group: Group, tries: int, is_active: bool, driver: str = ""
) -> dict[str, Trial]:
    """The trials of a sweep as their runs and marks tell.

    Args:
        folder: the sweep's.
        group: its runs.
        tries: how many a trial has.
        is_active: whether a driver lives, so that who has failed may be tried again.
        driver: which one, if so.
    """
    found = {}
    for run in group.runs:
        mark = trial_marks.read(folder, run.id)
        again = is_active and (mark.driver != driver or mark.here < tries)
        found[run.id] = Trial(
            run.id,
            _status(run, run.id in group.pruned, is_active, again),
            mark.tries,
            mark.seconds,
            mark.core_seconds,
            len(run.epochs),
        )
    return found


def _status(run: Run, is_pruned: bool, is_active: bool, again: bool) -> TrialStatus:
    if run.status == "done":
        return "done"
    if is_pruned:
        return "pruned"
    if run.is_active:
        return "running"
    if run.status in ("failed", "damaged") or (run.status == "lost" and is_active):
        return "waiting" if again else "failed"
    return "waiting" if is_active or not run.epochs else "stopped"


def record(key: str) -> dict[str, Any]:
    """The sweep.json of a sweep, empty where there is none."""
    if not key or Path(key).name != key:
        return {}
    return files.read_object(root() / key / "sweep.json")


def _sweep(group: Group, stored: dict[str, Any]) -> Sweep:
    folder = root() / group.id
    about, state = (
        files.read_object(folder / "about.json"),
        files.read_object(folder / "state.json"),
    )
    after = about.get("after")
    now = status.of(
        folder, state, files.number(about.get("asked")), after if isinstance(after, int) else None
    )
    active = now in ("queued", "running", "stalled")
    tries = _count(about.get("tries") or stored.get("tries")) or TRIES
    found = trials(folder, group, tries, active, str(state.get("driver", "")))
    eta = state.get("eta_seconds")
    error = state.get("error")
    return Sweep(
        id=group.id,
        folder=folder,
        name=str(stored.get("name") or group.name),
        created=files.number(stored.get("created")),
        grid=_grid(stored.get("grid")),
        group=group,
        status=now,
        address=str(about.get("address") or stored.get("address") or ray_here.LOCAL),
        at_once=_count(about.get("at_once") or stored.get("at_once")),
        tries=tries,
        trials=found,
        core_seconds=sum(trial.core_seconds for trial in found.values()),
        eta=files.number(eta) if active and isinstance(eta, (int, float)) else None,
        error=error if now == "failed" and isinstance(error, dict) else {},
        state=state,
    )


def _count(value: Any) -> int | None:
    number = int(files.number(value))
    return number if number > 0 else None


def _grid(stored: Any) -> Grid | None:
    try:
        return grids.parse(stored) if stored else None
    except CatDogError:  # of a lab that knew other settings; the runs tell all the same
        return None
