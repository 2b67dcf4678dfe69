"""The cache: its size is known, it can be cleared, and what nobody refers to goes by itself."""

import gc
import shutil
import subprocess
import sys

import pytest
from filelock import FileLock

from catdog_core import runs
from catdog_core.base import files, locks
from catdog_core.config import Training
from catdog_core.data import datasets, download, tfds
from catdog_core.storage import shard_cache, tfrecord

LOST = "0" * 20 + "-150"
HOLDING = """
import sys, time
from pathlib import Path
from catdog_core.storage import shard_cache
lock = shard_cache.hold_entry(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def entry(name, size=1000):
    """An entry as `tfrecord.pack_to_cache` leaves it, as far as `shard_cache` looks."""
    folder = shard_cache.cache_root() / name
    folder.mkdir(parents=True)
    (folder / "index.json").write_text("{}")
    (folder / "train-00000.tfrecord").write_bytes(b"x" * size)
    return folder


@pytest.fixture
def referred(dataset):
    return entry(shard_cache.packed_folder(dataset.fingerprint, 150).name)


def test_an_empty_cache_takes_nothing(workspace):
    assert (
        shard_cache.list_cache_entries(),
        shard_cache.clear_cache(),
        shard_cache.remove_unreferenced(runs.fingerprints_in_use()),
    ) == ([], 0, 0)


def test_each_entry_tells_its_size_and_its_datasets(dataset, referred):
    entry(LOST, 5000)
    entry(f".{LOST}.packing", 10)
    entries = shard_cache.list_cache_entries()
    assert [e.bytes for e in entries] == [5002, 1002, 12]
    assert [e.datasets for e in entries] == [(), (dataset.name,), ()]
    assert [e.is_complete for e in entries] == [True, True, False]
    assert {e.size for e in entries} == {150}


def test_what_no_dataset_refers_to_goes(referred):
    entry(LOST)
    entry(f".{LOST}.packing")
    assert shard_cache.remove_unreferenced(runs.fingerprints_in_use()) == 2004
    assert list(shard_cache.cache_root().iterdir()) == [referred]


def test_a_run_that_may_go_on_keeps_its_entry(dataset, referred):
    run = runs.create_run(dataset, Training(), None)
    runs.remove_unused_dataset(dataset.id)
    assert referred.exists()
    runs.remove_run(run)
    assert shard_cache.remove_unreferenced(runs.fingerprints_in_use()) == 1002
    assert not referred.exists()


def test_a_dataset_that_is_deleted_takes_its_entries_along(dataset, referred):
    other = entry(shard_cache.packed_folder(dataset.fingerprint, 64).name)
    runs.remove_unused_dataset(dataset.id)
    assert not referred.exists() and not other.exists()


def test_an_entry_in_use_is_neither_swept_nor_cleared(dataset, referred):
    other = entry(LOST)
    holds = [shard_cache.hold_entry(other), shard_cache.hold_entry(referred)]
    assert [e.in_use for e in shard_cache.list_cache_entries()] == [True, True]
    assert (
        shard_cache.remove_unreferenced(runs.fingerprints_in_use()),
        shard_cache.clear_cache(),
    ) == (0, 0)
    holds[0].release()
    assert (shard_cache.remove_unreferenced(runs.fingerprints_in_use()), other.exists()) == (
        1002,
        False,
    )
    holds[1].release()
    assert (shard_cache.clear_cache(), shard_cache.list_cache_entries()) == (1002, [])


def test_an_entry_being_packed_is_not_cleared(referred):
    building = entry(f".{referred.name}.packing")
    with locks.hold_path_lock(referred):
        assert all(e.in_use for e in shard_cache.list_cache_entries())
        assert shard_cache.clear_cache() == 0
    assert shard_cache.clear_cache() == 2004
    assert not building.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_a_killed_reader_holds_nothing(referred):
    command = [sys.executable, "-c", HOLDING, str(referred)]
    process = subprocess.Popen(command, cwd=files.PROJECT, stdout=subprocess.PIPE)
    process.stdout.readline()
    assert shard_cache.clear_cache() == 0
    process.kill()
    process.wait()
    process.stdout.close()
    assert shard_cache.clear_cache() == 1002


def test_a_removal_that_was_killed_is_finished(workspace):
    entry(".going-1234abcd")
    assert shard_cache.remove_unreferenced(runs.fingerprints_in_use()) == 1002
    assert list(shard_cache.cache_root().iterdir()) == []


def test_what_others_keep_there_stays(workspace, tmp_path):
    outside_folder = tmp_path / "elsewhere"
    outside_folder.mkdir()
    (outside_folder / "letter.txt").write_text("dear")
    entry("photos")
    (shard_cache.cache_root() / LOST).symlink_to(outside_folder, target_is_directory=True)
    assert (
        shard_cache.list_cache_entries(),
        shard_cache.clear_cache(),
        shard_cache.remove_unreferenced(runs.fingerprints_in_use()),
    ) == ([], 0, 0)
    assert (outside_folder / "letter.txt").exists()
    assert (shard_cache.cache_root() / "photos").exists()


@pytest.fixture
def half(workspace):
    """A download that broke off, as `download` leaves it."""
    folder = download.downloads_folder()
    folder.mkdir(parents=True)
    (folder / "pets.zip.part").write_bytes(b"PK" + b"x" * 3998)
    (folder / "pets.zip.json").write_bytes(b"{}")
    (folder / "pets.zip.lock").touch()
    return folder / "pets.zip"


def test_a_half_download_is_told_and_goes_only_on_request(half):
    (cache_entry,) = shard_cache.list_cache_entries()
    assert (cache_entry.path, cache_entry.bytes, cache_entry.kind) == (half, 4002, "download")
    assert not cache_entry.is_complete and not cache_entry.in_use
    assert (
        shard_cache.remove_unreferenced(runs.fingerprints_in_use()),
        shard_cache.clear_cache(),
    ) == (0, 0)
    assert (shard_cache.clear_cache(include_partial=True), shard_cache.list_cache_entries()) == (
        4002,
        [],
    )


def test_a_whole_download_is_cleared_and_a_running_one_stays(half):
    (half.parent / "birds.zip").write_bytes(b"PK")
    with FileLock(half.parent / "pets.zip.lock"):
        assert [(e.is_complete, e.in_use) for e in shard_cache.list_cache_entries()] == [
            (False, True),
            (True, False),
        ]
        assert shard_cache.clear_cache(include_partial=True) == 2
    assert [e.path for e in shard_cache.list_cache_entries()] == [half]


def test_what_tensorflow_datasets_fetched_is_told_and_cleared(workspace):
    (tfds.tfds_folder() / "downloads").mkdir(parents=True)
    assert shard_cache.list_cache_entries() == []
    (tfds.tfds_folder() / "downloads" / "beans.zip").write_bytes(b"x" * 70)
    assert [(e.kind, e.bytes, e.is_complete) for e in shard_cache.list_cache_entries()] == [
        ("tfds", 70, False)
    ]
    with locks.hold_path_lock(tfds.tfds_folder()):
        assert [e.in_use for e in shard_cache.list_cache_entries()] == [True]
        assert shard_cache.clear_cache(include_partial=True) == 0
    assert (shard_cache.clear_cache(), shard_cache.clear_cache(include_partial=True)) == (0, 70)
    assert not tfds.tfds_folder().exists()


def test_photos_read_from_shards_hold_their_entry_until_they_are_gone(dataset):
    packed = tfrecord.pack_to_cache(dataset, 32)
    small = tfrecord.load_split(packed, "train")
    large = tfrecord.load_split(packed, "train", in_memory=False)
    del packed
    gc.collect()
    assert shard_cache.clear_cache() == 0
    assert len(large.images[:]) == 48
    del large
    gc.collect()
    assert shard_cache.clear_cache() > 0
    assert len(small.images) == 48


def test_packing_sweeps_what_changed_photos_left_behind(workspace, demo, tmp_path):
    shutil.copytree(demo, tmp_path / "set")
    tfrecord.pack_to_cache(datasets.open_folder(tmp_path / "set"), 32)
    (tmp_path / "set/train/cats/cat.0003.jpg").unlink()
    changed = datasets.open_folder(tmp_path / "set")
    gc.collect()
    tfrecord.pack_to_cache(changed, 32, in_use=runs.fingerprints_in_use())
    assert [e.path for e in shard_cache.list_cache_entries()] == [
        shard_cache.packed_folder(changed.fingerprint, 32)
    ]
