"""The first, second, third … write of every operation fails in turn, as SQLite tests itself."""

from __future__ import annotations

import errno
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from injection import fail_disk_call, find_leftovers, snapshot_folder

from catdog_core import runs
from catdog_core.analysis import predictions
from catdog_core.augmentation import presets
from catdog_core.base import trash
from catdog_core.base.errors import CatDogError
from catdog_core.config import Augmentation, Training
from catdog_core.data import datasets, imports
from catdog_core.data.datasets import PhotoEdit
from catdog_core.runs import run_process
from catdog_core.tuning import groups, plans

SMALL = Training(epochs=3, batch_size=4, image_size=32, steps_per_epoch=1)
CODES = {"full": errno.ENOSPC, "broken": errno.EIO}
MOST = 400  # writes no operation here needs
OTHERWISE = ("sendfile", "looks-2")
"""What may fail unnoticed: `shutil` copies in another way then, and looks are looked anew."""


def photos(folder: Path) -> Path:
    datasets.make_demo(folder, train=4, validation=4, size=32, seed=0)
    return folder


def archive(folder: Path) -> Path:
    archive_path = folder / "pets.zip"
    with zipfile.ZipFile(archive_path, "w") as file:
        for path in sorted((folder / "pets").rglob("*.jpg")):
            file.write(path, path.relative_to(folder / "pets"))
    return archive_path


def first() -> datasets.Dataset:
    return datasets.list_datasets()[0]


def run() -> runs.Run:
    return next(loaded_run for loaded_run in runs.list_runs() if loaded_run.name == "mine")


def answered(_: Path) -> None:
    """Keep a model's answers, as Evaluate does."""
    items = first().items("validation")
    table = predictions.PredictionTable(
        files=tuple(item.file for item in items),
        classes=("cats", "dogs"),
        labels=np.array([item.label for item in items], np.int64),
        probabilities=np.full((len(items), 2), 0.5),
    )
    predictions.write_predictions(run().folder, first(), "validation", table, "digest")


def twin(_: Path) -> None:
    groups.create_group(plans.plan_paired_experiment(first(), SMALL, Augmentation()), "two")


def restored(_: Path) -> None:
    trash.restore_from_trash(next(e.id for e in trash.list_trash() if e.name == "gone"))


def continued(_: Path) -> None:
    runs.create_run(first(), SMALL, None, parent=run())


OPERATIONS: dict[str, Callable[[Path], Any]] = {
    "open a folder": lambda place: datasets.open_folder(place / "pets"),
    "draw a dataset": lambda place: datasets.make_demo(place / "workspace/drawn", 4, 4, 32),
    "import a zip": lambda place: imports.import_archive(place / "pets.zip", "pets.zip"),
    "decide": lambda _: datasets.edit_photos(
        first().id, [PhotoEdit(first().photos[1][0], "exclude")]
    ),
    "undo": lambda _: datasets.undo_last_edit(first().id),
    "order classes": lambda _: datasets.order_classes(first().id, ["dogs", "cats"]),
    "divide anew": lambda _: datasets.resplit(first().id, seed=3, validation_fraction=0.5),
    "delete a dataset": lambda _: runs.remove_unused_dataset(first().id),
    "create a run": lambda _: runs.create_run(first(), SMALL, None, name="new"),
    "create a run from another": continued,
    "rename a run": lambda _: runs.rename_run(run().folder, "other"),
    "note": lambda _: runs.set_note(run().folder, "a note"),
    "start": lambda _: runs.start_run(run().folder),
    "delete a run": lambda _: runs.remove_run(run().folder),
    "restore": restored,
    "save a preset": lambda _: presets.save_preset("new", Augmentation()),
    "replace a preset": lambda _: presets.save_preset("kept", Augmentation(), replace=True),
    "delete a preset": lambda _: presets.remove_preset("kept"),
    "keep answers": answered,
    "create an experiment": twin,
    "delete an experiment": lambda _: groups.remove_group(groups.list_groups()[0].id),
}


QUICK = (
    *("import a zip", "decide", "delete a dataset", "create a run", "rename a run", "start"),
    *("delete a run", "restore", "replace a preset", "keep answers", "create an experiment"),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A workspace with one of everything, to be copied."""
    folder = tmp_path_factory.mktemp("writes")
    photos(folder / "pets")
    archive(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        dataset = datasets.open_folder(folder / "pets")
        datasets.edit_photos(dataset.id, [PhotoEdit(dataset.photos[0][0], "exclude")])
        run_folder = fakes.make_run("mine", status="stopped", image_size=32, batch_size=4)
        fakes.add_fake_model(run_folder, "best.keras")
        fakes.add_fake_model(run_folder, "backup.keras")
        runs.remove_run(fakes.make_run("gone"))
        presets.save_preset("kept", Augmentation(rotation_range=9))
        groups.create_group(plans.plan_paired_experiment(dataset, SMALL, Augmentation()), "one")
    return folder


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(run_process, "start_worker", lambda *_: None)  # nothing is to train here
    return tmp_path


def fresh(prepared: Path, folder: Path) -> None:
    for name in ("pets", "workspace"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(prepared / name, folder / name)
    shutil.copy(prepared / "pets.zip", folder)


def inject(prepared: Path, folder: Path, operation: Callable[[Path], Any], number: int, code: int):
    """Let one write of an operation fail; whether there was such a write."""
    fresh(prepared, folder)
    before = snapshot_folder(folder)
    error = None
    with fail_disk_call(folder / "workspace", number, code) as counter:
        try:
            operation(folder)
        except CatDogError as caught:
            error = caught
    if not counter.hit:
        assert error is None
        return False
    failed_write = f"write {number}, {counter.hit}"
    if error is None and any(fragment in counter.hit for fragment in OTHERWISE):
        return True  # it came about in another way
    assert error is not None, f"{failed_write}: nothing was said"
    assert "couldn't" in str(error) or "can't" in str(error), f"{failed_write}: {error}"
    after = snapshot_folder(folder)
    changed = [name for name in before if after.get(name) != before[name]]
    assert changed == [], f"{failed_write}: earlier files are not intact"
    assert find_leftovers(folder) == [], f"{failed_write}: something was left behind"
    assert [loaded_run.status for loaded_run in runs.list_runs()].count("damaged") == 0, (
        failed_write
    )
    operation(folder)  # the disk has room again
    return True


@pytest.mark.parametrize("name", QUICK)
def test_writes_that_fail_are_told_and_leave_what_was_there(prepared, place, name):
    number = 1
    while inject(prepared, place, OPERATIONS[name], number, errno.ENOSPC):
        number += 1 if number < 3 else 4  # `pytest -m long` takes them all
        assert number < MOST
    assert number > 1, "this operation writes nothing?"
    inject(prepared, place, OPERATIONS[name], 1, errno.EROFS)  # a disk that is read only


@pytest.mark.long
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_write_that_fails_is_told_and_leaves_what_was_there(prepared, place, name, code):
    number = 1
    while inject(prepared, place, OPERATIONS[name], number, CODES[code]):
        number += 1 if code == "full" else 3  # the same ways lead out of both
        assert number < MOST


@pytest.mark.soak
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_write_that_breaks_is_told_and_leaves_what_was_there(prepared, place, name):
    number = 1
    while inject(prepared, place, OPERATIONS[name], number, errno.EIO):
        number += 1
        assert number < MOST
