"""A worker as it lives, but for its training, which is a loop that waits: quick to start, to kill.

    python light_worker.py RUN_DIR

Lock, queue, state, beat and end are the lab's own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from catdog_core import quiet, runs
from catdog_core.training import turn


def train(run: runs.Run, state: Any) -> None:
    """Do nothing until a stop is wanted."""
    state.update(phase="train", epoch=0, batch=1, steps=10)
    while not state.stop_wanted:
        time.sleep(0.02)
    raise turn.Stopped


if __name__ == "__main__":
    quiet.import_tensorflow = lambda: None
    stub = ModuleType("catdog_core.worker")
    stub.train = train  # type: ignore[attr-defined]
    sys.modules["catdog_core.worker"] = sys.modules["catdog_core"].worker = stub
    runs.work(Path(sys.argv[1]))
