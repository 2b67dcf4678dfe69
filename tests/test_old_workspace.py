"""A workspace of an earlier version opens, in every page and command, and its runs go on."""

import shutil
from pathlib import Path

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import evaluate, predict, predictions
from catdog_core.augmentation import presets
from catdog_core.base import files, trash
from catdog_core.base.errors import CatDogError
from catdog_core.data import datasets
from catdog_core.training.execution import execute_run
from catdog_core.tuning import groups

OLD = Path(__file__).parent / "old_workspace" / "lab"


@pytest.fixture
def old(workspace):
    shutil.copytree(OLD, workspace)
    return workspace


def named(name):
    return next(run for run in runs.list_runs() if run.name == name)


def test_all_of_it_is_listed_and_nothing_is_damaged(old):
    assert {run.name: run.status for run in runs.list_runs()} == {
        "Old finished run": "done",
        "Old stopped run": "stopped",
        "plain · Old twin": "done",
        "augmented · Old twin": "done",
    }
    assert [run.problem for run in runs.list_runs()] == [None] * 4
    (dataset,) = datasets.list_datasets()
    assert datasets.list_damaged_datasets() == []
    assert (len(dataset.photos), len(dataset.excluded)) == (19, 1)
    (group,) = groups.list_groups()
    assert (group.name, group.kind, group.status) == ("Old twin", "twin", "done")
    assert [preset.name for preset in presets.list_presets()] == ["Old preset"]
    assert {(entry.kind, entry.name) for entry in trash.list_trash()} == {
        ("run", "Old deleted run"),
        ("preset", "Old deleted preset"),
    }


def test_its_settings_are_read_as_they_were_meant(old):
    run = named("Old finished run")
    assert (run.training.epochs, run.training.network.filters) == (3, (4, 4))
    assert (run.augmentation.rotation_range, run.augmentation.horizontal_flip) == (20, True)
    assert [row["epoch"] for row in run.epochs] == [0, 1, 2]


@pytest.mark.parametrize(
    "page",
    ["", "1_Data", "2_Augment", "3_Train", "4_Compare", "5_Evaluate", "6_Predict", "7_Export"],
)
def test_every_page_opens_it(old, page):
    app = fakes.open_page(page, run=named("Old finished run").id)
    assert not app.exception
    assert [error.value for error in app.error] == []


def test_its_table_of_predictions_is_taken_as_it_is(old):
    run = named("Old finished run")
    stored_predictions = predictions.read_predictions(
        run.folder, datasets.list_datasets()[0], "validation"
    )
    assert stored_predictions.problem == "" and len(stored_predictions.table) == 8


def test_what_was_deleted_comes_back(old):
    for entry in trash.list_trash():
        trash.restore_from_trash(entry.id)
    assert named("Old deleted run").status == "stopped"
    assert presets.find_preset("Old deleted preset")
    assert trash.list_trash() == []


def test_decisions_of_then_are_undone_now(old):
    (dataset,) = datasets.list_datasets()
    assert datasets.undo_last_edit(dataset.id).excluded == ()


@pytest.mark.slow
def test_its_models_answer_and_its_stopped_run_goes_on(old, capsys):
    run = named("Old finished run")
    (dataset,) = datasets.list_datasets()
    table = predictions.read_predictions(run.folder, dataset, "validation").table
    again = evaluate.evaluate(run.folder, dataset, "validation").table
    assert again.files == table.files
    assert again.probabilities == pytest.approx(table.probabilities, abs=1e-5)
    photo = dataset.items("validation")[0].path
    assert len(predict.load_predictor(run.folder).classes) == 2
    assert fakes.run_cli(capsys, "predict", run.id, photo)[0] == 0
    assert fakes.run_cli(capsys, "runs")[0] == 0
    assert fakes.run_cli(capsys, "diagnose", run.id)[0] == 0
    assert fakes.run_cli(capsys, "experiment", "list")[0] == 0
    stopped = named("Old stopped run")
    execute_run(stopped.folder)
    assert [row["epoch"] for row in named("Old stopped run").epochs] == [0, 1, 2, 3]
    assert named("Old stopped run").status == "done"


def newer(path):
    values = files.read_json(path)
    files.write_json(path, {**values, "format": 99})


@pytest.mark.parametrize(
    ("place", "act"),
    [
        ("datasets/*/dataset.json", lambda: datasets.load_dataset("pets-903f3878")),
        ("presets/old-preset.json", lambda: presets.load_preset("old-preset")),
        ("runs/*-d63b/settings.json", lambda: runs.start_run("20261126-211434-custom-d63b")),
    ],
)
def test_what_a_newer_program_made_is_told_and_left_alone(old, place, act):
    (path,) = old.glob(place)
    newer(path)
    before = path.read_bytes()
    with pytest.raises(CatDogError, match="from a newer version"):
        act()
    assert path.read_bytes() == before


def test_a_folder_whose_record_a_newer_program_wrote_keeps_its_history(old, tmp_path):
    datasets.make_demo(tmp_path / "pets", train=4, validation=4, size=32)
    dataset = datasets.open_folder(tmp_path / "pets")
    path = datasets.datasets_folder() / dataset.id / "dataset.json"
    newer(path)
    before = path.read_bytes()
    with pytest.raises(CatDogError, match="from a newer version"):
        datasets.open_folder(tmp_path / "pets")
    assert path.read_bytes() == before
    assert "from a newer version" in next(
        str(error) for _, error in datasets.list_damaged_datasets()
    )


def test_the_drawn_set_of_a_newer_program_goes_to_the_trash_not_away(workspace, monkeypatch):
    monkeypatch.setattr(datasets.synthetic, "make_demo", lambda to, progress=None: _few(to))
    datasets.create_demo()
    path = datasets.datasets_folder() / datasets.DEMO_ID / "dataset.json"
    newer(path)
    datasets.create_demo()
    assert [entry.kind for entry in trash.list_trash()] == ["dataset"]


def _few(to):
    datasets.make_demo(to, train=4, validation=4, size=32)


def test_a_table_of_predictions_of_a_newer_program_is_told(old):
    run = named("Old finished run")
    newer(next((run.folder / "predictions").glob("*.json")))
    stored_predictions = predictions.read_predictions(
        run.folder, datasets.list_datasets()[0], "validation"
    )
    assert stored_predictions.table is None and stored_predictions.problem == predictions.NEWER


@pytest.mark.slow
def test_a_model_of_a_newer_program_is_told(old, tmp_path):
    import json
    import zipfile

    from catdog_core.models import keras_models

    path = named("Old finished run").folder / "best.keras"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["catdog.json"] = json.dumps(
        {**json.loads(members["catdog.json"]), "format": 99}
    ).encode()
    with zipfile.ZipFile(tmp_path / "new.keras", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(CatDogError, match="from a newer version"):
        keras_models.read_metadata(tmp_path / "new.keras")
