"""Groups of runs: sweeps, twins and small-data experiments; made, read, started, stopped.

A group is nothing but its runs, each of which names it in its about.json, so it outlives server and
machine. Its runs train in one of two ways:

- One after another (`start_group`): when a run ends, its own process starts the next one
  (`start_next_run`). Stopping the run that trains stops the group; a file `stop` in a run that
  waits keeps it waiting.
- As trials of Ray Tune (`start_driver`), by a driver in a process of its own, here or on a cluster.
  Ray only decides when and where they train. What there is of it beside the runs:

    workspace/sweeps/<group id>/
        sweep.json           create_group   name, dataset, grid, where and how; never changes
        about.json           start_driver   when a start was last asked for, and with what changed
        stop                 pages, shell   the wish to stop
        lock                 driver         held while it lives
        state.json           driver         what it is doing, with a beat that grows every 2 s
        log.txt              driver         what it and Ray say
        trials/<run>.json    trial          tries and cost, one writer at a time for a run
        pruned/<run>.json    driver         that ASHA has stopped the run early for good

All of it lies where every machine of a cluster sees it, and outlives a driver that is killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import mean
from typing import Any, Literal, cast
from uuid import uuid4

from .. import runs
from ..base import access, files, subprocess_jobs, trash
from ..base.errors import CatDogError, RunError
from ..base.names import shorten_middle, shorten_names, unique_name
from ..runs import Run, RunRecord, run_names, run_process, status
from ..runs.run_folder import sweeps_folder as sweeps_folder
from ..runs.run_names import MAX_NAME
from ..runs.status import RunState
from . import grid as grids
from . import ray_session
from .grid import Grid
from .plans import GroupPlan

FORMAT = 1
_MAX_NAME = 60  # characters of a group's name, which all its runs carry
DEFAULT_TRIES = 3
"""How often a trial's training is started by one driver, unless said otherwise."""
TrialStatus = Literal["waiting", "running", "done", "pruned", "stopped", "failed"]
ENDED_STATUSES: tuple[TrialStatus, ...] = ("done", "pruned", "failed")
_ENDED_RUN_STATUSES = ("done", "failed", "damaged")
_DRIVER_ACTIVE_STATUSES = ("queued", "running", "stalled")


@dataclass(frozen=True)
class Cluster:
    """Where and how Ray trains a group.

    Attributes:
        address: of the cluster; see `ray_session.parse_cluster_address`.
        at_once: trials at one time, None for one for each two processors.
        tries: how often a trial's training may be started by one driver.
    """

    address: str = ray_session.LOCAL
    at_once: int | None = None
    tries: int = DEFAULT_TRIES


@dataclass
class TrialState:
    """The stored state of one trial.

    Attributes:
        driver: which driver it was told by last.
        tries: how often its training was started in all.
        driver_tries: how often by that driver, which the group's `tries` limits; stored as "here".
        seconds: how long it has held its processors, in all.
        cores: how many processors those are.
        host: the machine it trained on last.
    """

    driver: str = ""
    tries: int = 0
    driver_tries: int = 0
    seconds: float = 0.0
    cores: float = 0.0
    host: str = ""


_STORED_NAMES = {"driver_tries": "here"}
"""The keys in the file of fields that have another name there, as earlier versions wrote it."""


@dataclass(frozen=True)
class Trial:
    """One run of a group as it is now; `epoch` counts whole epochs, `seconds` held processors."""

    status: TrialStatus
    tries: int
    seconds: float
    core_seconds: float
    epoch: int


class SweepState(RunState, total=False):
    """The state.json of a driver: that of a worker, and what its trials do.

    Attributes:
        driver: a random id of the driver.
        seconds: since the driver began.
        trials: a `Trial` as a dict for each run id.
        core_seconds: seconds times processors held by trials so far.
        cores: processors of the cluster.
        at_once: trials at one time.
        cores_each: processors of each trial.
    """

    driver: str
    seconds: float
    trials: dict[str, dict[str, Any]]
    core_seconds: float
    cores: float
    at_once: int
    cores_each: float


@dataclass(frozen=True)
class Group:
    """A group of runs as it is now.

    Attributes:
        kind: one of `plans.KIND_TITLES`, or what a later version has made.
        runs: in the order of their making.
        pruned: the ids of those that ASHA has stopped early for good.
        status: as of a run: of its driver where one lives or has failed, else of its runs.
        trials: by run id, in the order of the runs.
        grid: what a sweep tries, None where that is not known.
        cluster: where a driver trains it, None for one run after another.
        driven: whether a driver lives or is about to.
        state: the driver's state.json, empty where there was none.
    """

    id: str
    kind: str
    name: str
    runs: tuple[Run, ...]
    pruned: frozenset[str]
    status: status.Status
    trials: Mapping[str, Trial]
    grid: Grid | None = None
    cluster: Cluster | None = None
    driven: bool = False
    state: SweepState = field(default_factory=SweepState)

    @property
    def folder(self) -> Path:
        """Where its driver's files lie, if it has any."""
        return sweeps_folder() / self.id

    @property
    def active(self) -> Run | None:
        """The run that trains or is about to."""
        return next((run for run in self.runs if run.is_active), None)

    @property
    def is_active(self) -> bool:
        """True while a driver or a run lives or is about to."""
        return self.driven or self.active is not None

    @property
    def waiting(self) -> tuple[Run, ...]:
        """The runs that train next by themselves: not those that have failed."""
        return tuple(
            run
            for run in self.runs
            if not run.is_active
            and run.status not in _ENDED_RUN_STATUSES
            and run.id not in self.pruned
        )

    @property
    def left(self) -> tuple[Run, ...]:
        """The runs a driver would train: those that have failed, too, unless beyond repair."""
        return tuple(
            run
            for run in self.runs
            if run.id not in self.pruned and (run.can_resume or run.is_active)
        )

    @property
    def error(self) -> Mapping[str, Any]:
        """Why its driver failed, as message and params; empty where it has not."""
        error = self.state.get("error")
        return error if self.status == "failed" and isinstance(error, dict) else {}

    @property
    def core_seconds(self) -> float:
        """What it has cost on Ray so far: seconds times processors held."""
        return sum(trial.core_seconds for trial in self.trials.values())

    @property
    def share_done(self) -> float:
        """How much of it is behind it, 0..1: a trial that has ended early is done."""
        parts = []
        for run in self.runs:
            trial, planned = self.trials[run.id], run.training.epochs
            parts.append(1.0 if trial.status in ENDED_STATUSES else min(trial.epoch / planned, 1))
        return mean(parts)

    @property
    def eta(self) -> float | None:
        """Seconds the runs that are left will take, at most: ASHA may stop some of them.

        Each epoch that is left counts as long as the mean one of its run, or of all runs where it
        has none yet; a run that has yet to begin takes besides what others took beside their
        epochs. None before the first epoch of any.
        """
        times = {
            run.id: mean(float(row.get("seconds") or 0) for row in run.epochs)
            for run in self.runs
            if run.epochs
        }
        if not times:
            return None
        over = [run for run in self.runs if self.trials[run.id].status in ENDED_STATUSES]
        beside = [max(self.trials[run.id].seconds - run.duration, 0.0) for run in over]
        start, usual = mean(beside or [0.0]), mean(times.values())
        left = []
        for run in self.runs:
            trial = self.trials[run.id]
            if trial.status not in ENDED_STATUSES and run.training:
                epochs = (run.training.epochs - len(run.epochs)) * times.get(run.id, usual)
                left.append(epochs + (0 if trial.status == "running" and run.epochs else start))
        if not left:
            return 0.0
        at_once = (
            max(int(files.float_or_default(self.state.get("at_once"))), 1) if self.driven else 1
        )
        return round(max(max(left), sum(left) / at_once), 1)

    def count(self, *wanted: TrialStatus) -> int:
        """Count the runs with one of these statuses."""
        return sum(trial.status in wanted for trial in self.trials.values())


def create_group(plan: GroupPlan, name: str = "", cluster: Cluster | None = None) -> str:
    """Create the runs of a group without starting them; return the group's id.

    Args:
        plan: what to train.
        name: shown in lists, with a number where another group has it.
        cluster: where a driver will train them; None for one run after another.

    Raises:
        CatDogError: a run cannot be made, or the address is none; nothing is left behind.
    """
    cluster = cluster and replace(cluster, address=_check_address(cluster.address))
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    key = f"{stamp}-{plan.kind}-{uuid4().hex[:4]}"
    title = unique_name(
        name.strip() or f"{plan.kind} {time.strftime('%H:%M:%S', time.localtime(now))}",
        [group.name for group in list_groups()],
        _MAX_NAME,
    )
    folders: list[Path] = []
    try:
        for run in plan.runs:
            # What differs comes first and stays whole as far as it can: the title stands elsewhere.
            named = f"{shorten_middle(run.name, MAX_NAME - len(title) - 3)} · {title}"
            folder = runs.create_run(plan.dataset, run.training, run.augmentation, name=named)
            folders.append(folder)
            runs.add_to_group(folder, {"id": key, "kind": plan.kind, "name": title})
        if plan.grid or cluster:
            _write_sweep(key, title, plan.dataset.id, plan.grid, cluster)
    except CatDogError:
        for folder in folders:
            files.remove_tree(folder)
        raise
    return key


def list_groups() -> list[Group]:
    """Return the groups of the workspace, the newest first."""
    runs_by_group: dict[str, list[Run]] = {}
    for run in runs.list_runs():
        if isinstance(run, Run) and run.group:
            runs_by_group.setdefault(run.group["id"], []).append(run)
    return [_build_group(key, members) for key, members in runs_by_group.items()]


def load_group(key: str) -> Group:
    """Read a group by its id, or else by its name.

    Raises:
        RunError: no run names it, or several groups have the name.
    """
    every = list_groups()
    found = [group for group in every if group.id == key] or [
        group for group in every if group.name == key
    ]
    if not found:
        raise RunError(
            "There's no experiment '{key}'. Use an id or name that 'sweeps' or 'experiment list' "
            "shows.",
            key=files.truncate_for_display(key),
        )
    if len(found) > 1:
        raise RunError(
            "Several experiments are named '{name}'. Use one of these ids: {ids}.",
            name=files.truncate_for_display(key),
            ids=", ".join(group.id for group in found[:5]),
        )
    group = found[0]
    files.check_format_version(group.folder / "sweep.json", _read_sweep(group.id), FORMAT)
    return group


def short_names(members: Sequence[RunRecord]) -> list[str]:
    """Return the names of a group's runs without the group's, short where they stay different."""
    return shorten_names([run_names.own_name(run) for run in members])


def start_group(key: str) -> None:
    """Start or resume a group: its runs train in the background, one after another.

    Raises:
        RunError: it is running already, or has nothing left to train.
    """
    group = load_group(key)
    access.check_permission("manage run", group.runs[0].owner)
    if group.is_active:
        raise _already_running_error(group)
    released = clear_stop_requests(group)
    if not released:
        raise _nothing_left_error(group)
    runs.start_run(released[0].folder, follow=True)


def clear_stop_requests(group: Group) -> tuple[Run, ...]:
    """Remove the stop files of the waiting runs, and return these runs."""
    for run in group.waiting:
        files.remove_if_exists(run.folder / "stop")
    return group.waiting


def start_next_run(folder: Path) -> None:
    """Start the next waiting run of a group, after one has ended by itself.

    Nothing starts after a run that was stopped, nor while another of the group trains.
    """
    run = runs.load_run(folder)
    if not run.group or run.status not in _ENDED_RUN_STATUSES:
        return
    with suppress(RunError):
        group = load_group(run.group["id"])
        if group.is_active or not group.waiting:
            return
        following = group.waiting[0]
        if not (following.folder / "stop").exists():
            runs.start_run(following.folder, follow=True)


def start_driver(
    key: str, address: str | None = None, *, at_once: int | None = None, tries: int | None = None
) -> None:
    """Start or resume a group as trials of Ray Tune.

    Args:
        key: its id.
        address: of the cluster; None for the one it was made for, else this machine.
        at_once: trials at one time, None as before.
        tries: how often a trial may be started, None as before.

    Raises:
        ClusterError: Ray is not installed, or the address is none.
        AccessError: it belongs to somebody else, or the visitor may not name this cluster.
        RunError: it is running already, or has nothing left to train.
    """
    group = load_group(key)
    access.check_permission("manage run", group.runs[0].owner)
    ray_session.check_ray_installed()
    if group.driven:
        raise _already_running_error(group)
    if not group.left:
        raise _nothing_left_error(group)
    before = group.cluster or Cluster()
    cluster = Cluster(
        _check_address(address or before.address),
        access.max_parallel_runs(at_once or before.at_once),
        tries or before.tries,
    )
    if not _read_sweep(key):
        _write_sweep(key, group.name, group.runs[0].dataset_id, None, cluster)
    about = group.folder / "about.json"
    earlier = files.read_json_object(about)
    request = {"asked": time.time(), "after": int(files.float_or_default(group.state.get("beat")))}
    files.remove_if_exists(group.folder / "stop")
    files.write_json(about, {"format": FORMAT, **asdict(cluster), **request})
    try:
        arguments = ["-m", "catdog_core.tuning.driver", group.id]
        subprocess_jobs.start_detached(arguments, group.folder / "log.txt")
    except OSError as error:
        files.write_json(about, {"format": FORMAT, **earlier})
        raise RunError(
            "The sweep process couldn't start: {reason}. Close other programs or free some disk "
            "space, then try again.",
            reason=error.strerror or str(error),
        ) from error


def stop_group(key: str) -> None:
    """Stop a group: what trains at its next batch, what waits, and its driver after them.

    Raises:
        RunError: there is no such group, or its driver has ended already.
    """
    group = load_group(key)
    access.check_permission("manage run", group.runs[0].owner)
    if group.cluster and not group.is_active:
        raise RunError(
            "'{name}' is {status}, so there's nothing to stop.",
            name=group.name,
            status=group.status,
        )
    if group.driven:
        files.write_bytes(group.folder / "stop", b"")
        run_process.watch_stop(group.folder)
        return
    for run in group.waiting:
        files.write_bytes(run.folder / "stop", b"")
    for run in group.runs:
        with suppress(RunError):  # it ended meanwhile
            if run.is_active:
                runs.stop_run(run.folder)


def remove_group(key: str) -> str:
    """Move a group with all its runs to the trash and return the id of its entry there.

    Raises:
        RunError: there is none, or one of its runs trains.
        AccessError: one of its runs belongs to somebody else.
        CatDogError: it cannot be moved.
    """
    group = load_group(key)
    for run in group.runs:
        access.check_permission("manage run", run.owner)
    if group.is_active:
        raise RunError(
            "'{name}' is running. Stop it before you delete it.",
            name=group.name,
        )
    return trash.move_to_trash("experiment", group.name, [run.folder for run in group.runs])


def read_trial_state(folder: Path, run: str) -> TrialState:
    """Read the state of a trial; the default one where its file is missing or damaged."""
    stored = files.read_json_object(folder / "trials" / f"{run}.json")
    trial_state = TrialState()
    for each in fields(TrialState):
        value: object = stored.get(_STORED_NAMES.get(each.name, each.name))
        if each.type == "str":
            setattr(trial_state, each.name, str(value or ""))
        else:
            number = max(files.float_or_default(value), 0)
            setattr(trial_state, each.name, int(number) if each.type == "int" else number)
    return trial_state


def write_trial_state(folder: Path, run: str, trial_state: TrialState) -> None:
    """Write the state of a trial. Raises CatDogError when that fails."""
    stored = {_STORED_NAMES.get(k, k): value for k, value in asdict(trial_state).items()}
    files.write_json(folder / "trials" / f"{run}.json", {"format": FORMAT, **stored})


def record_pruned(folder: Path, run: str, epoch: int, score: float) -> None:
    """Record that ASHA stopped a run for good, after how many epochs and at which score."""
    record = {"format": FORMAT, "epoch": epoch, "score": score}
    files.write_json(folder / "pruned" / f"{run}.json", record)


def _check_address(address: str) -> str:
    """An address the visitor may use: who answers at one can run code on this machine, so where
    several share a lab only a teacher names one other than this machine or its own Ray."""
    parsed_address = ray_session.parse_cluster_address(address)
    if parsed_address not in (ray_session.LOCAL, "auto"):
        access.check_permission("choose a cluster")
    return parsed_address


def _write_sweep(
    key: str, name: str, dataset: str, grid: Grid | None, cluster: Cluster | None
) -> None:
    stored = {
        "format": FORMAT,
        "id": key,
        "name": name,
        "created": time.time(),
        "dataset": dataset,
        "grid": grid.model_dump(mode="json") if grid else None,
        **(
            asdict(cluster)
            if cluster
            else {"address": None, "at_once": None, "tries": DEFAULT_TRIES}
        ),
    }
    files.write_json(sweeps_folder() / key / "sweep.json", stored)


def _read_sweep(key: str) -> dict[str, Any]:
    """Read the sweep.json of a group, empty where there is none or the id is a path."""
    return (
        files.read_json_object(sweeps_folder() / key / "sweep.json")
        if Path(key).name == key
        else {}
    )


def _build_group(key: str, members: list[Run]) -> Group:
    about = members[0].group
    group = Group(
        id=key,
        kind=about["kind"],
        name=about["name"] or key,
        runs=tuple(sorted(members, key=lambda run: (run.created, run.id))),
        pruned=frozenset(),
        status="stopped",
        trials={},
    )
    stored = _read_sweep(key)
    driver: status.Status | None = None
    if stored:
        request, state = (
            files.read_json_object(group.folder / name) for name in ("about.json", "state.json")
        )
        after = request.get("after")
        driver = status.current_status(
            group.folder,
            state,
            files.float_or_default(request.get("asked")),
            after if isinstance(after, int) else None,
        )
        group = replace(
            group,
            pruned=frozenset(path.stem for path in (group.folder / "pruned").glob("[!.]*.json")),
            grid=_parse_grid(stored.get("grid")),
            cluster=_parse_cluster({**stored, **{k: v for k, v in request.items() if v}}),
            driven=driver in _DRIVER_ACTIVE_STATUSES,
            state=cast(SweepState, state),
        )
    return replace(group, status=_group_status(group, driver), trials=_build_trials(group))


def _group_status(group: Group, driver: status.Status | None) -> status.Status:
    if driver in _DRIVER_ACTIVE_STATUSES:
        return driver
    if group.active:
        return "running"
    if driver in ("failed", "lost") and group.left:
        return driver
    return "stopped" if group.waiting else "done"


def _build_trials(group: Group) -> dict[str, Trial]:
    """Build the trials of a group from its runs and their stored trial states."""
    tries = group.cluster.tries if group.cluster else 0
    trials = {}
    for run in group.runs:
        trial_state = read_trial_state(group.folder, run.id) if group.cluster else TrialState()
        again = group.driven and (
            trial_state.driver != group.state.get("driver") or trial_state.driver_tries < tries
        )
        trials[run.id] = Trial(
            _trial_status(group, run, again),
            trial_state.tries,
            trial_state.seconds,
            trial_state.seconds * trial_state.cores,
            len(run.epochs),
        )
    return trials


def _trial_status(group: Group, run: Run, again: bool) -> TrialStatus:
    if run.status == "done":
        return "done"
    if run.id in group.pruned:
        return "pruned"
    if run.is_active:
        return "running"
    if run.status in ("failed", "damaged") or (run.status == "lost" and group.driven):
        return "waiting" if again else "failed"
    return "waiting" if group.is_active or not run.epochs else "stopped"


def _parse_cluster(stored: Mapping[str, Any]) -> Cluster | None:
    if not stored.get("address"):
        return None
    at_once, tries = (
        max(int(files.float_or_default(stored.get(k))), 0) for k in ("at_once", "tries")
    )
    return Cluster(str(stored["address"]), at_once or None, tries or DEFAULT_TRIES)


def _parse_grid(stored: Any) -> Grid | None:
    try:
        return grids.parse_grid(stored) if stored else None
    except CatDogError:  # of a lab that knew other settings; the runs tell all the same
        return None


def _already_running_error(group: Group) -> RunError:
    return RunError(
        "'{name}' is already running. Wait for it to finish, or stop it first.",
        name=group.name,
    )


def _nothing_left_error(group: Group) -> RunError:
    return RunError(
        "'{name}' has nothing left to train. Create a new sweep or experiment.", name=group.name
    )
