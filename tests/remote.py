"""Places elsewhere for tests: in memory, on the disk by URL, and an S3 on the loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from catdog_core import datasets
from catdog_core.sources import places
from catdog_core.sources.places import Remote

SECRET = "topsecret-access-key"


def in_memory() -> Remote:
    """A new empty place in the memory of this process."""
    pytest.importorskip("fsspec", reason="places elsewhere need fsspec")
    found = places.of(f"memory://{uuid4().hex}")
    assert isinstance(found, Remote)
    return found


def copied(folder: Path, place: Remote) -> Remote:
    """All files of a folder, at a place elsewhere."""
    for path in folder.rglob("*"):
        if path.is_file():
            (place / path.relative_to(folder).as_posix()).write_bytes(path.read_bytes())
    return place.fresh()


def pets(folder: Path) -> Path:
    """12 + 8 drawn photos, with one that cannot be read and a copy that leaks."""
    datasets.make_demo(folder, train=12, validation=8, size=48, seed=3)
    (folder / "train" / "cats" / "broken.jpg").write_bytes(b"no photo at all")
    leak = min((folder / "train" / "dogs").iterdir()).read_bytes()
    (folder / "validation" / "dogs" / "leak.jpg").write_bytes(leak)
    return folder


def packed_small(folder: Path, out: Path, size: int) -> Path:
    """A folder packed here, in shards of three photos."""
    from catdog_core import records
    from catdog_core.packing import shards

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", 3 * size * size * 3)
        records.pack(datasets.scan(folder), out, size)
    return out


@contextmanager
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """A bucket of an S3-compatible server on the loopback, which processes from here on know."""
    pytest.importorskip("s3fs", reason="object stores need s3fs")
    moto = pytest.importorskip("moto.server", reason="the tests' own S3 is moto")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    import fsspec

    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.mkdir("bucket")
    type(system).clear_instance_cache()
    try:
        yield Remote("s3://bucket")
    finally:
        type(system).clear_instance_cache()
        server.stop()
