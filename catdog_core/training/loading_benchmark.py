"""The loading race: photos a second from this very disk, the class notes' readers beside the lab's.

All read the same photos into batches of float32 0..255, as the network takes them. They take turns,
so that a busy moment of the machine meets each of them, and every round begins with another one.

Cold: the system has dropped the files from its memory, so that the disk is read. A pass counts
from its first line to its last photo. Warm: the files are in memory; a turn counts from its first
batch on.
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
"""Photos raced with, at most: a mixed part of the training photos."""
_COLD_PASSES = 3
_LONGEST_PASS = 5.0  # seconds, on a slow disk
_TURN_SECONDS = 1.0  # seconds
_MIN_TURNS = 3
_REPORT_SECONDS = 0.1  # seconds

Phase = Literal["prepare", "cold", "warm"]


@dataclass(frozen=True)
class ReaderResult:
    """A reader and how far it came.

    `name` is a message of the catalogue; `ours` tells whether the reader is the lab's. `cold` and
    `warm` are photos a second: so far while it runs, at the end the median of its passes and
    turns; None before the first, and where there can be none. `cold_done` and `warm_done` are the
    parts of its passes and turns behind it, 0..1. `photos` counts those of them all. `left_out`
    tells why a reader takes no part any more.
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
    """How a race stands: the phase, the part of it done, 0..1, the lanes, and whose turn it is."""

    phase: Phase
    done: float
    lanes: tuple[ReaderResult, ...]
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
        dataset: its folder is only read; links and shards lie in the workspace meanwhile.
        size: side of the squares in pixels.
        batch: photos a batch.
        seconds_each: a reader's warm turns together; getting ready and cold passes come on top.
        on_progress: called now and then, in this thread. What it raises ends the race.
        sample: photos, at most.

    Raises:
        CatDogError: another race is running, the disk is full, or no photo can be read.
    """
    with _benchmark_folder() as folder:
        race = _Benchmark(on_progress)
        stage = loading_readers.prepare_benchmark_data(
            dataset, folder, size, batch, sample, race.packing
        )
        race.warm_up(stage)
        race.cold(stage)
        race.warm(stage, seconds_each)
        return [runner.lane() for runner in race.runners]


@contextmanager
def _benchmark_folder() -> Iterator[Path]:
    """A folder in the workspace for one race at a time; what a killed one left goes first."""
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


class _Failed(Exception):  # noqa: N818 - carries why a reader is out, past what a listener raises
    def __init__(self, reason: CatDogError) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class _Runner:
    """A reader with the photos a second of its passes and turns so far.

    `planned` is how many of them there will be, `now` the phase, rate and part done of the one
    that is under way.
    """

    reader: Reader
    rates: dict[Phase, list[float]] = field(default_factory=lambda: defaultdict(list))
    planned: dict[Phase, int] = field(default_factory=dict)
    now: tuple[Phase, float, float] | None = None
    photos: int = 0
    left_out: CatDogError | None = None

    def lane(self) -> ReaderResult:
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
    """The runners, and whom to tell how they stand."""

    def __init__(self, listener: ProgressCallback | None) -> None:
        self.runners = [_Runner(reader) for reader in loading_readers.READERS]
        self._listener, self._told = listener, -inf
        self._phase: Phase = "prepare"
        self._done = 0.0

    def packing(self, done: int, total: int) -> None:
        self._done = 0.9 * done / total
        self._report()

    def warm_up(self, stage: BenchmarkData) -> None:
        """Two batches of each: what is done at the first time only is no part of the race."""
        for runner in self._turns("prepare", 1):
            self._turn(runner, stage, photos=2 * stage.batch)

    def cold(self, stage: BenchmarkData) -> None:
        """A few passes over all photos, as far as the system can be made to read the disk."""
        total = sum(stage.packed.counts.values())
        for runner in self._turns("cold", _COLD_PASSES):
            if not loading_readers.drop_from_page_cache(runner.reader.reads(stage)):
                return
            self._turn(runner, stage, photos=total, seconds=_LONGEST_PASS)

    def warm(self, stage: BenchmarkData, seconds: float) -> None:
        """Turns of about a second, after every file was read once more."""
        for path in (*stage.files, *stage.shards):
            with suppress(OSError), open(path, "rb", buffering=0) as file:
                file.read()
        turns = max(round(seconds / _TURN_SECONDS), _MIN_TURNS)
        for runner in self._turns("warm", turns):
            self._turn(runner, stage, seconds=seconds / turns)

    def _turns(self, phase: Phase, rounds: int) -> Iterator[_Runner]:
        """Those still in the race, once a round; each round begins with another one."""
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

    def _turn(
        self, runner: _Runner, stage: BenchmarkData, photos: float = inf, seconds: float = inf
    ) -> None:
        """Let one read until it has so many photos, or for so long."""
        phase = self._phase
        with closing(_batch_sizes(runner.reader, stage)) as counts:
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
            except _Failed as failure:
                runner.left_out = failure.reason
            else:
                if phase != "prepare":
                    runner.rates[phase].append(count / took)
                    runner.photos += count
            finally:
                runner.now = None

    def _report(self, runner: _Runner | None = None, always: bool = False) -> None:
        now = time.perf_counter()
        if self._listener and (always or now - self._told > _REPORT_SECONDS):
            self._told = now
            lanes = tuple(each.lane() for each in self.runners)
            running = runner.reader.key if runner else ""
            self._listener(BenchmarkProgress(self._phase, self._done, lanes, running))


def _batch_sizes(reader: Reader, stage: BenchmarkData) -> Generator[int]:
    """Photos of each batch that a reader gives. Raises _Failed."""
    try:
        for batch in reader.open(stage):
            if len(batch) == 0:
                break
            yield len(batch)
    except CatDogError as error:
        raise _Failed(error) from error
    except Exception as error:
        if reader.ours:
            raise
        # Keras, TensorFlow and Pillow end at a photo they cannot read, each by errors of its own.
        raise _Failed(
            DatasetError(
                "It stopped: {reason}. One unreadable photo can cause this. The lab's readers "
                "skip such photos and continue.",
                reason=files.truncate_for_display(
                    " ".join(str(error).split()) or type(error).__name__, 160
                ),
            )
        ) from error
    raise _Failed(
        DatasetError("It found no photos, because it recognizes only a few file extensions.")
    )
