"""Identify processes, mark temporary files with their maker, and end child processes in time.

Only the standard library at import, since the command line starts with it.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

_POLL_SECONDS = 0.5  # seconds between two looks at the parent process
_MAKER = re.compile(r"-p(\d{1,10})-([0-9a-f]{6})-([0-9a-f]{6})-[0-9a-f]{8}(?=\.|$)")
_children: set[subprocess.Popen[Any]] = set()


def process_identity(pid: int) -> str:
    """Return what tells a process from a later one of the same number; empty if there is none.

    On Linux the boot's own id and the start in ticks since then, which setting the clock does not
    change; on other systems the time of its start. A process that has ended and was not waited for
    yet counts as none.
    """
    try:
        if sys.platform == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            stat = Path(f"/proc/{pid}/stat").read_text()
            # The name, in brackets, may hold anything; the state is the next field, the start the
            # 20th from there.
            fields = stat.rpartition(")")[2].split()
            return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"
        import psutil

        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return ""
            return f"{process.create_time():.2f}"
        except psutil.Error:
            return ""
    except (OSError, IndexError):
        return ""


def maker_tag() -> str:
    """Return a part of a file name that tells which process of which machine made the file."""
    return _build_maker_tag(os.getpid())


def maker_state(name: str) -> Literal["", "alive", "dead", "unknown"]:
    """Tell what became of the process that made a temporary file or folder.

    Args:
        name: the file's name.

    Returns:
        "" where the name tells no maker; "unknown" where it was a process of another machine.
    """
    match = _MAKER.search(name)
    if match is None:
        return ""
    pid, machine, started = match.groups()
    if machine != _machine_id():
        return "unknown"
    born = process_identity(int(pid))
    return "alive" if born and _digest(born) == started else "dead"


def register_child(process: subprocess.Popen[Any]) -> None:
    """Have a child process ended with this one; see `end_children`."""
    _children.add(process)


def end_child(process: subprocess.Popen[Any]) -> None:
    """Kill a child of `process_group_options` and all that it has started; wait for its end."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            # Its number is its own until it was waited for, and so is that of its group.
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
        else:
            _end_tree(process.pid)
    process.kill()
    process.wait()
    _children.discard(process)


def end_children() -> None:
    """Kill the registered children that still run."""
    for process in list(_children):
        with suppress(OSError):
            end_child(process)


def process_group_options() -> dict[str, Any]:
    """Return arguments of `subprocess.Popen` for a child in a process group of its own.

    Ctrl-C in the terminal reaches this process alone, which then ends the child.
    """
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}


def end_with_parent() -> None:
    """Have this child process end when its parent has, even where that was killed."""
    parent = os.getppid()
    born = process_identity(parent) if os.name == "nt" else ""
    threading.Thread(target=_watch_parent, args=(parent, born), name="parent", daemon=True).start()


def _watch_parent(parent: int, born: str) -> None:
    pause = threading.Event()
    while not pause.wait(_POLL_SECONDS):
        # On POSIX an orphan gets another parent; on Windows the number stays as it was.
        gone = process_identity(parent) != born if born else os.getppid() != parent
        if not gone:
            continue
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with what this process has started
        os._exit(1)


def _end_tree(pid: int) -> None:
    """Kill the children of a process, where the system knows no groups of processes."""
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                child.kill()


@cache
def _build_maker_tag(pid: int) -> str:
    return f"p{pid}-{_machine_id()}-{_digest(process_identity(pid))}"


@cache
def _machine_id() -> str:
    """This machine, or container: process numbers of another one say nothing here."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - the text is no path
    return _digest(f"{socket.gethostname()} {space}")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()
