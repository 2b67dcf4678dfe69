"""Photos that trained a model or chose its epoch are recognized among those it is evaluated on."""

import shutil

import fakes
import pytest
from evaluated_runs import make_dataset_run

from catdog_core import runs
from catdog_core.analysis import photo_overlap
from catdog_core.analysis.photo_overlap import PhotoOverlap, count_overlap, describe_overlap
from catdog_core.base import files
from catdog_core.data import datasets

TRAIN, VALIDATION = 48, 24


@pytest.mark.parametrize(
    ("split", "trained", "chosen"),
    [("train", TRAIN, 0), ("validation", 0, VALIDATION), (None, TRAIN, VALIDATION)],
)
def test_each_split_of_its_own_dataset_counts(dataset, split, trained, chosen):
    run = runs.load_run(make_dataset_run(dataset))
    overlap = count_overlap(run, dataset, split)
    assert (overlap.trained, overlap.chosen) == (trained, chosen)
    assert overlap.total == trained + chosen and not overlap.is_unseen


def test_with_one_epoch_none_was_chosen(dataset):
    folder = make_dataset_run(dataset)
    rows = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text(rows[0] + "\n")
    overlap = count_overlap(runs.load_run(folder), dataset, "validation")
    assert overlap == PhotoOverlap(VALIDATION, 0, 0)
    assert describe_overlap(overlap) == []


def test_photos_count_by_the_split_they_were_in_then(dataset):
    run = runs.load_run(make_dataset_run(dataset))
    new = datasets.resplit(dataset.id, 3, 0.5, 0.25)
    for split in ("train", "validation", "test"):
        overlap = count_overlap(run, new, split)
        assert overlap.trained + overlap.chosen == overlap.total > 0
        assert overlap.trained and overlap.chosen
        ids = [remark.id for remark in describe_overlap(overlap)]
        assert ids == ["trained", "chosen"]


def test_a_copy_elsewhere_and_a_folder_of_it_are_the_same_photos(dataset, demo, tmp_path):
    run = runs.load_run(make_dataset_run(dataset))
    copy = datasets.open_folder(shutil.copytree(demo, tmp_path / "copy"))
    assert count_overlap(run, copy, "validation") == PhotoOverlap(VALIDATION, 0, VALIDATION)
    part = datasets.read_folder(demo / "train")
    assert count_overlap(run, part, None) == PhotoOverlap(TRAIN, TRAIN, 0)


def test_photos_that_trained_the_parent_count_too(dataset, tmp_path):
    parent = make_dataset_run(dataset, "parent")
    datasets.make_demo(tmp_path / "other", train=8, validation=4, size=32, seed=5)
    child = make_dataset_run(datasets.open_folder(tmp_path / "other"), "child")
    settings = files.read_json(child / "settings.json")
    files.write_json(child / "settings.json", {**settings, "parent": {"id": parent.name}})
    overlap = count_overlap(runs.load_run(child), dataset, "train")
    assert overlap == PhotoOverlap(TRAIN, TRAIN, 0)
    shutil.rmtree(parent)
    assert count_overlap(runs.load_run(child), dataset, "train") is None


def test_of_other_photos_and_other_programs_nothing_is_known(dataset, tmp_path):
    run = runs.load_run(make_dataset_run(dataset))
    datasets.make_demo(tmp_path / "other", train=8, validation=4, size=32, seed=5)
    other = datasets.open_folder(tmp_path / "other")
    assert count_overlap(run, other, "validation") is None
    assert count_overlap(None, dataset, "validation") is None
    assert count_overlap(runs.load_run(fakes.make_run()), dataset, "validation") is None
    assert describe_overlap(None) == []


def test_every_remark_fills_its_fields():
    for overlap in (PhotoOverlap(9, 9, 0), PhotoOverlap(9, 0, 9), PhotoOverlap(9, 2, 3)):
        for remark in photo_overlap.describe_overlap(overlap):
            assert "{" not in str(remark) and str(remark).endswith(".")
