"""Photos that change while a training prepares or runs: told, or harmless; never learned from."""

from __future__ import annotations

import os
import shutil
import threading

import numpy as np
import pytest
from waiting import TINY_TRAINING

from catdog_core import runs
from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.storage import shard_cache, shard_writer, tfrecord
from catdog_core.training.execution import execute_run

VICTIM = "train/cats/cat.0003.jpg"


def replaced(path):
    """Another photo in its place, of the same time."""
    seen = path.stat()
    path.write_bytes(decode.encode_photo(np.full((32, 32, 3), 200, np.uint8)))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def pipe(path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    path.unlink()
    os.mkfifo(path)


def folder(path):
    path.unlink()
    path.mkdir()


CHANGES = {
    "deleted": lambda path: path.unlink(),
    "garbage": lambda path: path.write_bytes(os.urandom(900)),
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "another photo": replaced,
    "renamed": lambda path: path.rename(path.with_name("other.jpg")),
    "a neighbour's": lambda path: shutil.copy(path.with_name("cat.0001.jpg"), path),
    "a pipe": pipe,
    "a folder": folder,
}


@pytest.fixture
def slowly(pets, monkeypatch):
    """Change a photo in the middle of the packing, before it is its turn."""

    one = threading.Lock()

    def change(how):
        real = decode.decode_and_fit
        victim = pets.root / VICTIM

        def load(*args):
            with one:  # the other writer waits, so that it does not pass the photo by
                if how:
                    CHANGES[how.pop()](victim)
            return real(*args)

        monkeypatch.setattr(decode, "decode_and_fit", load)

    last = lambda items: sorted(items, key=lambda item: item.file == VICTIM)  # noqa: E731
    monkeypatch.setattr(shard_writer, "plan_shards", in_order(shard_writer.plan_shards, last))
    return change


def in_order(plan, last):
    def planned(dataset, size):
        shards = []
        for shard in plan(dataset, size):
            order = last(shard.items)
            marks = dict(zip((item.file for item in shard.items), shard.marks, strict=True))
            shards.append(
                shard_writer.Shard(
                    shard.name, order, shard.plan, [marks[item.file] for item in order]
                )
            )
        return shards

    return planned


@pytest.mark.parametrize("how", CHANGES)
def test_a_photo_that_changes_while_it_is_packed_is_told(pets, slowly, how):
    slowly([how])
    with pytest.raises(DatasetError, match=r"cat\.0003\.jpg (changed|is gone)"):
        tfrecord.pack_to_cache(pets, 32)
    assert not shard_cache.packed_folder(pets.fingerprint, 32).exists()
    assert [path for path in shard_cache.cache_root().iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("how", ["another photo", "garbage", "a folder"])
def test_a_folder_that_is_not_remembered_is_watched_as_well(pets, slowly, tmp_path, how):
    shutil.copytree(pets.root, tmp_path / "other")
    dataset = datasets.scan_folder(tmp_path / "other")
    slowly([])
    marks = {
        item.file: mark for s in shard_writer.plan_shards(dataset, 32) for item, mark in zip_of(s)
    }
    assert all(isinstance(mark, tuple) for mark in marks.values())
    CHANGES[how](tmp_path / "other" / VICTIM)
    if how == "another photo":  # here only what the disk tells is known
        os.utime(tmp_path / "other" / VICTIM)
    item = next(item for item in dataset.items("train") if item.file == VICTIM)
    with pytest.raises(DatasetError, match="changed"):
        shard_writer._read_unchanged(item, marks[VICTIM])


def zip_of(shard):
    return zip(shard.items, shard.marks, strict=True)


def test_a_photo_that_was_damaged_from_the_start_is_left_out_as_ever(pets):
    (pets.root / VICTIM).write_bytes(b"no photo")
    packed = tfrecord.pack_to_cache(datasets.open_folder(pets.root), 32)
    assert [file for file, _ in packed.unreadable] == [VICTIM]
    assert packed.counts["train"] == 11


@pytest.mark.slow
@pytest.mark.parametrize("how", ["another photo", pytest.param("a folder", marks=pytest.mark.long)])
def test_a_training_whose_photos_change_before_it_has_them_fails_and_can_be_resumed(
    pets, slowly, how
):
    original = (pets.root / VICTIM).read_bytes()
    run = runs.create_run(pets, TINY_TRAINING, None)
    changes = [how]
    slowly(changes)
    with pytest.raises(CatDogError, match="changed"):
        execute_run(run)
    loaded_run = runs.load_run(run)
    assert (
        loaded_run.status == "failed"
        and loaded_run.can_resume
        and "changed" in loaded_run.state["error"]["message"]
    )
    files_back(pets.root / VICTIM, original)
    execute_run(run)
    assert runs.load_run(run).status == "done"


def files_back(path, data):
    if path.is_dir():
        path.rmdir()
    path.write_bytes(data)


@pytest.mark.long
def test_photos_that_change_in_mid_epoch_change_nothing_in_the_training(pets):
    def train(change):
        run = runs.create_run(pets, TINY_TRAINING, None)
        done = []

        def tell(state):
            if state.get("phase") == "train" and state.get("epoch") == 1 and not done:
                done.append(change())

        execute_run(run, tell)
        return [{**row, "seconds": 0} for row in runs.load_run(run).epochs]

    quiet = train(lambda: None)
    paths = sorted((pets.root / "train" / "cats").iterdir())
    changes = [how for how in CHANGES if how not in ("a neighbour's", "a pipe")]

    def all_of_them():
        for path, how in zip(paths, changes, strict=False):
            CHANGES[how](path)

    assert train(all_of_them) == quiet
    with pytest.raises(CatDogError, match="have changed"):  # whoever opens them again, and resumes
        datasets.open_folder(pets.root)
        datasets.load_dataset_as_of(pets.id, pets.fingerprint)
