"""Sweeps on a real Ray: equal to runs trained alone, through kills of all who take part."""

import os
import secrets
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import fakes
import numpy as np
import psutil
import pytest

from catdog_core import runs
from catdog_core.base.errors import RunError
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.models import keras_models
from catdog_core.training.execution import execute_run
from catdog_core.tuning import grid, groups, plans
from catdog_core.tuning.groups import Cluster

pytest.importorskip("ray", reason="sweeps are an option: pip install -r requirements-cluster.txt")
pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(900)]

SMALL = Training(epochs=4, batch_size=8, image_size=32, learning_rate=1e-3, seed=5)
FOUR = grid.parse_grid({"settings": {"learning_rate": [1e-3, 3e-4], "batch_size": [8, 16]}})
THREE = grid.parse_grid({"settings": {"batch_size": [8, 12, 16]}})
EPOCHS = 24


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, demo):
    """The demo set in a workspace of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(tmp_path_factory.mktemp("sweeps")))
        yield datasets.open_folder(demo)
        for sweep in groups.list_groups():  # of a test that failed
            if sweep.is_active:
                groups.stop_group(sweep.id)
                until(sweep.id, ended)


def made(dataset, training, what, name, address="local"):
    """A sweep's id."""
    return groups.create_group(
        plans.plan_sweep(dataset, what, training, None), name, Cluster(address)
    )


def until(key, holds, seconds=400):
    """The sweep, once something holds of it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sweep = groups.load_group(key)
        if holds(sweep):
            return sweep
        time.sleep(0.1)
    log = (sweep.folder / "log.txt").read_text()[-2000:]
    raise AssertionError(f"{sweep.status} {sweep.trials} {sweep.state} {log}")


def ended(sweep):
    return not sweep.is_active


def trains(number, epochs=1):
    """Whether a run trains and has so many whole epochs."""

    def holds(sweep):
        run = sweep.runs[number]
        return run.status == "running" and len(run.epochs) >= epochs

    return holds


def processes(sweep):
    """The processes of a driver and its Ray."""
    driver = psutil.Process(sweep.state["pid"])
    return [driver, *driver.children(recursive=True)]


def kill(process_list):
    for process in process_list:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def left_over(process_list):
    """Those that live on a while later."""
    return psutil.wait_procs(process_list, timeout=60)[1]


def actor(sweep):
    """The process of the trial that runs."""
    return next(p for p in processes(sweep) if "Trainable" in "".join(p.cmdline()))


def numbers(run):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.epochs]


def weights(run):
    return keras_models.load_model(run.best_model).get_weights()


@pytest.fixture(scope="module")
def battered(dataset):
    """A sweep of three of which a worker, a trial and the driver were killed, and how it went."""
    training = SMALL.model_copy(update={"epochs": EPOCHS})
    key = made(dataset, training, THREE, "battered")
    groups.start_driver(key, at_once=1)

    sweep = until(key, trains(0))
    trial = actor(sweep)
    assert trial.nice() == processes(sweep)[0].nice()  # beside other work it would hardly run
    os.kill(sweep.runs[0].state["pid"], 9)  # the worker
    again = until(key, lambda sweep: tries(sweep) == 2 and trains(0)(sweep))
    trial.kill()

    everything = processes(until(key, lambda sweep: sweep.runs[1].is_active))
    sweep = until(key, trains(1))
    os.kill(sweep.state["pid"], 9)  # the driver
    metrics_before = (sweep.runs[0].folder / "metrics.jsonl").read_bytes()
    lost = until(key, lambda sweep: sweep.status == "lost" and not sweep.active)
    kill(everything)  # Ray takes a minute to see that its driver is gone

    groups.start_driver(key)
    sweep = until(key, ended)
    assert sweep.status == "done", sweep.state
    return sweep, again, lost, metrics_before


def tries(sweep):
    """How often the first trial's worker was started."""
    return next(iter(sweep.trials.values())).tries


def test_a_killed_worker_and_a_killed_trial_are_started_again(battered):
    _, again, lost, _ = battered
    assert tries(again) == 2 and len(again.runs[0].epochs) < EPOCHS
    first = next(iter(lost.trials.values()))
    assert (first.status, first.epoch) == ("done", EPOCHS)
    assert first.tries in (2, 3)  # the worker of the killed trial may have lived on


def test_a_new_driver_finishes_what_a_killed_one_left_and_repeats_nothing(battered):
    sweep, _, lost, metrics_before = battered
    assert [trial.status for trial in lost.trials.values()] == ["done", "stopped", "waiting"]
    assert [trial.status for trial in sweep.trials.values()] == ["done"] * 3
    assert (sweep.runs[0].folder / "metrics.jsonl").read_bytes() == metrics_before
    assert sweep.core_seconds > lost.core_seconds > 0
    with pytest.raises(RunError, match="nothing left to train"):
        groups.start_driver(sweep.id)


def test_every_trial_equals_the_same_settings_trained_alone(battered, dataset):
    for run in battered[0].runs[:2]:
        alone = runs.create_run(dataset, run.training, None)
        execute_run(alone)
        standalone_run = runs.load_run(alone)
        assert numbers(run) == numbers(standalone_run)
        for ours, theirs in zip(weights(run), weights(standalone_run), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def halved(dataset):
    """A sweep stopped in its third trial after a bad second one, and a run that waited meanwhile.

    With it all processes of the sweep.
    """
    # So many that it is not through before the driver, which looks twice a second, can end it.
    training = SMALL.model_copy(update={"epochs": 60, "monitor": "val_loss"})
    rates = {"settings": {"learning_rate": [1e-3, 0.1, 9e-4]}}
    halving = grid.parse_grid({**rates, "asha": {"grace": 2, "reduction": 2}})
    key = made(dataset, training, halving, "early")
    groups.start_driver(key, at_once=1)
    until(key, trains(0))
    other = runs.create_run(dataset, SMALL, None)
    runs.start_run(other)
    until(key, lambda sweep: runs.load_run(other).state.get("ahead", 0) > 0)
    everything = processes(until(key, trains(2, epochs=0)))
    assert runs.load_run(other).status == "queued"
    groups.stop_group(key)
    return until(key, ended), other, everything


def test_a_bad_trial_is_stopped_early_and_never_gone_on_with(halved):
    sweep, _, _ = halved
    good, bad, _ = sweep.runs
    assert sweep.trials[good.id].status == "done"
    assert sweep.trials[bad.id].status == "pruned"
    assert (bad.status, bad.can_resume, len(bad.epochs) < 60) == ("stopped", True, True)
    assert bad.best_model.is_file()
    assert bad.id not in [run.id for run in sweep.left]


def test_a_stopped_sweep_leaves_no_process_and_the_next_training_its_turn(halved):
    sweep, other, everything = halved
    stopped = sweep.runs[2]
    assert (sweep.status, stopped.status) == ("stopped", "stopped")
    assert len(stopped.epochs) < 60 and [run.id for run in sweep.left] == [stopped.id]
    until(sweep.id, lambda _: runs.load_run(other).status == "done")
    assert left_over(everything) == []


@pytest.fixture(scope="module")
def cluster(dataset):
    """The address of a Ray that `ray start` runs, with two processors and a token."""
    with (
        tempfile.TemporaryDirectory(prefix="cdl-", dir="/tmp") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_worker_niceness", "0")  # beside other work its trials would hardly run
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
        command += ["--port=0", "--num-cpus=2", "--object-store-memory=80000000"]
        command += ["--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={folder}"]
        with open(Path(folder) / "log", "wb") as log:
            head = psutil.Popen(command, stdout=log, stderr=log)
        everything = []
        try:
            current = Path(folder) / "ray_current_cluster"
            end = time.monotonic() + 240
            while not current.exists() and head.poll() is None and time.monotonic() < end:
                time.sleep(0.2)
            everything = [head, *head.children(recursive=True)]
            yield current.read_text().strip()
        finally:
            head.terminate()
            _, alive = psutil.wait_procs(everything, timeout=60)
            kill(alive)


def test_an_experiment_trains_on_a_cluster_that_runs_already(dataset, demo, cluster, capsys):
    flags = ["--epochs", 2, "--batch-size", 8, "--image-size", 32]
    status, out, err = fakes.run_cli(
        capsys, "experiment", "twin", demo, *flags, "--name", "two", "--address", cluster
    )
    assert status == 0 and err.startswith("Warning: ")  # too few epochs to compare
    assert "plain: done after 2 epochs" in out
    assert "augmented: done after 2 epochs" in out
    host, _, port = cluster.rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()  # it outlives the driver


def test_a_sweep_whose_cluster_says_nothing_can_be_stopped(dataset):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"ray://127.0.0.1:{deaf.getsockname()[1]}"
        key = made(dataset, SMALL, FOUR, "deaf", address)
        groups.start_driver(key)
        until(key, lambda sweep: sweep.state.get("phase") == "starting")
        groups.stop_group(key)
        assert until(key, ended).status == "stopped"


def test_a_cluster_that_does_not_answer_fails_the_sweep_which_can_be_started_again(dataset):
    key = made(dataset, SMALL, FOUR, "gone", "127.0.0.1:9")
    groups.start_driver(key)
    sweep = until(key, ended)
    assert sweep.status == "failed" and sweep.left
    assert "No Ray cluster answered at" in str(sweep.state["error"]["message"])
