"""Groups on the Compare page: the form and the panel of each kind; nothing trains and no Ray."""

import json
import time
from pathlib import Path

import fakes
import pytest
from filelock import FileLock

from catdog_core import runs
from catdog_core.analysis import history_import, sweep_table
from catdog_core.base import access, files
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError
from catdog_core.config import PRESETS, Augmentation, Training
from catdog_core.data import datasets
from catdog_core.tuning import grid, groups, plans, ray_session
from catdog_core.tuning.groups import Cluster, TrialState
from catdog_core.tuning.plans import GroupPlan
from catdog_ui import format_text
from catdog_ui.charts import LearningCurve
from catdog_ui.compare import grid_form, group_charts, group_form, run_table

pytestmark = pytest.mark.usefixtures("workspace")
RECORDED = Path(__file__).parents[1] / "benchmarks" / "histories"
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
GRID = grid.parse_grid(
    {
        "settings": {"learning_rate": [1e-4, 1e-3, 1e-2], "batch_size": [10, 20]},
        "asha": {"grace": 2, "reduction": 3},
    }
)
KINDS = pytest.mark.parametrize("kind", ["sweep", "twin", "small-data"])


@pytest.fixture(autouse=True)
def with_ray(monkeypatch):
    """Ray as if it were installed; nothing here starts it."""
    monkeypatch.setattr(ray_session, "is_installed", lambda: True)


@pytest.fixture
def dataset(demo, workspace, monkeypatch):
    monkeypatch.setattr(plans, "SUBSET_SIZES", (12, 24, 48))
    return datasets.open_folder(demo)


@pytest.fixture
def started(monkeypatch):
    """What was started: by a driver or one after another."""
    starts = []
    monkeypatch.setattr(groups, "start_driver", lambda key, **more: starts.append(("ray", key)))
    monkeypatch.setattr(
        runs, "start_run", lambda folder, follow=False: starts.append(("turn", folder.name))
    )
    return starts


def page(**query):
    return fakes.open_page("4_Compare", **query)


def form(kind="twin", **query):
    return page(tab="new", kind=kind, **query)


def sweep(dataset, cluster=None):
    plan = plans.plan_sweep(dataset, GRID, Training(epochs=9, image_size=32), None)
    return groups.create_group(plan, "which rate?", cluster or Cluster())


def driver(key, **state):
    """A driver's state as it would have left it."""
    folder = groups.sweeps_folder() / key
    files.write_json(folder / "about.json", {"format": 1, "asked": time.time() - 100, "after": 0})
    files.write_json(folder / "state.json", {"format": 1, "beat": 5, "time": time.time(), **state})


def trained(run, epochs, status="done", accuracy=0.7):
    for epoch in range(epochs):
        row = {"epoch": epoch, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5}
        line = {**row, "val_accuracy": accuracy, "seconds": 1.0}
        files.append_json_line(run.folder / "metrics.jsonl", line)
    files.write_json(run.folder / "state.json", {"format": 1, "status": status, "beat": 1})


def member(kind, name, accuracies=(), augmentation=None, group="does it help?", **training):
    """A run of a group made by hand, whose id is its kind."""
    status = "done" if accuracies else None
    folder = fakes.make_run(name, epochs=0, augmentation=augmentation, status=status, **training)
    for epoch, accuracy in enumerate(accuracies):
        row = {"epoch": epoch, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "seconds": 1.0}
        files.append_json_line(folder / "metrics.jsonl", {**row, "val_accuracy": accuracy})
    runs.add_to_group(folder, {"id": kind, "kind": kind, "name": group})
    return folder.name


def rates(accuracies=(0.6, 0.65, 0.7, 0.75, 0.8, 0.85)):
    pairs = zip(RATES, accuracies, strict=False)
    return [member("sweep", f"rate {r:g}", [a], learning_rate=r) for r, a in pairs]


def twins():
    """The runs of the class notes."""
    for name, augmentation in (("plain", None), ("augmented", PRESETS["notes"])):
        run = runs.load_run(member("twin", name, augmentation=augmentation))
        for row in history_import.read_history(RECORDED / f"notes_{name}_50.csv").rows:
            files.append_json_line(run.folder / "metrics.jsonl", {**row, "seconds": 1.0})


def has_photos(folder, count):
    """Let a run say it has so many training photos."""
    settings = files.read_json(folder / "settings.json")
    settings["dataset"]["train"] = count
    files.write_json(folder / "settings.json", settings)


def more_data():
    for size in (50, 200):
        run = runs.load_run(member("small-data", f"{size} photos", [0.7]))
        has_photos(run.folder, size)
    member("small-data", "later")


MADE = {"sweep": rates, "twin": twins, "small-data": more_data}


@pytest.fixture
def halfway(dataset):
    """A sweep whose driver is gone: one trial done, one ended early, one begun, three to come."""
    key = sweep(dataset)
    folder, members = groups.sweeps_folder() / key, groups.load_group(key).runs
    trained(members[0], 9, accuracy=0.9)
    trained(members[1], 2, "stopped")
    groups.record_pruned(folder, members[1].id, 2, 0.7)
    trained(members[2], 4, "stopped")
    groups.write_trial_state(folder, members[0].id, TrialState("d", 2, 1, 90, 2))
    driver(key, status="running", driver="d")
    return key


def progress(app):
    return str(app.get("progress")[0].proto.text)


@KINDS
def test_without_photos_the_form_says_what_to_do(kind):
    app = form(kind)
    assert not app.exception
    assert "There's no dataset yet" in fakes.joined_text(app.info)


@pytest.mark.parametrize(
    ("kind", "shows", "runs_in_table"),
    [
        ("sweep", "Best so far: “rate 0.03” at 85.0%", 6),
        ("twin", "Augmentation narrowed the gap", 2),
        ("small-data", "difference is within chance", 3),
    ],
)
def test_an_address_opens_its_group_with_what_it_showed(kind, shows, runs_in_table):
    member("other", "another")
    MADE[kind]()
    app = page(group=kind)
    assert not app.exception
    assert shows in fakes.joined_text([*app.markdown, *app.caption])
    assert len(app.dataframe[0].value) == runs_in_table
    assert app.query_params["group"] in (kind, [kind])


@KINDS
def test_the_curves_of_a_group_can_be_laid_over_each_other(kind):
    MADE[kind]()
    app = page(group=kind)
    app.button("group_curves").click().run()
    assert not app.exception
    assert len(app.multiselect("chosen_runs").value) in (2, 3)
    assert "group" not in app.query_params


@KINDS
def test_a_name_cannot_bring_markdown(kind):
    for n in range(2):
        member(kind, f"<b>{n}</b> *x*", [0.6 + n / 20], group="**<b>bold**", batch_size=10 + n)
    app = page(group=kind)
    assert not app.exception
    assert r"\*\*" in app.subheader[0].value
    assert " *x*" not in fakes.joined_text([*app.markdown, *app.caption])


MAKES = {"sweep": 9, "twin": 2, "small-data": 6}


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        *(("turn", kind) for kind in MAKES),
        *(("local", "sweep"), ("local", "twin"), ("without ray", "small-data")),
    ],
)
def test_a_click_makes_the_runs_and_starts_them(dataset, started, monkeypatch, kind, where):
    if where == "without ray":
        monkeypatch.setattr(ray_session, "is_installed", lambda: False)
    app = form(kind, dataset=dataset.id)
    if where == "without ray":  # only a sweep needs it
        assert "Ray" not in fakes.joined_text(app.info)
    else:
        app.segmented_control(f"experiment_{kind}_where").set_value(where).run()
    assert f"**{MAKES[kind]} runs.**" in fakes.joined_text(app.markdown)
    app.text_input("experiment_name").set_value("mine")
    app.button("experiment_start").click().run()
    assert not app.exception
    (group,) = groups.list_groups()
    assert (group.kind, group.name, len(group.runs)) == (kind, "mine", MAKES[kind])
    by_ray = where == "local"
    assert started == [("ray", group.id) if by_ray else ("turn", group.runs[0].id)]
    assert group.cluster == (Cluster() if by_ray else None)
    assert bool(group.grid and group.grid.asha) == (by_ray and kind == "sweep")
    assert app.query_params["group"] in (group.id, [group.id])


def test_the_runs_of_each_kind_are_those_of_the_form(dataset, started):
    app = form(dataset=dataset.id)
    app.button("experiment_start").click().run()
    (twin,) = groups.list_groups()
    assert [run.augmentation for run in twin.runs] == [None, PRESETS["notes"]]
    app = form("small-data", dataset=dataset.id)
    app.button("experiment_start").click().run()
    group_runs = next(group for group in groups.list_groups() if group.kind == "small-data").runs
    assert [run.train_photos for run in group_runs] == [12, 12, 24, 24, 48, 48]
    assert {run.training.steps_per_epoch for run in group_runs} == {3}


def test_a_dataset_too_small_for_parts_says_so(demo, monkeypatch):
    app = form("small-data", dataset=datasets.open_folder(demo).id)
    assert not app.exception
    assert "has 48 training photos" in fakes.joined_text(app.info)


def test_more_data_shows_its_points_as_they_come():
    more_data()
    app = page(group="small-data")
    assert "3 runs · waiting: 1 · done: 2" in progress(app)
    assert list(app.dataframe[0].value["Status"]) == ["done", "done", "waiting"]


@pytest.mark.parametrize("kind", ["twin", "small-data"])
def test_an_experiment_can_train_several_seeds(dataset, started, kind):
    app = form(kind, dataset=dataset.id)
    assert "with one seed, differences below" in fakes.joined_text(app.caption)
    app.segmented_control("experiment_seeds").set_value(3).run()
    assert f"**{3 * MAKES[kind]} runs.**" in fakes.joined_text(app.markdown)
    assert "with one seed, differences" not in fakes.joined_text(app.caption)
    app.button("experiment_start").click().run()
    assert not app.exception
    (group,) = groups.list_groups()
    assert len(group.runs) == 3 * MAKES[kind]
    assert {run.training.seed for run in group.runs} == {0, 1, 2}


def test_one_seed_says_what_it_cannot_tell_and_several_what_they_cover():
    twins()
    text = fakes.joined_text(page(group="twin").caption)
    assert "covers only the choice of validation photos" in text
    assert "differences below about 3 points in accuracy or 4 in the gap" in text
    for seed in range(2):
        for augmentation, level in ((None, 0.7), (PRESETS["notes"], 0.8)):
            name = f"{level}, seed {seed}"
            member("twin", name, [level] * 6, augmentation, seed=seed + 1)
    app = page(group="twin")
    assert not app.exception
    assert "means over seeds (2 finished)" in fakes.joined_text(app.caption)
    (choice,) = [one for one in app.segmented_control if one.label == "Curves of seed"]
    choice.set_value(2).run()
    assert not app.exception
    assert "validation loss is 0.500 without" in fakes.joined_text(app.caption)


def test_each_of_the_paired_charts_has_its_guessing_line():
    row = {"epoch": 0, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5, "val_accuracy": 0.7}
    pair = [
        (LearningCurve(epochs=[row], planned=1, guess_accuracy=a, guess_loss=b), title, None)
        for title, a, b in (("one", 0.5, 0.69), ("two", 0.9, 0.33))
    ]
    for metric, wanted in (("accuracy", {"y": 0.5, "y2": 0.9}), ("loss", {"y": 0.69, "y2": 0.33})):
        figure = group_charts.paired_figure(metric, pair)
        lines = {line.yref: line.y0 for line in figure.layout.shapes if line.type == "line"}
        assert lines == wanted
        assert [note.text for note in figure.layout.annotations].count("guessing") == 2


def test_twins_are_judged():
    twins()
    app = page(group="twin")
    assert "Overfitting since epoch 21" in fakes.joined_text(app.caption)
    assert list(app.dataframe[0].value["Verdict"]) == ["overfitting", "healthy"]


def test_a_pair_that_has_just_begun_is_not_judged():
    running = fakes.make_run("plain", epochs=0, status="running")
    runs.add_to_group(running, {"id": "twin", "kind": "twin", "name": "does it help?"})
    member("twin", "augmented", augmentation=PRESETS["notes"])
    with FileLock(running / "lock"):
        app = page(group="twin")
    assert not app.exception
    assert "once both runs have 5 epochs" in fakes.joined_text(app.info)
    assert "Train longer" not in fakes.joined_text(app.markdown)
    assert "to judge" not in fakes.joined_text(app.caption)


@pytest.mark.parametrize("view", ["group", "runs"])
def test_the_advice_of_a_verdict_fills_the_train_form_from_compare(view):
    twins()
    plain = next(run for run in runs.list_runs() if run.name == "plain")
    app = page(**{view: "twin" if view == "group" else plain.id})
    app.button(f"advice_{plain.id}_0").click().run()
    assert not app.exception
    said = fakes.joined_text(app.info)
    assert "These are the settings of “plain”." in said and "Set for you: Augmentation" in said


@pytest.mark.parametrize("kind", ["twin", "small-data"])
def test_a_paused_group_goes_on_by_its_button(started, kind):
    first = member(kind, "first")
    member(kind, "second", augmentation=PRESETS["notes"])
    files.write_json(runs.load_run(first).folder / "state.json", {"status": "stopped"})
    app = page(group=kind)
    app.button("group_start").click().run()
    assert not app.exception
    assert started == [("turn", first)]


def test_trials_are_counted_and_what_they_cost_and_try_is_told(halfway):
    app = page(group=halfway)
    assert not app.exception
    assert "6 runs · waiting: 3 · done: 1 · ended early: 1 · stopped: 1" in progress(app)
    captions = fakes.joined_text(app.caption)
    assert "Cost so far: 3.0 core-minutes" in captions
    assert "All combinations of Learning rate: 0.0001, 0.001, 0.01; Batch size: 10, 20" in captions
    assert "Trials are judged after these epochs: 2, 6" in captions
    assert "unfinished or ended early: 2 of 3." in captions
    table = app.dataframe[0].value
    assert (table["Status"].iloc[0], table["Attempts"].iloc[0]) == ("done", 2)
    assert "ended early" in set(table["Status"])


def test_a_group_whose_driver_is_gone_says_so_and_goes_on(halfway, started):
    app = page(group=halfway)
    assert "process running this sweep is gone" in fakes.joined_text(app.warning)
    app.button("group_start").click().run()
    assert not app.exception
    assert started == [("ray", halfway)]


def test_without_ray_it_goes_on_one_run_after_another(halfway, started, monkeypatch):
    monkeypatch.setattr(ray_session, "is_installed", lambda: False)
    app = page(group=halfway)
    assert "pip install -r requirements-cluster.txt" in fakes.joined_text(app.info)
    app.button("group_start").click().run()
    assert not app.exception
    assert started == [("turn", groups.load_group(halfway).runs[2].id)]


def test_why_a_driver_failed_is_told_as_plain_text(dataset):
    key = sweep(dataset)
    driver(key, status="failed", error={"message": "No cluster at {at}", "params": {"at": "*x*"}})
    assert "No cluster at \\*x\\*" in fakes.joined_text(page(group=key).error)


def test_a_group_is_deleted_after_a_question_and_comes_back(halfway):
    app = page(group=halfway)
    app.button("group_delete").click().run()
    app.button("group_delete_sure").click().run()
    assert not app.exception
    assert not groups.list_groups()
    app.button("trash_undo_page").click().run()
    group = groups.load_group(halfway)
    assert len(group.runs) == 6 and group.grid is not None


def test_a_range_is_drawn_from_at_random(dataset, started):
    app = form("sweep", dataset=dataset.id)
    app.segmented_control("sweep_learning_rate_kind").set_value("range").run()
    assert "drawn at random" in fakes.joined_text(app.caption)
    assert "**8 runs.**" in fakes.joined_text(app.markdown)
    app.number_input("sweep_samples").set_value(5).run()
    app.button("experiment_start").click().run()
    (group,) = groups.list_groups()
    learning_rates = {run.training.learning_rate for run in group.runs}
    assert len(learning_rates) == 5 and all(1e-5 <= rate <= 1e-3 for rate in learning_rates)


def test_a_value_out_of_range_is_told_by_its_setting(dataset):
    app = form("sweep", dataset=dataset.id)
    app.session_state["sweep_batch_size_values"] = ["20", "9000"]
    app.run()
    assert "'9000'. Use a whole number from 1 to 512" in fakes.joined_text(app.error)


OFFERED = {**grid_form.tunable_settings("notes"), **grid_form.tunable_settings("transfer")}


@pytest.mark.parametrize("name", [n for n, (_, c) in OFFERED.items() if c.kind in ("int", "float")])
def test_every_number_offers_two_values_or_more_within_its_range(name):
    part, control = OFFERED[name]
    every, first = grid_form.suggested_values(control, control.default)
    assert len(every) >= 2 and set(first) <= set(every)
    assert grid.parse_grid({part: {name: [str(value) for value in every]}}).varied


def test_what_a_network_does_not_have_is_not_offered_for_it(dataset):
    assert "unfreeze" not in grid_form.tunable_settings("notes")
    assert "dropout" not in grid_form.tunable_settings("compact")
    app = form("sweep", dataset=dataset.id)
    app.multiselect("sweep_varied").set_value(["dropout"]).run()
    app.selectbox("experiment_model").set_value("compact").run()
    assert not app.exception and not app.error
    assert "Choose at least one setting" in fakes.joined_text(app.info)


def test_a_range_stays_where_it_was_when_what_it_was_suggested_from_changes(dataset):
    app = form("sweep", dataset=dataset.id)
    app.segmented_control("sweep_batch_size_kind").set_value("range").run()
    app.slider("sweep_batch_size_range").set_value((30, 150)).run()
    app.session_state["experiment_batch_size"] = 4
    app.run()
    assert not app.exception and not app.error
    assert app.slider("sweep_batch_size_range").value == (30, 150)


def test_a_training_too_short_to_judge_trials_is_told():
    assert "no trial is judged before the end" in group_form.asha_text(grid.Asha(grace=2), 2)


# The chart of settings and results.


def chart(members, chosen=()):
    table = sweep_table.build_sweep_table([runs.load_run(key) for key in members])
    figure = group_charts.parallel_figure(table, table.columns, chosen)
    return {trace.customdata[0]: trace for trace in figure.data}


@pytest.mark.parametrize(
    ("accuracies", "told"),
    [
        ((0.6, 0.65, 0.7, 0.75, 0.8, 0.85), "correlation is +1.00 over 6 runs (Spearman)"),
        ((0.6, 0.65, 0.7, 0.75, 0.8, 0.85), "Higher was better."),
        ((0.6, 0.7, 0.8), "3 results can't show which setting matters"),
        ((0.7, 0.6, 0.72, 0.66, 0.64, 0.74), "This might be chance."),
        ((0.7, 0.7, 0.7, 0.7, 0.7), "no setting stands out"),
    ],
)
def test_the_words_name_the_setting_that_goes_with_the_result(accuracies, told):
    rates(accuracies)
    assert told in fakes.joined_text(page(group="sweep").caption)


def test_runs_without_a_result_are_drawn_to_their_last_setting():
    trials = rates()
    waiting = member("sweep", "waits", learning_rate=2e-3)
    lines = chart([*trials, waiting])
    assert list(lines[waiting].y) == [0]
    assert list(lines[trials[0]].y) == [0, -1]
    assert lines[waiting].line.dash == "dot"


def test_runs_of_the_same_value_stand_beside_each_other_and_keep_their_order():
    keys = [
        member("sweep", f"r{n}", [0.6 + n / 20], batch_size=10 + 10 * (n % 2)) for n in range(6)
    ]
    at = {key: trace.x[0] for key, trace in chart(keys).items()}
    assert len(set(at.values())) == 6
    assert at[keys[0]] < at[keys[2]] < at[keys[4]] < at[keys[1]]


def test_the_axis_of_a_rate_is_logarithmic():
    trials = rates()
    positions = [chart(trials)[key].x[0] for key in trials]
    assert positions[2] - positions[0] == pytest.approx(positions[4] - positions[2])


def test_what_is_picked_on_the_chart_is_drawn_strongly_and_fills_the_table():
    trials = rates()
    picked = {"selection": {"points": [{"customdata": [trials[1]]}, {"customdata": trials[1]}]}}
    assert run_table.picked_run_ids(picked) == [trials[1]]
    lines = chart(trials, [trials[1]])
    assert [key for key, trace in lines.items() if trace.opacity == 1] == [trials[1]]


def test_the_best_run_of_a_sweep_comes_first_and_the_best_open_side_by_side():
    trials = rates()
    app = page(group="sweep")
    assert list(app.dataframe[0].value["Learning rate"])[:2] == [0.03, 0.01]
    app.button("group_curves").click().run()
    assert app.multiselect("chosen_runs").value == trials[:2:-1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("rate 1 · does it", "rate 1"), ("a · b", "a · b"), ("plain", "plain")],
)
def test_a_run_is_called_without_the_name_of_its_group_even_where_that_is_cut_off(name, shown):
    run = runs.load_run(member("sweep", name))
    assert group_charts.short_run_names([run]) == {run.id: shown}


def test_names_of_runs_are_never_rendered_in_a_chart():
    keys = [member("sweep", f"<b>{n}</b>", [0.6 + n / 20], batch_size=10 + n) for n in range(3)]
    assert all("<b>" not in trace.name for trace in chart(keys).values())


def test_runs_ticked_on_compare_have_the_chart_too():
    keys = [
        fakes.make_run(f"r{n}", batch_size=10 + n, augmentation=Augmentation() if n else None).name
        for n in range(3)
    ]
    app = page(runs=",".join(keys))
    assert not app.exception
    assert app.expander[0].label == "Settings and results of these runs"


# Where several share a lab.


@pytest.fixture
def shared(workspace, monkeypatch):
    """A class's lab; the function given lets somebody sit before it."""
    workspace.mkdir(exist_ok=True)
    text = json.dumps({"format": 1, "shared": True, "runs_each": 6, "waiting_each": 1})

    def sits(name, role):
        (workspace / access.FILE).write_text(text)
        monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor(name, role))

    return sits


@KINDS
def test_the_audience_starts_nothing(dataset, shared, started, kind):
    shared("eve", "audience")
    app = form(kind, dataset=dataset.id)
    assert app.button("experiment_start").disabled
    assert "View only" in app.button("experiment_start").help
    with pytest.raises(AccessError, match="View only"):
        sweep(dataset)
    assert not runs.list_runs() and not started


def test_a_students_group_keeps_to_the_quota_and_leaves_nothing_behind(dataset, shared, started):
    shared("ada", "student")
    app = form("sweep", dataset=dataset.id)
    assert app.button("experiment_start").disabled
    assert "This takes 9 runs, and you have 0 of 6." in fakes.joined_text(app.warning)
    seven = grid.parse_grid({"settings": {"learning_rate": [n / 1000 for n in range(1, 8)]}})
    with pytest.raises(AccessError, match="You have 6 of 6 runs"):
        groups.create_group(plans.plan_sweep(dataset, seven, Training(), None))
    assert not runs.list_runs() and not started


@pytest.mark.parametrize(
    "act", [groups.start_group, groups.start_driver, groups.stop_group, groups.remove_group]
)
def test_a_student_neither_stops_nor_takes_over_the_group_of_another(dataset, shared, act):
    key = sweep(dataset)
    shared("ada", "student")
    with pytest.raises(AccessError, match="belongs to the teacher"):
        act(key)


def test_a_student_names_no_cluster_and_trains_no_more_at_once_than_the_quota(
    dataset, shared, monkeypatch
):
    shared("ada", "student")
    with pytest.raises(AccessError, match="Only a teacher"):
        sweep(dataset, Cluster("ray://example.org:10001"))
    assert not runs.list_runs()
    assert access.max_parallel_runs(None) == access.max_parallel_runs(7) == 1
    monkeypatch.setattr(ray_session, "has_cluster", lambda: True)
    app = form("sweep", dataset=dataset.id)
    app.segmented_control("experiment_sweep_where").set_value("cluster").run()
    assert "experiment_address" not in [each.key for each in app.text_input]


def test_the_paired_form_says_before_it_trains_that_the_epochs_are_too_few(dataset):
    app = form(dataset=dataset.id)
    assert not app.button("experiment_start").disabled
    app.number_input("experiment_epochs").set_value(2).run()
    assert app.button("experiment_start").disabled
    assert "train at least 5 epochs" in fakes.joined_text(app.warning)


def test_the_number_of_photos_is_a_choice_and_the_estimate_follows(dataset):
    fakes.make_run("timed", epochs=3, learning_rate=1e-4)
    app = form(dataset=dataset.id)
    before = fakes.joined_text(app.markdown)
    (photos,) = (each for each in app.number_input if each.label == "Training photos")
    photos.set_value(12).run()
    assert "**2 runs.** One after another, about" in before
    assert fakes.joined_text(app.markdown) != before
    app.segmented_control("experiment_seeds").set_value(3).run()
    assert "**6 runs.**" in fakes.joined_text(app.markdown)


def test_a_small_sweep_says_that_it_shows_no_setting_to_matter(dataset):
    app = form("sweep", dataset=dataset.id)
    assert "which setting matters" not in fakes.joined_text(app.info)
    app.multiselect("sweep_varied").set_value(["learning_rate"]).run()
    assert "With fewer than 5 runs" in fakes.joined_text(app.info)
    assert not app.button("experiment_start").disabled


@pytest.mark.parametrize("there", [False, True])
def test_a_cluster_is_offered_only_where_one_can_be_had(dataset, monkeypatch, tmp_path, there):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(ray_session, "_RUNNING_FILE", "for this test")
    if there:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "for this test").write_text("10.0.0.5:6379")
    app = form("sweep", dataset=dataset.id)
    assert ("Cluster" in app.segmented_control("experiment_sweep_where").options) == there


def test_a_trial_that_the_scheduler_ended_is_called_so_everywhere(dataset):
    key = sweep(dataset)
    run = groups.load_group(key).runs[0]
    trained(run, 2, "stopped")
    groups.record_pruned(groups.sweeps_folder() / key, run.id, 2, 0.7)
    assert format_text.format_status(runs.load_run(run.id)) == "ended early"
    assert "ended early" in str(format_text.run_label(runs.load_run(run.id)))
    trained(run, 0, "done")  # resumed by hand to its end
    assert format_text.format_status(runs.load_run(run.id)) == "done"


def test_names_of_many_settings_have_a_number_and_keep_what_differs(dataset):
    names = ("learning_rate", "batch_size", "weight_decay", "label_smoothing", "seed", "dropout")
    wanted = {name: [0, 0.1] for name in names[2:4]} | {names[5]: [0, 0.5]}
    wanted |= {names[0]: [0.001, 0.01], names[1]: [10, 20], names[4]: [1, 2]}
    plan = plans.plan_sweep(dataset, grid.parse_grid({"settings": wanted}), Training(), None)
    few = GroupPlan("sweep", dataset, plan.runs[:12], plan.grid)
    members = groups.load_group(groups.create_group(few, "n" * 90)).runs
    assert all(run.name.startswith(f"#{n:02} ") for n, run in enumerate(members, 1))
    short = groups.short_names(members)
    assert len(set(short)) == len(members) and max(map(len, short)) <= 60


def test_the_form_of_an_experiment_survives_a_reload(dataset):
    app = form("small-data", dataset=dataset.id)
    app.segmented_control("experiment_seeds").set_value(3)
    app.segmented_control("experiment_budget").set_value("epochs")
    app.pills("experiment_sizes").set_value([12, 24])
    app.pills("experiment_variants").set_value([True])
    app.text_input("experiment_name").set_value("more</script>")
    app.number_input("experiment_epochs").set_value(4).run()
    again = page(**fakes.page_address(app))
    assert again.segmented_control("experiment_seeds").value == 3
    assert again.segmented_control("experiment_budget").value == "epochs"
    assert again.pills("experiment_sizes").value == [12, 24]
    assert again.pills("experiment_variants").value == [True]
    assert again.text_input("experiment_name").value == "more</script>"
    assert again.number_input("experiment_epochs").value == 4
    again.segmented_control("tab_kind").set_value("twin").run()
    again.selectbox("experiment_model").set_value("compact").run()
    again.number_input(f"experiment_photos_{dataset.id}_48").set_value(20).run()
    query = fakes.page_address(again)
    third = page(**query)
    assert not (app.exception or again.exception or third.exception)
    assert third.selectbox("experiment_model").value == "compact"
    rate = again.select_slider("experiment_learning_rate").value
    assert third.select_slider("experiment_learning_rate").value == rate
    assert third.number_input(f"experiment_photos_{dataset.id}_48").value == 20
    assert fakes.page_address(third) == query


def test_what_an_address_says_wrongly_of_an_experiment_is_named_or_left_out(dataset):
    wrong = {"photos": "9" * 5000, "sizes": "1,x", "seeds": "2", "model": "?", "epochs": "0"}
    app = form("twin", dataset=dataset.id, **wrong)
    assert not app.exception and app.number_input("experiment_epochs").value == 15
    assert "epochs is" in fakes.joined_text(app.warning)
    assert app.segmented_control("experiment_seeds").value == 1
