"""The Compare page: what it shows of runs, and what it does to them."""

from dataclasses import replace

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import comparability, history_import
from catdog_core.base import access, files
from catdog_core.config import Augmentation
from catdog_core.runs import lifecycle
from catdog_ui import charts

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
    assert set(app.multiselect("chosen_runs").value) == set(ids[1:])


def test_the_chosen_runs_come_from_the_address():
    ids = [fakes.make_run(f"run {n}").name for n in range(4)]
    app = page(runs=f"{ids[0]},gone")
    assert app.multiselect("chosen_runs").value == [ids[0]]


def test_only_runs_of_the_same_photos_and_classes_are_chosen_first():
    old = fakes.make_run("old")
    fakes.make_run("drawn", dataset_name="Demo")
    fakes.make_run("three", classes=("cats", "dogs", "foxes"))
    new = fakes.make_run("new")
    app = page()
    assert set(app.multiselect("chosen_runs").value) == {old.name, new.name}
    assert not app.warning
    assert "Best validation result" in texts(app)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"dataset_name": "Demo"}, "validated on different photos"),
        ({"classes": ("cats", "dogs", "foxes")}, "learned different classes"),
    ],
)
def test_runs_that_cannot_be_compared_are_warned_of_and_none_is_called_best(other, sentence):
    alike = [fakes.make_run("one"), fakes.make_run("two")]
    ids = [folder.name for folder in [*alike, fakes.make_run("other", **other)]]
    app = page(runs=",".join(ids))
    assert sentence in app.warning[0].value
    assert "Best validation result" not in texts(app) and "No run is named the best" in texts(app)
    assert list(app.dataframe[0].value)[:3] == ["Run", "Best validation accuracy", "Dataset"]
    app.button("compare_alike").click().run()
    assert app.multiselect("chosen_runs").value == ids[:2]
    assert not app.warning and "Best validation result" in texts(app)


def test_an_imported_history_is_marked_and_compared_with_nothing(tmp_path):
    mine = fakes.make_run("mine")
    log = tmp_path / "log.csv"
    log.write_text("epoch,loss,accuracy,val_loss,val_accuracy\n0,1,0.5,1,0.9\n")
    theirs = history_import.import_history(log, "theirs")
    assert page().multiselect("chosen_runs").value == [mine.name]
    app = page(runs=f"{mine.name},{theirs.name}")
    assert list(app.dataframe[0].value["Run"]) == ["mine", "theirs (imported)"]
    assert "was imported, and its photos are unknown" in app.warning[0].value


def test_the_photos_of_a_dataset_that_changed_are_said():
    first, second = (runs.load_run(fakes.make_run(name)) for name in ("one", "two"))
    changed = replace(second, dataset_fingerprint="g")
    (remark,) = comparability.describe_differences([first, changed])
    assert "The photos of “Cartoons” changed" in str(remark)
    assert comparability.describe_differences([first, second]) == []


def test_each_dataset_has_its_guessing_line():
    curves = [
        charts.LearningCurve([], 3, guess_accuracy=guess, name="run", dataset=name)
        for name, guess in (("Demo", 0.5), ("Shelter", 0.2), ("Pets", 0.5))
    ]
    words = [note.text for note in charts.overlay_figure("accuracy", curves).layout.annotations]
    assert words == ["guessing, Shelter", "guessing, Demo, Pets"]
    one = charts.overlay_figure("accuracy", curves[:1]).layout.annotations
    assert [note.text for note in one] == ["guessing"]


def test_in_a_shared_lab_runs_have_the_names_of_their_owners(workspace, monkeypatch):
    for name, owner in (("mine", ""), ("theirs", "ada")):
        lifecycle.write_metadata(fakes.make_run(name), {"owner": owner})
    assert list(page().dataframe[0].value["Run"]) == ["theirs", "mine"]
    (workspace / access.FILE).write_text('{"format": 1, "shared": true}')
    app = page()
    assert list(app.dataframe[0].value["Run"]) == ["theirs · ada", "mine"]
    assert any("theirs · ada" in option for option in app.multiselect("chosen_runs").options)
    assert any("theirs · ada" in option for option in app.selectbox("chosen_run").options)


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
    # All a phone has room for comes first.
    assert list(table)[:4] == ["Run", "Best validation accuracy", "Gap", "Dataset"]


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
