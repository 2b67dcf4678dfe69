"""Packing that is killed, interrupted, cut short or doubled: never broken, and resumed."""

import errno
import json
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from timeouts import wait_until

from catdog_core import cli
from catdog_core.base import files, locks
from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.storage import shard_cache, shard_writer, tfrecord
from catdog_core.training import pipeline

SIZE = 32
SLOW_PACKING = """
import sys, time
from pathlib import Path
from catdog_core.base import library_output
library_output.import_tensorflow()
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.storage import tfrecord
from catdog_core.storage import shard_writer
shard_writer.SHARD_BYTES = 12 * 32 * 32 * 3
real = decode.decode_and_fit
decode.decode_and_fit = lambda *given: (time.sleep(float(sys.argv[3])), real(*given))[1]
tfrecord.pack_dataset(datasets.scan_folder(Path(sys.argv[1])), Path(sys.argv[2]), 32)
"""


@pytest.fixture
def small_shards(monkeypatch):
    """Four shards of the training photos, two of the validation photos."""
    monkeypatch.setattr(shard_writer, "SHARD_BYTES", 12 * SIZE * SIZE * 3)


@pytest.fixture
def packed(demo, tmp_path, small_shards):
    return tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE)


def written(monkeypatch):
    """The names of the shards written from now on."""
    names = []
    real = shard_writer._write_shard
    monkeypatch.setattr(
        shard_writer, "_write_shard", lambda shard, *a: names.append(shard.name) or real(shard, *a)
    )
    return names


def flip(path, position=5000):
    data = bytearray(path.read_bytes())
    data[position] ^= 255
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.long  # the next test interrupts one in this process
def test_a_killed_packing_goes_on_from_its_whole_shards(demo, packed, tmp_path, monkeypatch):
    command = [sys.executable, "-c", SLOW_PACKING, demo, tmp_path / "killed", "0.1"]
    process = subprocess.Popen(command, cwd=files.PROJECT, stderr=subprocess.DEVNULL)
    building = tmp_path / ".killed.packing"

    def two_whole_and_one_begun():
        return len(list(building.glob("[!.]*.json"))) >= 2 and any(building.glob(".*.tfrecord"))

    wait_until(lambda: two_whole_and_one_begun() or process.poll() is not None)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed").exists()
    assert len(list(building.glob(".*.tfrecord"))) > 0  # half written, under another name

    names = written(monkeypatch)
    resumed = tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "killed", SIZE)
    assert 1 <= len(names) <= 4
    for path in packed.path.iterdir():
        assert (resumed.path / path.name).read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "out"]


def test_an_interrupted_packing_keeps_what_is_whole(demo, tmp_path, small_shards, monkeypatch):
    def give_up(done, total):
        if done > 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(shard_writer, "_REPORT_SECONDS", 0.001)
    with pytest.raises(KeyboardInterrupt):
        tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE, give_up)
    assert not (tmp_path / "out").exists()
    names = written(monkeypatch)
    seen = []
    tfrecord.pack_dataset(
        datasets.scan_folder(demo), tmp_path / "out", SIZE, lambda *told: seen.append(told)
    )
    assert len(names) < 6
    assert seen[-1] == (72, 72)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_command_line_says_how_an_interrupted_packing_goes_on(
    demo, tmp_path, monkeypatch, capsys
):
    def give_up(*_):
        raise KeyboardInterrupt

    command = ["pack", str(demo), str(tmp_path / "out"), "--size", "32"]
    with monkeypatch.context() as patched:
        patched.setattr(shard_writer, "write_shards", give_up)
        assert cli.main(command) == 130
    assert "same command to continue after the finished shards" in capsys.readouterr().err
    assert cli.main(command) == 0
    assert "48 train, 24 validation photos of 32 px" in capsys.readouterr().out


def test_a_packing_interrupted_before_a_shard_is_whole_leaves_nothing(demo, tmp_path, monkeypatch):
    def give_up(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(shard_writer, "_REPORT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE, give_up)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
    ids=["system", "tensorflow"],
)
def test_a_full_disk_leaves_nothing(demo, tmp_path, small_shards, monkeypatch, error):
    real, count = tf.io.TFRecordWriter.write, []

    def write(writer, record):
        count.append(1)
        if len(count) > 40:
            raise error
        real(writer, record)

    monkeypatch.setattr(tf.io.TFRecordWriter, "write", write)
    with pytest.raises(CatDogError, match="No space left on device"):
        tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_that_does_not_verify_is_packed_anew(demo, packed, tmp_path, monkeypatch):
    (tmp_path / "out" / "index.json").unlink()
    flip(tmp_path / "out" / "train-00001.tfrecord")
    (tmp_path / "out" / "train-00002.json").write_text("{")
    (tmp_path / "out" / "other.txt").write_text("stray")
    (tmp_path / "out").rename(tmp_path / ".out.packing")
    names = written(monkeypatch)
    again = tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE)
    assert sorted(names) == ["train-00001", "train-00002"]
    assert again == packed
    assert not (again.path / "other.txt").exists()


def test_shards_left_by_other_photos_are_not_taken(demo, packed, tmp_path, monkeypatch):
    shutil.copytree(demo, tmp_path / "other")
    (tmp_path / "other/train/cats/cat.0003.jpg").unlink()
    packed.path.rename(tmp_path / ".out.packing")
    names = written(monkeypatch)
    tfrecord.pack_dataset(datasets.scan_folder(tmp_path / "other"), tmp_path / "out", SIZE)
    assert len(names) == 6


def test_packing_again_verifies_and_mends(demo, packed, monkeypatch):
    names = written(monkeypatch)
    assert tfrecord.pack_dataset(datasets.scan_folder(demo), packed.path, SIZE) == packed
    assert names == []
    flip(packed.path / "train-00003.tfrecord")
    assert tfrecord.verify_shards(packed.path) == ["train-00003.tfrecord"]
    tfrecord.pack_dataset(datasets.scan_folder(demo), packed.path, SIZE)
    assert (names, tfrecord.verify_shards(packed.path)) == (["train-00003"], [])


def test_a_flipped_byte_is_told_when_it_is_read(packed):
    stored = tfrecord.load_split(packed, "train", in_memory=False)
    flip(packed.path / "train-00001.tfrecord")
    assert stored.images[:12].shape == (12, SIZE, SIZE, 3)
    with pytest.raises(DatasetError, match=r"train-00001.tfrecord has changed"):
        stored.images[12:24]


@pytest.mark.parametrize("length", [0, 100, 30_000])
def test_a_shard_cut_short_is_told(packed, length):
    shard = packed.path / "train-00002.tfrecord"
    shard.write_bytes(shard.read_bytes()[:length])
    with pytest.raises(DatasetError, match="train-00002"):
        tfrecord.load_split(packed, "train", in_memory=True)


def test_a_missing_shard_or_changed_table_is_told(packed):
    (packed.path / "validation-00000.tfrecord").unlink()
    with pytest.raises(DatasetError, match="validation-00000"):
        tfrecord.load_split(packed, "validation", in_memory=True)
    table = packed.path / "train-00000.json"
    table.write_text(table.read_text().replace('"labels":[0', '"labels":[1', 1) + " ")
    with pytest.raises(DatasetError, match="train-00000"):
        tfrecord.load_split(packed, "train")


def test_damage_met_in_training_is_told_as_such(packed):
    stored = tfrecord.load_split(packed, "train", in_memory=False)
    for shard in packed.path.glob("train-*.tfrecord"):
        flip(shard)
    batches = pipeline.training_batches(
        stored, None, batch_size=48, seed=0, first_step=0, last_step=1
    )
    with pytest.raises(DatasetError, match=r"has changed\."), pipeline.reraise_data_errors():
        list(batches)


def test_a_damaged_cache_entry_is_mended_at_the_next_use(
    demo, workspace, small_shards, monkeypatch
):
    dataset = datasets.open_folder(demo)
    packed = tfrecord.pack_to_cache(dataset, SIZE)
    flip(packed.path / "train-00001.tfrecord")
    with pytest.raises(DatasetError, match="Start again"):
        tfrecord.load_split(packed, "train")
    with pytest.raises(DatasetError, match="Start again"):  # others who read it are told the same
        tfrecord.load_split(packed, "validation")
    names = written(monkeypatch)
    again = tfrecord.pack_to_cache(dataset, SIZE)
    assert names == ["train-00001"]
    assert len(tfrecord.load_split(again, "train").images) == 48


def test_a_cache_entry_of_an_older_format_is_packed_anew(demo, workspace):
    dataset = datasets.open_folder(demo)
    entry = shard_cache.packed_folder(dataset.fingerprint, SIZE)
    entry.mkdir(parents=True)
    (entry / "index.json").write_text(json.dumps({"format": 1, "size": SIZE, "shards": []}))
    (entry / "train-00000.tfrecord").write_bytes(b"old")
    assert tfrecord.pack_to_cache(dataset, SIZE).counts == {"train": 48, "validation": 24}
    assert [path.name for path in shard_cache.cache_root().iterdir()] == [entry.name]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_a_name_that_is_no_utf8_is_packed(tmp_path):
    picture = decode.encode_photo(np.full((8, 8, 3), 9, np.uint8), "png")
    for folder in ("cats", "dogs"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for name in ("a\udcff.png", "b.png"):
            (tmp_path / "set" / folder / name).write_bytes(picture)
    packed = tfrecord.pack_dataset(datasets.scan_folder(tmp_path / "set"), tmp_path / "out", 8)
    names = (
        tfrecord.load_split(packed, "train").files + tfrecord.load_split(packed, "validation").files
    )
    assert "cats/a\udcff.png" in names


def test_threads_packing_the_same_cache_pack_it_once(demo, workspace, small_shards, monkeypatch):
    dataset = datasets.open_folder(demo)
    names, results = written(monkeypatch), []
    threads = [
        threading.Thread(target=lambda: results.append(tfrecord.pack_to_cache(dataset, SIZE)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1] == results[2]
    assert len(names) == len(set(names)) == 6


@pytest.mark.long
def test_processes_packing_into_one_folder_make_one(demo, tmp_path):
    command = [sys.executable, "-c", SLOW_PACKING, demo, tmp_path / "out", "0.02"]
    both = [
        subprocess.Popen(command, cwd=files.PROJECT, stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert tfrecord.verify_shards(tmp_path / "out") == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_waiting_for_another_packing_can_be_given_up(demo, workspace):
    dataset = datasets.open_folder(demo)

    def give_up(done, total):
        raise KeyboardInterrupt

    with (
        locks.hold_path_lock(shard_cache.packed_folder(dataset.fingerprint, SIZE)),
        pytest.raises(KeyboardInterrupt),
    ):
        tfrecord.pack_to_cache(dataset, SIZE, give_up)


@pytest.mark.parametrize("told", [0, 1, 3])
def test_an_interruption_waits_for_writers_that_are_slow(demo, tmp_path, monkeypatch, told):
    real, calls = decode.decode_and_fit, []

    def give_up(done, total):
        calls.append(done)
        if len(calls) > told:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        decode, "decode_and_fit", lambda *given: (time.sleep(0.05), real(*given))[1]
    )
    monkeypatch.setattr(shard_writer, "_REPORT_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        tfrecord.pack_dataset(datasets.scan_folder(demo), tmp_path / "out", SIZE, give_up)
    assert list(tmp_path.iterdir()) == []
    assert not [each for each in threading.enumerate() if "ThreadPool" in each.name]
