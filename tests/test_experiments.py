"""Experiments: groups of ordinary runs, started in turn, stopped together, told in words."""

import os
import time
from pathlib import Path

import fakes
import pytest

from catdog_core import datasets, files, runs
from catdog_core.errors import RunError
from catdog_core.outcomes import budget, contrast, experiments, histories
from catdog_core.settings import NO_AUGMENTATION, Augmentation, Training

SMALL = Training(epochs=2, batch_size=8, image_size=32, seed=3)
RECORDED = Path(__file__).parent / "histories"


@pytest.fixture
def dataset(workspace, demo):
    return datasets.open_folder(demo)


@pytest.fixture
def started(monkeypatch):
    """The folders of the runs that would have been started."""
    found = []
    monkeypatch.setattr(runs, "start", lambda folder, follow=False: found.append(folder.name))
    return found


def end(folder, status="done"):
    files.write_json(folder / "state.json", {"status": status, "time": time.time()})


def trained(folder, name):
    for row in histories.read_csv(RECORDED / f"{name}.csv"):
        files.append_line(folder / "metrics.jsonl", {**row, "seconds": 2.0})
    return runs.load(folder)


def test_a_twin_differs_in_augmentation_alone(dataset):
    group = experiments.load(
        experiments.create(experiments.twin(dataset, SMALL, Augmentation()), "first")
    )
    plain, augmented = group.runs
    assert plain.training == augmented.training
    assert plain.dataset_fingerprint == augmented.dataset_fingerprint
    assert (plain.augmentation, augmented.augmentation) == (None, Augmentation())
    assert (group.kind, group.name, group.status) == ("twin", "first", "stopped")


def test_a_twin_without_augmentation_is_refused(dataset):
    with pytest.raises(RunError, match="would be the same"):
        experiments.twin(dataset, SMALL, NO_AUGMENTATION)


def test_small_data_runs_change_their_weights_equally_often(dataset):
    plan = experiments.small_data(dataset, [SMALL], [16, 48], [None, Augmentation()])
    group = experiments.load(experiments.create(plan))
    assert [run.train_photos for run in group.runs] == [16, 16, 48, 48]
    assert {run.training.steps_per_epoch for run in group.runs} == {6}
    assert len({run.id for run in group.runs}) == 4


def test_small_data_runs_may_see_each_photo_equally_often_instead(dataset):
    plan = experiments.small_data(dataset, [SMALL], [16, 48], [None], "epochs")
    made = experiments.load(experiments.create(plan)).runs
    assert [run.training.steps_per_epoch for run in made] == [2, 6]


def test_a_smaller_choice_lies_within_the_larger(dataset):
    small, large = (
        {row[0] for row in dataset.subset(n, SMALL.seed).photos if row[2] == "train"}
        for n in (16, 48)
    )
    assert small < large


def test_sizes_are_what_the_data_can_give(dataset):
    assert experiments.sizes(dataset) == [48]
    with pytest.raises(RunError, match="at least two sizes"):
        experiments.small_data(dataset, [SMALL], [48], [None])


def test_runs_that_cannot_all_be_made_leave_none_behind(dataset, monkeypatch):
    plan = experiments.small_data(dataset, [SMALL], [16, 4800], [None])
    with pytest.raises(Exception, match="4800"):
        experiments.create(plan)
    assert runs.listing() == []


def test_an_experiment_starts_its_first_run_and_each_end_the_next(dataset, started):
    key = experiments.create(experiments.twin(dataset, SMALL, Augmentation()))
    plain, augmented = experiments.load(key).runs
    experiments.start(key)
    end(plain.folder)
    experiments.follow(plain.folder)
    end(augmented.folder)
    experiments.follow(augmented.folder)
    assert started == [plain.id, augmented.id]
    assert experiments.load(key).status == "done"


def test_a_failed_run_does_not_hold_the_others_up(dataset, started):
    key = experiments.create(experiments.twin(dataset, SMALL, Augmentation()))
    plain, augmented = experiments.load(key).runs
    end(plain.folder, "failed")
    experiments.follow(plain.folder)
    assert started == [augmented.id]


@pytest.mark.parametrize("by", ["run", "group"])
def test_after_a_stop_nothing_starts(dataset, started, by):
    key = experiments.create(experiments.twin(dataset, SMALL, Augmentation()))
    plain, _ = experiments.load(key).runs
    if by == "group":
        experiments.stop(key)
    end(plain.folder, "stopped" if by == "run" else "done")  # it may just have come to its end
    experiments.follow(plain.folder)
    assert started == []
    experiments.start(key)
    assert len(started) == 1


def test_an_experiment_at_its_end_has_nothing_left_to_start(dataset, started):
    key = experiments.create(experiments.twin(dataset, SMALL, Augmentation()))
    for run in experiments.load(key).runs:
        end(run.folder)
    with pytest.raises(RunError, match="nothing left"):
        experiments.start(key)


def test_an_unknown_experiment_is_told(workspace):
    with pytest.raises(RunError, match="no experiment 'x'"):
        experiments.load("x")


def test_a_damaged_mark_of_a_group_makes_a_run_an_ordinary_one(workspace):
    folder = fakes.run()
    files.write_json(folder / "about.json", {"name": "a", "group": {"id": 3}})
    assert runs.load(folder).group == {}
    assert experiments.listing() == []


@pytest.mark.long
def test_a_started_experiment_trains_all_its_runs_in_processes_of_their_own(dataset):
    key = experiments.create(experiments.twin(dataset, SMALL, Augmentation()))
    experiments.start(key)
    limit = time.monotonic() + 200
    while experiments.load(key).status != "done":
        assert time.monotonic() < limit
        time.sleep(0.5)
    assert [len(run.epochs) for run in experiments.load(key).runs] == [2, 2]
    assert all(run.state["pid"] != os.getpid() for run in experiments.load(key).runs)


def test_the_notes_twins_differ_in_their_gap_and_not_in_accuracy(workspace):
    plain = trained(fakes.run("plain", epochs=0), "notes_plain_50")
    augmented = trained(
        fakes.run("augmented", epochs=0, augmentation=Augmentation()), "notes_augmented_50"
    )
    gap, level = contrast.twins(plain, augmented)
    assert gap.id == "gap_closed"
    assert "19.5 points at the end without it, 1.4 with it" in str(gap)
    assert "no difference can be told" in str(level)


def test_twins_are_not_compared_before_both_have_five_epochs(workspace):
    plain, other = (runs.load(fakes.run(str(n), epochs=n)) for n in (9, 4))
    assert [said.id for said in contrast.twins(plain, other)] == ["wait"]


def test_points_of_the_curve_have_wilson_intervals(workspace):
    point = contrast.points([runs.load(fakes.run())])[0]
    assert (point.photos, point.line, point.accuracy) == (200, ("notes", False), 0.70)
    assert (round(point.low, 3), round(point.high, 3)) == (0.604, 0.781)  # 70 of 100


def test_lines_are_compared_where_both_are_done(workspace):
    found = contrast.points([runs.load(fakes.run()), runs.load(fakes.run(model="notes-deep"))])
    (said,) = [str(said) for _, _, said in contrast.ahead(found)]
    assert said.startswith("notes-deep, plain against notes, plain at 200 photos: +0.0")


def test_the_time_an_experiment_takes_follows_from_earlier_runs(dataset):
    plan = experiments.twin(dataset, SMALL, Augmentation())
    assert budget.seconds(plan, []) is None
    known = [runs.load(fakes.run(image_size=32, batch_size=8))]  # 2.5 s for 200 and 100 photos
    epoch = 2.5 * (48 + 24 / 3) / (200 + 100 / 3)
    assert budget.seconds(plan, known) == pytest.approx(2 * (budget.START + 2 * epoch), rel=0.01)


def test_the_command_names_a_flag_it_cannot_take(capsys, demo, workspace):
    status, _, err = fakes.shell(
        capsys, "experiment", "small-data", demo, "--sizes", "16,48", "--variants", "some"
    )
    assert status == 1
    assert "some" in err


@pytest.mark.slow
def test_the_command_trains_small_data_runs_and_tells_accuracy_against_data(
    capsys, demo, workspace
):
    options = ("--sizes=16,48", "--variants=plain", "--epochs=1", "--image-size=32")
    status, out, _ = fakes.shell(capsys, "experiment", "small-data", demo, *options)
    assert status == 0
    assert "notes, plain, 48 photos: 0." in out
    status, out, _ = fakes.shell(capsys, "experiment", "list")
    assert "done  2/2 runs done" in out
