"""Experiments: groups of ordinary runs that differ in one thing, trained one after another.

A group is nothing but its runs, each of which names it in its about.json, so it outlives server
and machine. When a run of a group ends, its own process starts the next one. Stopping the run that
trains stops the group; a file `stop` in a run that waits keeps it from being started.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from .. import access, files, runs, trash
from ..cluster import trial_marks
from ..curation.division import SIZES
from ..datasets import Dataset
from ..errors import N_, CatDogError, RunError
from ..runs import Run
from ..settings import Augmentation, Training
from ..training import status

Kind = Literal["twin", "small-data", "sweep"]
Budget = Literal["steps", "epochs"]
Status = Literal["running", "stopped", "done"]

NAMES: dict[str, str] = {
    "twin": N_("Twin experiment"),
    "small-data": N_("Small-data experiment"),
    "sweep": N_("Sweep"),
}
_ENDED = ("done", "failed", "damaged")


@dataclass(frozen=True)
class Member:
    """A run to be: its name and its settings."""

    name: str
    training: Training
    augmentation: Augmentation | None


@dataclass(frozen=True)
class Plan:
    """An experiment to be: on what, and its runs in the order they will train."""

    kind: Kind
    dataset: Dataset
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Group:
    """An experiment as its runs are now, in the order of their making.

    `pruned` names the runs that a sweep has stopped early for good, `driven` tells whether the
    driver of one has them trained now.
    """

    id: str
    kind: str
    name: str
    runs: tuple[Run, ...]
    pruned: frozenset[str] = frozenset()
    driven: bool = False

    @property
    def active(self) -> Run | None:
        """The run that trains or is about to."""
        return next((run for run in self.runs if run.is_active), None)

    @property
    def waiting(self) -> tuple[Run, ...]:
        """The runs that have something left to train and do not now."""
        return tuple(
            run
            for run in self.runs
            if not run.is_active and run.status not in _ENDED and run.id not in self.pruned
        )

    @property
    def status(self) -> Status:
        """Whether it trains now, has come to its end, or neither."""
        if self.active or self.driven:
            return "running"
        return "stopped" if self.waiting else "done"


def twin(dataset: Dataset, training: Training, augmentation: Augmentation) -> Plan:
    """The same training twice, on the same photos with the same seed: plain and augmented.

    Raises:
        RunError: the augmentation changes nothing.
    """
    if augmentation.is_off:
        raise RunError(
            "The augmentation of the twin experiment changes nothing, so both runs would be the"
            " same. Choose one that does something."
        )
    members = (Member("plain", training, None), Member("augmented", training, augmentation))
    return Plan("twin", dataset, members)


def sizes(dataset: Dataset) -> list[int]:
    """The training sizes a dataset can give: those of `division.SIZES`, and all it has."""
    there = len(dataset.items("train"))
    found = [size for size in SIZES if len(dataset.classes) <= size <= there]
    return found if there >= SIZES[-1] or there in found else [*found, there]


def small_data(
    dataset: Dataset,
    trainings: Sequence[Training],
    chosen: Sequence[int],
    augmentations: Sequence[Augmentation | None],
    budget: Budget = "steps",
) -> Plan:
    """The same trainings on more and more photos, a small choice within the larger ones.

    Args:
        dataset: what to train on.
        trainings: one for each network to compare.
        chosen: numbers of training photos.
        augmentations: None for plain.
        budget: "steps" gives every run as many changes of the weights as the one with the most
            photos, so that they differ in the photos alone; "epochs" shows every photo equally
            often, which is quicker and gives small runs fewer changes.

    Raises:
        RunError: fewer than two sizes, or nothing to train.
    """
    if len(set(chosen)) < 2 or not trainings or not augmentations:
        raise RunError(
            "A small-data experiment of {sizes} sizes and {networks} networks shows nothing."
            " Expected at least two sizes and one network.",
            sizes=len(set(chosen)),
            networks=len(trainings),
        )
    members = []
    for size in sorted(set(chosen)):
        for training in trainings:
            steps = training.steps(max(chosen)) if budget == "steps" else None
            change = {"train_photos": size, "steps_per_epoch": steps}
            for augmentation in augmentations:
                is_plain = augmentation is None or augmentation.is_off
                name = f"{training.model}, {size} photos, {'plain' if is_plain else 'augmented'}"
                members.append(Member(name, training.model_copy(update=change), augmentation))
    return Plan("small-data", dataset, tuple(members))


def create(plan: Plan, name: str = "") -> str:
    """Make the runs of an experiment, none of which starts; return the group's id.

    Raises:
        CatDogError: a run cannot be made; those made before are gone again.
    """
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    key = f"{stamp}-{plan.kind}-{uuid4().hex[:4]}"
    title = name.strip()[:60] or f"{plan.kind} {time.strftime('%H:%M:%S', time.localtime(now))}"
    made: list[Path] = []
    try:
        for member in plan.members:
            folder = runs.create(
                plan.dataset,
                member.training,
                member.augmentation,
                name=f"{member.name} · {title}",
            )
            made.append(folder)
            runs.join(folder, {"id": key, "kind": plan.kind, "name": title})
    except CatDogError:
        for folder in made:
            files.remove_tree(folder)
        raise
    return key


def listing() -> list[Group]:
    """The experiments of the workspace, the newest first."""
    found: dict[str, list[Run]] = {}
    for run in runs.listing():
        if run.group:
            found.setdefault(run.group["id"], []).append(run)
    return [_group(members) for members in found.values()]


def load(key: str) -> Group:
    """An experiment by its id.

    Raises:
        RunError: no run names it.
    """
    for group in listing():
        if group.id == key:
            return group
    raise RunError(
        "There is no experiment '{key}'. Expected the id of one; 'experiment list' lists them.",
        key=key,
    )


def start(key: str) -> None:
    """Start an experiment, or go on with it: its runs train in the background, in turn.

    Raises:
        RunError: it is running already, or has nothing left to train.
    """
    group = load(key)
    if group.status == "running":
        raise RunError(
            "Experiment '{name}' is running already. Wait for it, or stop it first.",
            name=group.name,
        )
    released = release(group)
    if not released:
        raise RunError(
            "Experiment '{name}' has nothing left to train. Make a new one.", name=group.name
        )
    runs.start(released[0].folder, follow=True)


def release(group: Group) -> tuple[Run, ...]:
    """Take back the wish to stop from the runs that wait, and return these."""
    for run in group.waiting:
        files.discard(run.folder / "stop")
    return group.waiting


def follow(folder: Path) -> None:
    """After a run has ended by itself, start the next of its experiment that waits.

    Nothing starts after a run that was stopped, nor while another of the group trains.
    """
    run = runs.load(folder)
    if not run.group or run.status not in _ENDED:
        return
    with suppress(RunError):
        group = load(run.group["id"])
        if group.status == "running" or not group.waiting:
            return
        following = group.waiting[0]
        if not (following.folder / "stop").exists():
            runs.start(following.folder, follow=True)


def stop(key: str) -> None:
    """Stop an experiment: the run that trains at its next batch, and those that wait.

    Raises:
        RunError: there is no such experiment.
    """
    group = load(key)
    if group.driven:
        files.write_bytes(trial_marks.root() / key / "stop", b"")
    for run in group.waiting:
        files.write_bytes(run.folder / "stop", b"")
    for run in group.runs:
        with suppress(RunError):  # it ended meanwhile
            if run.is_active:
                runs.stop(run.folder)


def remove(key: str) -> str:
    """Move an experiment with all its runs to the trash and return the id of its entry there.

    Raises:
        RunError: there is none, or one of its runs trains.
        AccessError: one of its runs belongs to somebody else.
        CatDogError: it cannot be moved.
    """
    group = load(key)
    for run in group.runs:
        access.check("manage run", run.owner)
    if group.status == "running":
        raise RunError(
            "Experiment '{name}' is running. Stop it before you delete it.", name=group.name
        )
    return trash.put("experiment", group.name, [run.folder for run in group.runs])


def _group(members: list[Run]) -> Group:
    about = members[0].group
    ordered = tuple(sorted(members, key=lambda run: (run.created, run.id)))
    key = about["id"]
    name = about["name"] or key
    if Path(key).name != key:  # made by hand: no folder of a sweep
        return Group(key, about["kind"], name, ordered)
    sweep = trial_marks.root() / key
    driven = status.is_locked(sweep / "lock")
    return Group(key, about["kind"], name, ordered, trial_marks.pruned(sweep), driven)
