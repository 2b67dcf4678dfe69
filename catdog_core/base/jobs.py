"""Run work in the background of a server: one job of a kind at a time, seen by every window.

A job runs in a thread of this process and knows nothing of pages: a page that is left, reloaded or
closed does not touch it. What it must not lose when the process ends, it keeps on disk itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from . import access
from .errors import N_, CatDogError

log = logging.getLogger("catdog")

JobStatus = Literal["running", "done", "failed", "stopped"]
UNEXPECTED_ERROR = N_(
    "Something went wrong in the lab (see the server's log). Nothing was lost, so try again."
)


@dataclass
class Job:
    """A piece of work and how far it is.

    `phase` is a message of the catalogue, `done` and `total` its progress, `result` what the work
    returned, `error` why it failed. `rate` is in units of `done` a second, over the last seconds.
    `action` is what one must be allowed to do to start or stop it, None where anybody may.
    """

    key: str
    action: access.Action | None = None
    status: JobStatus = "running"
    phase: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0
    result: Any = None
    error: CatDogError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _seen: tuple[float, int] = (0.0, 0)

    def tell(self, phase: str, done: int, total: int) -> None:
        """Take note of progress; called by the work."""
        now = time.monotonic()
        if phase != self.phase or done < self._seen[1]:
            self._seen, self.rate = (now, done), 0.0
        elif now - self._seen[0] >= 1:
            self.rate = (done - self._seen[1]) / (now - self._seen[0])
            self._seen = now, done
        self.phase, self.done, self.total = phase, done, total

    def stop(self) -> None:
        """Ask the work to end early.

        Raises:
            AccessError: the visitor may not.
        """
        if self.action is not None:
            access.check_permission(self.action)
        self._stop.set()

    def stopped(self) -> bool:
        """Tell whether the job was asked to end early; the work looks at this."""
        return self._stop.is_set()


Work = Callable[[Job], Any]
"""A piece of work: called in a thread with its job, which it tells its progress."""
_jobs: dict[str, Job] = {}
_guard = threading.Lock()


def start_background_job(key: str, work: Work, action: access.Action | None = "run a job") -> Job:
    """Begin a piece of work, unless one of this key is at it.

    Args:
        key: names the work; a job of it that has ended is replaced.
        work: what to do; what it returns becomes the job's result.
        action: what the visitor must be allowed to do; None where it leaves no trace.

    Returns:
        The job that runs now.

    Raises:
        AccessError: the visitor may not run jobs.
    """
    if action is not None:
        access.check_permission(action)
    with _guard:
        existing = _jobs.get(key)
        if existing is not None and existing.status == "running":
            return existing
        job = _jobs[key] = Job(key, action)
    threading.Thread(target=_run_job, args=(job, work), name=f"job-{key}", daemon=True).start()
    return job


def get_job(key: str) -> Job | None:
    """Return the latest job of a key."""
    return _jobs.get(key)


def forget_job(key: str) -> None:
    """Drop a job that has ended, with its result or error."""
    with _guard:
        existing = _jobs.get(key)
        if existing is not None and existing.status != "running":
            del _jobs[key]


def _run_job(job: Job, work: Work) -> None:
    try:
        job.result = work(job)
        job.status = "done"
    except CatDogError as error:
        job.error = error
        job.status = "stopped" if job.stopped() else "failed"
    except Exception:
        log.exception("A job failed")
        job.error = CatDogError(UNEXPECTED_ERROR)
        job.status = "failed"
