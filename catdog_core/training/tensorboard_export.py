"""TensorBoard event files of a run, written from its rows when somebody asks for them.

    LOGDIR/<run>/              once: hyperparameters
    LOGDIR/<run>/train/        each epoch: epoch_loss, epoch_accuracy, epoch_learning_rate
    LOGDIR/<run>/validation/   each epoch: epoch_loss, epoch_accuracy

Names are those of Keras's TensorBoard callback; epochs count from 1, as on the pages. Rows hold
each epoch once, so an epoch that a resume trained again stands once. TensorBoard's own writer is
used.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ..base import files
from ..base.errors import CatDogError, RunError
from ..runs.run_folder import Run, RunRecord

TAGS: dict[str, dict[str, str]] = {
    "train": {
        "loss": "epoch_loss",
        "accuracy": "epoch_accuracy",
        "learning_rate": "epoch_learning_rate",
    },
    "validation": {"val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy"},
}
"""By folder: the numbers of an epoch, and what TensorBoard calls them."""


def default_logdir() -> Path:
    """Return the folder for this workspace's event files, the default LOGDIR."""
    return files.workspace_folder() / "tensorboard"


def tensorboard_command(logdir: Path) -> str:
    """Return the shell line that starts TensorBoard on a folder of event files."""
    parts = ["tensorboard", "--logdir", str(logdir)]
    return subprocess.list2cmdline(parts) if os.name == "nt" else shlex.join(parts)


def check_tensorboard_installed() -> None:
    """Raise CatDogError when the package is not installed; imports nothing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise CatDogError("TensorBoard isn't installed. Install it with: pip install tensorboard")


def write_event_files(run: RunRecord, logdir: Path) -> Path:
    """Write the event files of a run anew, and return their folder.

    TensorBoard's writer loads TensorFlow.

    Args:
        run: a run with at least one epoch.
        logdir: the folder in which a folder named by the run's id is written or replaced.

    Raises:
        RunError: the run has no epoch.
        CatDogError: TensorBoard is not installed, or the files cannot be written.
    """
    if not run.epochs:
        raise RunError(
            "Run '{name}' has no epochs yet. Train it first.",
            name=files.truncate_for_display(run.name or run.id),
        )
    check_tensorboard_installed()
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import api
    from tensorboard.plugins.scalar.summary import scalar_pb

    folder = logdir / run.id
    with files.wrap_os_errors(folder), files.atomic_directory(folder) as building:
        if isinstance(run, Run):
            values = _hyperparameters(run)
            start = api.hparams_pb(values, trial_id=run.id, start_time_secs=run.created)
            _write_events(building, [Event(wall_time=run.created, summary=start)])
        for part, tags in TAGS.items():
            time, events = run.created, []
            for row in run.epochs:
                time += files.float_or_default(row.get("seconds"))
                events += [
                    Event(wall_time=time, step=row["epoch"] + 1, summary=scalar_pb(tag, value))
                    for name, tag in tags.items()
                    if (value := row.get(name)) is not None
                ]
            _write_events(building / part, events)
        files.remove_tree(folder)
    return folder


def _write_events(folder: Path, events: list[Any]) -> None:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    for event in events:
        writer.add_event(event)
    writer.close()


def _hyperparameters(run: Run) -> dict[str, bool | float | str]:
    """Return a run's settings, with those of its network as ``network.…`` and so on."""
    values: dict[str, Any] = run.training.model_dump(exclude={"network"})
    if run.training.network is not None:
        network = run.training.network.model_dump()
        values |= {f"network.{name}": value for name, value in network.items()}
    if run.augmentation is not None:
        changes = run.augmentation.model_dump()
        values |= {f"augmentation.{name}": changes[name] for name in run.augmentation.active}
    values |= {"photos": run.train_photos, "classes": len(run.classes)}
    return {
        name: value if isinstance(value, (bool, int, float)) else str(value)
        for name, value in values.items()
        if value is not None
    }
