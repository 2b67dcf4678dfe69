"""Many photos for real: an S3 on the loopback."""

import json

import pytest
import remote

from catdog_core import cli, datasets, records
from catdog_core.errors import DownloadError
from catdog_core.packing import shards

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
    """Shards of a few photos, so that there are several."""
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
