"""Groups of runs as they lie in the workspace: made, read, started, stopped, for every kind."""

import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import fakes
import numpy as np
import pytest
from filelock import FileLock

from catdog_core import runs
from catdog_core.analysis import group_comparison, history_import, metrics, seed_spread
from catdog_core.base import files, locks, subprocess_jobs
from catdog_core.base.errors import ClusterError, RunError
from catdog_core.config import NO_AUGMENTATION, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.runs import run_queue, status
from catdog_core.tuning import grid, groups, plans, ray_session
from catdog_core.tuning.groups import Cluster, TrialState

SMALL = Training(epochs=4, batch_size=8, image_size=32, seed=3)
GRID = grid.parse_grid({"settings": {"learning_rate": [1e-4, 1e-3], "batch_size": [8, 16]}})
RECORDED = Path(__file__).parents[1] / "benchmarks" / "histories"
PLANS = {
    "sweep": lambda pets: plans.plan_sweep(pets, GRID, SMALL, None),
    "twin": lambda pets: plans.plan_paired_experiment(pets, SMALL, Augmentation()),
    "small-data": lambda pets: plans.plan_small_data(
        pets, [SMALL], [16, 48], [None, Augmentation()]
    ),
}
KINDS = pytest.mark.parametrize("kind", PLANS)


@pytest.fixture
def dataset(workspace, demo):
    return datasets.open_folder(demo)


@pytest.fixture
def make(dataset):
    """A group of a kind, trained one after another or on a cluster."""
    return lambda kind="sweep", cluster=None: groups.create_group(
        PLANS[kind](dataset), "mine", cluster
    )


@pytest.fixture
def key(make):
    """A sweep for Ray."""
    return make("sweep", Cluster())


@pytest.fixture
def started(monkeypatch):
    """The folders of the runs that would have been started."""
    folder_names = []
    monkeypatch.setattr(
        runs, "start_run", lambda folder, follow=False: folder_names.append(folder.name)
    )
    return folder_names


@pytest.fixture
def spawned(monkeypatch):
    """The commands that would have been started."""
    commands = []
    monkeypatch.setattr(
        subprocess_jobs, "start_detached", lambda arguments, log: commands.append(arguments) or 1
    )
    monkeypatch.setattr(ray_session, "is_installed", lambda: True)
    return commands


def trained(folder, epochs, word="stopped"):
    """Leave a run as its worker would."""
    fields = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
    for epoch in range(epochs):
        row = {"epoch": epoch, **dict.fromkeys(fields, 0.5), "seconds": 2.0}
        files.append_json_line(folder / "metrics.jsonl", row)
    files.write_json(folder / "state.json", {"status": word, "time": time.time()})


def statuses(key):
    return [trial.status for trial in groups.load_group(key).trials.values()]


@KINDS
def test_all_runs_lie_there_from_the_start_and_name_their_group(make, kind):
    key = make(kind)
    group = groups.load_group(key)
    assert (group.kind, group.name, group.status) == (kind, "mine", "stopped")
    assert group.waiting == group.left == group.runs and len(group.runs) > 1
    assert {run.group["kind"] for run in group.runs} == {kind}
    assert set(statuses(key)) == {"waiting"}
    assert (group.grid, group.cluster) == (GRID if kind == "sweep" else None, None)
    assert [group.id for group in groups.list_groups()] == [key]


@KINDS
def test_an_address_that_is_none_leaves_no_runs_behind(make, kind):
    with pytest.raises(ClusterError, match="Use local, auto, HOST:PORT"):
        make(kind, Cluster("somewhere"))
    assert runs.list_runs() == []


@KINDS
def test_a_start_trains_the_first_run_and_each_end_the_next(make, started, kind):
    key = make(kind)
    members = groups.load_group(key).runs
    groups.start_group(key)
    for number, run in enumerate(members):
        trained(run.folder, 0, "failed" if number == 0 else "done")  # a failed one holds up nobody
        groups.start_next_run(run.folder)
    assert started == [run.id for run in members]
    assert groups.load_group(key).status == "done"
    with pytest.raises(RunError, match="nothing left"):
        groups.start_group(key)


@KINDS
@pytest.mark.parametrize("by", ["run", "group"])
def test_after_a_stop_nothing_starts(make, started, kind, by):
    key = make(kind)
    first = groups.load_group(key).runs[0]
    if by == "group":
        groups.stop_group(key)
    trained(first.folder, 0, "stopped" if by == "run" else "done")  # it may just have ended
    groups.start_next_run(first.folder)
    assert started == []
    groups.start_group(key)
    assert len(started) == 1


@KINDS
def test_any_group_asks_for_a_driver_once(make, spawned, kind):
    key = make(kind)
    groups.start_driver(key, "127.0.0.1:6379", at_once=3)
    assert spawned[0] == ["-m", "catdog_core.tuning.driver", key]
    group = groups.load_group(key)
    assert (group.status, group.cluster) == ("queued", Cluster("127.0.0.1:6379", 3))
    assert group.grid == (GRID if kind == "sweep" else None)
    with pytest.raises(RunError, match=r"is already running\."):
        groups.start_driver(key)
    groups.stop_group(key)
    assert (group.folder / "stop").exists()


def test_a_driver_is_started_for_what_has_failed_but_not_for_what_has_ended(make, spawned):
    key = make("twin", Cluster())
    first, second = groups.load_group(key).runs
    trained(first.folder, 4, "done")
    trained(second.folder, 1, "failed")
    with pytest.raises(RunError, match="nothing left"):
        groups.start_group(key)
    (groups.sweeps_folder() / key / "stop").touch()
    groups.start_driver(key)
    assert len(spawned) == 1 and not (groups.sweeps_folder() / key / "stop").exists()
    key = make("twin", Cluster())
    for run in groups.load_group(key).runs:
        trained(run.folder, 4, "done")
    with pytest.raises(RunError, match="nothing left"):
        groups.start_driver(key)


def test_without_ray_a_driver_says_what_to_install(key, monkeypatch):
    monkeypatch.setattr(ray_session, "is_installed", lambda: False)
    with pytest.raises(ClusterError, match=r"pip install -r requirements-cluster\.txt"):
        groups.start_driver(key)
    assert groups.load_group(key).status == "stopped"


@pytest.mark.parametrize(
    "act", [groups.load_group, groups.stop_group, groups.start_group, groups.remove_group]
)
def test_an_unknown_group_is_told(workspace, act):
    with pytest.raises(RunError, match="no experiment 'x'"):
        act("x")


def test_a_group_that_its_driver_trains_is_stopped_by_it_and_not_deleted(key):
    with FileLock(groups.sweeps_folder() / key / "lock"):
        assert groups.load_group(key).is_active
        for refused, words in (
            (groups.start_group, "is already running"),
            (groups.remove_group, "is running. Stop it"),
        ):
            with pytest.raises(RunError, match=words):
                refused(key)
        groups.stop_group(key)
        assert (groups.sweeps_folder() / key / "stop").exists()
    with pytest.raises(RunError, match="nothing to stop"):
        groups.stop_group(key)


def test_a_group_whose_runs_are_in_the_trash_is_not_listed(key):
    groups.remove_group(key)
    assert groups.list_groups() == []


def test_trials_follow_from_their_runs_and_what_is_remembered(key):
    group = groups.load_group(key)
    done, pruned, failed, waiting = (run.folder for run in group.runs)
    trained(done, 4, "done")
    trained(pruned, 2)
    trained(failed, 1, "failed")
    groups.record_pruned(group.folder, pruned.name, 2, 0.5)
    groups.write_trial_state(group.folder, done.name, TrialState("d", 2, 2, 10.0, 2.0, "here"))
    reloaded_group = groups.load_group(key)
    assert statuses(key) == ["done", "pruned", "failed", "waiting"]
    assert (reloaded_group.core_seconds, reloaded_group.trials[done.name].tries) == (20.0, 2)
    assert [run.folder for run in reloaded_group.left] == [failed, waiting]
    assert [run.folder for run in reloaded_group.waiting] == [waiting]


@pytest.mark.parametrize(
    ("by", "here", "wanted"), [("d", 1, "waiting"), ("d", 3, "failed"), ("before", 3, "waiting")]
)
def test_a_failed_trial_waits_while_its_driver_has_tries_left(key, by, here, wanted):
    group = groups.load_group(key)
    trained(group.runs[0].folder, 1, "failed")
    files.write_json(group.folder / "state.json", {"status": "running", "driver": "d"})
    groups.write_trial_state(group.folder, group.runs[0].id, TrialState(by, 5, here))
    with FileLock(group.folder / "lock"):
        assert statuses(key)[0] == wanted


@pytest.mark.parametrize(
    ("state", "locked", "wanted"),
    [
        (None, False, "stopped"),
        ("running", True, "running"),
        ("queued", True, "queued"),
        ("running", False, "lost"),
        ("stopped", False, "stopped"),
        ("failed", False, "failed"),
    ],
)
def test_a_group_with_a_driver_has_its_status(key, state, locked, wanted):
    folder = groups.sweeps_folder() / key
    if state:
        error = {"message": "Because of {why}.", "params": {"why": "rain"}}
        record = {"status": state, "time": time.time(), "beat": 3, "error": error}
        files.write_json(folder / "state.json", record)
    with FileLock(folder / "lock") if locked else open(os.devnull):
        group = groups.load_group(key)
    assert (group.status, group.is_active) == (wanted, locked)
    assert bool(group.error) == (wanted == "failed")


def test_damaged_files_of_a_group_lose_no_runs(key):
    folder = groups.sweeps_folder() / key
    (folder / "state.json").write_text("{")
    (folder / "about.json").write_text("[]")
    (folder / "trials").mkdir()
    for run in groups.load_group(key).runs:
        (folder / "trials" / f"{run.id}.json").write_text('{"tries": "x", "seconds": -1}')
    assert statuses(key) == ["waiting"] * 4
    (folder / "sweep.json").write_text('{"format": 99}')
    with pytest.raises(Exception, match="from a newer version"):
        groups.load_group(key)
    assert len(groups.list_groups()) == 1


@pytest.mark.parametrize("name", ["../elsewhere", 3])
def test_a_damaged_name_of_a_group_reads_no_other_folder(workspace, name):
    folder = fakes.make_run()
    files.write_json(folder / "about.json", {"name": "a", "group": {"id": name, "kind": "sweep"}})
    assert all(not group.cluster for group in groups.list_groups())


def test_the_rest_is_told_from_the_epochs_so_far(key):
    group = groups.load_group(key)
    assert group.eta is None
    first, second, *_ = group.runs
    trained(first.folder, 4, "done")
    trained(second.folder, 1)
    rest = (3 + 4 + 4) * 2.0
    assert groups.load_group(key).eta == rest
    with FileLock(group.folder / "lock"):
        for at_once, wanted in ((2, rest / 2), (9, 4 * 2.0)):  # not less than the longest run
            files.write_json(group.folder / "state.json", {"at_once": at_once})
            assert groups.load_group(key).eta == wanted


def test_a_run_knows_whether_the_driver_of_its_group_lives(key, monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def later(seconds):
        clock[0] += seconds

    driver_monitor = run_queue.DriverMonitor(key)
    assert not driver_monitor.is_alive()
    files.write_json(groups.sweeps_folder() / key / "state.json", {"beat": 7})
    later(2)
    assert driver_monitor.is_alive()  # on another machine, whose locks are not seen: its beat grows
    later(status.STALL_TIMEOUT + 2)
    assert driver_monitor.is_gone()
    assert "driver of this run's sweep has ended" in capsys.readouterr().err
    monkeypatch.setattr(locks, "is_locked", lambda path: path.name == "lock")
    later(2)
    assert driver_monitor.is_alive()
    assert not run_queue.DriverMonitor("").is_alive()
    assert not run_queue.DriverMonitor("../elsewhere").is_alive()


class Impatient:
    """A state that wants to stop after a few looks."""

    driver_monitor = None

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
    (runs.runs_folder()).mkdir(parents=True, exist_ok=True)
    state = Impatient()
    waiting = run_queue.training_lock(state, count_ahead)
    with FileLock(runs.runs_folder() / "active.lock"), pytest.raises(run_queue.Stopped), waiting:
        pass
    assert state.looks == 4
    assert state.values["ahead"] >= 1


def test_runs_that_cannot_all_be_made_leave_none_behind(dataset):
    plan = plans.plan_small_data(dataset, [SMALL], [16, 4800], [None])
    with pytest.raises(Exception, match="4800"):
        groups.create_group(plan)
    assert runs.list_runs() == []


def test_a_twin_differs_in_augmentation_alone(make, dataset):
    plain, augmented = groups.load_group(make("twin")).runs
    assert plain.training == augmented.training
    assert plain.dataset_fingerprint == augmented.dataset_fingerprint
    assert (plain.augmentation, augmented.augmentation) == (None, Augmentation())
    with pytest.raises(RunError, match="would be the same"):
        plans.plan_paired_experiment(dataset, SMALL, NO_AUGMENTATION)


@pytest.mark.parametrize(("budget", "steps"), [("steps", [6, 6]), ("epochs", [2, 6])])
def test_small_data_runs_have_changes_of_weights_or_epochs_in_common(dataset, budget, steps):
    plan = plans.plan_small_data(dataset, [SMALL], [16, 48], [None], budget)
    group_runs = groups.load_group(groups.create_group(plan)).runs
    assert [run.train_photos for run in group_runs] == [16, 48]
    assert [run.training.steps_per_epoch for run in group_runs] == steps


def test_a_smaller_choice_lies_within_the_larger(dataset):
    small, large = (
        {row[0] for row in dataset.subset(n, SMALL.seed).photos if row[2] == "train"}
        for n in (16, 48)
    )
    assert small < large


def test_sizes_are_what_the_data_can_give(dataset):
    assert plans.available_sizes(dataset) == [48]
    with pytest.raises(RunError, match="at least two sizes"):
        plans.plan_small_data(dataset, [SMALL], [48], [None])


def test_the_time_a_group_takes_follows_from_earlier_runs(dataset):
    plan = PLANS["twin"](dataset)
    assert plans.estimate_plan_seconds(plan, []) is None
    known = [
        runs.load_run(fakes.make_run(image_size=32, batch_size=8))
    ]  # 2.5 s for 200 and 100 photos
    epoch = 2.5 * (48 + 24 / 3) / (200 + 100 / 3)
    assert plans.estimate_plan_seconds(plan, known) == pytest.approx(
        2 * (plans.STARTUP_SECONDS + 4 * epoch), rel=0.01
    )


def test_the_notes_twins_differ_in_their_gap_and_not_in_accuracy(workspace):
    pair = []
    for name, augmentation in (("plain", None), ("augmented", Augmentation())):
        folder = fakes.make_run(name, epochs=0, augmentation=augmentation)
        for row in history_import.read_history(RECORDED / f"notes_{name}_50.csv").rows:
            files.append_json_line(folder / "metrics.jsonl", {**row, "seconds": 2.0})
        pair.append(runs.load_run(folder))
    gap, level = group_comparison.compare_pair(*pair)
    assert gap.id == "gap_closed"
    assert (gap.params["plain"], gap.params["augmented"]) == pytest.approx((19.5, 1.5), abs=0.5)
    assert "is within chance" in str(level)


@pytest.mark.parametrize("kind", ["twin", "small-data"])
def test_several_seeds_repeat_an_experiment_seed_by_seed(dataset, kind):
    plans_of = {
        "twin": lambda n: plans.plan_paired_experiment(dataset, SMALL, Augmentation(), n),
        "small-data": lambda n: plans.plan_small_data(
            dataset, [SMALL], [16, 48], [None, Augmentation()], seeds=n
        ),
    }
    once, thrice = plans_of[kind](1), plans_of[kind](3)
    members = groups.load_group(groups.create_group(thrice)).runs
    assert len(members) == len({run.name for run in members}) == 3 * len(once.runs)
    assert [run.training.seed for run in members] == sorted([3, 4, 5] * len(once.runs))
    for start in range(0, len(members), len(once.runs)):
        for spec, run in zip(once.runs, members[start:], strict=False):
            assert run.name.startswith(f"{spec.name}, seed {run.training.seed}")
            assert run.augmentation == spec.augmentation
            assert run.training.train_photos == spec.training.train_photos
    assert len({run.dataset_fingerprint for run in members}) == 1
    for wrong in (0, 2, 7):
        with pytest.raises(RunError, match=f"with {wrong} seeds. Choose 1, 3 or 5"):
            plans_of[kind](wrong)


def test_seeds_after_the_largest_begin_again(dataset):
    training = SMALL.model_copy(update={"seed": 2**31 - 1})
    plan = plans.plan_paired_experiment(dataset, training, Augmentation(), 3)
    members = groups.load_group(groups.create_group(plan)).runs
    assert {run.training.seed for run in members} == {2**31 - 1, 0, 1}


def test_the_interval_over_seeds_holds_the_mean_in_95_of_100():
    generator = np.random.default_rng(0)
    for count in (2, 3, 5):
        hits = 0
        for draw in generator.normal(0.04, 0.011, (2000, count)):
            center, sure = seed_spread.mean_with_interval(list(draw))
            hits += abs(center - 0.04) <= sure
        assert hits / 2000 == pytest.approx(0.95, abs=0.015)
    alone = seed_spread.mean_with_interval([0.1, 0.11, 0.12])[1]
    with_photos = seed_spread.mean_with_interval([0.1, 0.11, 0.12], photo_error=0.02)[1]
    assert with_photos == pytest.approx((alone**2 + (1.96 * 0.02) ** 2) ** 0.5)
    assert seed_spread.mean_with_interval([0.1, 0.1, 0.1], 0.01)[1] > 0.01  # luck is not exactness


def level_run(level, seed=0, augmentation=None, epochs=6, status="done", **training):
    """A run whose validation accuracy is the same in all epochs."""
    name = f"{level} {seed} {augmentation is not None}"
    folder = fakes.make_run(
        name, epochs=0, augmentation=augmentation, status=status, seed=seed, **training
    )
    row = {"loss": 0.5, "accuracy": 0.9, "val_loss": 0.5, "val_accuracy": level, "seconds": 1.0}
    for epoch in range(epochs):
        files.append_json_line(folder / "metrics.jsonl", {"epoch": epoch, **row})
    return runs.load_run(folder)


def paired_runs(*levels, status="done"):
    return [
        level_run(level, seed, augmentation, status=status)
        for seed, pair in enumerate(levels)
        for level, augmentation in zip(pair, (None, Augmentation()), strict=True)
    ]


@pytest.mark.parametrize(
    ("levels", "level", "gap"),
    [
        # 4 points each time: no chance, though 100 photos alone would hide it.
        ([(0.70, 0.74), (0.72, 0.76), (0.69, 0.73)], "better", "gap_closed"),
        ([(0.74, 0.70), (0.76, 0.72), (0.73, 0.69)], "worse", "gap_wider"),
        # 4 points on average, now this way, now that.
        ([(0.70, 0.80), (0.76, 0.74), (0.69, 0.73)], "level", "gap"),
    ],
)
def test_several_seeds_are_compared_by_the_differences_of_each(workspace, levels, level, gap):
    members = paired_runs(*levels)
    gaps, levels_of, seeds = group_comparison.compare_paired_runs(members[::-1])
    assert (gaps.id, levels_of.id, seeds.id) == (gap, level, "seeds")
    before, after = zip(*levels, strict=True)
    assert levels_of.params["plain"] == pytest.approx(sum(before) / 3)
    change = 100 * (sum(after) - sum(before)) / 3
    assert levels_of.params["difference"] == pytest.approx(change)
    assert "3 finished" in str(seeds) and "doesn't cover the choice of photos" in str(seeds)
    alone = group_comparison.compare_pair(*members[:2])[1]
    assert alone.id == "level"  # one pair alone could not have told


def test_a_seed_that_is_not_done_or_lacks_its_twin_does_not_count(workspace):
    members = paired_runs((0.70, 0.74), (0.72, 0.76))
    half = [level_run(0.2, 7), level_run(0.2, 8, Augmentation()), level_run(0.1, 9, epochs=3)]
    stopped = [level_run(0.1, 5, a, status="stopped") for a in (None, Augmentation())]
    *_, level, seeds = group_comparison.compare_paired_runs([*members, *half, *stopped])
    assert seeds.params["n"] == "2" and level.params["plain"] == pytest.approx(0.71)
    assert group_comparison.compare_paired_runs(half) == []
    one = group_comparison.compare_paired_runs([*members[:2], *half, *stopped])
    assert [remark.id for remark in one][-2:] == ["one_seed", "seed_limit"]


def test_where_photos_differ_their_choice_counts_too(workspace):
    members = paired_runs((0.70, 0.74), (0.72, 0.76), (0.69, 0.73))
    same = group_comparison.compare_paired_runs(members)[1].params["sure"]
    settings = files.read_json(members[0].folder / "settings.json")
    settings["dataset"]["fingerprint"] = "other"
    files.write_json(members[0].folder / "settings.json", settings)
    members[0] = runs.load_run(members[0].folder)
    _, level, seeds = group_comparison.compare_paired_runs(members)
    assert level.params["sure"] > 3 * same and level.id == "level"
    assert "and the choice of validation photos" in str(seeds)


@pytest.mark.parametrize(("after", "doubtful"), [(0.95, False), (0.52, True)])
def test_one_seed_doubts_a_change_that_a_seed_alone_can_make(workspace, after, doubtful):
    members = paired_runs((0.50, after))
    # With 40,000 photos, their choice hardly matters.
    many = [replace(run, validation_photos=40_000) for run in members]
    remarks = group_comparison.compare_paired_runs(many)
    assert remarks[1].id == "better"
    assert ("within_seeds" in [remark.id for remark in remarks]) == doubtful


def test_sizes_of_several_seeds_are_compared_seed_by_seed(workspace):
    members = []
    for seed, (few, many) in enumerate([(0.60, 0.64), (0.63, 0.67), (0.58, 0.62)]):
        for count, level in ((100, few), (200, many)):
            run = level_run(level, seed)
            settings = files.read_json(run.folder / "settings.json")
            settings["dataset"]["train"] = count
            files.write_json(run.folder / "settings.json", settings)
            members.append(runs.load_run(run.folder))
    points = group_comparison.learning_curve_points(members)
    assert [(point.photos, len(point.by_seed)) for point in points] == [(100, 3), (200, 3)]
    assert [point.accuracy for point in points] == pytest.approx([0.60333, 0.64333], abs=1e-4)
    low, high = metrics.wilson_interval(60, 100)
    assert points[0].high - points[0].low > high - low  # seeds add to the photos
    (size,) = group_comparison.describe_learning_curve(points)
    assert size.id == "grown" and size.params["change"] == pytest.approx(4)
    ((_, gap),) = group_comparison.compare_gaps_by_size(members)
    assert "(-4.0 ± " in str(gap)
    (seeds,) = group_comparison.describe_point_seeds(points)
    assert seeds.params["n"] == "3"
    points = group_comparison.learning_curve_points(members[:3])  # the second seed has begun
    (size,) = group_comparison.describe_learning_curve(points)
    assert size.id == "same" and size.params["from"] == 0.60
    seeds, one = group_comparison.describe_point_seeds(points)
    assert seeds.params["n"] == "1–2" and "only one seed is finished" in str(one)


def test_twins_are_not_compared_before_both_have_five_epochs(workspace):
    plain, other = (runs.load_run(fakes.make_run(str(n), epochs=n)) for n in (9, 4))
    assert [message.id for message in group_comparison.compare_pair(plain, other)] == ["wait"]


def test_points_of_the_curve_have_wilson_intervals(workspace):
    point = group_comparison.learning_curve_points([runs.load_run(fakes.make_run())])[0]
    assert (point.photos, point.line, point.accuracy) == (200, ("notes", False), 0.70)
    assert (round(point.low, 3), round(point.high, 3)) == (0.604, 0.781)  # 70 of 100


def test_lines_are_compared_where_both_are_done(workspace):
    points = group_comparison.learning_curve_points(
        [runs.load_run(fakes.make_run()), runs.load_run(fakes.make_run(model="notes-deep"))]
    )
    (message,) = [str(message) for _, _, message in group_comparison.compare_lines(points)]
    assert message.startswith("notes-deep, plain compared with notes, plain at 200 photos: +0.0")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sweep"], "needs a folder of photos and a grid"),
        (["sweep", "--resume", "x", "--epochs", "3"], "--resume continues a sweep"),
        (["sweep", "--resume", "none"], "There's no experiment 'none'"),
        (["sweep-stop", "none"], "There's no experiment 'none'"),
        (["experiment", "stop", "none"], "There's no experiment 'none'"),
        (["sweep", "photos", "--grid", "missing.json"], "missing.json doesn't exist"),
        (["experiment", "small-data", "{demo}", "--variants", "some"], "some"),
        (
            ["experiment", "small-data", "{demo}", "--sizes", "few"],
            "whole numbers separated by commas",
        ),
    ],
)
def test_a_command_refuses_in_one_line(workspace, demo, spawned, capsys, words, told):
    words = [word.format(demo=demo) for word in words]
    status, out, err = fakes.run_cli(capsys, *words)
    assert (status, out) == (1, "")
    assert told in err
    assert err.count("\n") == 1


@pytest.fixture
def grid_file(tmp_path):
    path = tmp_path / "grid.json"
    path.write_text('{"settings": {"learning_rate": [0.1, 0.01]}}')
    return path


@pytest.mark.parametrize(
    "words", [("sweep", "--grid"), ("experiment", "twin"), ("experiment", "small-data")]
)
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_cluster_that_cannot_be_used_makes_no_runs(
    workspace, demo, capsys, monkeypatch, grid_file, words, is_installed
):
    monkeypatch.setattr(ray_session, "is_installed", lambda: is_installed)
    more = [grid_file, demo] if words[0] == "sweep" else [demo]
    with socket.socket() as bound:  # a port that is taken, and not listened on
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        status, _, err = fakes.run_cli(capsys, *words, *more, "--address", address)
    assert status == 1
    assert ("No Ray cluster answered at" if is_installed else "Ray, which isn't installed") in err
    assert runs.list_runs() == []


def test_commands_list_groups(key, capsys):
    listed = f"{key}  stopped  0/4 trials ended  0 core-seconds  mine\n"
    assert fakes.run_cli(capsys, "sweeps")[1] == listed
    assert (
        fakes.run_cli(capsys, "experiment", "list")[1] == f"{key}  stopped  0/4 runs done  mine\n"
    )


@pytest.mark.long
@pytest.mark.slow
def test_a_started_group_trains_all_its_runs_in_processes_of_their_own(make):
    key = make("twin")
    groups.start_group(key)
    limit = time.monotonic() + 200
    while groups.load_group(key).status != "done":
        assert time.monotonic() < limit
        time.sleep(0.5)
    members = groups.load_group(key).runs
    assert [len(run.epochs) for run in members] == [4, 4]
    assert all(run.state["pid"] != os.getpid() for run in members)


@pytest.mark.slow
def test_the_command_trains_small_data_runs_and_tells_accuracy_against_data(
    capsys, demo, workspace
):
    options = ("--sizes=16,48", "--variants=plain", "--epochs=1", "--image-size=32")
    status, out, _ = fakes.run_cli(capsys, "experiment", "small-data", demo, *options)
    assert status == 0
    assert "notes, plain, 48 photos: 0." in out
    status, out, _ = fakes.run_cli(capsys, "experiment", "list")
    assert "done  2/2 runs done" in out
