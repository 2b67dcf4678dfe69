"""Evaluate an earlier run on clean photos in a process of its own, for a server; see `end_of_run`.

TensorFlow's memory is free again afterwards, and no model from elsewhere opens in the server.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from ..base import library_output, subprocess_jobs
from ..base.errors import N_

_NO_ANSWER = N_(
    "The evaluation ended without giving a reason, possibly because memory ran out. Close other "
    "programs, then try again."
)


class _EvaluationRequest(TypedDict):
    """What the subprocess is to do: the run's folder."""

    run: str


class _EvaluationEvent(TypedDict, total=False):
    """What the subprocess says: photos done, of how many; or a sign of life."""

    done: int
    total: int
    heartbeat: int


def evaluate_in_subprocess(run_dir: Path, progress: Callable[[int, int], None]) -> None:
    """Evaluate a run as `end_of_run.evaluate_earlier_run`, in a process of its own.

    Args:
        run_dir: the run's folder.
        progress: called with (photos done, photos in all), and at least twice a second. What it
            raises ends the evaluation.

    Raises:
        CatDogError: as for `end_of_run.evaluate_earlier_run`, or the process died.
    """
    done = total = 0

    def on_event(event: _EvaluationEvent) -> None:
        nonlocal done, total
        done, total = event.get("done", done), event.get("total", total)
        progress(done, total)

    request: _EvaluationRequest = {"run": str(run_dir)}
    subprocess_jobs.run_subprocess(
        "catdog_core.training.run_evaluation", request, on_event, _NO_ANSWER, quiet=True
    )


def _handle_request(request: _EvaluationRequest) -> None:
    library_output.import_tensorflow()
    from . import end_of_run

    end_of_run.evaluate_earlier_run(
        Path(request["run"]), lambda done, total: subprocess_jobs.emit(done=done, total=total)
    )


if __name__ == "__main__":
    subprocess_jobs.handle_request(_handle_request)
