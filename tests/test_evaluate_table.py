"""The table of a run's predictions: what is kept, and what is noticed when it no longer holds."""

import csv
import json
import os

import numpy as np
import pytest

from catdog_core.analysis import predictions
from catdog_core.analysis.predictions import DAMAGED, PredictionTable
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def run(workspace):
    folder = workspace / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "best.keras").write_bytes(b"a model")
    return folder


def answered(dataset, split="validation", unreadable=()):
    rng = np.random.default_rng(0)
    items = [item for item in dataset.items(split) if item.file not in unreadable]
    rows = rng.dirichlet(np.ones(len(dataset.classes)), len(items))
    answers = {item.file: row for item, row in zip(items, rows, strict=True)}
    return predictions.build_prediction_table(dataset, split, answers, unreadable)


def kept(run, dataset, split="validation", unreadable=()):
    table = answered(dataset, split, unreadable)
    predictions.write_predictions(
        run, dataset, split, table, predictions.digest_model(run / "best.keras")
    )
    return table


def test_what_is_kept_is_read_back_to_the_last_digit(run, dataset):
    table = kept(run, dataset)
    stored = predictions.read_predictions(run, dataset, "validation")
    assert stored.table.files == table.files
    assert (stored.table.probabilities == table.probabilities).all()
    assert (stored.table.labels == table.labels).all()
    assert not stored.problem


def test_nothing_kept_is_told(run, dataset):
    assert (
        predictions.read_predictions(run, dataset, "validation").problem
        == predictions.NOT_PREDICTED
    )
    kept(run, dataset)
    assert predictions.read_predictions(run, dataset, "train").problem == predictions.NOT_PREDICTED


def test_the_table_is_one_people_can_read(run, dataset):
    kept(run, dataset)
    path = predictions.predictions_path(run, dataset.id, "validation")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert list(rows[0]) == ["file", "truth", "label", "p_cats", "p_dogs"]
    assert rows[0]["file"] == "validation/cats/cat.0000.jpg" and rows[0]["truth"] == "cats"
    assert float(rows[0]["p_cats"]) + float(rows[0]["p_dogs"]) == pytest.approx(1)


@pytest.mark.parametrize("cut", [0, 10, 500, -1])
def test_a_torn_table_is_not_believed(run, dataset, cut):
    kept(run, dataset)
    path = predictions.predictions_path(run, dataset.id, "validation")
    path.write_bytes(path.read_bytes()[:cut])
    stored = predictions.read_predictions(run, dataset, "validation")
    assert stored.table is None and stored.problem == DAMAGED


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b'{"format": 1}', b'{"format": "x"}'])
def test_a_torn_side_file_is_not_believed(run, dataset, text):
    kept(run, dataset)
    predictions.predictions_path(run, dataset.id, "validation").with_suffix(".json").write_bytes(
        text
    )
    assert predictions.read_predictions(run, dataset, "validation").problem == DAMAGED


def test_a_table_that_is_gone_or_another_ones_is_not_believed(run, dataset):
    kept(run, dataset)
    kept(run, dataset, "train")
    path = predictions.predictions_path(run, dataset.id, "validation")
    os.replace(predictions.predictions_path(run, dataset.id, "train"), path)
    assert predictions.read_predictions(run, dataset, "validation").problem == DAMAGED
    path.unlink()
    assert predictions.read_predictions(run, dataset, "validation").problem == DAMAGED


def test_a_table_of_a_newer_version_is_told(run, dataset):
    kept(run, dataset)
    side = predictions.predictions_path(run, dataset.id, "validation").with_suffix(".json")
    side.write_text(json.dumps({**json.loads(side.read_text()), "format": 99}))
    assert predictions.read_predictions(run, dataset, "validation").problem == predictions.NEWER


def test_a_model_that_learnt_more_makes_the_table_stale_a_copied_run_does_not(run, dataset):
    kept(run, dataset)
    os.utime(run / "best.keras", ns=(1, 1))
    assert predictions.read_predictions(run, dataset, "validation").table is not None
    (run / "best.keras").write_bytes(b"another model")
    stored = predictions.read_predictions(run, dataset, "validation")
    assert stored.table is None and stored.answers is None
    assert stored.problem == predictions.OTHER_MODEL


def test_a_photo_whose_content_changed_makes_the_table_stale(run, demo, tmp_path):
    import shutil

    folder = shutil.copytree(demo, tmp_path / "set")
    dataset = datasets.open_folder(folder)
    kept(run, dataset)
    photo = dataset.items("validation")[0].path
    photo.write_bytes(photo.read_bytes() + b"\0")
    stored = predictions.read_predictions(run, datasets.open_folder(folder), "validation")
    assert stored.table is None and stored.problem == predictions.OTHER_PHOTOS


def test_excluded_and_relabelled_photos_need_no_new_pass(run, dataset):
    table = kept(run, dataset)
    out, other = table.files[0], table.files[1]
    changed = datasets.edit_photos(
        dataset.id, [PhotoEdit(out, "exclude"), PhotoEdit(other, "relabel", "dogs")]
    )
    stored_table = predictions.read_predictions(run, changed, "validation").table
    assert out not in stored_table.files and len(stored_table) == 23
    row = stored_table.files.index(other)
    assert stored_table.classes[stored_table.labels[row]] == "dogs"
    assert (stored_table.probabilities[row] == table.probabilities[1]).all()
    undone = predictions.read_predictions(
        run, datasets.undo_last_edit(dataset.id), "validation"
    ).table
    assert (undone.labels == table.labels).all()


def test_photos_that_came_into_the_part_are_asked_for_and_the_others_still_known(run, dataset):
    kept(run, dataset)
    moved = dataset.items("train")[0].file
    changed = datasets.edit_photos(dataset.id, [PhotoEdit(moved, "move", "validation")])
    stored = predictions.read_predictions(run, changed, "validation")
    assert stored.table is None and stored.problem == predictions.MORE_PHOTOS
    assert len(stored.answers) == 24 and moved not in stored.answers


def test_classes_in_another_order_turn_the_columns(run, dataset):
    table = kept(run, dataset)
    turned = datasets.order_classes(dataset.id, ["dogs", "cats"])
    stored_table = predictions.read_predictions(run, turned, "validation").table
    assert stored_table.classes == ("dogs", "cats")
    assert (stored_table.probabilities == table.probabilities[:, ::-1]).all()


def test_unreadable_photos_are_not_asked_for_again(run, dataset):
    bad = dataset.items("validation")[3].file
    kept(run, dataset, unreadable=(bad,))
    stored = predictions.read_predictions(run, dataset, "validation")
    assert stored.table.unreadable == (bad,) and len(stored.table) == 23


def test_names_are_kept_raw_and_escaped_in_downloads_only(run, dataset):
    names = ("=cmd()", 'a,\n"b".jpg', "\udcff.jpg")
    table = PredictionTable(names, ("@cats", "dogs"), np.array([0, 1, 1]), np.full((3, 2), 0.5))
    raw = predictions.encode_predictions_csv(table).decode("utf-8", "surrogateescape")
    rows = list(csv.reader(raw.splitlines(keepends=True)))
    assert [row[0] for row in rows[1:]] == list(names)
    safe = predictions.encode_predictions_csv(table, np.array([1, 1, 0]), for_spreadsheet=True)
    assert b"'=cmd(),'@cats,dogs,0.5" in safe
    assert b"dogs,'@cats" in safe
