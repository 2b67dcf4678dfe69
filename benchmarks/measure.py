"""What all benchmarks share: the photos measured with, peers that take turns, tables."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table

from catdog_core.base import library_output
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo

if TYPE_CHECKING:
    from catdog_core.storage.tfrecord import PhotoSplit

SIZE, BATCH = 150, 20
console = Console(width=100)


class Peer(NamedTuple):
    """Something to measure: each call of `run` handles so many photos."""

    run: Callable[[], object]
    photos: int


def race(title: str, peers: Mapping[str, Peer], rounds: int, ours: str = "") -> None:
    """Print photos per second: median, lowest, highest, and the ratio to the first peer.

    Peers take turns, so that a busy moment of the machine meets all of them; the first round
    warms up and does not count.

    Args:
        title: above the table.
        peers: by the name printed.
        rounds: that count.
        ours: a peer; when given, a last column tells how many times as fast it is.
    """
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + 1):
        for name, (run, photos) in peers.items():
            start = time.perf_counter()
            run()
            if number:
                rates[name].append(photos / (time.perf_counter() - start))
    middles = {name: statistics.median(samples) for name, samples in rates.items()}
    first = next(iter(middles.values()))
    last = ["lab speedup"] if ours else []
    sheet = table(title, "photos per second", "median", "lowest", "highest", "ratio", *last)
    for name, samples in rates.items():
        numbers = [f"{value:,.0f}" for value in (middles[name], min(samples), max(samples))]
        times = [f"{middles[ours] / middles[name]:.2f} ×"] if ours else []
        sheet.add_row(name, *numbers, f"{middles[name] / first:.2f}", *times)
    console.print(sheet)


def report(title: str, rows: Mapping[str, Sequence[float]]) -> None:
    """Print times given in seconds as milliseconds: median, 95th percentile, fastest, slowest."""
    sheet = table(title, "ms", "median", "95%", "fastest", "slowest")
    for name, times in rows.items():
        high = statistics.quantiles(times, n=20, method="inclusive")[-1]
        values = (statistics.median(times), high, min(times), max(times))
        sheet.add_row(name, *(f"{value * 1e3:,.1f}" for value in values))
    console.print(sheet)


def table(title: str, *columns: str) -> Table:
    """Return an empty table whose columns of numbers stand to the right."""
    sheet = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        sheet.add_column(column, justify="right" if number else "left")
    return sheet


@contextmanager
def training_set(folder: Path | None) -> Iterator[tuple[Path, PhotoSplit]]:
    """Give the folder of training photos, by class, and the same photos as our shards hold them."""
    library_output.import_tensorflow()
    from catdog_core.storage import tfrecord

    with tempfile.TemporaryDirectory() as directory:
        root = folder or drawn(Path(directory))
        packed = tfrecord.pack_dataset(datasets.scan_folder(root), Path(directory) / "packed", SIZE)
        yield root / "train", tfrecord.load_split(packed, "train", in_memory=True)


def one_photo(folder: Path | None) -> Photo:
    """Return one training photo, (150, 150, 3) uint8."""
    with tempfile.TemporaryDirectory() as directory:
        item = datasets.scan_folder(folder or drawn(Path(directory))).items("train")[0]
        return decode.decode_and_fit(item.path.read_bytes(), SIZE)


def drawn(directory: Path) -> Path:
    """Draw the demo set in a new folder inside `directory`, and return the folder."""
    datasets.make_demo(directory / "demo", seed=0)
    return directory / "demo"
