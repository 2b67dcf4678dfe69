"""The Train page: the form, and a run in each of its states."""

import re
from pathlib import Path

import fakes
import pytest
from filelock import FileLock
from streamlit.runtime.scriptrunner import StopException

from catdog_core import runs
from catdog_core.analysis import history_import
from catdog_core.analysis.diagnose import Remark
from catdog_core.base import files
from catdog_core.config import Augmentation, Training
from catdog_core.data import datasets
from catdog_ui.session import PAGE_STATE_KEY, PageState, TrainState
from catdog_ui.train import train_advice

pytestmark = pytest.mark.usefixtures("workspace")


def taken_over(augmentation):
    """A session that took settings over from the Augment page."""
    train = TrainState(augmentation=Augmentation(**augmentation))
    return {PAGE_STATE_KEY: PageState(train=train)}


def page(**query):
    return fakes.open_page("3_Train", **query)


def open_tab(app, name):
    return app.segmented_control("tab_tab").set_value(name).run()


def tiles(app):
    html = " ".join(element.value for element in app.get("html"))
    return dict(re.findall(r"<div[^>]*>([^<]+)</div><div[^>]*>([^<]+)</div>", html))


def test_the_form_shows_the_sum_behind_the_steps(demo):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id)
    assert not app.exception
    assert "48 photos / 20 = 2.4, rounded up to 3 steps" in fakes.joined_text(app.caption)


def test_the_form_shows_the_network_and_its_130241_parameters(demo):
    app = page(dataset=datasets.open_folder(demo).id)
    assert "130,241 parameters" in fakes.joined_text(app.markdown)
    assert "36,992" in list(app.dataframe[0].value["Output"])


@pytest.mark.parametrize(
    ("augmentation", "why"),
    [
        ({}, "labels 0 or 1"),
        (
            {"mixup_alpha": 0.4},
            "labels are the two mixed photos' proportions",
        ),
    ],
)
def test_the_loss_that_fits_the_labels_is_told(demo, augmentation, why):
    app = page(state=taken_over(augmentation), dataset=datasets.open_folder(demo).id)
    caption = fakes.joined_text(app.caption)
    assert "binary_crossentropy" in caption and why in caption


@pytest.fixture
def started(monkeypatch):
    folders = []
    monkeypatch.setattr(runs, "start_run", folders.append)
    return folders


def test_a_start_makes_the_run_that_was_set_and_shows_it(demo, started):
    app = page(dataset=datasets.open_folder(demo).id)
    app.text_input("train_name").set_value("my run")
    app.button("train_start").click().run()
    assert not app.exception
    run = runs.load_run(started[0])
    assert (run.name, run.training.steps_per_epoch) == ("my run", 3)
    assert (fakes.page_address(app)["run"], fakes.page_address(app)["tab"]) == (run.id, "runs")
    assert run.name in fakes.joined_text(app.subheader)
    assert "has started" in fakes.joined_text(app.toast)
    assert not app.run().toast


def test_a_second_click_and_a_broken_off_rerun_make_no_second_run(demo, monkeypatch):
    calls = []

    def start(folder):
        calls.append(folder)
        if len(calls) == 1:
            raise StopException  # as Streamlit breaks off a script when the next click comes

    monkeypatch.setattr(runs, "start_run", start)
    app = page(dataset=datasets.open_folder(demo).id)
    token = fakes.page_state(app).train.form_token
    app.button("train_start").click().run()
    fakes.page_state(app).train.start_requested = ("train_start", token)  # the second click
    app.run()
    assert not app.exception
    (run,) = runs.list_runs()
    assert calls == [run.folder, run.folder] and fakes.page_address(app)["run"] == run.id
    open_tab(app, "new")
    assert len(runs.list_runs()) == 1


def test_while_an_equal_run_is_active_the_button_shows_it(demo, monkeypatch):
    monkeypatch.setattr("catdog_core.runs.run_process.start_worker", lambda *_: None)
    app = page(dataset=datasets.open_folder(demo).id)
    app.button("train_start").click().run()
    (run,) = runs.list_runs()
    open_tab(app, "new")
    assert app.button("train_start_show").label == "Already training: show it"
    app.number_input("train_batch_size").set_value(8).run()
    assert app.button("train_start").label == "Start training"
    app.number_input("train_batch_size").set_value(20).run()
    app.button("train_start_show").click().run()
    assert (fakes.page_address(app)["run"], fakes.page_address(app)["tab"]) == (run.id, "runs")
    assert len(runs.list_runs()) == 1


def test_the_tab_follows_what_the_visit_is_for(demo):
    dataset = datasets.open_folder(demo)
    folder = fakes.make_run("old")
    assert page(dataset=dataset.id).button("train_start")
    app = page(run=folder.name)  # a link to a run that this session doesn't know
    assert tiles(app)["Epochs"] == "3 / 3"
    app.switch_page("pages/4_Compare.py").run()
    del app.query_params["tab"]  # links take the run along, and no tab
    app.switch_page("pages/3_Train.py").run()
    assert app.button("train_start")
    active = fakes.make_run("new", status="running", epochs=1)
    with FileLock(active / "lock"):
        app.switch_page("pages/4_Compare.py").run()
        del app.query_params["tab"]
        app.switch_page("pages/3_Train.py").run()
        assert app.button("stop_run") and fakes.page_address(app)["run"] == active.name


def test_settings_and_name_survive_a_reload(demo):
    dataset = datasets.open_folder(demo)
    app = page(dataset=dataset.id, tab="new")
    app.radio("train_model").set_value("custom").run()
    app.slider("network_blocks").set_value(2)
    app.text_input("train_name").set_value("</script>ä")
    app.select_slider("train_learning_rate").set_value(1e-3)
    app.segmented_control("train_augment").set_value("notes")
    app.radio("train_length").set_value("try").run()
    assert not app.exception
    assert not [each for each in app.get("html") if "</script>ä" in each.value]
    again = page(**fakes.page_address(app))
    assert not again.exception
    assert again.radio("train_model").value == "custom"
    assert again.slider("network_blocks").value == 2
    assert again.text_input("train_name").value == "</script>ä"
    assert again.select_slider("train_learning_rate").value == 1e-3
    assert again.segmented_control("train_augment").value == "notes"
    assert again.number_input("train_epochs").value == 5
    assert fakes.page_address(again) == fakes.page_address(app)


def test_what_an_address_says_wrongly_is_named_and_a_link_of_this_page_fills_nothing_twice(demo):
    app = page(
        dataset=datasets.open_folder(demo).id,
        tab="new",
        epochs="0",
        batch_size="7",
        network="[" * 400,
        model="custom",
        augmentation="best",
        parent="../x",
    )
    assert not app.exception
    assert "epochs is '0'. Use a whole number from 1 to 1000" in fakes.joined_text(app.warning)
    assert (app.number_input("train_batch_size").value, app.number_input("train_epochs").value) == (
        7,
        50,
    )
    app.number_input("train_batch_size").set_value(9).run()  # the address is followed once
    assert app.number_input("train_batch_size").value == 9 and not app.warning


def test_a_length_sets_the_epochs_and_a_number_of_ones_own_is_a_card_too(demo):
    app = page(dataset=datasets.open_folder(demo).id)
    assert app.radio("train_length").value == "usual"
    app.radio("train_length").set_value("thorough").run()
    assert app.number_input("train_epochs").value == 100
    app.number_input("train_epochs").set_value(7).run()
    assert app.radio("train_length").value == "own"
    app.radio("train_model").set_value("compact").run()
    assert (app.radio("train_length").value, app.number_input("train_epochs").value) == (
        "usual",
        100,
    )


def test_the_advice_of_the_verdict_fills_the_form_and_says_so(demo):
    datasets.open_folder(demo)
    app = page(run=fakes.make_run("short", epochs=3, batch_size=7).name)
    assert app.button("advice_0").label == "Train 10 epochs"
    app.button("advice_0").click().run()
    assert not app.exception
    assert (app.number_input("train_epochs").value, app.number_input("train_batch_size").value) == (
        10,
        7,
    )
    said = fakes.joined_text(app.info)
    assert "settings of “short”" in said and "Set for you: Epochs 10." in said
    app.button("train_reset").click().run()
    assert app.number_input("train_batch_size").value == 20 and not app.info


@pytest.mark.parametrize(
    ("step", "label", "values"),
    [
        (Remark("more_epochs", "", {"n": 40}), "Train 40 epochs", {"epochs": 40}),
        (Remark("more_epochs", ""), "Train 20 epochs", {"epochs": 20}),
        (Remark("raise_rate", "", {"higher": 0.5}), "Train at 0.1", {"learning_rate": 0.1}),
        (Remark("lower_rate", "", {"lower": 3e-5}), "Train at 3e-05", {"learning_rate": 3e-5}),
        (Remark("lower_rate", ""), None, {}),
        (Remark("stop_early", "", {"patience": 5}), None, {"early_stopping": 5}),
        (Remark("balance", ""), None, {"class_weights": True}),
        (Remark("transfer", ""), "Train “transfer”", {"model": "transfer"}),
        (Remark("more_data", ""), None, {}),
    ],
    ids=lambda value: value.id if isinstance(value, Remark) else "",
)
def test_a_step_of_a_verdict_becomes_settings_within_their_range(step, label, values):
    advice = train_advice.advise_settings(step, runs.load_run(fakes.make_run(epochs=3)))
    assert dict(advice.values if advice else {}) == values
    assert Training(**values)
    if label is not None:
        assert advice.label.format(**advice.values) == label


def test_the_line_of_photos_counts_those_that_the_form_takes(demo):
    app = page(dataset=datasets.open_folder(demo).id, tab="new", train_photos="20")
    assert "20 of 48 training photos" in fakes.joined_text(app.markdown)
    app.selectbox("train_train_photos").set_value(0).run()
    assert not app.exception and "20 of 48" not in fakes.joined_text(app.markdown)


def test_the_augmentation_of_its_page_is_used(demo, started):
    app = page(state=taken_over({"rotation_range": 33}), dataset=datasets.open_folder(demo).id)
    assert "Rotation ±33°" in fakes.joined_text(app.caption)
    app.button("train_start").click().run()
    assert runs.list_runs()[0].augmentation.rotation_range == 33


def test_a_done_run_shows_its_best_epoch_and_both_downloads():
    folder = fakes.make_run()
    fakes.add_fake_model(folder)
    app = page(run=folder.name)
    assert not app.exception
    assert tiles(app)["Best (epoch 2)"] == "70.0%"
    assert "best epoch is 2" in fakes.joined_text(app.success)
    assert {"download_keras", "download_h5"} <= {b.key for b in app.get("download_button")}


def test_a_running_run_shows_where_it_is_and_can_be_stopped():
    state = {"epoch": 1, "batch": 4, "steps": 10, "phase": "train", "eta_seconds": 75.0}
    folder = fakes.make_run(status="running", epochs=1, state={**state, "images_per_second": 512.3})
    with FileLock(folder / "lock"):
        app = page(run=folder.name)
        shown = tiles(app)
        assert (shown["Epoch"], shown["Batch"]) == ("2 / 3", "4 / 10")
        assert (shown["Time left"], shown["Photos per second"]) == ("1 min 15 s", "512")
        app.button("stop_run").click().run()
    assert (folder / "stop").exists()


def test_a_run_of_several_workers_tells_that_it_resumes_with_one():
    folder = fakes.make_run(status="stopped", epochs=1, state={"phase": "workers", "restarted": 1})
    settings = files.read_json(folder / "settings.json")
    files.write_json(folder / "settings.json", {**settings, "workers": 2, "address": "local"})
    assert "This run had 2 workers. It resumes with one." in fakes.joined_text(
        page(run=folder.name).caption
    )


def test_a_waiting_run_says_who_is_first_and_for_how_long():
    state = {"queued": 1.0, "eta_seconds": 75.0}
    first = fakes.make_run("hers", status="running", epochs=1, state=state)
    files.write_json(first / "about.json", {"format": 1, "name": "hers", "owner": "*Ada*"})
    folder = fakes.make_run(status="queued", epochs=0, state={"ahead": 1, "queued": 2.0})
    with FileLock(first / "lock"), FileLock(folder / "lock"):
        info = fakes.joined_text(page(run=folder.name).info)
    assert "\\*Ada\\*'s “hers”" in info and "1 min 15 s" in info


def test_a_lost_run_offers_to_go_on():
    folder = fakes.make_run(status="running", epochs=2)
    app = page(run=folder.name)
    assert "continue after epoch 2" in fakes.joined_text(app.warning)
    assert app.button("resume_run").label == "Resume"


def test_a_failed_run_shows_its_reason_and_the_log():
    error = {"message": "The loss became {loss}.", "params": {"loss": "nan"}}
    folder = fakes.make_run(status="failed", epochs=1, state={"error": error})
    (folder / "log.txt").write_text("last words")
    app = page(run=folder.name)
    assert "The loss became nan." in fakes.joined_text(app.error)
    assert "last words" in fakes.joined_text(app.code)


def test_a_damaged_run_does_not_hide_the_form(demo):
    (runs.runs_folder() / "broken").mkdir(parents=True)
    app = page(run="broken", dataset=datasets.open_folder(demo).id)
    assert not app.exception
    assert "damaged" in fakes.joined_text(app.error)
    open_tab(app, "new")
    assert not app.exception and app.button("train_start")


def test_a_run_that_has_ended_is_judged_in_words():
    folder = fakes.make_run(epochs=0, status="done")
    for row in history_import.read_history(
        Path(__file__).parents[1] / "benchmarks" / "histories" / "notes_plain_50.csv"
    ).rows:
        files.append_json_line(folder / "metrics.jsonl", {**row, "seconds": 1.0})
    app = page(run=folder.name)
    assert not app.exception
    assert "Overfitting since epoch 21" in fakes.joined_text(app.markdown)
    assert "Augment the training photos" in fakes.joined_text(app.caption)
