"""Small measurements from which docs/scale.md reckons: ``python -m benchmarks scale [DIR]``.

DIR holds real photographs, else drawn ones are taken. Some minutes; trainings and the pages' server
are measured as processes of their own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from catdog_core import files

from . import scale_tables, server, source
from .race import console
from .scale import PIXELS, SIDE
from .wire import visitor

MANY = 100_000
"""Photos of a dataset that is only names."""
SESSIONS = 20
TENSORFLOW = 500_000_000
"""Bytes of memory a server has at least once TensorFlow is loaded."""
PHOTOS = 400
"""Photos of an epoch; a few more validate."""


def scale(folder: Path | None) -> None:
    """Measure, and print what the page's tables come to on this machine."""
    console.print(f"Load {psutil.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as place:
        found = of_photos(folder or source.drawn(Path(place)), Path(place) / "packed")
        found |= of_names(Path(place) / "names") | of_pages(Path(place))
        found |= of_training(Path(place))
    page = scale_tables.constants((server.PROJECT / "docs" / "scale.md").read_text("utf-8"))
    for name, value in found.items():
        print(f"| `{name}` | {value:,.6g} |")
    for make in scale_tables.TABLES.values():  # what is not measured here is as on the page
        print("", scale_tables.markdown(make(dataclasses.replace(page, **found))), sep="\n")


def of_photos(root: Path, packed: Path) -> dict[str, float]:
    """What photos take as files and as records, and how quickly they are read."""
    from catdog_core import datasets, images, quiet

    dataset = datasets.scan(root)
    items = dataset.items()
    sample = [item.path.read_bytes() for item in items[:: max(len(items) // 300, 1)]]
    decoding = timed(lambda: [images.load(data, SIDE) for data in sample])
    quiet.import_tensorflow()
    from catdog_core import records

    packing = timed(lambda: records.pack(dataset, packed, SIDE))
    opened = records.opened(packed)
    photos = records.load(opened, "train", in_memory=False)
    orders = np.random.default_rng(0).permutation(len(photos.labels))
    batches = np.array_split(orders, max(len(orders) // 20, 1))
    reading = min(timed(lambda: [photos.images[batch] for batch in batches]) for _ in range(3))
    tables = sum(path.stat().st_size for path in packed.glob("*-*.json"))
    rows = json.loads((packed / "index.json").read_bytes())["shards"]
    return {
        "jpeg_bytes": sum(item.path.stat().st_size for item in items) / len(items),
        "decode_rate": len(sample) / decoding,
        "pack_rate": 2 * len(items) / packing,
        "read_rate": len(orders) / reading,
        "framing_bytes": opened.bytes / len(items) - PIXELS,
        "table_bytes": tables / len(items),
        "index_bytes": len(json.dumps(rows, indent=1)) / len(rows),
    }


def of_names(folder: Path) -> dict[str, float]:
    """What the names, labels and places of photos take on the disk and in memory."""
    from catdog_core.curation import looks
    from catdog_core.packing.shard_images import ShardImages
    from catdog_core.sources import contents, dataset_record
    from catdog_core.sources.dataset_record import Dataset

    def named() -> tuple[tuple[str, int, str], ...]:
        return tuple((f"cats/{n:08d}.jpg", n % 2, "train") for n in range(MANY))

    folder.mkdir()
    dataset = Dataset("many", "many", folder, ("cats", "dogs"), "folder", "0" * 40, photos=named())
    dataset_record.write(folder, dataset, [])
    contents.write(folder, {file: (20_000, 10**18, "0" * 40) for file, _, _ in dataset.photos})
    opening = min(timed(lambda: dataset_record.read(folder)) for _ in range(3))

    def opened() -> Dataset:
        found = dataclasses.replace(dataset, photos=named())
        found.items("train")
        return found

    def split() -> tuple[Any, ...]:
        rows = np.arange(MANY)
        table = {"offsets": rows, "crc32": rows}
        images = ShardImages([(None, table)], SIDE, None)  # type: ignore[list-item, arg-type]
        return images, rows.copy(), [f"cats/{n:08d}.jpg" for n in range(MANY)]

    return {
        "record_bytes": (folder / "dataset.json").stat().st_size / MANY,
        "contents_bytes": (folder / "contents.json").stat().st_size / MANY,
        "looks_bytes": looks._ROW.itemsize,
        "names_memory": held(opened) / MANY,
        "shards_memory": held(split) / MANY,
        "open_rate": MANY / opening,
    }


def of_training(place: Path, rounds: int = 2) -> dict[str, float]:
    """What a training takes a second on one core, and its memory.

    Told by the processor time of an epoch, which other work of the machine changes little. The
    best epoch counts.
    """
    from catdog_core import datasets

    datasets.make_demo(place / "demo", train=PHOTOS, validation=20)
    command = [sys.executable, "-m", "catdog_core", "train", str(place / "demo"), "--epochs", "4"]
    found = []
    for number in range(rounds):
        run = place / "runs" / f"run-{number}"
        found.append(_epochs([*command, "--run", str(run)], run))
    return {
        "worker_rate": PHOTOS / min(min(epochs) for epochs, _ in found),
        "worker_memory": max(peak for _, peak in found),
    }


def _epochs(command: list[str], run: Path) -> tuple[list[float], int]:
    """Train; the processor seconds of each epoch but the first, and the most memory it had."""
    # One thread for what TensorFlow computes, as on a single core.
    environment = {**server.with_workspace(run.parent.parent), "TF_NUM_INTRAOP_THREADS": "1"}
    training = psutil.Popen(command, cwd=server.PROJECT, env=environment, stdout=subprocess.DEVNULL)
    ends: list[float] = []
    peak = 0
    while training.poll() is None:
        with suppress(psutil.Error):
            used = sum(training.cpu_times()[:2])
            peak = max(peak, training.memory_info().rss)
            ends += [used] * (len(files.read_lines(run / "metrics.jsonl")) - len(ends))
        time.sleep(0.2)
    if training.returncode or len(ends) < 3:
        raise SystemExit(f"A training failed: {' '.join(command)}")
    return [after - before for before, after in pairwise(ends)], peak


def of_pages(place: Path) -> dict[str, float]:
    """The memory of the pages' server, and what each of twenty sessions adds to it."""
    (place / "pages").mkdir()
    os.environ["CATDOG_WARM_UP"] = "1"  # as outside of measurements
    with server.process(place / "pages") as (address, pid):
        process = psutil.Process(pid)
        with visitor(address) as first:
            first.open("Augment")
            first.open("Predict")
            alone = _settled(process)
        go, ready = threading.Event(), threading.Semaphore(0)

        def stay() -> None:
            with visitor(address) as one:
                one.open("Augment")
                ready.release()
                go.wait(600)

        threads = [threading.Thread(target=stay) for _ in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for _ in threads:
            ready.acquire(timeout=300)
        together = process.memory_info().rss
        go.set()
        for thread in threads:
            thread.join()
    return {"server_memory": alone, "session_memory": max(together - alone, 0) / SESSIONS}


def _settled(process: psutil.Process) -> int:
    """The memory of a server once it has loaded what it loads behind the pages."""
    before, now = 0, process.memory_info().rss
    end = time.monotonic() + 180
    while time.monotonic() < end and (now < TENSORFLOW or now - before > 2_000_000):
        time.sleep(3)
        before, now = now, process.memory_info().rss
    return now


def held(make: Callable[[], object]) -> int:
    """Bytes of memory that what is made keeps."""
    tracemalloc.start()
    try:
        kept = make()
        size = tracemalloc.get_traced_memory()[0]
        del kept
        return size
    finally:
        tracemalloc.stop()


def timed(work: Callable[[], object]) -> float:
    """Seconds of processor time it takes, in all threads: what else runs here is not in it."""
    start = time.process_time()
    work()
    return time.process_time() - start
