"""Memory that runs out in the worker: the run has failed and says what to do, the server lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from catdog_core import runs
from catdog_core.base import files
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.runs import failure_messages
from catdog_core.runs.run_folder import CRASHED

resource = pytest.importorskip("resource", reason="this system has no limits for one process")

LIMITED = """
import faulthandler, resource, runpy, sys
faulthandler.dump_traceback_later(200, exit=True)  # where it waits for memory forever, say where
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["catdog_core", "resume", sys.argv[2]]
runpy.run_module("catdog_core", run_name="__main__")
"""


@pytest.mark.parametrize(
    "megabytes",
    [
        *(pytest.param(size, marks=pytest.mark.long) for size in (2500, 5000)),
        *(pytest.param(size, marks=pytest.mark.soak) for size in (1500, 3500)),
    ],
)
def test_a_worker_without_memory_has_failed_with_a_remedy(workspace, tmp_path, megabytes):
    # As many photos as a batch holds: a batch is never filled up with photos of the next pass.
    datasets.make_demo(tmp_path / "many", train=128, validation=8, size=32, seed=0)
    run = runs.create_run(
        datasets.open_folder(tmp_path / "many"),
        Training(model="notes-deep", epochs=3, batch_size=128, image_size=256, steps_per_epoch=1),
        None,
    )
    with open(run / "log.txt", "wb") as log:
        ended = subprocess.run(
            [sys.executable, "-c", LIMITED, str(megabytes << 20), str(run)],
            stdout=log,
            stderr=log,
            cwd=files.PROJECT,
            env={**os.environ, "CATDOG_WORKSPACE": str(files.workspace_folder())},
            timeout=280,
        )
    assert ended.returncode != 0
    loaded_run = runs.load_run(run)
    assert loaded_run.status == "failed", (run / "log.txt").read_text()[-1500:]
    message = loaded_run.state["error"]["message"]
    assert message in (
        failure_messages.OUT_OF_MEMORY,
        failure_messages.LIKELY_OUT_OF_MEMORY,
        CRASHED,
    ), loaded_run.state["error"]
    assert "smaller batch or image size" in loaded_run.state["error"]["message"]
    assert loaded_run.can_resume


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("libtensorflow_cc.so.2: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_says_that_memory_ran_out_is_told_with_its_remedy(error):
    message, _ = failure_messages.explain_failure(error)
    assert message == failure_messages.OUT_OF_MEMORY


def test_a_crash_is_told_until_the_run_goes_on(new_run):
    run = new_run()
    files.write_json(run / "state.json", {"format": 1, "status": "running", "beat": 4})
    assert runs.load_run(run).status == "lost"
    (run / "crash.txt").write_text("Fatal Python error: Aborted\n")
    files.write_json(run / "state.json", {"format": 1, "status": "running", "beat": 5})
    loaded_run = runs.load_run(run)
    assert (loaded_run.status, loaded_run.can_resume) == ("failed", True)
    assert "memory ran out" in loaded_run.state["error"]["message"]


def test_a_trial_whose_process_ends_at_once_is_told(monkeypatch, pets):
    from catdog_core.base import subprocess_jobs
    from catdog_core.base.errors import CatDogError
    from catdog_core.training import speed_probe

    def gone(module, request, on_event, silent):
        padded = {**request, "padding": "x" * 1_000_000}
        real("catdog_core.no_such_module", padded, on_event, silent, quiet=True)

    real = subprocess_jobs.run_subprocess
    monkeypatch.setattr(subprocess_jobs, "run_subprocess", gone)
    with pytest.raises(CatDogError, match="memory ran out"):
        speed_probe.probe_speed(pets, Training(), None, lambda line: None)


def test_an_odd_error_in_a_process_at_its_limit_is_told_as_lack_of_memory():
    code = (
        "import resource\n"
        "from catdog_core.base import hardware\n"
        "from catdog_core.runs import failure_messages\n"
        "assert not hardware.is_short_of_memory()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "kept = []\n"
        "try:\n"
        "    while True: kept.append(bytearray(16 << 20))\n"
        "except MemoryError: del kept\n"
        "told = failure_messages.explain_failure(TypeError('odd'))[0]\n"
        "print(told == failure_messages.LIKELY_OUT_OF_MEMORY)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=files.PROJECT, capture_output=True, text=True, timeout=240
    )
    assert done.stdout.strip() == "True", done.stderr
