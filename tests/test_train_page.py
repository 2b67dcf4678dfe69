"""The Train page: the form, and a run in each of its states."""

import re
from pathlib import Path

import fakes
import pytest
from filelock import FileLock

from catdog_core import runs
from catdog_core.analysis import history_import
from catdog_core.base import files
from catdog_core.config import Augmentation
from catdog_core.data import datasets
from catdog_ui.session import PAGE_STATE_KEY, PageState, TrainState

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


def test_a_start_makes_the_run_that_was_set(demo, monkeypatch):
    started = []
    monkeypatch.setattr(runs, "start_run", started.append)
    app = page(dataset=datasets.open_folder(demo).id)
    app.text_input("train_name").set_value("my run")
    app.button("train_start").click().run()
    assert not app.exception
    run = runs.load_run(started[0])
    assert (run.name, run.training.steps_per_epoch) == ("my run", 3)
    assert app.query_params["run"] in (run.id, [run.id])


def test_the_augmentation_of_its_page_is_used(demo, monkeypatch):
    monkeypatch.setattr(runs, "start_run", lambda _folder: None)
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
