"""Runs, datasets and photos that are deleted while somebody works with them."""

import shutil

import pytest
from waiting import start_and_wait, wait_until

from catdog_core import runs
from catdog_core.base import subprocess_jobs
from catdog_core.base.errors import DatasetError, RunError
from catdog_core.data import datasets
from catdog_core.training.execution import execute_run


def test_a_run_deleted_under_its_worker_is_not_made_anew(new_run, light):
    run = new_run()
    start_and_wait(run)
    with pytest.raises(RunError, match="Stop it before"):
        runs.remove_run(run)
    wait_until(lambda: shutil.rmtree(run, ignore_errors=True) or not run.exists())  # by hand
    assert light[0].wait(60) == 0
    assert not run.exists()
    assert runs.list_runs() == []
    other = new_run()  # and the place is free
    start_and_wait(other)


def test_a_dataset_in_use_is_not_deleted_from_the_lab(new_run, light, pets):
    run = new_run()
    start_and_wait(run)
    with pytest.raises(DatasetError, match="and uses dataset"):
        runs.remove_unused_dataset(pets.id)
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped")
    runs.remove_unused_dataset(pets.id)
    assert datasets.list_datasets() == []


def test_photos_that_vanish_while_they_are_packed_are_told_and_not_left_out(pets, tmp_path):
    from catdog_core.storage import tfrecord

    shutil.copytree(tmp_path / "pets", tmp_path / "copy")
    shutil.rmtree(tmp_path / "pets" / "train" / "cats")
    with pytest.raises(DatasetError, match="is gone from its folder"):
        tfrecord.pack_to_cache(pets, 32)
    shutil.copytree(tmp_path / "copy" / "train" / "cats", tmp_path / "pets" / "train" / "cats")
    assert tfrecord.pack_to_cache(pets, 32).counts == {"train": 12, "validation": 8}


@pytest.mark.long
def test_a_real_training_whose_dataset_and_then_folder_vanish(new_run, pets, tmp_path, workers):
    run = new_run()
    runs.start_run(run)
    wait_until(lambda: len(runs.load_run(run).epochs) >= 2, 120)
    shutil.rmtree(tmp_path / "pets")  # photos and record: what is packed is enough
    shutil.rmtree(datasets.datasets_folder() / pets.id)
    before = len(runs.load_run(run).epochs)
    wait_until(lambda: len(runs.load_run(run).epochs) > before + 1, 60)
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped", 30)
    with pytest.raises(DatasetError, match="no dataset"):
        execute_run(run)
    assert runs.load_run(run).status == "failed" and runs.load_run(run).best_model
    other = new_run_of(tmp_path)
    runs.start_run(other)
    wait_until(lambda: len(runs.load_run(other).epochs) >= 1, 120)
    process = subprocess_jobs._detached[-1]
    wait_until(lambda: shutil.rmtree(other, ignore_errors=True) or not other.exists(), 30)
    process.wait(120)
    assert not other.exists(), sorted(path.name for path in other.rglob("*"))


def new_run_of(tmp_path):
    from catdog_core.config import Training

    datasets.make_demo(tmp_path / "more", train=12, validation=8, size=32, seed=1)
    training = Training(epochs=1000, batch_size=4, image_size=32, steps_per_epoch=1)
    return runs.create_run(datasets.open_folder(tmp_path / "more"), training, None)
