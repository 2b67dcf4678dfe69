"""Lock files between processes: tell whether one is held, and hold one."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from . import files
from .errors import CatDogError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_POLL_SECONDS = 0.3  # seconds between two looks at whether somebody wants to stop waiting


def is_locked(path: Path) -> bool:
    """Tell whether another process, or another holder in this one, has the lock file locked."""
    if fcntl is None:
        return _cannot_be_locked(path)
    try:
        file = open(path, "rb")  # noqa: SIM115 - what opening raises means another thing
    except OSError:
        return False
    with file:
        try:
            # A shared lock: two who look at once must not take each other for the worker.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return True
            return _cannot_be_locked(path)
    return False


def _cannot_be_locked(path: Path) -> bool:
    """The same on systems without `flock`: by trying to take it."""
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only workspace: nobody can be working in it
        return False


@contextmanager
def hold_lock_file(path: Path, busy: CatDogError, timeout: float) -> Iterator[None]:
    """Hold a lock file while the block runs.

    Args:
        path: the file, in a folder that exists.
        busy: raised where another process goes on holding it.
        timeout: seconds to wait for it.

    Raises:
        CatDogError: `busy`, or the lock file cannot be written.
    """
    lock = FileLock(path)
    with files.wrap_os_errors(path):
        try:
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise busy from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold_path_lock(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a file or folder that is made or removed, so that one process does.

    Args:
        path: it need not exist yet; the folder above it is made.
        waiting: called now and then while another process has it. What it raises ends the wait.
    """
    lock_path = path.with_name(f".{path.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_path)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=_POLL_SECONDS)
            break
        if waiting:
            waiting()
    try:
        yield
    finally:
        # Whoever waits notices that its file is gone and takes a new one.
        with suppress(OSError):
            lock_path.unlink(missing_ok=True)
        lock.release()
