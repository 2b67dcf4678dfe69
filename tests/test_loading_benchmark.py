"""The loading benchmark: every reader on the same photos, failures named, nothing left behind."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from catdog_core.base.errors import CatDogError
from catdog_core.data import datasets
from catdog_core.training import loading_benchmark, loading_readers

QUICK = {"size": 32, "batch": 4, "seconds_each": 0.06, "sample": 16}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops files from memory")


def by_key(results):
    return {r.key: r for r in results}


def folder_of(folder, kind, count=8):
    """A dataset of two classes, noise of 40 pixels."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "train" / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "train" / name / f"{number}.{kind}")
    return folder


@on_linux
def test_every_reader_comes_to_figures_cold_and_warm_and_only_reads(workspace, demo, capfd):
    seen, before = [], {path: path.stat() for path in demo.rglob("*")}
    results = loading_benchmark.run_loading_benchmark(
        datasets.scan_folder(demo), **QUICK, on_progress=seen.append
    )
    after = {path: path.stat() for path in demo.rglob("*")}
    assert [(p, s.st_mtime_ns, s.st_ctime_ns, s.st_nlink) for p, s in before.items()] == [
        (p, s.st_mtime_ns, s.st_ctime_ns, s.st_nlink) for p, s in after.items()
    ]
    assert capfd.readouterr().out == ""
    assert {standing.phase for standing in seen} >= {"prepare", "warm"}
    warm = [standing.done for standing in seen if standing.phase == "warm"]
    assert warm == sorted(warm) and (seen[-1].done, seen[-1].running) == (1, "")
    assert [r.key for r in results] == [
        "generator",
        "keras",
        "folder",
        "tfrecord",
        "memory",
    ]
    assert all(r.left_out is None for r in results)
    assert all(r.cold > 0 and r.warm > 0 and r.photos >= 3 * 16 for r in results)
    assert all((r.cold_done, r.warm_done) == (1, 1) for r in results)


@pytest.mark.parametrize("reader", loading_readers.READERS, ids=lambda reader: reader.key)
def test_every_reader_gives_batches_as_the_network_takes_them(workspace, demo, tmp_path, reader):
    stage = loading_readers.prepare_benchmark_data(
        datasets.scan_folder(demo), tmp_path, 32, 4, 16, lambda *_: None
    )
    batch = np.asarray(next(reader.open(stage)))
    assert (batch.shape, batch.dtype) == ((4, 32, 32, 3), np.float32)
    assert 100 < batch.max() <= 255


def test_a_photo_nobody_can_read_ends_the_peers_and_not_the_lab(workspace, tmp_path):
    folder = folder_of(tmp_path / "set", "png")
    (folder / "train" / "cats" / "0.png").write_bytes(b"no photo")
    results = by_key(loading_benchmark.run_loading_benchmark(datasets.scan_folder(folder), **QUICK))
    for key in ("generator", "keras"):
        assert "It stopped: " in str(results[key].left_out)
        assert results[key].warm is None
    assert all(results[key].warm > 0 for key in ("folder", "tfrecord", "memory"))


def test_peers_that_know_no_webp_are_left_out_with_the_reason(workspace, tmp_path):
    results = by_key(
        loading_benchmark.run_loading_benchmark(
            datasets.scan_folder(folder_of(tmp_path / "set", "webp")), **QUICK
        )
    )
    assert results["keras"].left_out is not None
    assert results["folder"].warm > 0


def test_where_no_photo_can_be_read_there_is_no_benchmark(workspace, tmp_path):
    folder = folder_of(tmp_path / "set", "png", count=2)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no photo")
    with pytest.raises(CatDogError, match="None of the"):
        loading_benchmark.run_loading_benchmark(datasets.scan_folder(folder), **QUICK)


def test_a_system_that_keeps_files_in_memory_has_no_cold_figures(workspace, demo, monkeypatch):
    monkeypatch.setattr(loading_readers, "drop_from_page_cache", lambda paths: False)
    results = loading_benchmark.run_loading_benchmark(datasets.scan_folder(demo), **QUICK)
    assert all(r.cold is None and r.warm > 0 for r in results)


@on_linux
def test_forgotten_files_are_not_in_memory_until_they_are_read(tmp_path):
    path = tmp_path / "photo"
    with open(path, "wb") as file:
        file.write(bytes(100_000))
        os.fsync(file.fileno())
    if not loading_readers.drop_from_page_cache([path]):
        pytest.skip("this file system keeps its files in memory")
    path.read_bytes()
    assert loading_readers._is_page_cached(path)
    assert loading_readers.drop_from_page_cache([path])
    assert not loading_readers._is_page_cached(path)


def test_without_links_the_photos_are_copied(demo, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(loading_readers.Path, "symlink_to", refused)
    stage = loading_readers.prepare_benchmark_data(
        datasets.scan_folder(demo), tmp_path, 32, 4, 16, lambda *_: None
    )
    assert len(stage.files) == 16
    assert all(path.is_file() and not path.is_symlink() for path in stage.files)


def test_a_full_disk_ends_the_race_in_a_sentence(workspace, demo, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loading_readers, "_link_or_copy", full)
    with pytest.raises(CatDogError, match="No space left on device"):
        loading_benchmark.run_loading_benchmark(datasets.scan_folder(demo), **QUICK)


def test_rounds_begin_with_another_reader_each_and_none_is_named_twice():
    course = loading_benchmark._Benchmark(None)
    course.runners[1].left_out = CatDogError("gone")
    keys = [runner.reader.key for runner in course._rounds("warm", 3)]
    assert keys[0::4] == ["generator", "folder", "folder"]
    assert all(len(set(keys[start : start + 4])) == 4 for start in (0, 4, 8))


def test_a_race_that_is_stopped_leaves_nothing_behind(workspace, demo):
    def stop(standing):
        if standing.phase != "prepare":
            raise CatDogError("stopped")

    with pytest.raises(CatDogError, match="stopped"):
        loading_benchmark.run_loading_benchmark(
            datasets.scan_folder(demo), **QUICK, on_progress=stop
        )
    assert not (workspace / "cache" / ".race").exists()
    loading_benchmark.run_loading_benchmark(datasets.scan_folder(demo), **QUICK)


def test_a_second_race_is_refused_while_one_runs(workspace, demo):
    dataset = datasets.scan_folder(demo)

    def again(_):
        with pytest.raises(CatDogError, match="already running"):
            loading_benchmark.run_loading_benchmark(dataset, **QUICK)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loading_benchmark.run_loading_benchmark(dataset, **QUICK, on_progress=again)
