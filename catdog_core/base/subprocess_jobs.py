"""Run work in subprocesses: one JSON request on stdin, JSON Lines events on stdout.

For work that leaves traces in the process it runs in, or may take it down. The process that asks
calls `run_subprocess`; the module it names calls `handle_request`, and `emit` for each event.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from . import files, processes
from .errors import CatDogError

E = TypeVar("E", bound=Mapping[str, Any])
R = TypeVar("R", bound=Mapping[str, Any])
_HEARTBEAT = 0.5  # seconds
_emitting = threading.Lock()
_out: IO[str] | None = None
_detached: list[subprocess.Popen[bytes]] = []


def run_subprocess(
    module: str,
    request: Mapping[str, object],
    on_event: Callable[[E], None],
    silent: str,
    quiet: bool = False,
) -> None:
    """Run a module in a subprocess until it ends.

    Args:
        module: its full name; it calls `handle_request`.
        request: what it is to do, as JSON takes it.
        on_event: called with each event, and twice a second with ``{"heartbeat": 1}``. The two
            modules agree on the keys; a TypedDict names them. What it raises ends the subprocess.
        silent: the message of the error when the subprocess ends badly without a word.
        quiet: drop what libraries write to its standard error.

    Raises:
        CatDogError: the subprocess's own, or `silent`.
    """
    with start_subprocess([sys.executable, "-m", module], quiet=quiet) as process:
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError), process.stdin as pipe:  # it has ended already: see below
            pipe.write(json.dumps(request).encode())
        for event in _read_events(process.stdout):
            if "error" in event:
                raise CatDogError(event["error"], **event["params"])
            on_event(event)
        if process.wait():
            raise CatDogError(silent)


@contextmanager
def start_subprocess(
    command: list[str],
    quiet: bool,
    folder: Path = files.PROJECT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose stdin and stdout are pipes; it is killed with the block, its own too.

    Args:
        command: the program and its arguments.
        quiet: drop what it says on its standard error.
        folder: its working folder.
        environment: all variables it gets; this process's own by default.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        cwd=folder,
        env=_environment() if environment is None else environment,
        **processes.process_group_options(),
    )
    processes.register_child(process)
    try:
        yield process
    finally:
        processes.end_child(process)
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()


def start_detached(arguments: list[str], log: Path) -> int:
    """Start Python in a process that outlives this one, and return its id.

    Args:
        arguments: what Python is to run.
        log: the file that what the process says is added to.

    Raises:
        OSError: the system starts no process, or the log cannot be written.
    """
    reap_children()
    options = processes.process_group_options()
    if os.name == "nt":
        options["creationflags"] |= getattr(subprocess, "DETACHED_PROCESS", 0)
    with open(log, "ab") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=files.PROJECT,
            env=_environment(),
            **options,
        )
    _detached.append(process)
    return process.pid


def reap_children() -> None:
    """Collect detached processes that have ended, so that none stays as a zombie."""
    _detached[:] = [process for process in _detached if process.poll() is None]


def handle_request(work: Callable[[R], None]) -> None:
    """Read the request and do it, inside the subprocess; a CatDogError becomes its last event.

    Standard output takes events alone: what libraries print is dropped. The subprocess ends when
    the process that asked has ended, or reads no more events.

    Args:
        work: called with the request, as `run_subprocess` was given it.
    """
    global _out
    processes.end_with_parent()
    request = json.load(sys.stdin)
    _out = os.fdopen(take_stdout(), "w", encoding="utf-8")
    threading.Thread(target=_heartbeat, daemon=True).start()
    try:
        work(request)
    except CatDogError as error:
        params = {k: v if isinstance(v, (int, float)) else str(v) for k, v in error.params.items()}
        emit(error=error.message, params=params)


def take_stdout() -> int:
    """Return a new descriptor of standard output, and drop what is printed from now on."""
    taken, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return taken


def emit(**values: object) -> None:
    """Write an event, inside the subprocess; from any thread. JSON must take the values."""
    line = json.dumps(values) + "\n"
    with _emitting:
        out = _out or sys.stdout
        out.write(line)
        out.flush()


def _heartbeat() -> None:
    """Emit an event again and again, at which the process that asked may end this one."""
    pause = threading.Event()
    while not pause.wait(_HEARTBEAT):
        try:
            emit(heartbeat=1)
        except OSError:  # a server that was killed cannot end what it started
            os._exit(1)


def _environment() -> dict[str, str]:
    return {**os.environ, "CATDOG_WORKSPACE": str(files.workspace_folder())}


def _read_events(lines: IO[bytes]) -> Iterator[Any]:
    for line in lines:
        if line.startswith(b"{"):  # what a library prints before `handle_request` is no event
            yield json.loads(line)
