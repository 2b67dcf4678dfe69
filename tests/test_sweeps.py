"""Sweeps as they lie in the workspace: made, told, started, stopped; no Ray is needed here."""

import os
import socket
import time

import fakes
import pytest
from filelock import FileLock

from catdog_core import datasets, files, runs, subprocess_jobs
from catdog_core.cluster import grid, progress, ray_here, sweep_folder, sweeps, trial_marks
from catdog_core.cluster.patron import Patron
from catdog_core.errors import ClusterError, RunError
from catdog_core.outcomes import experiments
from catdog_core.settings import Augmentation, Training
from catdog_core.training import status, turn

SMALL = Training(epochs=4, batch_size=8, image_size=32)
GRID = grid.parse({"settings": {"learning_rate": [1e-4, 1e-3], "batch_size": [8, 16]}})


@pytest.fixture
def dataset(workspace, demo):
    return datasets.open_folder(demo)


@pytest.fixture
def key(dataset):
    return sweeps.create(dataset, SMALL, None, GRID, "mine")


@pytest.fixture
def spawned(monkeypatch):
    """The commands that would have been started."""
    found = []
    monkeypatch.setattr(
        subprocess_jobs, "start_detached", lambda arguments, log: found.append(arguments) or 1
    )
    monkeypatch.setattr(ray_here, "is_installed", lambda: True)
    return found


def row(epoch, seconds=2.0, accuracy=0.5):
    names = ("loss", "accuracy", "val_loss")
    rest = {"val_accuracy": accuracy, "learning_rate": 1e-3, "seconds": seconds}
    return {"epoch": epoch, **dict.fromkeys(names, 0.5), **rest}


def trained(folder, epochs, word="stopped"):
    for epoch in range(epochs):
        files.append_line(folder / "metrics.jsonl", row(epoch))
    files.write_json(folder / "state.json", {"status": word, "time": time.time()})


def statuses(sweep):
    return [trial.status for trial in sweep.trials.values()]


def test_all_runs_lie_there_from_the_start_and_name_their_sweep(key):
    sweep = sweeps.load(key)
    assert [run.training.batch_size for run in sweep.group.runs] == [8, 16, 8, 16]
    assert {run.group["kind"] for run in sweep.group.runs} == {"sweep"}
    assert (sweep.name, sweep.grid, sweep.status, sweep.can_start) == (
        "mine",
        GRID,
        "stopped",
        True,
    )
    assert [s.id for s in sweeps.listing()] == [key]
    assert experiments.load(key).waiting == sweep.group.runs


def test_a_wrong_address_leaves_no_runs_behind(dataset):
    with pytest.raises(ClusterError, match="Expected local, auto, HOST:PORT"):
        sweeps.create(dataset, SMALL, None, GRID, address="somewhere")
    assert runs.listing() == []


def test_trials_are_told_from_their_runs_and_marks(key):
    sweep = sweeps.load(key)
    done, pruned, failed, waiting = (run.folder for run in sweep.group.runs)
    trained(done, 4, "done")
    trained(pruned, 2)
    trained(failed, 1, "failed")
    trial_marks.prune(sweep.folder, pruned.name, 2, 0.5)
    trial_marks.write(sweep.folder, done.name, trial_marks.Mark("d", 2, 2, 10.0, 2.0, "here"))
    found = sweeps.load(key)
    assert statuses(found) == ["done", "pruned", "failed", "waiting"]
    assert (found.core_seconds, found.trials[done.name].tries) == (20.0, 2)
    assert [run.folder for run in found.left] == [failed, waiting]


def test_a_failed_trial_waits_while_its_driver_has_tries_left(key):
    sweep = sweeps.load(key)
    first = sweep.group.runs[0]
    trained(first.folder, 1, "failed")
    group = experiments.load(key)
    for here, wanted in ((1, "waiting"), (3, "failed")):
        trial_marks.write(sweep.folder, first.id, trial_marks.Mark("d", 5, here))
        found = sweep_folder.trials(sweep.folder, group, 3, True, "d")
        assert found[first.id].status == wanted
    assert sweep_folder.trials(sweep.folder, group, 3, True, "next")[first.id].status == "waiting"


@pytest.mark.parametrize(
    ("state", "locked", "wanted"),
    [
        (None, False, "stopped"),
        ("running", True, "running"),
        ("queued", True, "queued"),
        ("running", False, "lost"),
        ("done", False, "done"),
        ("failed", False, "failed"),
    ],
)
def test_a_sweeps_status_is_that_of_its_driver(key, state, locked, wanted):
    folder = sweeps.root() / key
    if state:
        error = {"message": "Because of {why}.", "params": {"why": "rain"}}
        told = {"status": state, "time": time.time(), "beat": 3, "error": error}
        files.write_json(folder / "state.json", told)
    with FileLock(folder / "lock") if locked else open(os.devnull):
        found = sweeps.load(key)
    assert (found.status, found.is_active) == (wanted, locked)
    assert bool(found.error) == (wanted == "failed")


def test_a_start_asks_for_a_driver_once(key, spawned):
    (sweeps.root() / key / "stop").touch()
    sweeps.start(key, "127.0.0.1:6379", at_once=3)
    assert spawned[0] == ["-m", "catdog_core.cluster.driver", key]
    found = sweeps.load(key)
    assert (found.status, found.address, found.at_once) == ("queued", "127.0.0.1:6379", 3)
    assert not (found.folder / "stop").exists()
    with pytest.raises(RunError, match="running already"):
        sweeps.start(key)
    sweeps.stop(key)
    assert (found.folder / "stop").exists()


def test_without_ray_a_start_says_what_to_install(key, monkeypatch):
    monkeypatch.setattr(ray_here, "is_installed", lambda: False)
    with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
        sweeps.start(key)
    assert sweeps.load(key).status == "stopped"


def test_nothing_is_started_when_nothing_is_left(key, spawned):
    for run in sweeps.load(key).group.runs:
        trained(run.folder, 4, "done")
    with pytest.raises(RunError, match="nothing left to train"):
        sweeps.start(key)
    assert spawned == []


def test_what_was_pruned_is_not_trained_as_an_experiment_either(key):
    sweep = sweeps.load(key)
    first, *rest = sweep.group.runs
    trained(first.folder, 2)
    trial_marks.prune(sweep.folder, first.id, 2, 0.5)
    assert [run.id for run in experiments.load(key).waiting] == [run.id for run in rest]


def test_a_driven_experiment_is_stopped_by_its_driver_and_not_deleted(key):
    with FileLock(sweeps.root() / key / "lock"):
        assert experiments.load(key).status == "running"
        for refused in (experiments.start, experiments.remove):
            with pytest.raises(RunError, match="is running"):
                refused(key)
        experiments.stop(key)
        assert (sweeps.root() / key / "stop").exists()


def test_a_sweep_whose_runs_are_in_the_trash_is_not_listed(key):
    experiments.remove(key)
    assert sweeps.listing() == []


def test_an_experiment_of_another_kind_can_be_trained_on_a_cluster(dataset):
    twin = experiments.create(experiments.twin(dataset, SMALL, Augmentation()), "two")
    assert sweeps.of_experiment(twin, "auto") == twin
    sweep = sweeps.load(twin)
    assert (sweep.grid, sweep.address, sweep.name, len(sweep.left)) == (None, "auto", "two", 2)


def test_damaged_files_of_a_sweep_lose_no_runs(key):
    folder = sweeps.root() / key
    (folder / "state.json").write_text("{")
    (folder / "about.json").write_text("[]")
    (folder / "trials").mkdir()
    for run in sweeps.load(key).group.runs:
        (folder / "trials" / f"{run.id}.json").write_text('{"tries": "x", "seconds": -1}')
    assert statuses(sweeps.load(key)) == ["waiting"] * 4
    (folder / "sweep.json").write_text('{"format": 99}')
    with pytest.raises(Exception, match="newer program"):
        sweeps.load(key)


def test_the_rest_is_told_from_the_epochs_so_far(key):
    assert progress.rest(sweeps.load(key), 1) is None
    first, second, *_ = sweeps.load(key).group.runs
    trained(first.folder, 4, "done")
    trained(second.folder, 1)
    assert progress.rest(sweeps.load(key), 1) == (3 + 4 + 4) * 2.0
    assert progress.rest(sweeps.load(key), 2) == (3 + 4 + 4) * 2.0 / 2
    assert progress.rest(sweeps.load(key), 9) == 4 * 2.0  # not less than the longest run


def test_a_run_knows_whether_the_driver_of_its_sweep_lives(key, monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def later(seconds):
        clock[0] += seconds

    patron = Patron(key)
    assert not patron.is_there()
    files.write_json(sweeps.root() / key / "state.json", {"beat": 7})
    later(2)
    assert patron.is_there()  # on another machine, whose locks are not seen: its beat grows
    later(status.SILENCE + 2)
    assert patron.is_gone()
    assert "driver of this run's sweep has ended" in capsys.readouterr().err
    monkeypatch.setattr(status, "is_locked", lambda path: path.name == "lock")
    later(2)
    assert patron.is_there()
    assert not Patron("").is_there()
    assert not Patron("../elsewhere").is_there()


class Impatient:
    """A state that wants to stop after a few looks."""

    patron = None

    def __init__(self):
        self.looks, self.values = 0, {"queued": time.time()}

    @property
    def stop_wanted(self):
        self.looks += 1
        return self.looks > 3

    def update(self, **values):
        self.values |= values


@pytest.mark.parametrize("count_ahead", [None, lambda: 0, lambda: 2], ids=["sweep", "run", "later"])
def test_who_finds_training_locked_waits_and_can_be_stopped(workspace, count_ahead):
    (runs.root()).mkdir(parents=True, exist_ok=True)
    state = Impatient()
    waiting = turn.training_lock(state, count_ahead)
    with FileLock(runs.root() / "active.lock"), pytest.raises(turn.Stopped), waiting:
        pass
    assert state.looks == 4
    assert state.values["ahead"] >= 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep"], "needs a folder of photos and a grid"),
        (["sweep", "--resume", "x", "--epochs", "3"], "--resume goes on with a sweep as it was"),
        (["sweep", "--resume", "none"], "There is no sweep 'none'"),
        (["sweep-stop", "none"], "There is no sweep 'none'"),
        (["sweep", "photos", "--grid", "missing.json"], "missing.json does not exist"),
    ],
)
def test_the_command_refuses_in_one_line(workspace, spawned, capsys, words, told):
    status, out, err = fakes.shell(capsys, *words)
    assert (status, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1


def test_an_experiment_for_a_cluster_without_ray_makes_no_runs(
    workspace, demo, monkeypatch, capsys
):
    monkeypatch.setattr(ray_here, "is_installed", lambda: False)
    status, _, err = fakes.shell(capsys, "experiment", "twin", demo, "--address", "local")
    assert status == 1
    assert "Ray is not installed" in err
    assert runs.listing() == []


def test_the_command_lists_sweeps(key, capsys):
    assert (
        fakes.shell(capsys, "sweeps")[1]
        == f"{key}  stopped  0/4 trials ended  0 core-seconds  mine\n"
    )


def test_an_address_where_nobody_listens_leaves_no_runs_behind(
    capsys, dataset, demo, spawned, tmp_path
):
    grid = tmp_path / "grid.json"
    grid.write_text('{"settings": {"learning_rate": [0.1, 0.01]}}')
    with socket.socket() as bound:  # a port that is taken, and not listened on
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        status, _, err = fakes.shell(
            capsys, "sweep", str(demo), "--grid", str(grid), "--address", address
        )
    assert status == 1 and "No Ray cluster answers" in err
    assert runs.listing() == []
