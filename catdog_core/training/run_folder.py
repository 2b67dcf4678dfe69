"""A run folder as read at one moment; nothing here writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import files
from ..controls import parse
from ..errors import CatDogError, RunError
from ..recall import Recall
from ..settings import Augmentation, Training
from . import status

FORMAT = 1
_DATASET = ("id", "name", "folder", "fingerprint")
_READ = ("settings.json", "about.json", "state.json", "metrics.jsonl")
_recall: Recall[Run] = Recall(limit=5000)


@dataclass(frozen=True)
class Run:
    """A run folder as read at one moment. Epochs count from 0 here; people see them from 1.

    `train_photos` are those of its dataset it trains on, `validation_photos` those each of its
    validations measures. `group` holds id, kind and name of the experiment it belongs to, or
    nothing; `parent` id, name and epoch of the run whose weights it began with, or nothing.
    """

    id: str
    folder: Path
    status: status.Status
    name: str = ""
    note: str = ""
    created: float = 0.0
    training: Training | None = None
    augmentation: Augmentation | None = None
    classes: tuple[str, ...] = ()
    dataset_id: str = ""
    dataset_name: str = ""
    dataset_folder: str = ""
    dataset_fingerprint: str = ""
    train_photos: int = 0
    validation_photos: int = 0
    group: dict[str, str] = field(default_factory=dict)
    parent: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    ahead: int = 0
    asked: float = 0.0
    problem: str = ""

    @property
    def model(self) -> str:
        """The network's name, empty for a damaged run."""
        return self.training.model if self.training else ""

    @property
    def is_active(self) -> bool:
        """True while a worker lives or is about to."""
        return self.status in ("queued", "running", "stalled")

    @property
    def can_resume(self) -> bool:
        """True when `start` would go on with it."""
        return self.status in ("stopped", "lost", "failed")

    @property
    def stop_is_stale(self) -> bool:
        """Whether the wish to stop, if there is one, was meant for an earlier worker.

        One that came after this start was asked for must not be lost while the worker wakes up.
        """
        try:
            wished = (self.folder / "stop").stat().st_mtime
        except OSError:
            return False
        return not (self.asked and self.state.get("time", 0.0) <= self.asked <= wished)

    @property
    def best_epoch(self) -> int | None:
        """The epoch `best.keras` holds, counted from 0; None before the first has ended."""
        return best_epoch(self.epochs, self.training.monitor) if self.training else None

    @property
    def best_model(self) -> Path | None:
        """The model file of the best epoch, None before there is one."""
        path = self.folder / "best.keras"
        return path if path.is_file() else None

    @property
    def duration(self) -> float:
        """Seconds spent in whole epochs."""
        return sum(float(row.get("seconds", 0)) for row in self.epochs)


def root() -> Path:
    """Where the runs of this workspace lie."""
    return files.workspace() / "runs"


def load(run: Path | str) -> Run:
    """Read a run by its folder or its id in this workspace.

    A damaged folder is returned with status "damaged" and its problem, so that lists go on.

    Raises:
        RunError: there is no such run.
    """
    folder = Path(run)
    if not (folder / "settings.json").is_file() and isinstance(run, str) and run == folder.name:
        folder = root() / run
    if not folder.is_dir():
        raise RunError(
            "There is no run at {run}. Expected a run folder or the id of a run; 'runs' lists"
            " them.",
            run=run,
        )
    folder = folder.absolute()
    found = _recall.get(folder, [folder / name for name in _READ], lambda: _read(folder))
    if found.status == "damaged":
        return found
    return replace(
        found,
        status=status.of(folder, found.state, found.asked),
        epochs=list(found.epochs),
        state=dict(found.state),
    )


def _read(folder: Path) -> Run:
    """A run as its files tell it; only lock and time say what it is doing now."""
    try:
        settings = _read_settings(folder)
    except CatDogError as error:
        return Run(id=folder.name, folder=folder, status="damaged", problem=str(error))
    about = read_object(folder / "about.json")
    state = read_object(folder / "state.json")
    dataset = settings["dataset"]
    return Run(
        id=folder.name,
        folder=folder,
        status="stopped",
        asked=float(about.get("asked", 0)),
        name=str(about.get("name", folder.name)),
        note=str(about.get("note", "")),
        created=float(settings["created"]),
        training=settings["training"],
        augmentation=settings["augmentation"],
        classes=tuple(settings["classes"]),
        dataset_id=dataset["id"],
        dataset_name=dataset["name"],
        dataset_folder=dataset["folder"],
        dataset_fingerprint=dataset["fingerprint"],
        train_photos=dataset["train"],
        validation_photos=_measured(settings["training"], dataset["validation"]),
        group=_group(about),
        parent=dict(settings.get("parent") or {}),
        epochs=read_epochs(folder),
        state=state,
        ahead=int(state.get("ahead", 0)),
    )


def listing() -> list[Run]:
    """All runs of the workspace, the newest first, damaged ones among them."""
    if not root().is_dir():
        return []
    folders = [path for path in root().iterdir() if path.is_dir() and path.name[0] != "."]
    found = []
    for folder in folders:
        with suppress(RunError):  # deleted since the folder was listed
            found.append(load(folder))
    return sorted(found, key=lambda run: (run.created, run.id), reverse=True)


def read_epochs(folder: Path) -> list[dict[str, Any]]:
    """The metrics by epoch; of an epoch trained twice, after a resume, the last line counts."""
    rows = {
        row["epoch"]: row
        for row in files.read_lines(folder / "metrics.jsonl")
        if isinstance(row.get("epoch"), int)
    }
    return [rows[epoch] for epoch in sorted(rows)]


def batches(run_dir: Path) -> list[dict[str, Any]]:
    """Points inside the epochs: epoch (from 0), batch, steps, loss, accuracy; last word counts."""
    rows = {
        (row["epoch"], row["batch"]): row
        for row in files.read_lines(Path(run_dir) / "batches.jsonl")
        if isinstance(row.get("epoch"), int) and isinstance(row.get("batch"), int)
    }
    return [rows[key] for key in sorted(rows)]


def best_epoch(epochs: list[dict[str, Any]], monitor: str) -> int | None:
    """The best epoch so far by `Training.monitor`; of equals, the earliest."""
    if not epochs:
        return None
    return int(min(epochs, key=lambda row: _badness(row, monitor))["epoch"])


def _badness(row: dict[str, Any], monitor: str) -> tuple[float, float]:
    loss = row.get("val_loss")
    loss = float("inf") if loss is None or loss != loss else float(loss)
    accuracy = -float(row.get("val_accuracy") or 0.0)
    return (accuracy, loss) if monitor == "val_accuracy" else (loss, accuracy)


def _measured(training: Training, photos: int) -> int:
    """Photos of one validation, when there are so many in all."""
    return min(photos, training.validation_batches(photos) * training.batch_size)


def _group(about: dict[str, Any]) -> dict[str, str]:
    group = about.get("group")
    if not isinstance(group, dict) or not all(group.get(key) for key in ("id", "kind")):
        return {}
    return {key: str(group.get(key, "")) for key in ("id", "kind", "name")}


def _read_settings(folder: Path) -> dict[str, Any]:
    settings = files.read_json(folder / "settings.json")
    try:
        if settings["format"] > FORMAT:
            raise RunError(
                "its settings are of format {received}, written by a newer version. Expected at"
                " most {expected}. Update the lab.",
                received=settings["format"],
                expected=FORMAT,
            )
        augmentation = settings["augmentation"]
        return {
            **settings,
            "training": parse(Training, settings["training"]),
            "augmentation": parse(Augmentation, augmentation) if augmentation else None,
            "dataset": {k: str(settings["dataset"][k]) for k in _DATASET}
            | {split: int(settings["dataset"][split]) for split in ("train", "validation")},
            "classes": [str(name) for name in settings["classes"]],
            "created": float(settings["created"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            "its settings.json lacks what it should hold ({reason}). Delete the run, or restore the"
            " file.",
            reason=f"{type(error).__name__}: {error}"[:80],
        ) from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, empty when the file is missing or damaged."""
    with suppress(CatDogError):
        found = files.read_json(path)
        if isinstance(found, dict):
            return found
    return {}
