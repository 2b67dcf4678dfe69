"""Train a run in this process: take its lock, wait in the queue, then load TensorFlow and train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import runs
from ..base import library_output, locks
from ..base.errors import RunError
from ..runs import run_queue
from ..runs.status import RunState

_LOCK_TIMEOUT = 3.0  # seconds another process may take to let go of a run


def execute_run(run_dir: Path, on_progress: Callable[[RunState], None] | None = None) -> None:
    """Train a run from its start, or where it stopped, to its end or a stop.

    TensorFlow is loaded once it is the run's turn: a process that waits takes little memory.

    Args:
        run_dir: a run folder.
        on_progress: called with the state after every batch.

    Raises:
        RunError: it cannot be started, another process has it, or it failed; the state says so.
    """
    run = runs.check_not_finished(runs.load_run(run_dir))
    busy = RunError(
        "Another process is already training run '{name}'. Wait for it to finish, or stop it "
        "first.",
        name=run.name,
    )
    with locks.hold_lock_file(run.folder / "lock", busy, _LOCK_TIMEOUT):
        run_queue.queue_and_train(run, lambda state: _train_run(run, state), on_progress)


def _train_run(run: runs.Run, state: run_queue.WorkerState) -> None:
    library_output.import_tensorflow()
    from . import end_of_run, training_loop  # lazy: a run that waits loads no TensorFlow

    try:
        training_loop.train_model(run, state)
    except run_queue.Stopped:
        end_of_run.evaluate_ended_training(run, state, "stopped")
        raise
    end_of_run.evaluate_ended_training(run, state, "done")
