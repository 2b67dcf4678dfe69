"""What a sweep has Ray do, as far as it can be told without starting one."""

import time
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="sweeps are an option: pip install -r requirements-cluster.txt")

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.errors import ClusterError
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.runs import failure_messages
from catdog_core.tuning import grid, groups, plans, trials
from catdog_core.tuning.trials import EPOCH, SCORE, ResumableASHAScheduler

SMALL = Training(epochs=8, batch_size=8, image_size=32)
GRID = grid.parse_grid({"settings": {"seed": [1, 2, 3]}, "asha": {"grace": 2, "reduction": 2}})


@pytest.fixture
def sweep(workspace, demo):
    plan = plans.plan_sweep(datasets.open_folder(demo), GRID, SMALL, None)
    return groups.load_group(groups.create_group(plan, "mine", groups.Cluster()))


@pytest.fixture
def trial(sweep, monkeypatch):
    """A trial of the first run whose worker would be started."""
    started = []
    monkeypatch.setattr(runs, "start_run", lambda folder: started.append(folder.name))
    run_trial = trials.RunTrial.__new__(trials.RunTrial)
    first = sweep.runs[0]
    config = {
        "run": first.id,
        "runs": str(runs.runs_folder()),
        "sweep": str(sweep.folder),
        "tries": 2,
    }
    config |= {
        "driver": "d",
        "cores": 2.0,
        "threads": None,
        "workspace": str(files.workspace_folder()),
    }
    run_trial.setup(config)
    run_trial.started_runs = started
    return run_trial


def left(folder, word, message=""):
    """A run as a worker left it."""
    error = {"message": message, "params": {}}
    files.write_json(folder / "state.json", {"status": word, "time": time.time(), "error": error})
    return runs.load_run(folder)


def told(trial_id, epoch, score, of=8):
    config = {"run": trial_id}
    result = {EPOCH: epoch, SCORE: score, "of": of}
    return SimpleNamespace(trial_id=trial_id, config=config), result


@pytest.mark.parametrize(
    ("total", "largest", "at_once", "wanted"),
    [
        (2, 2, None, (2.0, 1)),
        (1, 1, None, (1.0, 1)),
        (16, 8, None, (2.0, 8)),
        (2, 2, 4, (0.5, 4)),
        (16, 4, 2, (4.0, 2)),
        (7, 7, 2, (3.0, 2)),
    ],
)
def test_processors_are_shared_among_trials_of_one_machine_each(total, largest, at_once, wanted):
    assert trials.allocate_cores(total, largest, at_once) == wanted


def test_a_cluster_without_processors_is_told():
    nodes = [{"Alive": True, "Resources": {}}, {"Alive": False, "Resources": {"CPU": 4.0}}]
    with pytest.raises(ClusterError, match="no processors"):
        trials.count_cores(SimpleNamespace(nodes=lambda: nodes))


def test_who_ended_before_the_driver_started_counts_for_who_trains_now(sweep):
    past = sweep.runs[0]
    names = ("loss", "accuracy", "val_loss", "learning_rate", "seconds")
    for epoch in range(8):
        row = {"epoch": epoch, **dict.fromkeys(names, 0.5), "val_accuracy": 0.9}
        files.append_json_line(past.folder / "metrics.jsonl", row)
    judge = ResumableASHAScheduler(sweep.folder, GRID.asha, 8)
    judge.replay_ended([runs.load_run(past.folder)])
    worse, result = told("worse", 2, 0.6)
    judge.on_trial_add(None, worse)
    assert judge.on_trial_result(None, worse, result) == "STOP"
    better, result = told("better", 2, 0.95)
    judge.on_trial_add(None, better)
    assert judge.on_trial_result(None, better, result) == "CONTINUE"
    assert groups.load_group(sweep.id).pruned == {"worse"}


def test_who_reaches_its_last_epoch_is_not_pruned(sweep):
    judge = ResumableASHAScheduler(sweep.folder, GRID.asha, 8)
    last, result = told("last", 8, 0.1)
    judge.on_trial_add(None, last)
    judge.on_trial_result(None, last, result)
    assert groups.load_group(sweep.id).pruned == frozenset()


@pytest.mark.parametrize(
    ("monitor", "value", "score"),
    [("val_accuracy", 0.8, 0.8), ("val_loss", 0.3, -0.3), ("val_loss", None, trials.WORST_SCORE)],
)
def test_a_higher_score_is_a_better_one(monitor, value, score):
    training = SMALL.model_copy(update={"monitor": monitor})
    run = SimpleNamespace(training=training)
    assert trials.epoch_result(run, {"epoch": 2, monitor: value}) == {
        EPOCH: 3,
        SCORE: score,
        "of": 8,
    }


def test_a_trial_starts_its_run_and_tries_again_as_often_as_it_may(trial):
    assert trial._should_continue(runs.load_run(trial.folder))
    trial.started -= 100  # its worker never came to life
    assert trial._should_continue(left(trial.folder, "failed", failure_messages.UNEXPECTED_ERROR))
    trial.has_worker_run = True
    assert not trial._should_continue(
        left(trial.folder, "failed", failure_messages.UNEXPECTED_ERROR)
    )
    assert trial.started_runs == [trial.folder.name] * 2
    assert groups.read_trial_state(trial.group_folder, trial.folder.name).tries == 2


@pytest.mark.parametrize(
    ("word", "message"), [("failed", failure_messages.DIVERGED), ("stopped", ""), ("done", "")]
)
def test_a_trial_ends_with_a_run_that_diverged_was_stopped_or_is_done(trial, word, message):
    trial.started, trial.has_worker_run = time.monotonic(), True
    assert not trial._should_continue(left(trial.folder, word, message))
    assert trial.started_runs == []


def test_a_trial_ends_when_the_sweep_is_to_stop(trial):
    (trial.group_folder / "stop").touch()
    assert trial.step() == {"done": True}


def test_a_trial_tells_a_machine_that_does_not_see_the_run(sweep, tmp_path):
    with pytest.raises(ClusterError, match=r"can't see .*on a shared file system"):
        trials.check_path_visible(tmp_path / "elsewhere")
