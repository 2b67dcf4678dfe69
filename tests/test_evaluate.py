"""One pass over a split with a real, untrained model: what is asked, kept and written."""

import csv
import json

import fakes
import numpy as np
import pytest

from catdog_core.analysis import evaluate, predict, predictions
from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.models import keras_models

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "best.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 32), path, {"format": 1, "classes": ["cats", "dogs"]}
    )
    return path


@pytest.fixture
def run(model_file):
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(model_file.read_bytes())
    return folder


def test_a_pass_is_kept_in_the_runs_folder(run, dataset):
    seen = []
    table = evaluate.evaluate_and_cache(
        run, predict.load_predictor, dataset, "validation", lambda *at: seen.append(at)
    )
    stored_table = predictions.read_predictions(run, dataset, "validation").table
    assert (stored_table.probabilities == table.probabilities).all()
    assert len(stored_table) == 24 and seen[-1] == (24, 24)
    evaluation = evaluate.evaluate(run, dataset, "validation")
    assert (evaluation.table.probabilities == table.probabilities).all()
    assert evaluation.n == 24


def test_only_photos_that_came_are_asked_about(run, dataset):
    before = evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")
    moved = [item.file for item in dataset.items("train")[:3]]
    changed = datasets.edit_photos(
        dataset.id, [PhotoEdit(file, "move", "validation") for file in moved]
    )
    seen = []
    after = evaluate.evaluate_and_cache(
        run, predict.load_predictor, changed, "validation", lambda *at: seen.append(at)
    )
    assert seen == [(3, 3)] and len(after) == 27
    same = [after.files.index(file) for file in before.files]
    assert (after.probabilities[same] == before.probabilities).all()
    full_table = evaluate.evaluate(run, changed, "validation").table
    assert after.files == full_table.files
    assert after.probabilities == pytest.approx(full_table.probabilities, abs=1e-6)


def test_a_pass_that_is_stopped_leaves_what_was_there(run, dataset):
    before = evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")

    def stop(done, total):
        raise CatDogError("stopped")

    table_path = predictions.predictions_path(run, dataset.id, "validation")
    with pytest.raises(CatDogError, match="stopped"):
        evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "train", stop)
    assert sorted(path.name for path in table_path.parent.iterdir()) == [
        f"{table_path.stem}{end}" for end in ("-map.npz", ".csv", ".json")
    ]
    assert (
        predictions.read_predictions(run, dataset, "validation").table.probabilities
        == before.probabilities
    ).all()


def test_unreadable_photos_are_left_out_by_name(run, demo, tmp_path):
    import shutil

    folder = shutil.copytree(demo, tmp_path / "set")
    (folder / "validation" / "cats" / "bad.jpg").write_bytes(b"no photo")
    table = evaluate.evaluate_and_cache(
        run, predict.load_predictor, datasets.open_folder(folder), "validation"
    )
    assert table.unreadable == ("validation/cats/bad.jpg",) and len(table) == 24


def test_an_empty_part_is_told_and_nothing_written(run, dataset):
    with pytest.raises(DatasetError, match="no readable photos in test"):
        evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "test")
    assert not (run / "predictions").exists()


def test_the_command_writes_the_table(run, demo, tmp_path, capsys):
    out = tmp_path / "table.csv"
    status, output, _ = fakes.run_cli(capsys, "evaluate", run, demo, "--json", "--csv", out)
    assert status == 0
    output = json.loads(output)
    assert {
        "accuracy",
        "loss",
        "n",
        "classes",
        "confusion",
        "notes",
        "scale",
        "scale_assumed",
    } <= set(output)
    with open(out, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = np.mean([row["truth"] == row["label"] for row in rows])
    assert right == output["accuracy"] and len(rows) == output["n"]
