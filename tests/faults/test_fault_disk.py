"""A disk that is really full, one that is really read only; skipped where none can be mounted."""

from __future__ import annotations

import fakes
import pytest
import waiting
from injection import fill_disk, find_leftovers, read_only_folder, small_disk, snapshot_folder

from catdog_core import runs
from catdog_core.augmentation import presets
from catdog_core.base import files, trash
from catdog_core.base.errors import CatDogError
from catdog_core.config import Augmentation
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.models import keras_models
from catdog_core.runs import run_process
from catdog_core.training.execution import execute_run
from catdog_core.tuning import groups, plans

PAGE = 4096  # bytes the disk of these tests gives at a time
TINY = waiting.TINY_TRAINING.model_copy(update={"epochs": 6})


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A workspace on a disk of its own of 3 MB, with photos beside it."""
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    with small_disk(tmp_path / "disk", 3_000_000) as folder:
        monkeypatch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        yield folder


def stocked(tmp_path):
    dataset = datasets.open_folder(tmp_path / "pets")
    run = fakes.make_run("mine", status="stopped")
    fakes.add_fake_model(run)
    fakes.add_fake_model(run, "backup.keras")
    presets.save_preset("kept", Augmentation())
    return dataset, run


def saved(run):
    model = keras_models.build_model("custom", 32, network=TINY.network)
    keras_models.compile_for_training(model, 1e-3)
    keras_models.save_model(model, run / "best.keras", {"format": 1, "classes": ["cats", "dogs"]})


OPERATIONS = {
    "decide": lambda d, run: datasets.edit_photos(d.id, [PhotoEdit(d.photos[0][0], "exclude")]),
    "import": lambda d, run: datasets.register_dataset(
        "drawn", "Drawn", "demo", lambda to: datasets.make_demo(to, 4, 4, 64)
    ),
    "create a run": lambda d, run: runs.create_run(d, TINY, None),
    "rename": lambda d, run: runs.rename_run(run, "another name"),
    "start": lambda d, run: runs.start_run(run),
    "delete": lambda d, run: runs.remove_run(run),
    "preset": lambda d, run: presets.save_preset("new", Augmentation()),
    "experiment": lambda d, run: groups.create_group(
        plans.plan_paired_experiment(d, TINY, Augmentation())
    ),
    "model": lambda d, run: saved(run),
    "a line": lambda d, run: files.append_json_line(run / "metrics.jsonl", {"note": "x" * 9000}),
}
QUICK = ("create a run", "rename", "a line")


def some(*without):
    """The operations; what few of them show is enough for a quick run of the tests."""
    return [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.long)
        for name in OPERATIONS
        if name not in without
    ]


@pytest.mark.parametrize("name", some())
def test_a_full_disk_is_told_and_leaves_what_was_there(disk, tmp_path, monkeypatch, name):
    monkeypatch.setattr(run_process, "start_worker", lambda *_: None)
    dataset, run = stocked(tmp_path)
    before, tries = snapshot_folder(disk), 0
    for leave in (0, 1, 2, 4, 8, 12, 24, 40):  # pages that are free: another write fails
        filler = fill_disk(disk, leave * PAGE)
        try:
            OPERATIONS[name](dataset, run)
        except CatDogError as error:
            tries += 1
            assert "No space left on device" in str(error)
            after = snapshot_folder(disk)
            assert [file for file in before if after.get(file) != before[file]] == []
            assert find_leftovers(disk) == []
        else:
            break
        finally:
            filler.unlink()
    assert tries, "this needs no room?"
    if tries == 8:
        OPERATIONS[name](dataset, run)


@pytest.mark.slow
def test_a_disk_that_fills_up_in_training_fails_it_with_its_best_model_whole(disk, tmp_path):
    import keras

    run = runs.create_run(datasets.open_folder(tmp_path / "pets"), TINY, None)
    seen = []

    def full_after_two_epochs(state):
        if state.get("epoch") == 2 and state.get("phase") == "train" and not seen:
            seen.append(snapshot_folder(run))
            fill_disk(disk)

    with pytest.raises(CatDogError, match="No space left on device"):
        execute_run(run, full_after_two_epochs)
    loaded_run = runs.load_run(run)
    assert loaded_run.status == "failed"  # its last word is told though nothing fits on the disk
    assert loaded_run.state["error"]["params"]["reason"] == "No space left on device"
    assert len(loaded_run.epochs) == 2
    keras.models.load_model(run / "best.keras")
    for name in ("best.keras", "backup.keras", "metrics.jsonl"):
        assert (run / name).read_bytes() == seen[0][name]
    (disk / "filler").unlink()
    execute_run(run)
    assert (runs.load_run(run).status, len(runs.load_run(run).epochs)) == ("done", 6)


@pytest.mark.long
def test_photos_are_packed_again_after_a_disk_was_full(disk, tmp_path):
    from catdog_core.storage import tfrecord

    dataset = datasets.open_folder(tmp_path / "pets")
    failed = 0
    for leave in range(0, 40, 2):
        filler = fill_disk(disk, leave * PAGE)
        try:
            tfrecord.pack_to_cache(dataset, 64)
        except CatDogError as error:
            failed += 1
            assert "No space" in str(error) or "space" in str(error)
            filler.unlink()
        else:
            filler.unlink()
            break
    assert failed
    packed = tfrecord.pack_to_cache(dataset, 64)
    assert tfrecord.verify_shards(packed.path) == []
    assert packed.counts == {"train": 8, "validation": 8}


def opened_read_only(workspace, page, run):
    app = fakes.open_page(page, run=run.name)
    assert not app.exception
    assert "Something went wrong" not in fakes.joined_text(app.error)
    return app


@pytest.mark.long
@pytest.mark.parametrize(
    "page", ["", "1_Data", "2_Augment", "3_Train", "4_Compare", "5_Evaluate", "6_Predict"]
)
def test_pages_open_on_a_read_only_workspace(workspace, tmp_path, page):
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    _, run = stocked(tmp_path)
    with read_only_folder(workspace):
        opened_read_only(workspace, page, run)


@pytest.mark.parametrize("name", some("model"))
def test_a_read_only_workspace_is_told(workspace, tmp_path, monkeypatch, name):
    monkeypatch.setattr(run_process, "start_worker", lambda *_: None)
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    dataset, run = stocked(tmp_path)
    before = snapshot_folder(workspace)
    with read_only_folder(workspace):
        assert [loaded_run.name for loaded_run in runs.list_runs()] == ["mine"]
        with pytest.raises(CatDogError, match="Read-only file system"):
            OPERATIONS[name](dataset, run)
        with pytest.raises(CatDogError, match="Read-only file system"):
            execute_run(run)
    assert snapshot_folder(workspace) == before


def test_the_trash_of_another_disk_is_told(disk, tmp_path, workspace):
    """A run that lies elsewhere cannot be renamed into the workspace."""
    datasets.make_demo(tmp_path / "more", train=8, validation=8, size=32, seed=0)
    run = runs.create_run(datasets.open_folder(tmp_path / "more"), TINY, None, folder=disk / "away")
    with pytest.raises(CatDogError, match="couldn't be written"):
        runs.remove_run(run)
    assert (run / "settings.json").is_file()
    assert trash.list_trash() == []
