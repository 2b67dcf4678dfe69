"""Runs that differ in their seed alone: found, summed up, compared and trained."""

from statistics import stdev

import evaluated_runs
import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import seed_runs, seed_spread
from catdog_core.base import access, files
from catdog_core.base.errors import CatDogError, RunError
from catdog_core.config import PRESETS
from catdog_core.tuning import groups, plans

pytestmark = pytest.mark.usefixtures("workspace")


def make_run(name, accuracy, dataset=None, **options):
    """A finished run whose best validation accuracy is `accuracy`."""
    folder = fakes.make_run(name, epochs=0, dataset=dataset, **options)
    row = {"epoch": 0, "loss": 0.6, "accuracy": 0.7, "val_loss": 0.5, "val_accuracy": accuracy}
    files.append_json_line(folder / "metrics.jsonl", {**row, "learning_rate": 1e-4, "seconds": 1})
    return folder


def describe(*folders):
    return seed_runs.describe_seeds([runs.load_run(folder) for folder in folders], runs.list_runs())


def test_seeds_are_summed_up_as_mean_and_standard_deviation():
    values = (0.71, 0.72, 0.75)
    first, *_ = [make_run(f"a{n}", value, seed=n) for n, value in enumerate(values)]
    make_run("other rate", 0.9, seed=7, learning_rate=0.01)
    make_run("augmented", 0.9, seed=8, augmentation=PRESETS["notes"])
    make_run("other photos", 0.9, seed=9, dataset_name="Paintings")
    make_run("stopped", 0.9, seed=10, status="stopped")
    remarks = describe(first)
    assert [remark.id for remark in remarks] == ["seeds", "meaning"]
    assert str(remarks[0]) == (
        f"Best validation accuracy of “a0” over 3 seeds: 72.7% ± {100 * stdev(values):.1f} points."
    )
    assert "standard deviation over seeds" in str(remarks[1])


def test_nothing_is_claimed_of_one_seed():
    first, second = make_run("a", 0.6), make_run("b", 0.9, learning_rate=0.01)
    assert [remark.id for remark in describe(first)] == ["one_seed"]
    ids = [remark.id for remark in describe(first, second)]
    assert ids == ["one_seed", "one_seed", "unknown"]
    make_run("a again", 0.61, seed=5)
    assert [r.id for r in describe(first, second)][2] == "unknown"


@pytest.mark.parametrize(
    ("values", "told", "better"),
    [((0.80, 0.81, 0.79), "beyond_seeds", "b0"), ((0.72, 0.70, 0.75), "within_seeds", "b0")],
)
def test_a_difference_is_held_against_that_of_seeds(values, told, better):
    first, *_ = [make_run(f"a{n}", v, seed=n) for n, v in enumerate((0.70, 0.71, 0.72))]
    other, *_ = [make_run(f"b{n}", v, seed=n, learning_rate=0.01) for n, v in enumerate(values)]
    remark = describe(first, other)[2]
    assert remark.id == told and remark.params["first"] == better
    difference, sure = seed_spread.difference_with_interval([0.70, 0.71, 0.72], list(values), 0.01)
    assert remark.params["difference"] == pytest.approx(100 * difference)
    assert remark.params["sure"] == pytest.approx(100 * sure)


def test_runs_of_other_photos_are_not_compared():
    first = make_run("a", 0.7)
    other = make_run("b", 0.8, dataset_name="Paintings")
    assert [remark.id for remark in describe(first, other)] == ["one_seed", "one_seed"]


def test_the_interval_of_a_difference_is_welchs():
    difference, sure = seed_spread.difference_with_interval([0.70, 0.71, 0.74], [0.75, 0.79, 0.80])
    assert difference == pytest.approx(0.0633, abs=1e-4)
    # SciPy has 0.0560 for 3.84 degrees of freedom. Rounded down to 3, it is a little wider.
    assert 0.0560 < sure < 0.0640
    assert seed_spread.difference_with_interval([0.7, 0.7], [0.7, 0.7], 0.01)[1] > 0.01


def test_the_missing_seeds_are_planned_once(dataset):
    run = runs.load_run(make_run("a", 0.7, dataset=dataset, seed=4))
    make_run("b", 0.72, dataset=dataset, seed=5)
    plan = plans.plan_repeat(run, runs.list_runs())
    assert [spec.training.seed for spec in plan.runs] == [6] and plan.runs[0].name == "a, seed 6"
    key = groups.create_group(plan, "a")
    group = groups.load_group(key)
    assert group.kind == "repeat" and group.runs[0].training == run.training.model_copy(
        update={"seed": 6}
    )
    assert seed_runs.summarize_seeds(run, runs.list_runs()).planned == 1
    begun = group.runs[0].folder  # and stopped: it is resumed there
    row = {"epoch": 0, "loss": 0.6, "accuracy": 0.7, "val_loss": 0.5, "val_accuracy": 0.7}
    files.append_json_line(begun / "metrics.jsonl", {**row, "learning_rate": 1e-4, "seconds": 1})
    files.write_json(begun / "state.json", {"format": 1, "status": "stopped", "beat": 1, "time": 1})
    with pytest.raises(RunError, match="already has 3 seeds"):
        plans.plan_repeat(run, runs.list_runs())
    assert len(plans.plan_repeat(run, runs.list_runs(), 5).runs) == 2


def test_what_cannot_be_repeated_says_why(dataset, monkeypatch):
    gone = runs.load_run(make_run("a", 0.7))
    with pytest.raises(RunError, match="were changed or removed"):
        plans.plan_repeat(gone, runs.list_runs())
    folder = make_run("tuned", 0.7, dataset=dataset)
    run = runs.load_run(folder)
    with pytest.raises(RunError, match="Choose 3 or 5"):
        plans.plan_repeat(run, runs.list_runs(), 4)
    settings = files.read_json(folder / "settings.json")
    files.write_json(folder / "settings.json", {**settings, "parent": {"id": "x", "name": "x"}})
    with pytest.raises(RunError, match="another run's weights"):
        plans.plan_repeat(runs.load_run(folder), runs.list_runs())
    plan = plans.plan_repeat(run, [run])
    asked = []
    monkeypatch.setattr(access, "check_quota", lambda listing, **more: asked.append(more))
    plans.check_plan(plan)
    assert asked == [{"wanted": 2}]


def test_one_click_on_the_page_starts_the_missing_seeds(dataset, monkeypatch):
    folder = make_run("a", 0.7, dataset=dataset)
    started = []
    monkeypatch.setattr(groups, "start_group", started.append)
    app = fakes.open_page("4_Compare", runs=folder.name)
    app.button(f"compare_repeat_{folder.name}").click().run()
    assert not app.exception and not app.error
    (group,) = groups.list_groups()
    assert started == [group.id] and [run.training.seed for run in group.runs] == [1, 2]
    assert app.query_params["group"] == group.id and app.query_params["tab"] == "experiments"
    assert any("70.0% best validation accuracy with one seed" in one.value for one in app.markdown)


def test_evaluate_offers_the_same_and_compares_with_another_model(dataset, monkeypatch):
    folder, other = (evaluated_runs.make_dataset_run(dataset, name) for name in ("a", "b"))
    for one in (folder, other):
        fakes.add_fake_model(one)
        evaluated_runs.write_answers(one, dataset)
    app = evaluated_runs.open_evaluate_page(run=folder.name, tab="versus")
    assert "70.0% best validation accuracy with one seed" in evaluated_runs.caption_text(app)
    started = []
    monkeypatch.setattr(groups, "start_group", started.append)
    app = evaluated_runs.open_evaluate_page(run=folder.name, tab="overview")
    app.button(f"evaluate_repeat_{folder.name}").click().run()
    assert not app.exception and not app.error
    assert app.query_params["group"] == started[0] and app.title[0].value == "Compare"


def test_a_click_that_cannot_start_says_why(dataset, monkeypatch):
    folder = make_run("a", 0.7, dataset=dataset)

    def refuse(key):
        raise CatDogError("No room for more.")

    monkeypatch.setattr(groups, "start_group", refuse)
    app = fakes.open_page("4_Compare", runs=folder.name)
    app.button(f"compare_repeat_{folder.name}").click().run()
    assert fakes.only_error(app) == "No room for more."


@pytest.mark.slow
def test_the_command_trains_the_missing_seed_and_says_what_seeds_change(dataset, capsys):
    for seed in (0, 1):
        fakes.make_run(f"a{seed}", dataset=dataset, seed=seed, image_size=32, steps_per_epoch=1)
    status, out, err = fakes.run_cli(capsys, "experiment", "repeat", "a0")
    assert status == 0 and "1 run" in out, err
    assert "over 3 seeds: " in out
