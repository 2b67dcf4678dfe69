"""The writes of a training fail in turn: it says so, keeps its models, and goes on afterwards."""

from __future__ import annotations

import errno
import zipfile

import pytest
import waiting
from injection import fail_disk_call, find_leftovers

from catdog_core import runs
from catdog_core.base.errors import CatDogError
from catdog_core.data import datasets
from catdog_core.training.execution import execute_run

TINY = waiting.TINY_TRAINING.model_copy(update={"epochs": 2, "steps_per_epoch": 1})
OTHERWISE = ("sendfile", "/state.json", "/.state-", "/in-use-")
"""What a training can do without: a beat, a mark for the cache, what is for another program."""


@pytest.fixture
def dataset(workspace, tmp_path):
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    return datasets.open_folder(tmp_path / "pets")


def numbers(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in runs.load_run(run).epochs]


def whole(run):
    for name in ("best.keras", "backup.keras"):
        if (run / name).exists():
            with zipfile.ZipFile(run / name) as archive:
                assert archive.testzip() is None
    return numbers(run)


def broken_at(dataset, workspace, expected, number, code):
    """Train with one write that fails, then go on; whether there was such a write."""
    run = runs.create_run(dataset, TINY, None)
    error = None
    with fail_disk_call(workspace, number, code) as counter:
        try:
            execute_run(run)
        except CatDogError as caught:
            error = caught
    if not counter.hit:
        return False
    failed_write = f"write {number}, {counter.hit}"
    loaded_run = runs.load_run(run)
    if error is None:
        assert any(fragment in counter.hit for fragment in OTHERWISE), (
            f"{failed_write}: nothing was said"
        )
        assert loaded_run.status == "done", failed_write
        return True
    assert "couldn't be" in str(error), f"{failed_write}: {error}"
    assert loaded_run.status in ("failed", "stopped"), failed_write  # stopped: it never began
    assert whole(run) == expected[: len(loaded_run.epochs)], failed_write
    assert find_leftovers(run) == [], failed_write
    execute_run(run)
    assert runs.load_run(run).status == "done" and whole(run) == expected, failed_write
    return True


@pytest.fixture
def expected(dataset):
    """The numbers of a training that no write failed."""
    reference = runs.create_run(dataset, TINY, None)
    execute_run(reference)
    return numbers(reference)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_training_survives_whichever_write_fails(dataset, workspace, expected):
    for code, first in ((errno.ENOSPC, 2), (errno.EIO, 18)):
        writes = range(first, 130, 32)
        hits = [broken_at(dataset, workspace, expected, number, code) for number in writes]
        assert any(hits)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_training_survives_each_write_that_fails(dataset, workspace, expected, code):
    hits = [broken_at(dataset, workspace, expected, number, code) for number in range(1, 140)]
    assert any(hits)
