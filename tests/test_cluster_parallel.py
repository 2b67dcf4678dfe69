"""Training on several workers of a real Ray on this machine: one loss, one set of weights."""

import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from catdog_core import datasets, runs
from catdog_core.cli import main
from catdog_core.cluster import ray_here
from catdog_core.commands import cli_team
from catdog_core.errors import ClusterError, RunError
from catdog_core.settings import Augmentation, Network, Training
from catdog_core.training.turn import Stopped

# Without dropout, of which each worker has its own; 9 photos are no equal parts for 2 workers.
SMALL = Training(
    model="custom",
    network=Network(dropout=0),
    epochs=2,
    batch_size=9,
    image_size=32,
    steps_per_epoch=20,
    seed=3,
)
MIXED = SMALL.model_copy(
    update={
        "network": Network(dropout=0, batch_norm=True),
        "label_smoothing": 0.1,
        "weight_averaging": 0.9,
        "class_weights": True,
        "schedule": "cosine",
        "train_photos": 31,
    }
)
MIXING = Augmentation(mixup_alpha=0.4, cutmix_alpha=1.0, noise_range=9, rotation_range=20)


@pytest.fixture
def dataset(workspace, demo):
    return datasets.open_folder(demo)


@pytest.fixture(scope="module")
def ray():
    pytest.importorskip("ray", reason="training on several workers needs Ray")
    with ray_here.connected(ray_here.LOCAL, cpus=2, object_store_memory=80_000_000) as found:
        yield found


def trained(dataset, training, augmentation=None, workers=1, on_progress=None):
    folder = runs.create(dataset, training, augmentation, workers=workers)
    runs.work(folder, on_progress)
    return runs.load(folder)


def assert_same_course(one, two):
    """The losses of every step, the measures of every epoch, and the weights in the end."""
    steps = [runs.batches(run.folder) for run in (one, two)]
    assert [row["batch"] for row in steps[0]] == [row["batch"] for row in steps[1]]
    losses, others = ([row["loss"] for row in rows] for rows in steps)
    assert len(losses) == 40 and np.allclose(losses, others, rtol=0, atol=1e-4)
    for row, other in zip(one.epochs, two.epochs, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
            assert row[name] == pytest.approx(other[name], abs=1e-4)


def assert_equal_weights(run, workers=2):
    for row in run.epochs:
        assert len(row["weights"]) == workers and len(set(row["weights"])) == 1


@pytest.mark.long
@pytest.mark.timeout(900)  # Ray's start alone takes minutes on a busy machine
@pytest.mark.parametrize(("training", "augmentation"), [(SMALL, Augmentation()), (MIXED, MIXING)])
def test_two_workers_train_as_one_does(ray, dataset, training, augmentation):
    import keras

    alone = trained(dataset, training, augmentation)
    both = trained(dataset, training, augmentation, workers=2)
    assert (both.status, both.workers, both.state["restarted"]) == ("done", 2, 0)
    assert_same_course(alone, both)
    assert_equal_weights(both)
    assert len({row["weights"][0] for row in both.epochs}) == 2  # they do change

    one, two = (keras.models.load_model(run.folder / "backup.keras") for run in (alone, both))
    for ours, theirs in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.allclose(ours, theirs, atol=1e-4)
    assert int(two.optimizer.iterations) == 40
    assert [norm.synchronized for norm in two.layers if hasattr(norm, "synchronized")] == [
        False for norm in one.layers if hasattr(norm, "synchronized")
    ]
    names = [sorted(path.name for path in run.folder.iterdir()) for run in (alone, both)]
    assert names[0] == names[1]
    assert both.best_model is not None and both.problem is None


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_killed_worker_is_started_anew_and_the_run_finishes(ray, dataset):
    killed = []

    def kill_one(state):
        team = state.get("team") or []
        if not killed and state.get("epoch", 0) >= 2 and len(team) == 2:
            killed.append(team[1]["pid"])
            os.kill(killed[0], signal.SIGKILL)

    longer = SMALL.model_copy(update={"epochs": 25})
    run = trained(dataset, longer, workers=2, on_progress=kill_one)
    assert killed and not psutil.pid_exists(killed[0])
    assert (run.status, run.state["restarted"]) == ("done", 1)
    assert killed[0] not in {worker["pid"] for worker in run.state["team"]}
    # Whole epochs were kept: each was told once, the broken one was done over again.
    assert [row["epoch"] for row in run.epochs] == list(range(25))
    lines = (run.folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 25
    assert_equal_weights(run)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_run_of_two_workers_is_stopped_and_goes_on_with_one(ray, dataset):
    longer = SMALL.model_copy(update={"epochs": 25})
    folder = runs.create(dataset, longer, None, workers=2)

    def stop_after_the_first_epoch(state):
        if state.get("epoch", 0) >= 1:
            (folder / "stop").touch()

    runs.work(folder, stop_after_the_first_epoch)
    stopped = runs.load(folder)
    whole = len(stopped.epochs)
    assert stopped.status == "stopped" and 1 <= whole < 25
    assert not (folder / "stop").exists() and not (folder / "ray").exists()
    cli_team.change(folder, 1, None)
    runs.work(folder)
    run = runs.load(folder)
    assert (run.status, run.workers) == ("done", 1)
    assert [row["epoch"] for row in run.epochs] == list(range(25))
    assert [row["epoch"] for row in run.epochs if "weights" in row] == list(range(whole))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_one_worker_cannot_go_on_with_ends_the_run_with_its_reason(ray, dataset):
    diverging = SMALL.model_copy(update={"optimizer": "sgd", "learning_rate": 0.1, "epochs": 1})
    folder = runs.create(dataset, diverging, None, workers=2)

    def take_away(state):
        if state.get("team"):
            for shard in (folder.parents[1] / "cache").rglob("train-*.tfrecord"):
                shard.write_bytes(b"")

    with pytest.raises(RunError, match="are damaged"):
        runs.work(folder, take_away)
    run = runs.load(folder)
    assert run.status == "failed" and run.state["restarted"] == 0


def test_without_ray_the_run_says_what_to_install(dataset, monkeypatch):
    monkeypatch.setattr(ray_here, "is_installed", lambda: False)
    folder = runs.create(dataset, SMALL, None, workers=2)
    with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
        runs.work(folder)
    assert runs.load(folder).status == "failed"


def test_the_number_of_workers_is_kept_and_can_be_changed(dataset, monkeypatch):
    monkeypatch.setattr(ray_here, "require", lambda: None)
    folder = runs.create(dataset, SMALL, None, workers=3, address="10.0.0.5:6379")
    run = runs.load(folder)
    assert (run.workers, run.address) == (3, "10.0.0.5:6379")
    cli_team.change(folder, 2, None)
    run = runs.load(folder)
    assert (run.workers, run.address) == (2, "10.0.0.5:6379")
    cli_team.change(folder, 1, None)
    assert (runs.load(folder).workers, runs.load(folder).address) == (1, "")
    assert runs.load(runs.create(dataset, SMALL, None)).workers == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--workers", "2", "--batch-size", "1"], "2 workers cannot share a batch of 1 photos"),
        (["--address", "auto"], "--address is given without several workers"),
        (["--workers", "2", "--address", "nowhere"], "address of the cluster is 'nowhere'"),
    ],
)
def test_flags_that_do_not_go_together_make_no_run(
    workspace, demo, capsys, monkeypatch, flags, said
):
    monkeypatch.setattr(ray_here, "require", lambda: None)
    assert main(["train", str(demo), *flags]) == 1
    assert said in capsys.readouterr().err
    assert runs.listing() == []


class Silent:
    """A desk that never answers, as where the cluster's head hangs; Ray waits in vain."""

    class exceptions:  # noqa: N801 - as in Ray
        GetTimeoutError, RayError = TimeoutError, ConnectionError

    look = SimpleNamespace(remote=lambda stop: None)

    def get(self, asked, timeout):
        raise TimeoutError


@pytest.mark.parametrize(("stop", "error"), [(True, Stopped), (False, ClusterError)])
def test_a_cluster_that_says_nothing_can_be_stopped_and_is_given_up(monkeypatch, stop, error):
    from catdog_core.cluster import parallel

    monkeypatch.setattr(parallel, "_GRACE", 0.0)
    monkeypatch.setattr(parallel, "_SILENCE", 0.5)
    state = SimpleNamespace(stop_wanted=stop, update=lambda **told: None)
    job = threading.Thread(target=lambda: None)
    with pytest.raises(error):
        parallel._follow(Silent(), Silent(), state, job)
