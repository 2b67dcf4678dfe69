"""Read run folders: settings, state and epochs at one moment, and what is damaged.

Files may be incomplete after a full disk, a copy that broke off, or an edit by hand. Lines that are
no valid rows are skipped, and an archive is checked by the table of contents at its end, so that
nothing large is read. Imports no TensorFlow.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isnan
from pathlib import Path
from types import NoneType
from typing import Any, TypedDict, cast

from ..base import files
from ..base.errors import N_, CatDogError, RunError
from ..base.field_specs import parse_settings
from ..base.file_cache import FileCache
from ..base.metric_rows import BatchRow, EpochRow
from ..config import PIPELINE_VERSION, Augmentation, Training
from ..data import photo_domain
from ..data.photo_domain import Domain
from . import final_evaluation, status
from .final_evaluation import FinalEvaluation
from .status import RunState

FORMAT = 1
_CACHE_INPUTS = (
    *("settings.json", "about.json", "state.json", "metrics.jsonl"),
    *("best.keras", "backup.keras", "backup.json"),  # looked at, for `find_integrity_issue`
    final_evaluation.FILE_NAME,
)
_METRIC_NAMES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
_cache: FileCache[RunRecord] = FileCache(limit=5000)


@dataclass(frozen=True)
class IntegrityIssue:
    """What is wrong with a run folder, and whether the run may be resumed all the same."""

    error: CatDogError
    is_resumable: bool


class ParentRun(TypedDict, total=False):
    """The run whose best weights another one began with; `epoch` counts from 0."""

    id: str
    name: str
    epoch: int | None


@dataclass(frozen=True)
class RunRecord:
    """What is known of anything that stands in a list of runs, as read at one moment.

    It is a `Run`, an `ImportedHistory` or a `DamagedRun`; a plain record stands for a model from
    elsewhere. What is not known of it is empty. Epochs count from 0 here; people see them from 1.

    Attributes:
        train_photos: how many photos of its dataset it trains on.
        validation_photos: how many photos each of its validations measures.
        validation_counts: validation photos of each class, in class order; empty in runs of
            earlier versions that were not evaluated since.
        final_evaluation: what its models predict for clean photos; None while it trains, and until
            it is evaluated.
        group: id, kind and name of the experiment it belongs to, or nothing.
        epochs: the rows of its metrics, in the order of the epochs.
        state: its state.json.
        problem: what is wrong with a damaged one.
        start_requested_at: the unix time its latest start was asked for, 0 for never.
        beat_before_start: the beat of its state at that time; None in runs of earlier versions.
        is_imported: whether it came from a file: a bundle, a history or a model.
    """

    id: str
    folder: Path
    status: status.Status
    name: str = ""
    note: str = ""
    created: float = 0.0
    owner: str = ""
    classes: tuple[str, ...] = ()
    dataset_id: str = ""
    dataset_name: str = ""
    dataset_folder: str = ""
    dataset_fingerprint: str = ""
    dataset_domain: Domain | None = None
    train_photos: int = 0
    validation_photos: int = 0
    validation_counts: tuple[int, ...] = ()
    final_evaluation: FinalEvaluation | None = None
    group: dict[str, str] = field(default_factory=dict)
    epochs: list[EpochRow] = field(default_factory=list)
    state: RunState = field(default_factory=RunState)
    problem: CatDogError | None = None
    start_requested_at: float = 0.0
    beat_before_start: int | None = None
    is_imported: bool = False

    @property
    def model(self) -> str:
        """The network's name, empty where it is not known."""
        return ""

    @property
    def is_history(self) -> bool:
        """Whether it is an `ImportedHistory`."""
        return isinstance(self, ImportedHistory)

    @property
    def is_active(self) -> bool:
        """True while a worker lives or is about to."""
        return self.status in ("queued", "running", "stalled")

    @property
    def can_resume(self) -> bool:
        """True when `start_run` would go on with it."""
        return False

    @property
    def ended_early(self) -> bool:
        """Whether the scheduler of its sweep ended it, because others did better."""
        if not self.group or self.status in ("done", "running"):
            return False
        key = Path(self.group["id"]).name
        return (sweeps_folder() / key / "pruned" / f"{self.id}.json").is_file()

    @property
    def runs_ahead(self) -> int:
        """How many other runs train before it, while it waits in the queue."""
        return int(files.float_or_default(self.state.get("ahead")))

    @property
    def stop_is_stale(self) -> bool:
        """Whether the wish to stop, if there is one, was meant for an earlier worker.

        One that came after this start was asked for must not be lost while the worker wakes up.
        It names the start it is meant for; an empty one, made by hand, is known by its time.
        """
        path = self.folder / "stop"
        try:
            token, requested_at = path.read_bytes()[:40], path.stat().st_mtime
        except OSError:
            return path.exists()
        if token:
            return token != self.stop_token
        last_word = files.float_or_default(self.state.get("time"))
        start = self.start_requested_at
        return not (start and last_word <= start <= requested_at)

    @property
    def stop_token(self) -> bytes:
        """The content of a stop file that is meant for the latest start."""
        return repr(self.start_requested_at).encode()

    @property
    def planned_epochs(self) -> int | None:
        """How many epochs it is to have in all, None where that is not known."""
        return None

    @property
    def best_epoch(self) -> int | None:
        """The epoch `best.keras` holds, counted from 0; None before the first has ended."""
        return None

    @property
    def best_row(self) -> EpochRow | None:
        """The metrics of the best epoch."""
        return next((row for row in self.epochs if row["epoch"] == self.best_epoch), None)

    @property
    def best_model(self) -> Path | None:
        """The model file of the best epoch, None before there is one."""
        path = self.folder / "best.keras"
        return path if path.is_file() else None

    @property
    def guess_accuracy(self) -> float:
        """The validation accuracy of always predicting the largest class, 0..1.

        Where the classes' photos are not known, they are taken to be equally many.
        """
        return final_evaluation.majority_share(self._known_counts)

    @property
    def guess_loss(self) -> float:
        """The validation loss in nats of always predicting the classes' shares."""
        return final_evaluation.prior_loss(self._known_counts)

    @property
    def _known_counts(self) -> tuple[int, ...]:
        return self.validation_counts or (1,) * max(len(self.classes), 2)

    @property
    def duration(self) -> float:
        """Seconds spent in whole epochs."""
        return sum(float(row.get("seconds", 0)) for row in self.epochs)


@dataclass(frozen=True)
class DamagedRun(RunRecord):
    """A run folder without readable settings; `problem` says why. It can only be deleted."""


@dataclass(frozen=True)
class ImportedHistory(RunRecord):
    """A training from elsewhere of which only the epochs' numbers are known: it has no model.

    Attributes:
        imported_epochs: how many epochs the imported file had.
        monitor: the metric by which its best epoch is found, as `Training.monitor`.
    """

    imported_epochs: int = 0
    monitor: str = "val_loss"

    @property
    def planned_epochs(self) -> int:
        return self.imported_epochs

    @property
    def best_epoch(self) -> int | None:
        return best_epoch(self.epochs, self.monitor)


@dataclass(frozen=True, kw_only=True)
class Run(RunRecord):
    """A training with its settings. A damaged one is still a `Run` if its settings can be read.

    Attributes:
        parent: the run whose weights it began with, or nothing.
        workers: how many trained it together in earlier versions, which could; now one does.
        pipeline: how its photos come to the network, see `config.PIPELINE_VERSION`.
        is_resumable_if_damaged: whether it may be resumed in spite of its `problem`.
    """

    training: Training
    augmentation: Augmentation | None = None
    parent: ParentRun = field(default_factory=ParentRun)
    workers: int = 1
    pipeline: int = PIPELINE_VERSION
    is_resumable_if_damaged: bool = False

    @property
    def model(self) -> str:
        return str(self.training.model)

    @property
    def can_resume(self) -> bool:
        return self.status in ("stopped", "lost", "failed") or (
            self.status == "damaged" and self.is_resumable_if_damaged
        )

    @property
    def planned_epochs(self) -> int:
        return self.training.epochs

    @property
    def best_epoch(self) -> int | None:
        return best_epoch(self.epochs, self.training.monitor)


def runs_folder() -> Path:
    """Return the folder of this workspace's runs."""
    return files.runs_folder()


def sweeps_folder() -> Path:
    """Return the folder of what drivers of sweeps write in this workspace."""
    return files.workspace_folder() / "sweeps"


def load_run(run: Path | str) -> RunRecord:
    """Read a run by its folder or its id in this workspace.

    A damaged folder is returned with status "damaged" and its problem, so that one of them does
    not hide the others of a list.

    Returns:
        A `Run`, an `ImportedHistory`, or a `DamagedRun` where the settings cannot be read.

    Raises:
        RunError: there is no such run.
    """
    folder = Path(run)
    if not (folder / "settings.json").is_file() and isinstance(run, str) and run == folder.name:
        folder = runs_folder() / run
    if not folder.is_dir():
        raise RunError(
            "There's no run at {run}. Use a run folder, or an id or name that 'runs' shows.",
            run=run,
        )
    return _load_current(folder.absolute())


def _load_current(folder: Path) -> RunRecord:
    """Read a run folder, through the cache, and derive its status at this moment."""
    here = f"{folder}{os.sep}"  # text: thousands of paths a page would cost half of its time
    run = _cache.get(folder, [here + name for name in _CACHE_INPUTS], lambda: _read_run(folder))
    if isinstance(run, DamagedRun):
        return run
    now = replace(
        run,
        status=status.current_status(
            folder, run.state, run.start_requested_at, run.beat_before_start
        ),
        epochs=list(run.epochs),
        state=run.state.copy(),
    )
    # What lives writes its files anew, and tells itself when it cannot.
    return replace(now, status="damaged") if run.problem and not now.is_active else now


def _read_run(folder: Path) -> RunRecord:
    """Read a run from its files; its status now is left to `_load_current`."""
    try:
        settings = _read_settings(folder)
    except CatDogError as error:
        return DamagedRun(id=folder.name, folder=folder, status="damaged", problem=error)
    about = files.read_json_object(folder / "about.json")
    state = cast(RunState, files.read_json_object(folder / "state.json"))
    dataset, training = settings["dataset"], settings["training"]
    epochs = read_epochs(folder)
    issue = find_integrity_issue(folder, epochs, FORMAT)
    beat = about.get("after")
    evaluation = final_evaluation.read_final_evaluation(
        folder,
        [row["epoch"] for row in epochs],
        best_epoch(epochs, training.monitor),
        len(settings["classes"]),
    )
    record = RunRecord(
        id=folder.name,
        folder=folder,
        status="stopped",
        name=str(about.get("name", folder.name)),
        note=str(about.get("note", "")),
        created=settings["created"],
        owner=str(about.get("owner", "")),
        classes=tuple(settings["classes"]),
        dataset_id=dataset["id"],
        dataset_name=dataset["name"],
        dataset_folder=dataset["folder"],
        dataset_fingerprint=dataset["fingerprint"],
        dataset_domain=dataset["domain"],
        train_photos=dataset["train"],
        validation_photos=_validated_photos(training, dataset["validation"]),
        # Photos that can't be read are not measured, nor those left out of every validation.
        validation_counts=evaluation.class_counts if evaluation else dataset["validation_counts"],
        final_evaluation=evaluation,
        group=_parse_group(about),
        epochs=epochs,
        state=_add_crash_error(folder, state),
        problem=issue.error if issue else None,
        start_requested_at=files.float_or_default(about.get("asked")),
        beat_before_start=beat if isinstance(beat, int) else None,
        is_imported=about.get("imported") is True or settings["origin"] == "history",
    )
    if settings["origin"] == "history":
        return ImportedHistory(
            **vars(record), imported_epochs=training.epochs, monitor=training.monitor
        )
    return Run(
        **vars(record),
        training=training,
        augmentation=settings["augmentation"],
        parent=settings["parent"],
        workers=_stored_workers(settings["workers"], about.get("workers")),
        pipeline=settings["pipeline"],
        is_resumable_if_damaged=issue is not None and issue.is_resumable,
    )


def _add_crash_error(folder: Path, state: RunState) -> RunState:
    """Add the error to the state of a run whose worker crashed and so could not write it."""
    is_unfinished = state.get("status") in ("queued", "running") and not status.ending_of(state)
    if is_unfinished and status.has_crashed(folder):
        return {**state, "error": {"message": CRASHED, "params": {}}}
    return state


def fingerprints_in_use() -> set[str]:
    """Return the first 20 characters of the fingerprints of datasets that runs need or may need."""
    return {run.dataset_fingerprint[:20] for run in list_runs() if run.is_active or run.can_resume}


def list_runs() -> list[RunRecord]:
    """Return the runs of the workspace, the newest first, with histories and damaged ones."""
    if not runs_folder().is_dir():
        return []
    with os.scandir(runs_folder()) as entries:
        folders = [Path(entry) for entry in entries if entry.is_dir() and entry.name[0] != "."]
    every = map(_load_current, folders)
    # One without settings may be gone since the folder was listed.
    runs = [run for run in every if not isinstance(run, DamagedRun) or run.folder.is_dir()]
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)


def _validated_photos(training: Training, photos: int) -> int:
    """Return how many of `photos` photos one validation measures."""
    return min(photos, training.validation_batches(photos) * training.batch_size)


def _stored_workers(*stored: object) -> int:
    """Return how many workers an earlier version was last asked to train with, 1 if none is known.

    Args:
        stored: what the files say, the latest last; None where they say nothing.
    """
    return next((n for n in reversed(stored) if type(n) is int and n > 0), 1)


def _parse_group(about: dict[str, Any]) -> dict[str, str]:
    group = about.get("group")
    if not isinstance(group, dict) or not all(group.get(key) for key in ("id", "kind")):
        return {}
    return {key: str(group.get(key, "")) for key in ("id", "kind", "name")}


class _StoredDataset(TypedDict):
    """Which photos a run trains on; `train` and `validation` are how many, and
    `validation_counts` how many of each class, empty in runs of earlier versions, which have no
    `domain` either."""

    id: str
    name: str
    folder: str
    fingerprint: str
    domain: Domain | None
    train: int
    validation: int
    validation_counts: tuple[int, ...]


class _StoredSettings(TypedDict):
    """The settings.json of a run, checked; `origin` and `workers` as they are stored, if at all.

    `pipeline` is 1 for a run of an earlier version, which has none.
    """

    training: Training
    augmentation: Augmentation | None
    dataset: _StoredDataset
    classes: list[str]
    created: float
    parent: ParentRun
    pipeline: int
    origin: object
    workers: object


def _read_settings(folder: Path) -> _StoredSettings:
    path = folder / "settings.json"
    settings = files.read_json(path, FORMAT)
    try:
        augmentation, dataset = settings["augmentation"], settings["dataset"]
        files.check_format_version(path, {"format": settings.get("pipeline")}, PIPELINE_VERSION)
        return {
            "training": parse_settings(Training, settings["training"]),
            "augmentation": parse_settings(Augmentation, augmentation) if augmentation else None,
            "dataset": {
                "id": str(dataset["id"]),
                "name": str(dataset["name"]),
                "folder": str(dataset["folder"]),
                "fingerprint": str(dataset["fingerprint"]),
                "domain": photo_domain.parse_domain(dataset.get("domain")),
                "train": int(dataset["train"]),
                "validation": int(dataset["validation"]),
                "validation_counts": parse_class_counts(
                    dataset.get("validation_counts"), len(settings["classes"])
                ),
            },
            "classes": [str(name) for name in settings["classes"]],
            "created": float(settings["created"]),
            "parent": cast(ParentRun, dict(settings.get("parent") or {})),
            "pipeline": parse_pipeline(settings.get("pipeline", 1)),
            "origin": settings.get("origin"),
            "workers": settings.get("workers"),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            "settings.json is incomplete ({reason}). Delete the run, or restore the file.",
            reason=f"{type(error).__name__}: {error}"[:80],
        ) from error


def parse_class_counts(stored: object, classes: int) -> tuple[int, ...]:
    """Return the stored counts of photos by class; empty where they are missing or not sound."""
    sound = (
        isinstance(stored, list)
        and len(stored) == classes
        and all(type(count) is int and 0 <= count < 10**9 for count in stored)
        and any(stored)
    )
    return tuple(cast(list[int], stored)) if sound else ()


def parse_pipeline(value: object) -> int:
    """Return the version of a run's pipeline as settings.json stores it.

    Raises:
        ValueError: there is no such version.
    """
    if type(value) is int and 1 <= value <= PIPELINE_VERSION:  # a bool is an int, too
        return value
    raise ValueError(f"pipeline {value!r}"[:60])


CRASHED = N_(
    "A library error ended the training process, most often because memory ran out. Choose a "
    "smaller batch or image size, or close other programs, then resume."
)


def read_epochs(folder: Path) -> list[EpochRow]:
    """Read the metrics in order of epoch; if an epoch was trained twice, its last line counts."""
    rows: dict[int, EpochRow] = {
        row["epoch"]: cast(EpochRow, row)
        for row in files.read_json_lines(folder / "metrics.jsonl")
        if _has_counts(row, "epoch") and _has_numbers(row, _METRIC_NAMES)
    }
    return [rows[epoch] for epoch in sorted(rows)]


def read_batches(run_dir: Path) -> list[BatchRow]:
    """Read the points within epochs, sorted; of a batch trained twice the last line counts."""
    rows: dict[tuple[int, int], BatchRow] = {
        (row["epoch"], row["batch"]): cast(BatchRow, row)
        for row in files.read_json_lines(Path(run_dir) / "batches.jsonl")
        if _has_counts(row, "epoch", "batch") and _has_numbers(row, ("loss", "accuracy", "steps"))
    }
    return [rows[key] for key in sorted(rows)]


def _has_counts(row: dict[str, Any], *names: str) -> bool:
    """Return whether these fields are integers ≥ 0; a line may hold any JSON."""
    return all(type(row.get(name)) is int and row[name] >= 0 for name in names)


def _has_numbers(row: dict[str, Any], names: Sequence[str]) -> bool:
    """Return whether these fields are numbers or missing; a diverged loss is NaN or null."""
    return all(type(row.get(name)) in (int, float, NoneType) for name in names)


def best_epoch(epochs: Sequence[EpochRow], monitor: str) -> int | None:
    """Return the best epoch, counted from 0: the one whose model `best.keras` holds.

    This is the only definition: tiles, charts, sentences, tables, reports and exports ask
    `RunRecord.best_epoch` or `RunRecord.best_row`, which are this.

    Args:
        epochs: rows of metrics.jsonl.
        monitor: "val_accuracy" for the highest accuracy, of equal ones the lowest loss;
            "val_loss" for the lowest loss, of equal ones the highest accuracy. Of epochs that are
            equal in both, the earliest: a model is saved only where it is better.

    Returns:
        None where no epoch was validated.
    """
    if not any("val_loss" in row or "val_accuracy" in row for row in epochs):
        return None
    return int(min(epochs, key=lambda row: _ranking_key(row, monitor))["epoch"])


def _ranking_key(row: EpochRow, monitor: str) -> tuple[float, float]:
    """Sort the better epoch first; a missing number or NaN is the worst."""
    loss, accuracy = row.get("val_loss"), row.get("val_accuracy")
    by_loss = inf if loss is None or isnan(loss) else float(loss)
    by_accuracy = inf if accuracy is None or isnan(accuracy) else -float(accuracy)
    return (by_accuracy, by_loss) if monitor == "val_accuracy" else (by_loss, by_accuracy)


def find_integrity_issue(folder: Path, epochs: list[EpochRow], known: int) -> IntegrityIssue | None:
    """Return the first problem of a run folder with sound settings, None if there is none.

    Args:
        folder: a run folder.
        epochs: the rows of its metrics that could be read.
        known: the newest format of its files this program knows.
    """
    try:
        for name in ("about.json", "state.json"):
            files.check_format_version(folder / name, files.read_json_object(folder / name), known)
        _check_archive(folder, "backup.keras")
    except CatDogError as error:
        return IntegrityIssue(error, is_resumable=False)
    try:
        _check_json_files(folder, epochs)
        _check_metrics(folder, epochs)
        _check_archive(folder, "best.keras")
        if not (folder / "best.keras").exists() and (folder / "backup.keras").exists():
            raise _damaged_file_error("best.keras")
    except CatDogError as error:
        return IntegrityIssue(error, is_resumable=True)
    return None


def _check_json_files(folder: Path, epochs: list[EpochRow]) -> None:
    for name, needed in (
        ("about.json", True),
        ("state.json", bool(epochs) or (folder / "backup.keras").exists()),
    ):
        path = folder / name
        if not path.exists() and not needed:
            continue
        if not path.exists():
            raise _damaged_file_error(name)
        try:
            content = files.read_json(path)
        except CatDogError as error:
            raise _damaged_file_error(name) from error
        if not isinstance(content, dict):
            raise _damaged_file_error(name)


def _check_metrics(folder: Path, epochs: list[EpochRow]) -> None:
    backup_epoch = files.read_json_object(folder / "backup.json").get("epoch")
    there = {row["epoch"] for row in epochs}
    if isinstance(backup_epoch, int) and not there.issuperset(
        range(min(backup_epoch + 1, 100_000))
    ):
        raise _damaged_file_error("metrics.jsonl")


def _check_archive(folder: Path, name: str) -> None:
    path = folder / name
    # Its table of contents stands at the end: what was cut off or overwritten has none.
    if path.exists() and not (path.is_file() and zipfile.is_zipfile(path)):
        raise _damaged_file_error(name)


def _damaged_file_error(name: str) -> RunError:
    match name:
        case "about.json":
            return RunError(
                "about.json is missing or damaged, so the name and note are lost. Rename the run, "
                "or restore the file."
            )
        case "state.json":
            return RunError(
                "state.json is missing or damaged. Press Resume to create a new one and continue "
                "after the last finished epoch, or restore the file."
            )
        case "metrics.jsonl":
            return RunError(
                "metrics.jsonl lacks trained epochs, so the curves have gaps, but the models are "
                "fine. Restore the file, or continue as is."
            )
        case "best.keras":
            return RunError(
                "best.keras is missing or damaged, so the run can't predict. Restore the file, or "
                "resume training to save a new one at the next better epoch."
            )
        case _:
            return RunError(
                "backup.keras is damaged, so the run can't resume, but its best model is fine. "
                "Restore the file, or start a new run."
            )
