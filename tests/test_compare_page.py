"""The Compare page: what it shows of runs, and what it does to them."""

import fakes
import pytest

from catdog_core import runs
from catdog_core.base import files
from catdog_core.config import Augmentation

pytestmark = pytest.mark.usefixtures("workspace")


def page(**query):
    return fakes.open_page("4_Compare", **query)


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption, *app.info])


def test_an_empty_lab_says_what_to_do():
    app = page()
    assert not app.exception
    assert "no run has been trained" in app.info[0].value


def test_the_newest_runs_with_epochs_are_chosen_first():
    ids = [fakes.make_run(f"run {n}").name for n in range(4)]
    fakes.make_run("empty", epochs=0)
    app = page()
    assert not app.exception
    assert set(app.multiselect[0].value) == set(ids[1:])


def test_the_chosen_runs_come_from_the_address():
    ids = [fakes.make_run(f"run {n}").name for n in range(4)]
    app = page(runs=f"{ids[0]},gone")
    assert app.multiselect[0].value == [ids[0]]


def test_the_table_shows_only_settings_that_differ():
    fakes.make_run("slow", learning_rate=1e-4)
    fakes.make_run("fast", learning_rate=1e-3, augmentation=Augmentation())
    table = page().dataframe[0].value
    assert set(table["Learning rate"]) == {"0.0001", "0.001"}
    assert "Augmentation" in table
    assert "Batch size" not in table and "Seed" not in table


def test_the_table_tells_best_epoch_and_gap():
    fakes.make_run()
    table = page().dataframe[0].value
    assert list(table["Best epoch"]) == [2]
    assert list(table["Best validation accuracy"]) == ["70.0%"]
    assert list(table["Gap"]) == ["17.0 points"]
    assert list(table)[:3] == ["Run", "Best validation accuracy", "Gap"]  # all a phone has room for


def test_a_run_is_renamed_and_noted():
    folder = fakes.make_run("first")
    app = page()
    app.text_input(f"name_{folder.name}").set_value("second")
    app.text_area(f"note_{folder.name}").set_value("overfits")
    next(button for button in app.button if button.label == "Save").click().run()
    run = runs.load_run(folder)
    assert (run.name, run.note) == ("second", "overfits")


def test_a_run_is_deleted_only_after_a_question():
    folder = fakes.make_run()
    app = page()
    app.button("delete").click().run()
    assert folder.exists()
    app.button("delete_sure").click().run()
    assert not folder.exists()
    assert not app.exception


def test_the_settings_of_a_run_fill_the_train_form(demo):
    fakes.make_run(epochs=3, batch_size=7, learning_rate=1e-3)
    app = page()
    app.button("clone").click().run()
    assert not app.exception
    assert app.session_state["train_batch_size"] == 7


def test_a_damaged_run_is_named_and_the_others_stay():
    fakes.make_run("good")
    (runs.runs_folder() / "broken").mkdir()
    app = page(run="broken")
    assert not app.exception
    assert any("damaged" in error.value for error in app.error)


def test_runs_that_differ_in_epochs_alone_are_not_called_the_same():
    fakes.make_run("short", epochs=2)
    long = fakes.make_run("long", epochs=3)
    path = long / "settings.json"
    settings = files.read_json(path)
    settings["training"]["epochs"] += 7
    files.write_json(path, settings)
    app = page()
    assert "Showing only settings that differ." in texts(app)
    table = app.dataframe[0].value
    assert {value.split(" / ")[0] for value in table["Epochs"]} == {"2", "3"}


def test_each_compared_run_is_judged():
    fakes.make_run()
    app = page()
    assert "are needed to tell a trend from chance." in texts(app)
