"""Work on many photos in parts, by threads; a part that meets no answer is tried again. Light."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import CatDogError, DownloadError

Progress = Callable[[int, int], None]

TRIES = 3
_PAUSE = 1.0  # seconds before the second try; twice as long before the third
_TOLD_EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Hands:
    """A pool of threads; `at_once` is the most parts under way at once, 0 for two."""

    at_once: int = 0

    def each(
        self,
        work: Callable[..., Any],
        parts: Sequence[tuple[Any, ...]],
        weights: Sequence[int],
        progress: Progress | None = None,
    ) -> list[Any]:
        """Return what `work` gives for each of the parts, in their order.

        Args:
            work: called with the arguments of each part; must be harmless to do twice.
            parts: its arguments.
            weights: how many photos each part is.
            progress: called in this thread now and then with (photos done, photos in all). What it
                raises ends the work; what is under way is given up.

        Raises:
            CatDogError: from a part.
        """
        total = sum(weights)

        def tell(done: int) -> None:
            if progress:
                progress(done, total)

        tell(0)  # whoever wants to stop says so before anything has begun
        with threads(self.at_once or 2) as pool:
            jobs = [pool.submit(tried, work, *part) for part in parts]

            def done() -> int:
                return sum(n for job, n in zip(jobs, weights, strict=True) if job.done())

            follow(jobs, lambda: tell(done()))
        return [job.result() for job in jobs]


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads that have all ended when the block is left, so that nothing is written after it.

    When the block fails or is interrupted, what has not begun is dropped; what has is waited for.
    """
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=True)


def follow(jobs: Sequence[Future[Any]], tell: Callable[[], None]) -> None:
    """Tell how far the jobs are until all have ended; raise what one of them raised."""
    waiting = set(jobs)
    while waiting:
        ended, waiting = wait(waiting, _TOLD_EVERY, FIRST_COMPLETED)
        for job in ended:
            job.result()
        tell()


def tried(work: Callable[..., Any], *part: Any) -> Any:
    """Do a part; where a place does not answer, again after a moment, `TRIES` times in all."""
    for attempt in range(1, TRIES + 1):
        try:
            return work(*part)
        except DownloadError:
            if attempt == TRIES:
                raise
            time.sleep(_PAUSE * attempt)
    raise CatDogError("")  # not reached
