"""Workers as operating-system processes of their own, which outlive the server that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from .. import files, processes
from ..errors import RunError

identity = processes.identity
_children: list[subprocess.Popen[bytes]] = []


def worker(folder: Path, *options: str) -> None:
    """Start ``resume FOLDER`` in a process of its own, which writes to the run's log.

    Args:
        folder: a run folder, absolute.
        options: more for the command line.

    Raises:
        RunError: the system starts no process, or the log cannot be written.
    """
    try:
        _spawn(folder, options)
    except OSError as error:
        raise RunError(
            "The training process could not be started: {reason}. Close other programs or free some"
            " disk space, then try again.",
            reason=error.strerror or str(error),
        ) from error


def _spawn(folder: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "catdog_core", "resume", str(folder), *options]
    with open(folder / "log.txt", "ab") as log:
        pid = detached(command, log, {**os.environ, "CATDOG_WORKSPACE": str(files.workspace())})
    with suppress(psutil.Error):  # pages stay quick while a training takes all cores
        calm = psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5
        psutil.Process(pid).nice(calm)


def detached(command: list[str], log: IO[bytes], environment: Mapping[str, str]) -> int:
    """Start a process that outlives this one, and give its number.

    Args:
        command: the program and its arguments.
        log: the open file that takes what it says.
        environment: all variables it gets.

    Raises:
        OSError: the system starts no process.
    """
    reap()
    # A session of its own: Ctrl-C for the server is none for the training.
    apart: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = "DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP"
        apart = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=files.PROJECT,
        env=environment,
        **apart,
    )
    _children.append(child)
    return child.pid


def reap() -> None:
    """Collect workers that have ended, so that none stays as a zombie."""
    _children[:] = [child for child in _children if child.poll() is None]
