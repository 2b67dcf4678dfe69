"""What a run's models do on clean photos: measured at its end or later, stored, and compared."""

import json
import re
from dataclasses import asdict, replace

import fakes
import numpy as np
import pytest
from faults.waiting import TINY_TRAINING
from filelock import FileLock

from catdog_core import runs
from catdog_core.analysis import accuracy_gap, group_comparison, histories
from catdog_core.base import files
from catdog_core.base.errors import CatDogError, RunError
from catdog_core.config import Augmentation
from catdog_core.runs import final_evaluation
from catdog_core.runs.final_evaluation import EpochEvaluation, FinalEvaluation
from catdog_core.training import end_of_run
from catdog_core.training.execution import execute_run

BEST = EpochEvaluation(1, accuracy=0.9, loss=0.3, n=200, val_accuracy=0.7, val_loss=0.61)
LAST = EpochEvaluation(2, accuracy=0.95, loss=0.2, n=200, val_accuracy=0.66, val_loss=0.66)
EVALUATION = FinalEvaluation(epochs=3, best=BEST, last=LAST, confusion=((44, 6), (24, 26)))
IMBALANCED = FinalEvaluation(epochs=3, best=BEST, last=None, confusion=((475, 0), (25, 0)))


def make_evaluated_run(name="first", evaluation=EVALUATION, **options):
    folder = fakes.make_run(name, **options)
    final_evaluation.write_final_evaluation(folder, evaluation)
    return folder


def test_a_stored_evaluation_is_read_as_it_was(workspace):
    assert runs.load_run(make_evaluated_run()).final_evaluation == EVALUATION


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"epochs": 4},  # the run has trained more, or less
        {"best": {**asdict(BEST), "epoch": 0}},
        {"last": {**asdict(LAST), "epoch": 1}},
        {"best": {**asdict(BEST), "accuracy": 1.5}},
        {"best": {**asdict(BEST), "loss": float("nan")}},
        {"best": {**asdict(BEST), "n": "many"}},
        {"best": None},
        {"confusion": [[1, 2]]},
        {"confusion": [[0, 0], [0, 0]]},
        {"confusion": [[1, -2], [0, 3]]},
        {"confusion": [[1, 2, 0], [0, 1, 0], [0, 0, 1]]},  # of more classes than the run has
        {"confusion": 5},
    ],
)
def test_one_that_is_damaged_newer_or_of_other_epochs_counts_as_missing(workspace, change):
    folder = make_evaluated_run()
    path = folder / final_evaluation.FILE_NAME
    path.write_text(json.dumps({**files.read_json(path), **change}))
    run = runs.load_run(folder)
    assert run.final_evaluation is None and run.status == "done"


@pytest.mark.parametrize("content", ["", "[]", "{", "7", '{"format": 1}', "[" * 2000])
def test_a_file_with_anything_in_it_is_no_error(workspace, content):
    folder = fakes.make_run()
    (folder / final_evaluation.FILE_NAME).write_text(content)
    assert runs.load_run(folder).final_evaluation is None


def test_recall_and_guessing_follow_from_the_confusion_matrix():
    assert IMBALANCED.class_counts == (475, 25) and IMBALANCED.recalls == (1.0, 0.0)
    assert IMBALANCED.balanced_accuracy == 0.5 and IMBALANCED.majority_share == 0.95
    absent = replace(EVALUATION, confusion=((3, 1, 0), (0, 4, 0), (0, 0, 0)))
    assert absent.recalls == (0.75, 1.0, None) and absent.balanced_accuracy == 0.875
    assert BEST.gap == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("counts", "share", "loss"),
    [((50, 50), 0.5, np.log(2)), ((475, 25), 0.95, 0.1985), ((10, 10, 10, 10), 0.25, np.log(4))],
)
def test_guessing_is_the_share_of_the_largest_class(counts, share, loss):
    assert final_evaluation.majority_share(counts) == share
    assert final_evaluation.prior_loss(counts) == pytest.approx(loss, abs=1e-3)


def test_a_run_knows_its_validation_photos_by_class_before_it_has_trained(dataset):
    run = runs.load_run(runs.create_run(dataset, TINY_TRAINING, None))
    assert run.validation_counts == tuple(dataset.counts()["validation"].values())


def test_runs_of_earlier_versions_guess_all_classes_alike(workspace):
    folder = fakes.make_run()
    settings = files.read_json(folder / "settings.json")
    del settings["dataset"]["validation_counts"]
    files.write_json(folder / "settings.json", settings)
    run = runs.load_run(folder)
    assert (run.validation_counts, run.guess_accuracy) == ((), 0.5)
    final_evaluation.write_final_evaluation(folder, replace(IMBALANCED, last=LAST))
    assert runs.load_run(folder).guess_accuracy == 0.95


def test_the_sample_is_fixed_by_the_seed_and_bounded():
    rows = end_of_run.draw_sample(2500, seed=3)
    assert len(rows) == len(set(rows.tolist())) == final_evaluation.SAMPLE_SIZE
    assert rows.max() < 2500 and np.array_equal(rows, np.sort(rows))
    assert np.array_equal(rows, end_of_run.draw_sample(2500, seed=3))
    assert not np.array_equal(rows, end_of_run.draw_sample(2500, seed=4))
    assert end_of_run.draw_sample(48, seed=3).tolist() == list(range(48))


# ---- Measured ------------------------------------------------------------------------------------


TRANSFER = {"model": "transfer", "image_size": 32, "looks": 1}
FINE_TUNED = {**TRANSFER, "unfreeze": 1, "unfreeze_epochs": 1}


def predicted_right(model, dataset, split):
    """The share of a split that a model file gets right, photo by photo as a page predicts them."""
    from catdog_core.analysis import evaluate

    return evaluate.evaluate(model, dataset, split).accuracy


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"weight_averaging": 0.5, "label_smoothing": 0.1}, id="averaged"),
        pytest.param({}, id="plain", marks=pytest.mark.long),
        pytest.param(TRANSFER, id="head", marks=pytest.mark.long),
        pytest.param(FINE_TUNED, id="fine-tuned", marks=pytest.mark.long),
    ],
)
def test_the_end_of_a_training_measures_both_models_as_validation_does(dataset, settings):
    training = TINY_TRAINING.model_copy(update={"learning_rate": 3e-3, **settings})
    folder = runs.create_run(dataset, training, Augmentation(rotation_range=60))
    phases = []
    execute_run(folder, lambda state: phases.append(state.get("phase")))
    run = runs.load_run(folder)
    found = run.final_evaluation
    assert run.status == "done" and "evaluation" in phases and found is not None
    rows = {row["epoch"]: row for row in run.epochs}
    for one in (found.best, found.last):
        assert one.n == 48
        assert one.val_accuracy == pytest.approx(rows[one.epoch]["val_accuracy"], abs=1e-6)
        assert one.val_loss == pytest.approx(rows[one.epoch]["val_loss"], abs=1e-4)
    assert (found.best.epoch, found.last.epoch) == (run.best_epoch, 2)
    assert found.best.accuracy == predicted_right(folder / "best.keras", dataset, "train")
    correct = sum(row[number] for number, row in enumerate(found.confusion))
    assert correct / found.validation_photos == pytest.approx(found.best.val_accuracy)
    assert found.class_counts == run.validation_counts == (12, 12)


@pytest.mark.slow
def test_what_is_measured_later_is_what_the_end_measured_and_nothing_else_changes(dataset):
    folder = runs.create_run(dataset, TINY_TRAINING, Augmentation())
    execute_run(folder)
    at_the_end = runs.load_run(folder).final_evaluation
    (folder / final_evaluation.FILE_NAME).unlink()

    def other_files():
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in paths if path.name != "final_evaluation.json"}

    before = other_files()
    told = []
    later = end_of_run.evaluate_earlier_run(folder, lambda *counts: told.append(counts))
    assert later == at_the_end == runs.load_run(folder).final_evaluation
    assert other_files() == before and told[-1][0] == told[-1][1] >= 72


@pytest.mark.slow
def test_a_stopped_run_is_evaluated_and_a_resumed_one_anew(dataset):
    folder = runs.create_run(dataset, TINY_TRAINING, None)

    def stop_in_third_epoch(state):
        if (state.get("phase"), state.get("epoch"), state.get("batch")) == ("train", 2, 1):
            (folder / "stop").touch()

    execute_run(folder, stop_in_third_epoch)
    stopped = runs.load_run(folder)
    assert (stopped.status, stopped.can_resume, len(stopped.epochs)) == ("stopped", True, 2)
    assert stopped.final_evaluation.last.epoch == 1 and not (folder / "stop").exists()

    execute_run(folder)
    assert runs.load_run(folder).final_evaluation.last.epoch == 2


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["stop", "error"])
def test_a_training_is_done_though_its_evaluation_is_not(dataset, monkeypatch, capsys, problem):
    folder = runs.create_run(dataset, TINY_TRAINING, None)

    def stop_in_evaluation(state):
        if state.get("phase") == "evaluation" and state.get("packed"):
            (folder / "stop").touch()

    if problem == "error":
        monkeypatch.setattr(
            end_of_run, "evaluate_run", lambda *_: (_ for _ in ()).throw(MemoryError("no room"))
        )
    execute_run(folder, stop_in_evaluation if problem == "stop" else None)
    run = runs.load_run(folder)
    assert (run.status, run.can_resume, run.final_evaluation) == ("done", False, None)
    assert not (folder / "stop").exists()
    assert ("no room" in capsys.readouterr().err) == (problem == "error")


@pytest.mark.parametrize(("ending", "can_resume"), [("done", False), ("stopped", True)])
def test_a_worker_that_dies_while_it_evaluates_leaves_a_run_that_has_ended(
    workspace, ending, can_resume
):
    state = {"phase": "evaluation", "ending": ending}
    folder = fakes.make_run(status="running", state=state)
    (folder / "crash.txt").write_text("Fatal Python error: Segmentation fault")
    run = runs.load_run(folder)
    assert (run.status, run.can_resume, run.state.get("error")) == (ending, can_resume, None)
    with FileLock(folder / "lock"):  # while it still lives
        assert runs.load_run(folder).status == "running"
    if ending == "done":
        with pytest.raises(RunError, match="finished all its epochs"):
            runs.check_not_finished(run)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fakes.make_run(epochs=0), "no model to evaluate"),
        (lambda: fakes.make_run(), "no model to evaluate"),
    ],
    ids=["no epoch", "no model"],
)
def test_a_run_without_a_model_is_refused(workspace, make, words):
    with pytest.raises(RunError, match=words):
        end_of_run.evaluate_earlier_run(make(), lambda *_: None)


def test_a_run_that_trains_is_refused(workspace):
    folder = fakes.make_run(status="running")
    fakes.add_fake_model(folder)
    with FileLock(folder / "lock"), pytest.raises(RunError, match="Wait until it finishes"):
        end_of_run.evaluate_earlier_run(folder, lambda *_: None)


def test_a_run_whose_photos_have_changed_is_refused(dataset):
    folder = fakes.make_run()
    fakes.add_fake_model(folder)
    settings = files.read_json(folder / "settings.json")
    settings["dataset"] |= {"id": dataset.id, "fingerprint": "of other photos"}
    files.write_json(folder / "settings.json", settings)
    with pytest.raises(RunError, match="have changed since"):
        end_of_run.evaluate_earlier_run(folder, lambda *_: None)


def test_a_run_whose_photos_are_gone_is_refused(workspace):
    folder = fakes.make_run()
    fakes.add_fake_model(folder)
    with pytest.raises(CatDogError, match="no dataset"):
        end_of_run.evaluate_earlier_run(folder, lambda *_: None)


# ---- Compared and shown --------------------------------------------------------------------------


def test_a_gap_says_which_it_is(workspace):
    plain, evaluated = (runs.load_run(f()) for f in (fakes.make_run, make_evaluated_run))
    gap = accuracy_gap.measure_gap(evaluated)
    assert (gap.kind, gap.epoch, gap.value) == ("clean", 2, pytest.approx(0.29))
    assert accuracy_gap.measure_gap(evaluated, "curves").value == pytest.approx(0.17)
    assert accuracy_gap.measure_gap(plain).kind == "curves"
    assert accuracy_gap.shared_kind([evaluated, evaluated]) == "clean"
    assert accuracy_gap.shared_kind([evaluated, plain]) == "curves"
    untrained = runs.load_run(fakes.make_run("new", epochs=0, status=None))
    assert accuracy_gap.shared_kind([evaluated, untrained]) == "clean"
    assert accuracy_gap.shared_kind([untrained]) == "curves"
    no_last = runs.load_run(make_evaluated_run("bundle", replace(EVALUATION, last=None)))
    assert accuracy_gap.measure_gap(no_last).kind == "curves"


def twin(name, gap, epochs=6):
    folder = fakes.make_run(name, epochs=epochs)
    last = replace(LAST, epoch=epochs - 1, accuracy=0.66 + gap)
    final_evaluation.write_final_evaluation(
        folder, replace(EVALUATION, epochs=epochs, best=BEST, last=last)
    )
    return folder


def test_twins_compare_the_gap_on_clean_photos_where_both_have_it(workspace):
    plain, augmented = twin("plain", 0.3), twin("augmented", 0.02)
    pair = [runs.load_run(folder) for folder in (plain, augmented)]
    gap, _ = group_comparison.compare_pair(*pair)
    assert gap.id == "gap_closed" and "on clean training photos" in str(gap)
    assert "30.0 percentage points without it and 2.0 with it" in str(gap)

    (augmented / final_evaluation.FILE_NAME).unlink()
    gap, _ = group_comparison.compare_pair(*(runs.load_run(run) for run in (plain, augmented)))
    assert gap.id == "gap" and "gap of the curves" in str(gap)


def test_twins_of_unequal_length_compare_their_curves(workspace):
    pair = [runs.load_run(twin(name, 0.3, epochs)) for name, epochs in (("a", 6), ("b", 9))]
    assert "gap of the curves" in str(group_comparison.compare_pair(*pair)[0])


def test_sizes_compare_one_kind_of_gap(workspace):
    folders = [twin("few", 0.3), twin("many", 0.1)]
    for folder, count in zip(folders, (100, 200), strict=True):
        settings = files.read_json(folder / "settings.json")
        settings["dataset"]["train"] = count
        files.write_json(folder / "settings.json", settings)
    ((line, gap),) = group_comparison.compare_gaps_by_size([runs.load_run(f) for f in folders])
    assert line == ("notes", False)
    assert "on clean training photos went from 30.0 to 10.0" in str(gap)
    (folders[0] / final_evaluation.FILE_NAME).unlink()
    ((_, gap),) = group_comparison.compare_gaps_by_size([runs.load_run(f) for f in folders])
    assert "gap of the curves went from 17.0 to 17.0" in str(gap)


def test_many_classes_are_named_by_their_lowest_recall(workspace):
    classes = [f"pet {n:02}" for n in range(30)]
    counts = np.diag(np.full(30, 10)) + np.diag(np.arange(29), 1)
    folder = fakes.make_run()
    settings = files.read_json(folder / "settings.json")
    files.write_json(folder / "settings.json", {**settings, "classes": classes})
    evaluation = replace(EVALUATION, confusion=tuple(map(tuple, counts.tolist())))
    final_evaluation.write_final_evaluation(folder, evaluation)
    by_id = {
        remark.id: str(remark)
        for remark in accuracy_gap.describe_final_evaluation(runs.load_run(folder))
    }
    assert "lowest recalls" in by_id["recall"] and "pet 28 26.3% (38)" in by_id["recall"]
    assert "pet 00" not in by_id["recall"] and "pet 28 would be right" in by_id["majority"]


@pytest.mark.parametrize(
    ("confusion", "counts", "recalls"),
    [
        (IMBALANCED.confusion, (475, 25), (1.0, 0.0)),
        (((0, 0), (3, 9)), None, (1.0, 0.75)),  # one class alone: guessing can't be beaten
    ],
)
def test_a_verdict_knows_the_classes(workspace, confusion, counts, recalls):
    folder = make_evaluated_run(evaluation=replace(EVALUATION, confusion=confusion))
    facts = histories.build_run_context(runs.load_run(folder))
    assert (facts.class_counts, facts.recalls) == (counts, recalls)
    histories.diagnose_run(runs.load_run(folder))


def test_a_class_that_is_never_found_is_no_healthy_training(workspace):
    folder = fakes.make_run(epochs=0)
    for epoch in range(12):
        row = {"epoch": epoch, "loss": 0.25 - 0.004 * epoch, "accuracy": 0.951}
        row |= {"val_loss": 0.24 - 0.003 * epoch, "val_accuracy": 0.95, "seconds": 1.0}
        files.append_json_line(folder / "metrics.jsonl", row)
    best = runs.load_run(folder).best_epoch
    ends = {"best": replace(BEST, epoch=best), "last": replace(LAST, epoch=11)}
    found = replace(IMBALANCED, epochs=12, **ends)
    final_evaluation.write_final_evaluation(folder, found)
    verdict = histories.diagnose_run(runs.load_run(folder))
    assert verdict.kind == "missed_class" and "dogs" in str(verdict)


def test_commands_print_and_report_it(workspace, capsys):
    folder = make_evaluated_run()
    status, out, _ = fakes.run_cli(capsys, "diagnose", folder, "--json")
    told = json.loads(out)["final_evaluation"]
    assert status == 0 and told["last"] == {**asdict(LAST), "epoch": 3, "gap": LAST.gap}
    assert (told["recall"], told["majority_share"]) == ([0.88, 0.52], 0.5)
    status, out, _ = fakes.run_cli(capsys, "diagnose", fakes.make_run("other"), "--json")
    assert status == 0 and json.loads(out)["final_evaluation"] is None


@pytest.mark.slow
def test_a_training_ends_with_it_and_an_earlier_run_gets_it_by_a_command(workspace, demo, capsys):
    folder = workspace / "mine"
    flags = ["--epochs", 1, "--image-size", 32, "--steps-per-epoch", 2, "--batch-size", 4]
    status, out, _ = fakes.run_cli(capsys, "train", demo, "--run", folder, *flags)
    assert status == 0 and "accuracy on 48 training photos" in out and "Recall on" in out
    (folder / final_evaluation.FILE_NAME).unlink()
    status, again, _ = fakes.run_cli(capsys, "measure-gap", folder)
    assert status == 0 and again.strip() in out
    status, told, _ = fakes.run_cli(capsys, "measure-gap", folder, "--json")
    assert status == 0 and json.loads(told)["best"]["n"] == 48
    assert fakes.failed_clearly(fakes.run_cli(capsys, "measure-gap", fakes.make_run("empty")))


def texts(app):
    return fakes.joined_text([*app.caption, *app.markdown])


def test_the_train_page_says_it_of_a_run(workspace):
    app = fakes.open_page("3_Train", run=make_evaluated_run().name)
    assert not app.exception
    tiles = fakes.joined_text(app.get("html"))
    assert re.search(r"Gap \(clean photos\)</div><div[^>]*>29\.0 points<", tiles)
    assert "has 90.0% accuracy on 200 training photos" in texts(app)
    assert "cats 88.0%" in texts(app) and "dogs 52.0%" in texts(app)
    assert not [button for button in app.button if "Measure" in button.label]


@pytest.mark.slow
@pytest.mark.usefixtures("jobs_in_process")
def test_a_page_measures_it_for_an_earlier_run(dataset):
    folder = runs.create_run(dataset, TINY_TRAINING, None)
    execute_run(folder)
    (folder / final_evaluation.FILE_NAME).unlink()
    for page, query in (("3_Train", "run"), ("4_Compare", "runs")):
        app = fakes.open_page(page, **{query: folder.name})
        buttons = [b for b in app.button if b.label == "Measure the gap on clean photos"]
        assert len(buttons) == 1 and not app.exception
    buttons[0].click().run()
    from evaluated_runs import wait_for_job

    from catdog_core.base import jobs

    assert wait_for_job(jobs.get_job(buttons[0].key)).status == "done"
    assert runs.load_run(folder).final_evaluation is not None


def test_the_compare_page_shows_one_kind_of_gap(workspace):
    make_evaluated_run("a")
    second = make_evaluated_run("b")
    app = fakes.open_page("4_Compare")
    assert list(app.dataframe[0].value["Gap"]) == ["29.0 points"] * 2
    assert "accuracy on clean training photos minus" in texts(app)
    (second / final_evaluation.FILE_NAME).unlink()
    app = fakes.open_page("4_Compare")
    assert list(app.dataframe[0].value["Gap"]) == ["17.0 points"] * 2
    assert "Gap of the curves" in texts(app)
