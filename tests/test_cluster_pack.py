"""Many photos for real: an S3 on the loopback, Ray's tasks on two workers, one of them killed."""

import json
import os
import signal

import pytest
import remote

from catdog_core import cli, datasets, records
from catdog_core.cluster import ray_here
from catdog_core.cluster.tasks import Hands
from catdog_core.curation.survey import Survey
from catdog_core.errors import DatasetError, DownloadError
from catdog_core.packing import elsewhere, shards
from catdog_core.sources.places import Remote

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
SIZE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos") / "pets"
    datasets.make_demo(root, train=24, validation=12, size=48, seed=3)
    (root / "train" / "cats" / "broken.jpg").write_bytes(b"no photo at all")
    return root


@pytest.fixture(scope="module")
def small():
    """Shards of a few photos, so that there are several tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", 8 * SIZE * SIZE * 3)
        yield


@pytest.fixture(scope="module")
def local(folder, tmp_path_factory, small):
    out = tmp_path_factory.mktemp("packed") / "local"
    records.pack(datasets.scan(folder), out, SIZE)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def bucket(folder):
    with pytest.MonkeyPatch.context() as patch, remote.s3(patch) as place:
        remote.copied(folder, place / "pets")
        yield place


@pytest.fixture(scope="module")
def ray(bucket):
    """Two workers, started once, which know the bucket."""
    pytest.importorskip("ray", reason="clusters need Ray")
    with ray_here.connected("local", cpus=2, object_store_memory=80 * 2**20) as module:
        yield module


def files_of(place):
    return {name: (place / name).read_bytes() for name in place.fresh().listing}


def losses(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(row["loss"], row["accuracy"], row["val_loss"], row["val_accuracy"]) for row in rows]


def test_photos_in_a_bucket_are_checked_packed_and_trained_on(
    workspace, folder, local, bucket, tmp_path, capsys
):
    url = f"{bucket}/pets"
    assert cli.main(["check", url, "--json"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert cli.main(["check", str(folder), "--json"]) == 0
    assert there == json.loads(capsys.readouterr().out)

    assert cli.main(["pack", url, f"{bucket}/shards", "--size", str(SIZE)]) == 0
    assert "broken.jpg" in capsys.readouterr().err
    assert files_of(bucket / "shards") == local

    found = []
    for name, source in (("here", str(folder)), ("there", f"{bucket}/shards")):
        # The broken photo counts as one of the folder, and is not in the shards.
        flags = ["--epochs", "2", "--batch-size", "6", "--steps-per-epoch", "4"]
        flags += ["--image-size", str(SIZE)]
        assert cli.main(["train", source, "--run", str(tmp_path / name), *flags]) == 0
        found.append(losses(tmp_path / name))
    assert found[0] == found[1]
    assert len(found[0]) == 2
    written = [path for place in (workspace, tmp_path) for path in place.rglob("*")]
    texts = [path.read_bytes() for path in written if path.is_file()]
    assert not any(remote.SECRET.encode() in text for text in texts)


def test_a_bucket_that_does_not_answer_is_told_in_a_sentence(workspace, bucket, monkeypatch):
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    try:
        with pytest.raises(DownloadError, match=r"s3://bucket/pets could not be read"):
            datasets.open_folder(bucket / "pets")
    finally:
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_tasks_of_two_workers_find_and_pack_what_threads_here_do(
    workspace, folder, local, bucket, ray
):
    hands = Hands("local", at_once=2)
    survey = Survey(hands)
    dataset = datasets.open_folder((bucket / "pets").fresh(), survey.read)
    assert dataset.fingerprint == datasets.scan(folder).fingerprint
    told = []
    out = bucket / "by-tasks"
    elsewhere.pack(dataset, out, SIZE, lambda done, total: told.append((done, total)), hands)
    assert files_of(out) == local
    assert told[-1] == (37, 37)
    assert told == sorted(told)


def test_a_task_whose_process_is_killed_is_started_anew(
    workspace, folder, local, ray, tmp_path, monkeypatch
):
    marks = tmp_path / "deaths"
    marks.mkdir()
    write = shards.write

    def dies_once(shard, place, size):
        mark = marks / shard.name
        if shard.name == "train-00001" and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return write(shard, place, size)

    monkeypatch.setattr(shards, "write", dies_once)
    out = Remote(f"file://{tmp_path}/shards")
    elsewhere.pack(datasets.scan(folder), out, SIZE, hands=Hands("local"))
    assert [mark.name for mark in marks.iterdir()] == ["train-00001"]
    assert int((marks / "train-00001").read_text()) != os.getpid()
    assert files_of(out) == local


def test_what_fails_in_a_task_is_told_as_it_would_be_here(workspace, folder, ray, tmp_path):
    dataset = datasets.scan(folder)
    gone = dataset.items("train")[0].path
    kept = gone.read_bytes()
    gone.unlink()
    try:
        with pytest.raises(DatasetError, match="is gone from its folder"):
            records.pack(dataset, tmp_path / "out", SIZE, hands=Hands("local"))
    finally:
        gone.write_bytes(kept)
    records.pack(dataset, tmp_path / "out", SIZE, hands=Hands("local"))
    assert records.verify(tmp_path / "out") == []
