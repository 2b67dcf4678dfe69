"""A Streamlit server of its own, for a measurement or a test in the browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parent.parent
_PATIENCE = 60.0  # seconds until the server answers


@contextmanager
def lab() -> Iterator[str]:
    """Start the lab with the demo dataset on a free port; yields ``127.0.0.1:port``."""
    with tempfile.TemporaryDirectory() as directory:
        make = "from catdog_core.data import datasets; datasets.create_demo()"
        environment = with_workspace(Path(directory) / "workspace")
        subprocess.run([sys.executable, "-c", make], cwd=PROJECT, env=environment, check=True)
        with running(Path(directory)) as address:
            yield address


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Start the lab on a free port of this machine; yields ``127.0.0.1:port``.

    In the end every worker it started is ended, too.

    Args:
        folder: holds its ``workspace`` and ``server.log``.

    Raises:
        RuntimeError: the server did not start; with what it said.
    """
    with process(folder) as (address, _):
        yield address


@contextmanager
def process(
    folder: Path, script: Path = PROJECT / "streamlit_app.py", *options: str, port: int = 0
) -> Iterator[tuple[str, int]]:
    """Start any Streamlit script as `running`; yields the address and the server's process id.

    Args:
        folder: as there.
        script: what Streamlit runs.
        options: more for Streamlit's command line.
        port: where it listens; by default a free one.
    """
    port = port or free_port()
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(script)),
                *("--server.headless", "true", "--server.port", str(port)),
                *("--server.fileWatcherType", "none"),
                *options,
            ],
            cwd=PROJECT,
            env=with_workspace(folder / "workspace"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"127.0.0.1:{port}"
        _wait_for(f"http://{address}/_stcore/health", server, folder / "server.log")
        yield address, server.pid
    finally:
        _end(server)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of an address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def with_workspace(folder: Path) -> dict[str, str]:
    """Return the environment of a process of the lab with its workspace at `folder`.

    Its server does not load TensorFlow by the way, which would disturb what is measured, unless
    ``CATDOG_WARM_UP`` asks for it.
    """
    ours = {"CATDOG_WORKSPACE": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {"CATDOG_WARM_UP": "0", **os.environ, **ours}


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The server did not start:\n" + log.read_text(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and its workers, which have sessions of their own but are its children."""
    server = psutil.Process(process.pid)  # a zombie too, as it was not waited for yet
    for each in (*server.children(recursive=True), server):
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait(10)
