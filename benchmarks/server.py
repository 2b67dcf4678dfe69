"""A Streamlit server of its own for a measurement, with the drawn demo dataset in its workspace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
_PATIENCE = 60.0  # seconds until the server answers


@contextmanager
def lab() -> Iterator[str]:
    """Start the lab on a free port of this machine; yields ``127.0.0.1:port``."""
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "CATDOG_WORKSPACE": f"{place}/workspace"}
        make = "from catdog_core import datasets; datasets.create_demo()"
        subprocess.run([sys.executable, "-c", make], cwd=PROJECT, env=environment, check=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        with open(f"{place}/server.log", "wb") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "streamlit", "run", "streamlit_app.py"),
                    *("--server.headless", "true", "--server.port", address.split(":")[1]),
                    *("--server.fileWatcherType", "none"),
                ],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for(f"http://{address}/_stcore/health", process, Path(place) / "server.log")
            yield address
        finally:
            process.kill()
            process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server did not start:\n" + log.read_text(errors="replace"))
