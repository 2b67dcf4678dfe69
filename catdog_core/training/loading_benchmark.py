"""Measure how many photos per second each loader reads from this disk: the course's and the lab's.

All read the same photos into float32 batches in 0..255, as the network takes them. They run in
rounds, so that a busy moment of the machine affects each of them, and each round starts with
another one.

Cold: the system has dropped the files from its page cache, so the disk is read. A pass is timed
from the reader's start to its last photo. Warm: the files are in memory, and a round is timed from
its first batch.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from ..base import files
from ..base.errors import CatDogError, DatasetError
from ..data.datasets import Dataset
from ..storage import shard_cache
from . import loading_readers
from .loading_readers import BenchmarkData, Reader

SAMPLE = 1000
"""Photos to read, at most: a random sample of the training photos."""
_COLD_PASSES = 3
_LONGEST_PASS = 5.0  # seconds, on a slow disk
_ROUND_SECONDS = 1.0  # seconds
_MIN_ROUNDS = 3
_REPORT_SECONDS = 0.1  # seconds

Phase = Literal["prepare", "cold", "warm"]


@dataclass(frozen=True)
class ReaderResult:
    """The speed of one reader, so far or at the end.

    Attributes:
        key, name: identifier, and a message id for display.
        ours: whether it is a reader of the lab.
        cold, warm: photos per second, the median of its passes or rounds; None before the first
            and where it cannot be measured.
        cold_done, warm_done: the finished part of its passes or rounds, 0..1.
        photos: photos read in all timed passes and rounds.
        left_out: why the reader failed and takes no further part, None while it runs.
    """

    key: str
    name: str
    ours: bool
    cold: float | None = None
    warm: float | None = None
    cold_done: float = 0.0
    warm_done: float = 0.0
    photos: int = 0
    left_out: CatDogError | None = None


@dataclass(frozen=True)
class BenchmarkProgress:
    """The phase, the finished part of it (0..1), the results, and the key of the current reader."""

    phase: Phase
    done: float
    results: tuple[ReaderResult, ...]
    running: str = ""


ProgressCallback = Callable[[BenchmarkProgress], None]


def run_loading_benchmark(
    dataset: Dataset,
    size: int = 150,
    batch: int = 20,
    seconds_each: float = 4.0,
    on_progress: ProgressCallback | None = None,
    sample: int = SAMPLE,
) -> list[ReaderResult]:
    """Measure how fast each reader loads a part of a dataset's training photos.

    Args:
        dataset: its folder is only read; links and shards go into the workspace for a while.
        size: side of the square photos in pixels.
        batch: photos per batch.
        seconds_each: seconds of each reader's warm rounds; preparation and cold passes add to it.
        on_progress: called about ten times per second in this thread. An exception it raises ends
            the benchmark.
        sample: photos to read, at most.

    Returns:
        One result for each reader, in the order of `loading_readers.READERS`.

    Raises:
        CatDogError: another benchmark is running, the disk is full, or no photo can be read.
    """
    with _benchmark_folder() as folder:
        benchmark = _Benchmark(on_progress)
        data = loading_readers.prepare_benchmark_data(
            dataset, folder, size, batch, sample, benchmark.report_packing
        )
        benchmark.warm_up(data)
        benchmark.run_cold(data)
        benchmark.run_warm(data, seconds_each)
        return [runner.result() for runner in benchmark.runners]


@contextmanager
def _benchmark_folder() -> Iterator[Path]:
    """Lock and empty the benchmark's folder in the workspace; a killed one may have left files."""
    folder = shard_cache.cache_root() / ".race"
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(".race.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CatDogError(
            "A loading benchmark is already running, and two would slow each other down. Wait for "
            "it to finish, or stop it."
        ) from error
    try:
        files.remove_tree(folder)
        folder.mkdir()
        yield folder
    finally:
        files.remove_tree(folder)
        lock.release()


class _ReaderError(Exception):
    """A reader failed, in distinction to what the progress callback raises."""

    def __init__(self, reason: CatDogError) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Runner:
    """A reader and its photos per second in each pass and round so far.

    `planned` is the number of passes and rounds there will be. `now` is the phase, the rate and the
    finished part of the one in progress.
    """

    reader: Reader
    rates: dict[Phase, list[float]] = field(default_factory=lambda: defaultdict(list))
    planned: dict[Phase, int] = field(default_factory=dict)
    now: tuple[Phase, float, float] | None = None
    photos: int = 0
    left_out: CatDogError | None = None

    def result(self) -> ReaderResult:
        return ReaderResult(
            key=self.reader.key,
            name=self.reader.name,
            ours=self.reader.ours,
            cold=self._rate("cold"),
            warm=self._rate("warm"),
            cold_done=self._done("cold"),
            warm_done=self._done("warm"),
            photos=self.photos,
            left_out=self.left_out,
        )

    def _rate(self, phase: Phase) -> float | None:
        if self.rates[phase]:
            return statistics.median(self.rates[phase])
        return self.now[1] if self.now and self.now[0] == phase else None

    def _done(self, phase: Phase) -> float:
        part = self.now[2] if self.now and self.now[0] == phase else 0.0
        return (len(self.rates[phase]) + part) / self.planned.get(phase, 1)


class _Benchmark:
    """Run all readers in rounds and report their progress."""

    def __init__(self, on_progress: ProgressCallback | None) -> None:
        self.runners = [_Runner(reader) for reader in loading_readers.READERS]
        self._on_progress, self._last_report = on_progress, -inf
        self._phase: Phase = "prepare"
        self._done = 0.0

    def report_packing(self, done: int, total: int) -> None:
        self._done = 0.9 * done / total
        self._report()

    def warm_up(self, data: BenchmarkData) -> None:
        """Read two batches with each reader, so that one-time costs are not measured."""
        for runner in self._rounds("prepare", 1):
            self._read_timed(runner, data, photos=2 * data.batch)

    def run_cold(self, data: BenchmarkData) -> None:
        """Time passes over all photos from disk; none where the page cache cannot be dropped."""
        total = sum(data.packed.counts.values())
        for runner in self._rounds("cold", _COLD_PASSES):
            if not loading_readers.drop_from_page_cache(runner.reader.reads(data)):
                return
            self._read_timed(runner, data, photos=total, seconds=_LONGEST_PASS)

    def run_warm(self, data: BenchmarkData, seconds: float) -> None:
        """Time rounds of about a second, after reading every file into memory."""
        for path in (*data.files, *data.shards):
            with suppress(OSError), open(path, "rb", buffering=0) as file:
                file.read()
        rounds = max(round(seconds / _ROUND_SECONDS), _MIN_ROUNDS)
        for runner in self._rounds("warm", rounds):
            self._read_timed(runner, data, seconds=seconds / rounds)

    def _rounds(self, phase: Phase, rounds: int) -> Iterator[_Runner]:
        """Yield the working readers once per round; each round starts with the next one."""
        self._phase, count = phase, len(self.runners)
        for runner in self.runners:
            runner.planned[phase] = rounds
        for step in range(rounds * count):
            number, position = divmod(step, count)
            runner = self.runners[(position + number) % count]
            if runner.left_out is None:
                self._done = 0.9 if phase == "prepare" else step / (rounds * count)
                self._report(runner, always=True)
                yield runner
        self._done = 1.0
        self._report(always=True)

    def _read_timed(
        self, runner: _Runner, data: BenchmarkData, photos: float = inf, seconds: float = inf
    ) -> None:
        """Time one reader until it has read `photos` photos or `seconds` have passed."""
        phase = self._phase
        with closing(_batch_sizes(runner.reader, data)) as counts:
            try:
                start, count, took = time.perf_counter(), 0, 0.0
                if phase == "warm":
                    next(counts)
                    start = time.perf_counter()
                while count < photos and took < seconds:
                    count += next(counts)
                    took = time.perf_counter() - start
                    runner.now = phase, count / took, max(count / photos, took / seconds)
                    self._report(runner)
            except _ReaderError as failure:
                runner.left_out = failure.reason
            else:
                if phase != "prepare":
                    runner.rates[phase].append(count / took)
                    runner.photos += count
            finally:
                runner.now = None

    def _report(self, runner: _Runner | None = None, always: bool = False) -> None:
        now = time.perf_counter()
        if self._on_progress and (always or now - self._last_report > _REPORT_SECONDS):
            self._last_report = now
            results = tuple(each.result() for each in self.runners)
            running = runner.reader.key if runner else ""
            self._on_progress(BenchmarkProgress(self._phase, self._done, results, running))


def _batch_sizes(reader: Reader, data: BenchmarkData) -> Generator[int]:
    """Yield the number of photos in each batch of a reader. Raises _ReaderError."""
    try:
        for batch in reader.open(data):
            if len(batch) == 0:
                break
            yield len(batch)
    except CatDogError as error:
        raise _ReaderError(error) from error
    except Exception as error:
        if reader.ours:
            raise
        # Keras, TensorFlow and Pillow stop at a photo they cannot read, each with its own errors.
        raise _ReaderError(
            DatasetError(
                "It stopped: {reason}. One unreadable photo can cause this. The lab's readers "
                "skip such photos and continue.",
                reason=files.truncate_for_display(
                    " ".join(str(error).split()) or type(error).__name__, 160
                ),
            )
        ) from error
    raise _ReaderError(
        DatasetError("It found no photos, because it recognizes only a few file extensions.")
    )
