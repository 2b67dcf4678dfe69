"""A worker as it lives, but for its training, which is a loop that waits: quick to start, to kill.

    python light_worker.py RUN_DIR

Lock, queue, state, beat and end are the lab's own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from catdog_core import runs
from catdog_core.runs import run_queue
from catdog_core.training import execution


def train(run: runs.Run, state: Any) -> None:
    """Do nothing until a stop is wanted."""
    state.update(phase="train", epoch=0, batch=1, steps=10)
    while not state.stop_wanted:
        time.sleep(0.02)
    raise run_queue.Stopped


if __name__ == "__main__":
    execution._train_run = train
    execution.execute_run(Path(sys.argv[1]))
