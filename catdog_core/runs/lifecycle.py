"""Create, start, stop, rename and delete runs, and begin one with the weights of another.

A training is an operating-system process of its own that writes into its run folder; pages and
shell only read it, so that nothing done to a page can touch a training. Each file has one writer
(see docs/formats.md):

    settings.json   create_run     all settings, class names, dataset, versions; never changes
    photo_hashes.bin               which photos it is trained and validated with, by content
                    create_run
    start.keras     create_run     the weights to begin with, where it goes on from another run
    about.json      pages, shell   name, note, experiment, when a start was last asked for
    stop            pages, shell   a request to stop; the worker removes it at its end
    lock            worker         held while it lives; the system frees it when it dies
    state.json      worker         what it is doing now, with a beat that grows every 2 s
    metrics.jsonl   worker         a line an epoch, once its models are kept
    final_evaluation.json          what its models predict for clean photos, at the end of training
                    worker, or pages and shell on request
    batches.jsonl   worker         points inside the epochs
    reserve         worker         room on the disk for the last word, while it lives
    crash.txt       worker         what the interpreter says when a library ends it
    backup.keras, backup.json, best.keras, log.txt
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..base import access, files, locks, trash
from ..base.errors import DatasetError, RunError, Term
from ..config import PIPELINE_VERSION, Augmentation, Network, Training
from ..data import datasets
from ..data.datasets import Dataset
from ..models import backbones
from ..storage import shard_cache
from . import run_process, status, training_photos
from .run_folder import (
    FORMAT,
    DamagedRun,
    ImportedHistory,
    ParentRun,
    Run,
    RunRecord,
    fingerprints_in_use,
    list_runs,
    load_run,
    runs_folder,
)
from .run_names import choose_unique_name

_RECORDED_PACKAGES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "pillow")


def create_run(
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    *,
    name: str = "",
    folder: Path | None = None,
    parent: RunRecord | None = None,
) -> Path:
    """Create a run folder with all settings resolved; nothing starts yet.

    Args:
        dataset: what to train on; it needs photos to train and to validate.
        training: unset steps are computed from the data and stored.
        augmentation: applied to training photos only; None for none.
        name: shown in lists, with a number where another run has it; by default the model's name
            and the time.
        folder: where to make it; by default a new folder in the workspace.
        parent: a run whose best weights it begins with; by default it begins with random ones.

    Raises:
        RunError: the folder already holds something, the dataset lacks a split, or the parent's
            weights do not fit.
        DatasetError: it has fewer training photos than the training asks for.
        SettingsError: the settings do not go together.
        AccessError: the visitor may not train, or has as many runs as are allowed.
        CatDogError: the folder cannot be written.
    """
    access.check_quota(list_runs)
    backbones.refuse_transfer_settings(training, augmentation)
    parent_run = check_warm_start(parent, training, dataset.classes) if parent else None
    photos = _choose_photos(training, dataset)
    counts = count_split_photos(photos)
    now = time.time()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    if folder is None:
        folder = runs_folder() / f"{stamp}-{training.model}-{uuid4().hex[:4]}"
    elif files.exists_nonempty(folder):
        raise RunError(
            "{folder} isn't empty. Choose a new or empty folder for the run, or continue with "
            "'resume {folder}'.",
            folder=folder,
        )
    resolved = _resolve_steps(training, counts)
    settings = {
        "format": FORMAT,
        "created": now,
        "training": resolved.model_dump(),
        "augmentation": augmentation.model_dump() if augmentation else None,
        "classes": list(dataset.classes),
        "dataset": {
            "id": dataset.id,
            "name": dataset.name,
            "folder": str(dataset.root),
            "fingerprint": dataset.fingerprint,
            "domain": dataset.domain,
            **counts,
            "validation_counts": list(dataset.counts()["validation"].values()),
        },
        "parent": parent_metadata(parent_run) if parent_run else None,
        "pipeline": PIPELINE_VERSION,
        "versions": {"python": sys.version.split()[0], **_installed_versions()},
    }
    title = name.strip() or f"{training.model} {time.strftime('%H:%M:%S', time.localtime(now))}"
    with choose_unique_name(title, folder) as unique, files.atomic_directory(folder) as building:
        if parent_run:
            copy_parent_model(parent_run, building)
        files.write_json(building / "settings.json", settings)
        training_photos.write_training_photos(building, photos)
        write_initial_metadata(building, unique)
    return folder.absolute()


def count_split_photos(dataset: Dataset) -> dict[str, int]:
    """Count the photos that train and validate. Raises RunError where a dataset lacks either."""
    counts = {split: len(dataset.items(split)) for split in ("train", "validation")}
    for split, count in counts.items():
        if not count:
            raise RunError(
                "Dataset '{name}' has no {split} photos, but needs train and validation photos. "
                "Add photos, or choose another dataset.",
                name=dataset.name,
                split=Term(split),
            )
    return counts


def _choose_photos(training: Training, dataset: Dataset) -> Dataset:
    """Return the dataset with the photos that train. Raises DatasetError where it has fewer."""
    if not training.train_photos:
        return dataset
    return dataset.subset(training.train_photos, training.seed)


def _resolve_steps(training: Training, counts: Mapping[str, int]) -> Training:
    """Set the steps that follow from the data, as settings.json has them."""
    return training.model_copy(
        update={
            "steps_per_epoch": training.steps(counts["train"]),
            "validation_steps": training.validation_batches(counts["validation"]),
        }
    )


def find_equal_run(
    dataset: Dataset,
    training: Training,
    augmentation: Augmentation | None,
    parent: RunRecord | None = None,
) -> Run | None:
    """Return the visitor's active run that is what `create_run` would make of these, or None.

    Args:
        dataset: compared by its photos.
        training: unset steps stand for those of the data.
        augmentation: None is the same as one that changes nothing.
        parent: the run whose weights it begins with.
    """
    own_active = [run for run in list_runs() if run.is_active and access.is_own(run.owner)]
    if not own_active:
        return None
    try:
        counts = count_split_photos(_choose_photos(training, dataset))
    except (DatasetError, RunError):
        return None  # it cannot be started, so none is like it
    resolved = _resolve_steps(training, counts)
    parent_id = parent.id if parent else None
    wanted = (dataset.fingerprint, resolved, _drop_if_off(augmentation), parent_id)
    for run in own_active:
        if isinstance(run, Run) and wanted == (
            run.dataset_fingerprint,
            run.training,
            _drop_if_off(run.augmentation),
            run.parent.get("id") if run.parent else None,
        ):
            return run
    return None


def _drop_if_off(augmentation: Augmentation | None) -> Augmentation | None:
    return None if augmentation is None or augmentation.is_off else augmentation


def start_run(run_dir: Path, *, follow: bool = False) -> None:
    """Start or resume a run in an operating-system process of its own.

    Args:
        run_dir: a run folder.
        follow: when it ends, start what waits of its experiment.

    Raises:
        RunError: it is running already, or is done.
    """
    with lock_run(run_dir):  # two who start it in the same instant: one does
        record = load_run(run_dir)
        access.check_permission("manage run", record.owner)
        run = check_not_finished(record)
        if run.is_active:
            raise RunError(
                "Run '{name}' is already {status}. Wait for it to finish, or stop it first.",
                name=run.name,
                status=run.status,
            )
        # Readers know that the new worker lives once its beat exceeds this one. Times would not do:
        # the clock may be set back in between.
        beat = int(files.float_or_default(run.state.get("beat")))
        write_metadata(run.folder, {"asked": time.time(), "after": beat})
        try:
            run_process.start_worker(run.folder, *(["--follow"] if follow else []))
        except RunError:
            before = {"asked": run.start_requested_at, "after": run.beat_before_start}
            write_metadata(run.folder, before)
            raise


def check_not_finished(record: RunRecord) -> Run:
    """Return the run if there is something left to train in it.

    Raises:
        RunError: it is damaged beyond that, a history from a file, or done.
    """
    if isinstance(record, ImportedHistory):
        raise RunError(
            "Run '{name}' is an imported history, so there's no model to continue from. Start a "
            "new run.",
            name=record.name,
        )
    if not isinstance(record, Run) or (
        record.status == "damaged" and not record.is_resumable_if_damaged
    ):
        raise RunError("Run '{name}' is damaged: {problem}", name=record.id, problem=record.problem)
    if "done" in (record.state.get("status"), status.ending_of(record.state)):
        raise RunError(
            "Run '{name}' has finished all its epochs. Start a new run to train more.",
            name=record.name,
        )
    return record


def stop_run(run_dir: Path) -> None:
    """Ask a run to stop at its next batch; a queued one gives up its place.

    A worker that hangs is ended within 10 s. That is seen to by this process.

    Raises:
        RunError: it is not running.
    """
    run = load_run(run_dir)
    access.check_permission("manage run", run.owner)
    if not run.is_active:
        raise RunError(
            "Run '{name}' is {status}, so there's nothing to stop.",
            name=run.name or run.id,
            status=run.status,
        )
    files.write_bytes(run.folder / "stop", run.stop_token)
    run_process.watch_stop(run.folder)


def rename_run(run_dir: Path, name: str) -> str:
    """Give a run another name, and return it: with a number where another run has it."""
    folder = load_run(run_dir).folder
    access.check_permission("manage run", load_run(folder).owner)
    with choose_unique_name(name.strip() or folder.name, folder) as unique:
        update_metadata(folder, {"name": unique})
    return unique


def add_to_group(run_dir: Path, group: Mapping[str, str]) -> None:
    """Make a run part of an experiment: its id, kind and name."""
    update_metadata(run_dir, {"group": dict(group)})


def set_note(run_dir: Path, note: str) -> None:
    """Store a note with a run, of at most 2,000 characters."""
    update_metadata(run_dir, {"note": note.strip()[:2000]})


def remove_run(run_dir: Path) -> str:
    """Move a run to the workspace's trash and return the id of its entry there.

    Raises:
        RunError: it is running; stop it first.
        CatDogError: it cannot be moved.
    """
    with lock_run(run_dir):
        run = load_run(run_dir)
        access.check_permission("manage run", run.owner)
        if run.is_active:
            raise RunError(
                "Run '{name}' is {status}. Stop it before you delete it.",
                name=run.name,
                status=run.status,
            )
        return trash.move_to_trash("run", run.name or run.id, [run.folder])


def restore_from_trash(key: str) -> trash.TrashEntry:
    """Put an entry of the trash back; a run whose name another one has by now gets a number.

    Raises:
        CatDogError: as `trash.restore_from_trash`.
    """
    entry = trash.restore_from_trash(key)
    if entry.home.resolve() == runs_folder().resolve():
        for _, name in entry.parts:
            folder = runs_folder() / name
            run = load_run(folder)
            if isinstance(run, DamagedRun):
                continue
            with choose_unique_name(run.name, folder) as unique:
                if unique != run.name:
                    write_metadata(folder, {"name": unique})
    return entry


def remove_unused_dataset(dataset_id: str) -> str:
    """Move a dataset that no training uses to the trash and return the id of its entry there.

    What the cache holds of it goes, unless a training may go on with it.

    Raises:
        DatasetError: a training uses it now, or there is none.
        CatDogError: as `datasets.remove_dataset`.
    """
    access.check_permission("change data")
    for run in list_runs():
        if run.is_active and run.dataset_id == dataset_id:
            raise DatasetError(
                "Run '{run}' is {status} and uses dataset '{name}'. Wait for it to finish, or "
                "stop it, before you delete the dataset.",
                run=run.name or run.id,
                status=run.status,
                name=run.dataset_name,
            )
    entry = datasets.remove_dataset(dataset_id)
    shard_cache.remove_unreferenced(fingerprints_in_use())
    return entry


def _installed_versions() -> dict[str, str]:
    versions = {}
    for package in _RECORDED_PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


_LOCK_TIMEOUT = 5.0  # seconds; whoever has it writes one small file


def update_metadata(run_dir: Path, values: dict[str, Any]) -> None:
    """Change fields of a run's about.json.

    Raises:
        AccessError: it is the run of somebody else.
        CatDogError: as `write_metadata`.
    """
    access.check_permission("manage run", load_run(run_dir).owner)
    with lock_run(run_dir) as folder:
        write_metadata(folder, values)


def write_initial_metadata(folder: Path, name: str) -> None:
    """Write the first about.json of a new run, with whose it is where several share the lab."""
    about = {"format": FORMAT, "name": name, "note": ""}
    owner = access.current_visitor().name
    files.write_json(folder / "about.json", {**about, "owner": owner} if owner else about)


def write_metadata(folder: Path, values: dict[str, Any]) -> None:
    """Change about.json; the caller holds `lock_run`.

    Raises:
        CatDogError: it cannot be written, or was made by a newer program.
    """
    path = folder / "about.json"
    known = files.read_json_object(path)
    files.check_format_version(path, known, FORMAT)
    if path.is_dir():
        files.remove_if_exists(path)
    metadata = {"format": FORMAT, "name": folder.name, "note": "", **known, **values}
    files.write_json(path, metadata)


@contextmanager
def lock_run(run_dir: Path) -> Iterator[Path]:
    """Hold a run's lock for pages and shells, under which it is changed, started or deleted.

    Raises:
        RunError: there is no such run, or another one is at it for seconds.
        CatDogError: the disk is full or not writable.
    """
    folder = load_run(run_dir).folder
    end = time.monotonic() + _LOCK_TIMEOUT

    def waiting() -> None:
        if time.monotonic() > end:
            raise RunError(
                "Another page or command is changing run '{name}'. Try again.",
                name=folder.name,
            )

    with files.wrap_os_errors(folder), locks.hold_path_lock(folder, waiting):
        yield folder


INITIAL_WEIGHTS_FILE = "start.keras"
"""The file of a run folder that holds the weights to begin with."""


def check_warm_start(parent: RunRecord, training: Training, classes: Sequence[str]) -> Run:
    """Return the run if a training can begin with its best weights (a warm start).

    The new run takes over weights only: optimizer, schedule and epochs begin anew. That is why
    network, image size and classes have to agree, and nothing else.

    Args:
        parent: the run whose weights are wanted.
        training: the settings of the new run.
        classes: the new run's class names, in label order.

    Raises:
        RunError: the weights do not fit the training, or there are none; it says what differs.
    """
    if not isinstance(parent, Run) or parent.best_model is None:
        raise RunError(
            "Run '{name}' has no model to continue from yet. Choose a run with a finished epoch.",
            name=parent.name or parent.id,
        )
    if backbones.TRANSFER in (parent.model, training.model):
        raise RunError(
            "Runs of model 'transfer' start from their own weights, so they can't continue from "
            "another run. Start a new 'transfer' run, which trains its last layer in seconds, or "
            "choose another model."
        )
    for what, now, then in (
        ("model", training.model, parent.training.model),
        ("network", _network_json(training), _network_json(parent.training)),
        ("image_size", training.image_size, parent.training.image_size),
        ("classes", ", ".join(classes), ", ".join(parent.classes)),
    ):
        if now != then:
            raise RunError(
                "The weights of run '{name}' don't fit, because {what} is {now} here but {then} "
                "there. Change it to match, or start from scratch.",
                name=parent.name or parent.id,
                what=what,
                now=now,
                then=then,
            )
    return parent


def _network_json(training: Training) -> str:
    if training.model != "custom":
        return ""
    return (training.network or Network()).model_dump_json()


def parent_metadata(parent: Run) -> ParentRun:
    """Return what settings.json stores of the run whose weights a new run begins with."""
    return {"id": parent.id, "name": parent.name, "epoch": parent.best_epoch}


def copy_parent_model(parent: Run, folder: Path) -> None:
    """Copy a run's best model into the folder of a new run that begins with its weights."""
    assert parent.best_model is not None
    # A copy, not a reference: the parent may train on or be deleted before the new run starts.
    with files.atomic_replace(folder / INITIAL_WEIGHTS_FILE) as temporary:
        shutil.copyfile(parent.best_model, temporary)
