"""The panel and the form of sweeps on the Compare page, with sweeps made by hand and no Ray."""

import json
import time

import fakes
import pytest

from catdog_core import access, datasets, files, runs
from catdog_core.access import Visitor
from catdog_core.cluster import grid as grids
from catdog_core.cluster import ray_here, sweeps, trial_marks
from catdog_core.errors import AccessError
from catdog_core.outcomes import experiments
from catdog_core.settings import Training
from catdog_ui.compare import sweep_fields, sweep_words

pytestmark = pytest.mark.usefixtures("workspace")
GRID = {
    "settings": {"learning_rate": [1e-4, 1e-3, 1e-2], "batch_size": [10, 20]},
    "asha": {"grace": 2, "reduction": 3},
}


@pytest.fixture(autouse=True)
def with_ray(monkeypatch):
    """Ray as if it were installed; nothing here starts it."""
    monkeypatch.setattr(ray_here, "is_installed", lambda: True)


@pytest.fixture
def dataset(demo, workspace):
    return datasets.open_folder(demo)


@pytest.fixture
def started(monkeypatch):
    """What was started: by a driver or one after another."""
    found = []
    monkeypatch.setattr(sweeps, "start", lambda key, *_, **more: found.append(("ray", key)))
    monkeypatch.setattr(runs, "start", lambda folder, follow=False: found.append(("turn", folder)))
    return found


def made(dataset, **more):
    training = Training(epochs=9, image_size=32)
    return sweeps.create(dataset, training, None, grids.parse({**GRID, **more}), "which rate?")


def driver(key, **state):
    """A driver's state as it would have left it."""
    folder = sweeps.root() / key
    files.write_json(folder / "about.json", {"format": 1, "asked": time.time() - 100, "after": 0})
    files.write_json(folder / "state.json", {"format": 1, "beat": 5, "time": time.time(), **state})


def trained(run, epochs, status="done", accuracy=0.7):
    for epoch in range(epochs):
        row = {"epoch": epoch, "loss": 0.5, "accuracy": 0.8, "val_loss": 0.5}
        line = {**row, "val_accuracy": accuracy, "seconds": 1.0}
        files.append_line(run.folder / "metrics.jsonl", line)
    files.write_json(run.folder / "state.json", {"format": 1, "status": status, "beat": 1})


@pytest.fixture
def halfway(dataset):
    """A sweep whose driver is gone: one trial done, one ended early, one begun, three to come."""
    key = made(dataset)
    group = experiments.load(key)
    trained(group.runs[0], 9, accuracy=0.9)
    trained(group.runs[1], 2, "stopped")
    trial_marks.prune(sweeps.root() / key, group.runs[1].id, 2, 0.7)
    trained(group.runs[2], 4, "stopped")
    trial_marks.write(sweeps.root() / key, group.runs[0].id, trial_marks.Mark("d", 2, 1, 90, 2))
    driver(key, status="running", driver="d")
    return key


def page(**query):
    return fakes.page("4_Compare", **query)


def form(**query):
    app = page(**query)
    return app.segmented_control("compare_view").set_value("sweeps").run()


def progress(app):
    return str(app.get("progress")[0].proto.text)


def test_a_lab_without_sweeps_shows_the_form_and_without_photos_says_what_to_do():
    app = form()
    assert not app.exception
    assert "A new sweep" in fakes.said(app.subheader)
    assert "There is no dataset yet" in fakes.said(app.info)


def test_trials_are_counted_and_their_cost_and_tries_told(halfway):
    app = page(group=halfway)
    assert not app.exception
    assert "waiting: 3 · done: 1 · ended early: 1 · stopped: 1" in progress(app)
    assert "Cost so far: 3.0 core-minutes" in fakes.said(app.caption)
    table = app.dataframe[0].value
    assert (table["Status"].iloc[0], table["Tries"].iloc[0]) == ("done", 2)
    assert "ended early" in set(table["Status"])


def test_a_sweep_whose_driver_is_gone_says_so_and_goes_on(halfway, started):
    app = page(group=halfway)
    assert "The process that drives this sweep is gone" in fakes.said(app.warning)
    app.button("sweep_start_again").click().run()
    assert not app.exception
    assert started == [("ray", halfway)]


def test_what_a_sweep_tries_is_told(halfway):
    said = fakes.said(page(group=halfway).caption)
    assert "All combinations of Learning rate: 0.0001, 0.001, 0.01; Batch size: 10, 20" in said
    assert "Trials are judged after so many epochs: 2, 6" in said


def test_results_of_runs_that_did_not_train_to_their_end_are_told_as_such(halfway):
    said = fakes.said(page(group=halfway).caption)
    assert "2 of 3 results are of runs that have not trained to their end" in said


def test_why_a_driver_failed_is_told_as_plain_text(dataset):
    key = made(dataset)
    driver(key, status="failed", error={"message": "No cluster at {at}", "params": {"at": "*x*"}})
    assert "No cluster at \\*x\\*" in fakes.said(page(group=key).error)


def test_without_ray_a_sweep_goes_on_one_run_after_another(halfway, started, monkeypatch):
    monkeypatch.setattr(ray_here, "is_installed", lambda: False)
    app = page(group=halfway)
    assert "pip install -r requirements-cluster.txt" in fakes.said(app.info)
    app.button("sweep_turn").click().run()
    assert not app.exception
    ids = [run.id for run in experiments.load(halfway).runs]
    assert [(how, folder.name) for how, folder in started] == [("turn", ids[2])]


def test_a_sweep_is_deleted_after_a_question_and_comes_back(halfway):
    app = page(group=halfway)
    app.button("group_delete").click().run()
    app.button("group_delete_sure").click().run()
    assert not app.exception
    assert not experiments.listing()
    app.button("trash_undo_page").click().run()
    assert len(experiments.load(halfway).runs) == 6
    assert sweeps.load(halfway).grid is not None


def test_the_form_makes_a_run_for_each_combination_and_starts_ray(dataset, started):
    app = form(dataset=dataset.id)
    assert not app.exception
    assert "**9 runs.**" in fakes.said(app.markdown)
    app.number_input("sweep_epochs").set_value(4).run()
    app.text_input("sweep_name").set_value("rates").run()
    app.button("sweep_start").click().run()
    assert not app.exception
    (sweep,) = sweeps.listing()
    assert (sweep.name, len(sweep.group.runs), sweep.address) == ("rates", 9, "local")
    assert sweep.grid.asha is not None
    assert started == [("ray", sweep.id)]
    assert app.query_params["group"] in (sweep.id, [sweep.id])


def test_a_range_is_drawn_from_at_random(dataset, started):
    app = form(dataset=dataset.id)
    app.segmented_control("sweep_learning_rate_kind").set_value("range").run()
    assert "drawn at random" in fakes.said(app.caption)
    assert "**8 runs.**" in fakes.said(app.markdown)
    app.number_input("sweep_samples").set_value(5).run()
    app.button("sweep_start").click().run()
    (sweep,) = sweeps.listing()
    rates = {run.training.learning_rate for run in sweep.group.runs}
    assert len(rates) == 5 and all(1e-5 <= rate <= 1e-3 for rate in rates)


def test_a_value_out_of_range_is_told_by_its_setting(dataset):
    app = form(dataset=dataset.id)
    app.session_state["sweep_batch_size_values"] = ["20", "9000"]
    app.run()
    assert "'9000'. Expected a whole number from 1 to 512" in fakes.said(app.error)


def test_without_ray_the_form_trains_the_same_grid_in_turn(dataset, started, monkeypatch):
    monkeypatch.setattr(ray_here, "is_installed", lambda: False)
    app = form(dataset=dataset.id)
    assert "Ray is not installed here" in fakes.said(app.info)
    assert "sweep_where" not in [each.key for each in app.segmented_control]
    app.button("sweep_start").click().run()
    assert not app.exception
    (group,) = experiments.listing()
    assert (group.kind, len(group.runs)) == ("sweep", 9)
    assert [how for how, _ in started] == ["turn"]
    assert not sweeps.listing()


def test_a_twin_trains_on_a_cluster_where_that_is_chosen(dataset, started):
    app = page(dataset=dataset.id)
    app.segmented_control("compare_view").set_value("experiments").run()
    app.segmented_control("experiment_where").set_value("local").run()
    app.button("experiment_start").click().run()
    assert not app.exception
    (group,) = experiments.listing()
    assert started == [("ray", group.id)]
    assert app.button("sweep_start_again").label == "Start"


OFFERED = {**sweep_fields.offered("notes"), **sweep_fields.offered("transfer")}


@pytest.mark.parametrize("name", [n for n, (_, c) in OFFERED.items() if c.kind in ("int", "float")])
def test_every_number_offers_two_values_or_more_within_its_range(name):
    part, control = OFFERED[name]
    every, first = sweep_fields.suggested(control, control.default)
    assert len(every) >= 2 and set(first) <= set(every)
    assert grids.parse({part: {name: [str(value) for value in every]}}).varied


def test_what_a_network_does_not_have_is_not_offered_for_it(dataset):
    assert "unfreeze" not in sweep_fields.offered("notes")
    assert "dropout" not in sweep_fields.offered("compact")
    app = form(dataset=dataset.id)
    app.multiselect("sweep_varied").set_value(["dropout"]).run()
    app.selectbox("sweep_model").set_value("compact").run()
    assert not app.exception and not app.error
    assert "Choose at least one setting" in fakes.said(app.info)


def test_a_range_stays_where_it_was_when_what_it_was_suggested_from_changes(dataset):
    app = form(dataset=dataset.id)
    app.segmented_control("sweep_batch_size_kind").set_value("range").run()
    app.slider("sweep_batch_size_range").set_value((30, 150)).run()
    app.session_state["sweep_batch_size"] = 4
    app.run()
    assert not app.exception and not app.error
    assert app.slider("sweep_batch_size_range").value == (30, 150)


def test_successive_halving_is_counted_by_hand():
    asha = grids.Asha(grace=2, reduction=3)
    assert sweep_words.rungs(asha, 9) == [2, 6]
    assert sweep_words.share(asha, 9) == pytest.approx((2 + 4 / 3 + 3 / 9) / 9)
    assert "nobody is judged" in sweep_words.asha(asha, 2)


@pytest.fixture
def shared(workspace, monkeypatch):
    """A class's lab; the function given lets somebody sit before it."""
    workspace.mkdir(exist_ok=True)
    text = json.dumps({"format": 1, "shared": True, "runs_each": 6, "waiting_each": 1})

    def sits(name, role):
        (workspace / access.FILE).write_text(text)
        monkeypatch.setattr(access, "_ask", lambda: Visitor(name, role))

    return sits


def test_the_audience_starts_no_sweep(dataset, shared, started):
    shared("eve", "audience")
    app = form(dataset=dataset.id)
    assert app.button("sweep_start").disabled
    assert "as the audience" in app.button("sweep_start").help
    with pytest.raises(AccessError, match="as the audience"):
        made(dataset)
    assert not runs.listing() and not started


def test_a_students_sweep_keeps_to_the_quota_and_leaves_nothing_behind(dataset, shared, started):
    shared("ada", "student")
    app = form(dataset=dataset.id)
    app.button("sweep_start").click().run()
    assert "You have 6 runs already" in fakes.said(app.error)
    assert not runs.listing() and not started


def test_a_student_neither_stops_nor_takes_over_the_sweep_of_another(dataset, shared):
    key = made(dataset)
    shared("ada", "student")
    for act in (sweeps.start, sweeps.stop, sweeps.of_experiment, experiments.remove):
        with pytest.raises(AccessError, match="belongs to the teacher"):
            act(key)


def test_a_student_names_no_cluster_and_trains_no_more_at_once_than_the_quota(dataset, shared):
    shared("ada", "student")
    with pytest.raises(AccessError, match="Only a teacher"):
        sweeps.create(dataset, Training(), None, grids.parse(GRID), "", "ray://example.org:10001")
    assert not runs.listing()
    assert access.most_at_once(None) == access.most_at_once(7) == 1
    app = form(dataset=dataset.id)
    app.segmented_control("sweep_where").set_value("cluster").run()
    assert "sweep_address" not in [each.key for each in app.text_input]
