"""Photos elsewhere: packing by threads, and an epoch streamed from a store.

The store is moto, an S3 in plain Python in a process of its own on this machine: what comes of it
tells what the lab adds to a store, not what a store gives.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from catdog_core import datasets, limits, quiet
from catdog_core.cluster.tasks import Hands
from catdog_core.datasets import Dataset
from catdog_core.sources import contents, places
from catdog_core.sources.places import Remote

from . import source
from .race import console

if TYPE_CHECKING:
    from catdog_core import records

TIMES = 3
MOST = 100
"""Photos of each class in each part that are measured with: moto would take minutes for more."""
_SHARD = 2_000_000  # bytes: with so few photos, whole ones would be a single one
_SECRETS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


def remote(folder: Path | None) -> None:
    """Photos a second packed, and of a streamed epoch; the median of three."""
    quiet.import_tensorflow()
    from catdog_core.packing import shards

    shards.SHARD_BYTES = _SHARD
    with tempfile.TemporaryDirectory(prefix="cdr-") as text, _store() as bucket:
        place = Path(text)
        os.environ["CATDOG_WORKSPACE"] = str(place / "workspace")
        root = _some(folder or source.drawn(place), place / "some")
        for path in root.rglob("*.*"):
            (bucket / "photos" / path.relative_to(root).as_posix()).put(path)
        _packing(root, bucket, place)
        _streaming(datasets.scan(root), bucket, place)


def _some(folder: Path, place: Path) -> Path:
    for group in (path for path in folder.glob("*/*") if path.is_dir()):
        (place / group.relative_to(folder)).mkdir(parents=True)
        for path in sorted(group.iterdir())[:MOST]:
            shutil.copy(path, place / group.relative_to(folder))
    return place


def _packing(root: Path, bucket: Remote, place: Path) -> None:
    from catdog_core import records
    from catdog_core.packing import elsewhere

    here = datasets.scan(root)
    there = datasets.open_folder(bucket / "photos")
    count = len(here.photos)
    table = Table("packing", "photos/s", "load", box=None)

    def out(kind: str) -> Path:
        return place / f"{kind}-{time.monotonic_ns()}"

    def row(name: str, work: Callable[[], object]) -> None:
        table.add_row(name, f"{count / _median(work):,.0f}", f"{os.getloadavg()[0]:.1f}")

    row("files here, 2 threads", lambda: records.pack(here, out("t"), source.SIZE))
    row(
        "photos and shards in the store, 2 threads",
        lambda: elsewhere.pack(there, bucket / out("s").name, source.SIZE),
    )
    seconds = _median(lambda: contents.reader(Hands())(bucket / "photos", _names(there)))
    console.print(f"Packing {count:,} photos to {source.SIZE} px")
    console.print(table)
    console.print(f"Digests in the store, 16 threads: {count / seconds:,.0f} photos/s\n")


def _names(dataset: Dataset) -> list[str]:
    return [file for file, _, _ in dataset.photos]


def _streaming(dataset: Dataset, bucket: Remote, place: Path) -> None:
    from catdog_core import pipeline, records
    from catdog_core.packing import elsewhere

    local = records.pack(dataset, place / "local", source.SIZE)
    elsewhere.pack(dataset, bucket / "shards", source.SIZE)
    shards = datasets.open_folder(bucket / "shards")

    def epoch(photos: records.Photos) -> float:
        steps = len(photos.labels) // source.BATCH
        batches = pipeline.training_batches(
            photos, None, batch_size=source.BATCH, seed=0, first_step=0, last_step=steps
        )
        start = time.perf_counter()
        for _ in batches:
            pass
        return steps * source.BATCH / (time.perf_counter() - start)

    def there() -> records.Photos:
        return records.load(records.cached(shards, source.SIZE), "train", in_memory=False)

    def cold(room: int) -> float:
        for path in records.cached(shards, source.SIZE).path.glob("*.tfrecord"):
            path.unlink()
        whole = limits.current()
        limits._of = lambda _workspace: whole.model_copy(update={"shard_cache_bytes": room})
        return epoch(there())

    table = Table("an epoch of batches of 20, shuffled", "photos/s", "load", box=None)
    lanes: dict[str, Callable[[], float]] = {
        "shards on the disk here": lambda: epoch(
            records.load(records.opened(local.path), "train", in_memory=False)
        ),
        "streamed, nothing here yet": lambda: cold(20_000_000_000),
        "streamed, all here": lambda: epoch(_all_here(there())),
        "streamed, no room at all": lambda: cold(0),
    }
    for name, lane in lanes.items():
        speed = median(lane() for _ in range(TIMES))
        table.add_row(name, f"{speed:,.0f}", f"{os.getloadavg()[0]:.1f}")
    console.print(table)


def _all_here(photos: records.Photos) -> records.Photos:
    _ = photos.images[:]
    return photos


def _median(work: Callable[[], object]) -> float:
    """Seconds of the work, the median of `TIMES`."""
    found = []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return median(found)


@contextmanager
def _store() -> Iterator[Remote]:
    """A bucket of an S3 on the loopback, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ.update(_SECRETS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
    import fsspec

    try:
        for _ in range(100):
            try:
                fsspec.filesystem("s3").mkdir("bucket")
                break
            except Exception:  # it does not listen yet
                time.sleep(0.3)
        found = places.of("s3://bucket")
        assert isinstance(found, Remote)
        yield found
    finally:
        server.terminate()
        server.wait()
