"""Runs: a folder each, a process each. `test_schedules` stops and resumes one."""

import json

import psutil
import pytest
from faults.waiting import TINY_TRAINING
from filelock import FileLock
from timeouts import wait_until

from catdog_core import runs
from catdog_core.base import files, locks, subprocess_jobs, trash
from catdog_core.base.errors import CatDogError, RunError
from catdog_core.config import PIPELINE_VERSION, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.training import execution
from catdog_core.training.execution import execute_run

SMALL = Training(epochs=3, batch_size=9, image_size=32, steps_per_epoch=6, seed=3)


def test_a_new_run_keeps_every_setting_resolved(dataset):
    run = runs.load_run(runs.create_run(dataset, Training(), Augmentation(), name="first"))
    assert (run.training.steps_per_epoch, run.training.validation_steps) == (3, 2)
    assert (run.name, run.status, run.classes) == ("first", "stopped", ("cats", "dogs"))
    assert run.augmentation == Augmentation()
    stored = files.read_json(run.folder / "settings.json")
    assert stored["dataset"]["fingerprint"] == dataset.fingerprint
    assert {"python", "tensorflow", "keras"} <= set(stored["versions"])


@pytest.mark.parametrize(
    ("stored", "pipeline", "problem"),
    [
        (PIPELINE_VERSION, PIPELINE_VERSION, None),
        (None, 1, None),  # of an earlier version, which did not write it
        (1, 1, None),
        (PIPELINE_VERSION + 1, None, "from a newer version"),
        ("2", None, "incomplete"),
        (0, None, "incomplete"),
    ],
)
def test_a_run_keeps_the_pipeline_it_began_with(dataset, stored, pipeline, problem):
    folder = runs.create_run(dataset, SMALL, None)
    settings = files.read_json(folder / "settings.json")
    assert settings.pop("pipeline") == PIPELINE_VERSION
    if stored is not None:
        settings["pipeline"] = stored
    files.write_json(folder / "settings.json", settings)
    run = runs.load_run(folder)
    if problem:
        assert run.status == "damaged" and problem in str(run.problem)
    else:
        assert run.pipeline == pipeline


def test_a_folder_with_something_in_it_is_never_made_a_run(dataset, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="isn't empty"):
        runs.create_run(dataset, SMALL, None, folder=tmp_path / "mine")


@pytest.mark.slow
def test_a_run_in_its_own_process_is_stopped_at_the_next_batch(dataset):
    run = runs.create_run(dataset, TINY_TRAINING.model_copy(update={"epochs": 1000}), None)
    runs.start_run(run)
    wait_until(lambda: len(runs.load_run(run).epochs) >= 1)
    assert runs.load_run(run).status == "running"
    assert runs.read_batches(run)
    runs.stop_run(run)
    wait_until(lambda: runs.load_run(run).status == "stopped", 90)
    assert "Traceback" not in (run / "log.txt").read_text()


@pytest.mark.slow
@pytest.mark.long  # tests/faults/test_fault_workers.py kills one that loads no TensorFlow
def test_a_second_run_waits_its_turn_and_a_killed_one_is_lost_then_resumed(dataset):
    first = runs.create_run(dataset, SMALL.model_copy(update={"epochs": 400}), None)
    runs.start_run(first)
    wait_until(lambda: len(runs.load_run(first).epochs) >= 1)
    second = runs.create_run(dataset, SMALL, None)
    runs.start_run(second)
    wait_until(lambda: runs.load_run(second).runs_ahead == 1)
    assert runs.load_run(second).status == "queued"

    psutil.Process(runs.load_run(first).state["pid"]).kill()
    wait_until(lambda: runs.load_run(first).status == "lost", 90)
    wait_until(lambda: runs.load_run(second).status == "done")
    epoch_count = len(runs.load_run(first).epochs)
    runs.start_run(first)
    wait_until(lambda: len(runs.load_run(first).epochs) > epoch_count)
    runs.stop_run(first)
    wait_until(lambda: runs.load_run(first).status == "stopped", 90)


@pytest.mark.slow
def test_early_stopping_ends_the_run_so_many_epochs_after_its_best(dataset, monkeypatch):
    from catdog_core.training import callbacks

    # Whether a later epoch of a real training is better is chance; here the second one stays best.
    best = lambda epochs, monitor: min(1, len(epochs) - 1)  # noqa: E731
    monkeypatch.setattr(callbacks.runs, "best_epoch", best)
    run = runs.create_run(
        dataset, TINY_TRAINING.model_copy(update={"epochs": 30, "early_stopping": 2}), None
    )
    execute_run(run)
    loaded_run = runs.load_run(run)
    assert loaded_run.status == "done"
    assert [row["epoch"] for row in loaded_run.epochs] == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_diverging_training_fails_with_its_remedy(dataset):
    training = TINY_TRAINING.model_copy(update={"epochs": 60, "steps_per_epoch": 40})
    run = runs.create_run(dataset, training, None)
    with pytest.MonkeyPatch.context() as patch:
        from catdog_core.training import callbacks

        def infinite(self, batch, logs=None, real=callbacks.ProgressLogger.on_train_batch_end):
            real(self, batch, {**logs, "loss": float("inf")} if batch == 3 else logs)

        patch.setattr(callbacks.ProgressLogger, "on_train_batch_end", infinite)
        with pytest.raises(RunError, match="diverged"):
            execute_run(run)
    loaded_run = runs.load_run(run)
    assert loaded_run.status == "failed"
    assert "lower learning rate" in loaded_run.state["error"]["message"]


def test_changed_photos_are_noticed_before_training(dataset, monkeypatch):
    run = runs.create_run(dataset, SMALL, None)
    record = datasets.datasets_folder() / dataset.id / "dataset.json"
    stored = json.loads(record.read_text())
    record.write_text(json.dumps({**stored, "fingerprint": "another"}))
    with pytest.raises(CatDogError, match="have changed"):
        execute_run(run)
    assert runs.load_run(run).status == "failed"


def test_a_run_that_ended_lets_go_of_its_lock_at_once(dataset):
    run = runs.create_run(dataset, SMALL, None)
    record = datasets.datasets_folder() / dataset.id / "dataset.json"
    files.write_json(record, {**files.read_json(record), "fingerprint": "another"})
    with pytest.raises(CatDogError) as caught:  # its traceback keeps the lock object alive
        execute_run(run)
    assert not locks.is_locked(run / "lock")
    assert "have changed" in str(caught.value)


def test_a_damaged_run_is_listed_beside_the_others(dataset):
    good = runs.create_run(dataset, SMALL, None)
    bad = runs.create_run(dataset, SMALL, None)
    (bad / "settings.json").write_text("{")
    statuses = {run.id: run.status for run in runs.list_runs()}
    assert statuses == {good.name: "stopped", bad.name: "damaged"}
    with pytest.raises(RunError, match="damaged"):
        runs.start_run(bad)


def test_the_last_line_of_an_epoch_counts(dataset):
    run = runs.create_run(dataset, SMALL, None)
    for epoch, accuracy in ((0, 0.5), (1, 0.6), (1, 0.7)):
        row = {"epoch": epoch, "val_accuracy": accuracy, "val_loss": 0.6, "seconds": 1}
        files.append_json_line(run / "metrics.jsonl", row)
    loaded_run = runs.load_run(run)
    assert [row["val_accuracy"] for row in loaded_run.epochs] == [0.5, 0.7]
    assert (loaded_run.best_epoch, loaded_run.duration) == (1, 2)


def test_the_best_epoch_is_the_earliest_of_equals_with_the_lower_loss():
    rows = [
        {"epoch": 0, "val_accuracy": 0.7, "val_loss": 0.5},
        {"epoch": 1, "val_accuracy": 0.8, "val_loss": 0.6},
        {"epoch": 2, "val_accuracy": 0.8, "val_loss": 0.55},
        {"epoch": 3, "val_accuracy": 0.8, "val_loss": 0.55},
    ]
    assert runs.best_epoch(rows, "val_accuracy") == 2
    assert runs.best_epoch(rows, "val_loss") == 0
    assert runs.best_epoch([], "val_loss") is None


def test_names_notes_and_trash(dataset):
    run = runs.create_run(dataset, SMALL, None)
    runs.rename_run(run, "  <b>Mimi</b> ")
    runs.set_note(run, "with more light")
    assert (runs.load_run(run).name, runs.load_run(run).note) == ("<b>Mimi</b>", "with more light")
    key = runs.remove_run(run)
    assert not run.exists()
    assert [(entry.id, entry.name) for entry in trash.list_trash()] == [(key, "<b>Mimi</b>")]
    with pytest.raises(RunError, match="no run"):
        runs.load_run(run)


def test_a_run_that_works_cannot_be_deleted_or_started_again(dataset, monkeypatch):
    run = runs.create_run(dataset, SMALL, None)
    files.write_json(run / "state.json", {"status": "running", "beat": 1, "time": 1.0})
    monkeypatch.setattr(locks, "is_locked", lambda path: True)
    for action in (runs.remove_run, runs.start_run):
        with pytest.raises(RunError, match="running"):
            action(run)


def test_a_run_that_another_process_trains_is_told_to_be_busy(dataset, monkeypatch):
    monkeypatch.setattr(execution, "_LOCK_TIMEOUT", 0)
    run = runs.create_run(dataset, SMALL, None)
    with (
        FileLock(run / "lock"),
        pytest.raises(RunError, match="Another process is already training run"),
    ):
        execute_run(run)


def test_only_a_running_run_can_be_stopped(dataset):
    run = runs.create_run(dataset, SMALL, None)
    with pytest.raises(RunError, match="nothing to stop"):
        runs.stop_run(run)
    assert not (run / "stop").exists()


def test_a_stop_wished_while_the_worker_wakes_up_is_kept(dataset, monkeypatch):
    run = runs.create_run(dataset, SMALL, None)
    monkeypatch.setattr(subprocess_jobs.subprocess, "Popen", lambda *_, **__: psutil.Process())
    monkeypatch.setattr(psutil.Process, "nice", lambda *_: None)
    runs.start_run(run)  # asked for; its process is still on the way
    runs.stop_run(run)
    subprocess_jobs._detached.clear()
    execute_run(run)
    assert runs.load_run(run).status == "stopped"
    assert runs.load_run(run).epochs == []


@pytest.mark.slow
def test_a_stop_left_over_from_a_killed_worker_stops_no_new_one(dataset):
    run = runs.create_run(dataset, TINY_TRAINING, None)
    (run / "stop").touch()
    execute_run(run)
    assert runs.load_run(run).status == "done"


def test_a_damaged_resume_point_is_told_and_left_as_it_is(dataset):
    run = runs.create_run(dataset, SMALL, None)
    (run / "backup.keras").write_bytes(b"PK\x03\x04 half a model")
    with pytest.raises(CatDogError, match=r"backup\.keras is damaged"):
        execute_run(run)
    assert runs.load_run(run).status == "damaged"
    assert (run / "backup.keras").is_file()
