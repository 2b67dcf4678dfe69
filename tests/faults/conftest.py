"""What the tests of faults share: a workspace with photos, and workers that are quick to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from catdog_core import runs
from catdog_core.base import files, subprocess_jobs
from catdog_core.config import Training
from catdog_core.data import datasets

LIGHT = Path(__file__).with_name("light_worker.py")


@pytest.fixture
def pets(workspace, tmp_path):
    """A dataset of 12 training and 8 validation photos of 32 pixels."""
    datasets.make_demo(tmp_path / "pets", train=12, validation=8, size=32, seed=0)
    return datasets.open_folder(tmp_path / "pets")


@pytest.fixture
def new_run(pets):
    """Make a run that would train for long."""

    def make(**settings):
        values = {"epochs": 1000, "batch_size": 4, "image_size": 32, "steps_per_epoch": 1}
        return runs.create_run(pets, Training(**{**values, **settings}), None)

    return make


@pytest.fixture
def light(monkeypatch):
    """Let `runs.start_run` start workers that train nothing; all are ended with the test."""
    started = []

    def start_detached(arguments, log_path):
        folder = log_path.parent
        with open(log_path, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(LIGHT), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "CATDOG_WORKSPACE": str(files.workspace_folder())},
                start_new_session=True,
            )
        started.append(process)
        subprocess_jobs._detached.append(process)
        return process.pid

    monkeypatch.setattr(subprocess_jobs, "start_detached", start_detached)
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def workers():
    """Real workers that a test starts; all that still live are ended with it."""
    before = list(subprocess_jobs._detached)
    yield
    for process in [p for p in subprocess_jobs._detached if p not in before]:
        process.kill()
        process.wait()
