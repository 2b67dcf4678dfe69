"""TensorBoard as a process of this server's: on this machine only, and ended when the server ends.

Run as a module it is that process: it prints its address, and ends when its standard input does,
which the system sees to however the server came to its end. Light; TensorBoard is imported there.
"""

from __future__ import annotations

import importlib.util
import os
import queue
import shlex
import subprocess
import sys
import threading
from pathlib import Path

from .. import files
from ..errors import CatDogError

_PATIENCE = 90.0
"""Seconds TensorBoard may take to start; where TensorFlow is installed it imports that, too."""
_one = threading.Lock()
_running: dict[Path, tuple[subprocess.Popen[str], str]] = {}


def is_installed() -> bool:
    """Whether TensorBoard can be started here; nothing is imported."""
    return importlib.util.find_spec("tensorboard") is not None


def command(folder: Path) -> str:
    """The line of a shell that starts it on a folder of runs."""
    parts = ["tensorboard", "--logdir", str(folder)]
    return subprocess.list2cmdline(parts) if os.name == "nt" else shlex.join(parts)


def address(folder: Path) -> str:
    """Where it shows the runs of a folder now, as a URL; empty where it does not run."""
    process, url = _running.get(folder, (None, ""))
    return url if process is not None and process.poll() is None else ""


def start(folder: Path) -> str:
    """Start it on a folder of runs, and give its address; the one that runs there, if any.

    Raises:
        CatDogError: it is not installed, or did not start.
    """
    with _one:
        if found := address(folder):
            return found
        if not is_installed():
            raise CatDogError(
                "TensorBoard is not installed. Install it with: pip install tensorboard"
            )
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=files.PROJECT,
            text=True,
            start_new_session=True,  # Ctrl-C is for the server, which ends this by its input
        )
        url = _first_line(process)
        if not url.startswith("http"):
            process.kill()
            _end(process)
            raise CatDogError(
                "TensorBoard did not start. Start it in a terminal, to see what it says: {command}",
                command=command(folder),
            )
        _running[folder] = process, url
        return url


def stop(folder: Path) -> None:
    """End it, if it runs."""
    with _one:
        process, _ = _running.pop(folder, (None, ""))
        if process is not None:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> str:
    """What it prints first; empty where it ends or takes too long."""
    found: queue.Queue[str] = queue.Queue()
    out = process.stdout
    assert out is not None
    threading.Thread(target=lambda: found.put(out.readline()), daemon=True).start()
    try:
        return found.get(timeout=_PATIENCE).strip()
    except queue.Empty:
        return ""


def _serve(folder: str) -> None:
    from tensorboard import program

    board = program.TensorBoard()
    options = ["--logdir", folder, "--host", "127.0.0.1", "--port", "0", "--load_fast", "false"]
    board.configure(argv=["tensorboard", *options])
    print(board.launch(), flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads would go on


if __name__ == "__main__":
    _serve(sys.argv[1])
