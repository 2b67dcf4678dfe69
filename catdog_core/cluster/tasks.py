"""Work on many photos in parts: by threads of this machine, or as Ray's tasks. Light without Ray.

A part that meets a place which does not answer is tried again, and one whose process dies is
started anew elsewhere: a part must be harmless to do twice. As many parts are under way at once as
are allowed, so that what waits costs no memory.
"""

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
    """Who works: without an address two threads of this machine, else the Ray found there.

    Args:
        address: "local", "auto", "ray://host:port" or "host:port"; see `ray_here`.
        at_once: parts under way at once, at most; 0 for two threads, or as many as Ray has cores.
    """

    address: str | None = None
    at_once: int = 0

    def each(
        self,
        work: Callable[..., Any],
        parts: Sequence[tuple[Any, ...]],
        weights: Sequence[int],
        progress: Progress | None = None,
    ) -> list[Any]:
        """What `work` gives for each of the parts, in their order.

        Args:
            work: a function of a module, so that other processes find it.
            parts: its arguments; those for Ray go through pickle.
            weights: how many photos each part is.
            progress: called in this thread now and then with (photos done, photos in all). What it
                raises ends the work; what is under way is given up.

        Raises:
            CatDogError: from a part, or there is no Ray.
        """
        total = sum(weights)

        def tell(done: int) -> None:
            if progress:
                progress(done, total)

        if self.address is None:
            return _by_threads(work, parts, weights, self.at_once or 2, tell)
        return self._by_ray(work, parts, weights, tell)

    def _by_ray(
        self,
        work: Callable[..., Any],
        parts: Sequence[tuple[Any, ...]],
        weights: Sequence[int],
        tell: Callable[[int], None],
    ) -> list[Any]:
        from . import ray_tasks

        assert self.address is not None
        return list(ray_tasks.each(self.address, self.at_once, work, parts, weights, tell))


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


def _by_threads(
    work: Callable[..., Any],
    parts: Sequence[tuple[Any, ...]],
    weights: Sequence[int],
    at_once: int,
    tell: Callable[[int], None],
) -> list[Any]:
    tell(0)  # whoever wants to stop says so before anything has begun
    with threads(at_once) as pool:
        jobs = [pool.submit(tried, work, *part) for part in parts]

        def done() -> int:
            return sum(n for job, n in zip(jobs, weights, strict=True) if job.done())

        follow(jobs, lambda: tell(done()))
    return [job.result() for job in jobs]
