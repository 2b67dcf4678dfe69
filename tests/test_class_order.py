"""The order of the classes: set, undone, kept by runs, and never mistaken for another."""

import shutil

import pytest

from catdog_core import datasets
from catdog_core.datasets import Choice
from catdog_core.errors import DatasetError

CAT = "train/cats/cat.0000.jpg"


@pytest.fixture
def opened(workspace, demo):
    return datasets.open_folder(demo)


def found(dataset):
    return {item.file: (dataset.classes[item.label], item.split) for item in dataset.items()}


def test_classes_are_counted_in_the_order_chosen_and_that_is_undone(opened, demo):
    turned = datasets.order_classes(opened.id, ["dogs", "cats"])
    assert turned.classes == ("dogs", "cats")
    assert found(turned) == found(opened)
    assert turned.fingerprint != opened.fingerprint
    assert turned.counts()["train"] == {"dogs": 24, "cats": 24}
    assert datasets.load(opened.id) == datasets.open_folder(demo) == turned
    assert datasets.undo(opened.id) == opened
    assert datasets.as_of(opened.id, turned.fingerprint) == turned


def test_the_order_of_classes_that_was_there_first_has_the_first_fingerprint(opened):
    datasets.order_classes(opened.id, ["dogs", "cats"])
    assert datasets.order_classes(opened.id, ["cats", "dogs"]).fingerprint == opened.fingerprint


def test_choices_and_splits_hold_in_another_order_of_classes(opened):
    before = datasets.resplit(opened.id, seed=4)
    datasets.undo(opened.id)
    datasets.order_classes(opened.id, ["dogs", "cats"])
    turned = datasets.resplit(opened.id, seed=4)
    assert found(turned) == found(before)
    changed = datasets.change(opened.id, [Choice(CAT, "relabel", "dogs")])
    assert found(changed)[CAT][0] == "dogs"
    cats = [item.file for item in changed.items("validation") if item.label == 1]
    with pytest.raises(DatasetError, match="No photo of cats would be left in validation"):
        datasets.change(opened.id, [Choice(file, "exclude") for file in cats])


def test_a_class_that_came_later_is_counted_last(workspace, demo, tmp_path):
    shutil.copytree(demo / "train", tmp_path / "set")
    plain = datasets.open_folder(tmp_path / "set")
    datasets.order_classes(plain.id, ["dogs", "cats"])
    shutil.copytree(plain.root / "cats", plain.root / "birds")
    assert datasets.open_folder(plain.root).classes == ("dogs", "cats", "birds")


@pytest.mark.parametrize("order", [["cats"], ["dogs", "birds"], ["cats", "dogs", "dogs"], []])
def test_an_order_of_other_classes_is_refused(opened, order):
    with pytest.raises(DatasetError, match="each of the classes once: cats, dogs"):
        datasets.order_classes(opened.id, order)


def test_a_run_keeps_its_order_of_classes(opened):
    from catdog_core import runs, worker
    from catdog_core.settings import Training

    turned = datasets.order_classes(opened.id, ["dogs", "cats"])
    run = runs.load(runs.create(turned, Training(), None))
    datasets.undo(opened.id)
    assert run.classes == worker._dataset(run).classes == ("dogs", "cats")
