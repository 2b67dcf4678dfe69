"""Workers as operating-system processes of their own, which outlive the server that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from .. import files

_children: list[subprocess.Popen[bytes]] = []


def worker(folder: Path, *options: str) -> None:
    """Start ``resume FOLDER`` in a process of its own, which writes to the run's log.

    Args:
        folder: a run folder, absolute.
        options: more for the command line.
    """
    reap()
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        flags = "DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP"
        detached = {"creationflags": sum(getattr(subprocess, flag) for flag in flags)}
    with open(folder / "log.txt", "ab") as log:
        # A session of its own: Ctrl-C for the server is none for the training.
        _children.append(
            subprocess.Popen(
                [sys.executable, "-m", "catdog_core", "resume", str(folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=files.PROJECT,
                env={**os.environ, "CATDOG_WORKSPACE": str(files.workspace())},
                **detached,
            )
        )
    with suppress(psutil.Error):  # pages stay quick while a training takes all cores
        calm = psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5
        psutil.Process(_children[-1].pid).nice(calm)


def reap() -> None:
    """Collect workers that have ended, so that none stays as a zombie."""
    _children[:] = [child for child in _children if child.poll() is None]
