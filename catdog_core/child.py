"""A room run as a process of its own: asked by a JSON object, it tells by lines of JSON.

For work that leaves traces in the process it runs in, or may take it down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from . import files, processes
from .errors import CatDogError

Tell = Callable[[dict[str, Any]], None]
"""Called with every line; what it raises ends the process."""
_BEAT = 0.5  # seconds
_one = threading.Lock()
_out: TextIO | None = None


def ask(
    module: str, asked: Mapping[str, Any], tell: Tell, silent: str, quiet: bool = False
) -> None:
    """Run a module until it ends.

    Args:
        module: its full name. It reads one JSON object from its standard input, and writes lines
            of JSON, each an object; one with "error" and "params" is its mistake in words.
        asked: that object.
        tell: called with every other line.
        silent: the message of the error when the process ends badly without a word.
        quiet: drop what libraries say on its standard error.

    Raises:
        CatDogError: in the process's own words, or `silent`.
    """
    with _process(module, json.dumps(asked), quiet) as (process, lines):
        for line in lines:
            if "error" in line:
                raise CatDogError(line["error"], **line["params"])
            tell(line)
        if process.wait():
            raise CatDogError(silent)


def keep_stdout() -> None:
    """Keep standard output for `say` alone, inside the process: what libraries print is dropped."""
    global _out
    _out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def say(**values: Any) -> None:
    """Write a line, inside the process; from any thread."""
    line = json.dumps(values) + "\n"
    with _one:
        out = _out or sys.stdout
        out.write(line)
        out.flush()


def end_with_parent() -> None:
    """Have the process end when whoever asked has, inside the process."""
    processes.end_with_parent()


def beat() -> None:
    """Give a sign of life again and again, inside the process, by which whoever asked may end it.

    To be run by a thread. When nobody listens any more, the process ends.
    """
    pause = threading.Event()
    while not pause.wait(_BEAT):
        try:
            say(beat=1)
        except OSError:  # a server that was killed cannot end what it started
            os._exit(1)


def say_error(error: CatDogError) -> None:
    """Write the line that tells a mistake, inside the process."""
    params = {k: v if isinstance(v, (int, float)) else str(v) for k, v in error.params.items()}
    say(error=error.message, params=params)


@contextmanager
def _process(
    module: str, asked: str, quiet: bool
) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
        cwd=files.PROJECT,
        env={**os.environ, "CATDOG_WORKSPACE": str(files.workspace())},
        text=True,
        encoding="utf-8",
        **processes.apart(),
    )
    processes.register(process)
    assert process.stdin is not None and process.stdout is not None
    try:
        with suppress(BrokenPipeError), process.stdin as pipe:  # it ended at once: told by `ask`
            pipe.write(asked)
        yield process, _objects(process.stdout)
    finally:
        processes.end(process)
        process.stdout.close()


def _objects(lines: Any) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{"):  # whatever a library prints is none of ours
            yield json.loads(line)
