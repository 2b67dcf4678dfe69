"""Photos that trained a model or chose its epoch are recognized among those it is evaluated on."""

import shutil
from pathlib import Path

import fakes
import numpy as np
import pytest
from evaluated_runs import make_dataset_run, write_answers

from catdog_core import runs
from catdog_core.analysis import metrics, photo_overlap
from catdog_core.analysis.photo_overlap import PhotoOverlap, count_overlap, describe_overlap
from catdog_core.base import files
from catdog_core.data import datasets, imports
from catdog_core.data.datasets import PhotoEdit
from catdog_core.export import report_text
from catdog_core.imaging import decode
from catdog_core.runs import model_registry, training_photos

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


def test_photos_that_cannot_be_read_count_nowhere(dataset, demo, tmp_path):
    run = runs.load_run(make_dataset_run(dataset))
    folder = shutil.copytree(demo, tmp_path / "copy")
    broken = next((folder / "validation").rglob("*.jpg"))
    broken.write_bytes(broken.read_bytes()[:400])
    copy = datasets.open_folder(folder)
    readable = VALIDATION - 1
    assert count_overlap(run, copy, "validation") == PhotoOverlap(readable, 0, readable)


def test_with_one_epoch_none_was_chosen(dataset):
    folder = make_dataset_run(dataset)
    rows = (folder / "metrics.jsonl").read_text().splitlines()
    (folder / "metrics.jsonl").write_text(rows[0] + "\n")
    overlap = count_overlap(runs.load_run(folder), dataset, "validation")
    assert overlap == PhotoOverlap(VALIDATION, 0, 0)
    assert [remark.id for remark in describe_overlap(overlap)] == ["unseen"]


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


def _trained(dataset, name="first"):
    """A run that has the record of its photos, as `runs.create_run` writes it."""
    folder = make_dataset_run(dataset, name)
    training_photos.write_training_photos(folder, dataset)
    return runs.load_run(folder)


def _renamed(root, to):
    """The photos in one folder a class, under other names."""
    for number, path in enumerate(sorted(root.rglob("*.jpg"))):
        target = to / path.parent.name / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return datasets.open_folder(to)


def _zipped(root, to):
    archive = shutil.make_archive(str(to), "zip", root.parent, root.name)
    return imports.import_archive(Path(archive), "pets.zip")


def _with_another(root, to):
    shutil.copytree(root, to)
    shutil.copyfile(next(root.rglob("*.jpg")), to / "train" / "cats" / "more.jpg")
    (to / "train" / "cats" / "other.jpg").write_bytes(
        decode.encode_photo(np.full((9, 9, 3), 7, np.uint8))
    )
    return datasets.open_folder(to)


def _without_some(root, to):
    dataset = datasets.open_folder(shutil.copytree(root, to))
    left_out = [item.file for item in dataset.items("train")[:2]]
    return datasets.edit_photos(dataset.id, [PhotoEdit(file, "exclude") for file in left_out])


@pytest.mark.parametrize(
    ("change", "unknown_photos"),
    [(_renamed, 0), (_zipped, 0), (_with_another, 1), (_without_some, 0)],
)
@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_same_files_are_the_same_photos(
    demo, workspace, tmp_path, change, unknown_photos, is_deleted
):
    original = datasets.open_folder(demo)
    run = _trained(original)
    if is_deleted:
        datasets.remove_dataset(original.id)
    other = change(demo, tmp_path / "elsewhere")
    overlap = count_overlap(run, other, None)
    assert overlap.is_complete and not overlap.is_unseen
    assert overlap.trained + overlap.chosen == overlap.total - unknown_photos
    assert training_photos.is_training_dataset(run, other)
    if is_deleted:
        assert training_photos.find_training_dataset(run).dataset.id == other.id


def test_a_subset_counts_only_its_own_photos(demo, workspace):
    dataset = datasets.open_folder(demo)
    run = _trained(dataset.subset(10))
    assert count_overlap(run, dataset, "train") == PhotoOverlap(TRAIN, 10, 0)


def test_photos_that_trained_the_parent_count_too(dataset, tmp_path):
    parent = make_dataset_run(dataset, "parent")
    datasets.make_demo(tmp_path / "other", train=8, validation=4, size=32, seed=5)
    other = datasets.open_folder(tmp_path / "other")
    child = make_dataset_run(other, "child")
    settings = files.read_json(child / "settings.json")
    files.write_json(child / "settings.json", {**settings, "parent": {"id": parent.name}})
    overlap = count_overlap(runs.load_run(child), dataset, "train")
    assert overlap == PhotoOverlap(TRAIN, TRAIN, 0)
    shutil.rmtree(parent)
    assert count_overlap(runs.load_run(child), dataset, "train") is None
    partly = count_overlap(runs.load_run(child), other, "train")
    assert partly.trained == 8 and not partly.is_complete
    assert [remark.id for remark in describe_overlap(partly)] == ["trained", "unknown"]


def test_nothing_is_promised_where_a_models_photos_are_unknown(dataset, tmp_path):
    datasets.make_demo(tmp_path / "other", train=8, validation=4, size=32, seed=5)
    other = datasets.open_folder(tmp_path / "other")
    unseen = count_overlap(_trained(dataset), other, "validation")
    assert unseen == PhotoOverlap(4, 0, 0) and unseen.is_unseen
    unknown = [None, runs.load_run(fakes.make_run())]
    for model in unknown:
        overlap = count_overlap(model, dataset, "validation")
        assert overlap is None
        assert [remark.id for remark in describe_overlap(overlap)] == ["unknown"]
    result = metrics.metrics_at_threshold(
        write_answers(make_dataset_run(dataset, "asked"), dataset)
    )

    def say(text, **params):
        return text.format(**params)

    for overlap, promise in ((unseen, True), (None, False), (PhotoOverlap(4, 0, 1), False)):
        assert ("expect" in report_text.describe_interval(result, overlap, say)) is promise


@pytest.mark.parametrize("damage", [b"", b"x" * 40, b"CDPHOTO\x01" + b"\xff" * 24])
def test_a_damaged_record_promises_nothing(dataset, damage):
    run = runs.load_run(fakes.make_run())
    (run.folder / training_photos.FILE_NAME).write_bytes(damage)
    assert training_photos.parse_training_photos(run.folder) is None
    assert count_overlap(run, dataset, "train") is None


def test_the_built_in_model_knows_its_photos(dataset):
    run = model_registry.load_default_run()
    photos = training_photos.read_training_photos(run)
    assert (len(photos.train), len(photos.validation)) == (2000, 1000)
    assert len(set(photos.train.tolist()) & set(photos.validation.tolist())) == 0
    assert count_overlap(run, dataset, None).is_unseen


def test_every_remark_fills_its_fields():
    overlaps = [PhotoOverlap(9, *rest) for rest in ((9, 0), (0, 9), (2, 3), (0, 0), (1, 0, False))]
    for overlap in (*overlaps, None):
        for remark in photo_overlap.describe_overlap(overlap):
            assert "{" not in str(remark) and str(remark).endswith(".")
