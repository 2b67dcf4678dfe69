"""Edits of photos and of the order of classes: remembered, undone, obeyed, no file touched."""

import json
import shutil
import threading

import numpy as np
import pytest

from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import datasets, photo_scan
from catdog_core.data.datasets import PhotoEdit
from catdog_core.imaging import decode

CAT, DOG = "train/cats/cat.0000.jpg", "train/dogs/dog.0001.jpg"


@pytest.fixture
def opened(workspace, demo):
    return datasets.open_folder(demo)


@pytest.fixture
def plain(workspace, demo, tmp_path):
    """Class folders with 36 photos each, two of which are nearly the same one."""
    for name in ("cats", "dogs"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for path in sorted(demo.glob(f"*/{name}/*.jpg")):
            shutil.copy(path, tmp_path / "set" / name / f"{path.parts[-3]}-{path.name}")
    photo = decode.decode_photo((tmp_path / "set/cats/train-cat.0000.jpg").read_bytes())
    (tmp_path / "set/cats/copy.jpg").write_bytes(decode.encode_photo(photo, quality=40))
    return datasets.open_folder(tmp_path / "set")


def found(dataset):
    return {item.file: (dataset.classes[item.label], item.split) for item in dataset.items()}


@pytest.mark.parametrize(
    ("choice", "place"),
    [
        (PhotoEdit(CAT, "exclude"), None),
        (PhotoEdit(CAT, "move", "validation"), ("cats", "validation")),
        (PhotoEdit(CAT, "move", "test"), ("cats", "test")),
        (PhotoEdit(CAT, "relabel", "dogs"), ("dogs", "train")),
    ],
)
def test_a_choice_is_obeyed_remembered_and_undone(opened, demo, choice, place):
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    changed = datasets.edit_photos(opened.id, [choice])
    assert found(changed).get(CAT) == place
    assert changed.fingerprint != opened.fingerprint
    assert datasets.load_dataset(opened.id) == datasets.open_folder(demo) == changed
    assert datasets.undo_last_edit(opened.id) == datasets.load_dataset(opened.id) == opened
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*")} == before


def test_choices_of_one_change_are_undone_at_once_and_changes_one_by_one(opened):
    first = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude"), PhotoEdit(DOG, "exclude")])
    second = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "restore")])
    assert (first.excluded, second.excluded) == ((CAT, DOG), (DOG,))
    assert [change.choices[0].action for change in second.changes] == ["exclude", "restore"]
    assert datasets.undo_last_edit(opened.id) == first
    assert datasets.undo_last_edit(opened.id) == opened
    with pytest.raises(DatasetError, match=r"has no changes to undo\."):
        datasets.undo_last_edit(opened.id)


def test_the_same_state_has_the_same_fingerprint_however_it_came_about(opened):
    there = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    back = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "restore")])
    again = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    assert back.fingerprint == opened.fingerprint
    assert again.fingerprint == there.fingerprint


def test_keeping_changes_no_photo(opened):
    changed = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "keep", "tiny")])
    assert (changed.fingerprint, changed.photos) == (opened.fingerprint, opened.photos)
    assert changed.dismissed_findings == {CAT: {"tiny"}}


def test_the_state_an_old_run_was_trained_on_is_told_again_even_when_undone(opened):
    then = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    datasets.undo_last_edit(opened.id)
    datasets.edit_photos(opened.id, [PhotoEdit(DOG, "relabel", "cats")])
    assert datasets.load_dataset_as_of(opened.id, then.fingerprint) == then
    assert datasets.load_dataset_as_of(opened.id, opened.fingerprint) == opened
    with pytest.raises(DatasetError, match="have changed since"):
        datasets.load_dataset_as_of(opened.id, "0" * 40)


def test_a_run_goes_on_with_the_photos_it_began_with(opened):
    from catdog_core import runs
    from catdog_core.base.errors import RunError
    from catdog_core.config import Training
    from catdog_core.training import run_photos

    run = runs.load_run(runs.create_run(opened, Training(), None))
    datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    assert run_photos.load_run_dataset(run, "{name} has changed.") == opened
    record = datasets.datasets_folder() / opened.id / "dataset.json"
    record.write_text(record.read_text().replace(opened.fingerprint, "f" * 40))
    with pytest.raises(RunError, match="has changed"):
        run_photos.load_run_dataset(run, "{name} has changed.")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (PhotoEdit("train/cats/none.jpg", "exclude"), "no photo 'train/cats/none.jpg'"),
        (PhotoEdit("../secret.jpg", "exclude"), "no photo"),
        (PhotoEdit(CAT, "delete"), "edit delete '' isn't possible"),
        (PhotoEdit(CAT, "move", "cats"), "edit move 'cats' isn't possible"),
        (PhotoEdit(CAT, "relabel", "birds"), "edit relabel 'birds' isn't possible"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_remembered(opened, choice, words):
    with pytest.raises(DatasetError, match=words):
        datasets.edit_photos(opened.id, [PhotoEdit(DOG, "exclude"), choice])
    assert datasets.load_dataset(opened.id) == opened


def test_a_class_is_never_emptied(opened):
    cats = [item.file for item in opened.items("validation") if item.label == 0]
    with pytest.raises(DatasetError, match="validation would have no photos of cats"):
        datasets.edit_photos(opened.id, [PhotoEdit(file, "exclude") for file in cats])


def test_choices_about_photos_that_are_gone_are_passed_over(plain):
    datasets.edit_photos(plain.id, [PhotoEdit("cats/copy.jpg", "exclude")])
    (plain.root / "cats/copy.jpg").unlink()
    again = datasets.open_folder(plain.root)
    assert (again.excluded, len(again.items())) == ((), 72)


def test_a_folder_is_read_with_its_choices_and_nothing_is_written(opened, demo):
    changed = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    record = datasets.datasets_folder() / opened.id / "dataset.json"
    before = record.stat().st_mtime_ns
    assert datasets.read_folder(demo) == changed
    assert datasets.scan_folder(demo) == opened
    assert record.stat().st_mtime_ns == before


def test_two_writers_at_once_lose_no_choice(opened):
    names = [item.file for item in opened.items("train")][:12]
    threads = [
        threading.Thread(
            target=datasets.edit_photos, args=(opened.id, [PhotoEdit(name, "exclude")])
        )
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert datasets.load_dataset(opened.id).excluded == tuple(sorted(names))


def test_a_full_disk_leaves_the_record_as_it_was(opened, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("catdog_core.base.files._sync", full)
        with pytest.raises(CatDogError, match="No space left"):
            datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    assert datasets.load_dataset(opened.id) == opened


@pytest.mark.parametrize("history", [[{}], [{"undo": True}], [1], [{"choices": [[1, 2, 3, 4]]}], 7])
def test_a_damaged_history_is_told(opened, history):
    record = datasets.datasets_folder() / opened.id / "dataset.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "history": history}))
    with pytest.raises(DatasetError, match="is damaged"):
        datasets.load_dataset(opened.id)


def test_a_record_of_before_there_were_choices_is_read(opened):
    record = datasets.datasets_folder() / opened.id / "dataset.json"
    stored = json.loads(record.read_text())
    del stored["history"]
    record.write_text(json.dumps({**stored, "exclusions": [], "relabels": {}, "subset": None}))
    assert datasets.load_dataset(opened.id) == opened


def test_a_new_split_keeps_like_photos_together_takes_a_test_and_is_undone(plain):
    for seed in range(8):
        anew = datasets.resplit(plain.id, seed, test_fraction=0.2)
        assert len({found(anew)[f"cats/{name}.jpg"] for name in ("copy", "train-cat.0000")}) == 1
    assert {split: sum(row.values()) for split, row in anew.counts().items()} == {
        "train": 41,
        "validation": 18,
        "test": 14,
    }
    assert anew.note["layout"] == "redivided"
    assert anew.note["split"] == {"seed": 7, "validation_fraction": 0.25, "test_fraction": 0.2}
    for _ in range(8):
        back = datasets.undo_last_edit(plain.id)
    assert back == plain


def test_a_new_split_leaves_out_the_excluded_and_a_later_choice_holds(plain):
    datasets.edit_photos(plain.id, [PhotoEdit("cats/copy.jpg", "exclude")])
    anew = datasets.resplit(plain.id, seed=5)
    file = anew.items("train")[0].file
    moved = datasets.edit_photos(plain.id, [PhotoEdit(file, "move", "test")])
    assert "cats/copy.jpg" not in found(moved)
    assert found(moved)[file][1] == "test"
    assert {k: v for k, v in found(moved).items() if k != file} == {
        k: v for k, v in found(anew).items() if k != file
    }


def test_a_new_split_decodes_nothing_the_health_check_has_seen(plain, monkeypatch):
    datasets.resplit(plain.id, seed=1)
    monkeypatch.setattr(
        photo_scan.decode, "decode_photo", lambda *_, **__: pytest.fail("decoded again")
    )
    assert datasets.resplit(plain.id, seed=2).note["split"]["seed"] == 2


def test_a_test_folder_stays_and_no_second_test_is_taken(workspace, demo, tmp_path):
    shutil.copytree(demo, tmp_path / "set")
    shutil.copytree(demo / "validation", tmp_path / "set" / "test")
    for path in (tmp_path / "set/test").rglob("*.jpg"):  # other bytes, other pictures
        photo = decode.decode_photo(path.read_bytes())
        path.write_bytes(decode.encode_photo(np.rot90(photo).copy()))
    opened = datasets.open_folder(tmp_path / "set")
    with pytest.raises(DatasetError, match="has a test folder"):
        datasets.resplit(opened.id, test_fraction=0.1)
    anew = datasets.resplit(opened.id, seed=3)
    assert [item.file for item in anew.items("test")] == [i.file for i in opened.items("test")]
    assert anew.items("validation") != opened.items("validation")


def test_exact_copies_stay_on_one_side_from_the_start(demo, tmp_path):
    for name in ("cats", "dogs"):
        shutil.copytree(demo / "train" / name, tmp_path / name)
    for number in range(12):
        shutil.copy(tmp_path / f"cats/cat.{number:04}.jpg", tmp_path / f"cats/again{number}.jpg")
    for seed in range(5):
        split = found(datasets.scan_folder(tmp_path, seed=seed))
        for number in range(12):
            assert split[f"cats/again{number}.jpg"] == split[f"cats/cat.{number:04}.jpg"]


def test_a_plain_folder_may_be_divided_in_three_when_scanned(demo):
    dataset = datasets.scan_folder(demo / "train", test_fraction=0.25)
    assert {split: sum(row.values()) for split, row in dataset.counts().items()} == {
        "train": 24,
        "validation": 12,
        "test": 12,
    }


def test_a_subset_has_fewer_training_photos_and_a_name_of_its_own(opened):
    small, large = opened.subset(10), opened.subset(20)
    assert small.counts()["train"] == {"cats": 5, "dogs": 5}
    assert set(small.items("train")) < set(large.items("train"))
    assert small.items("validation") == opened.items("validation")
    assert len({small.fingerprint, large.fingerprint, opened.fingerprint}) == 3
    assert opened.subset(48) is opened


def test_the_check_on_the_command_line_obeys_choices(opened, demo, capsys):
    from catdog_core import cli

    datasets.edit_photos(opened.id, [PhotoEdit(CAT, "exclude")])
    assert cli.main(["check", str(demo)]) == 0
    assert "train: 23 cats, 24 dogs" in capsys.readouterr().out


def test_classes_are_counted_in_the_order_chosen_and_that_is_undone(opened, demo):
    turned = datasets.order_classes(opened.id, ["dogs", "cats"])
    assert turned.classes == ("dogs", "cats")
    assert found(turned) == found(opened)
    assert turned.fingerprint != opened.fingerprint
    assert turned.counts()["train"] == {"dogs": 24, "cats": 24}
    assert datasets.load_dataset(opened.id) == datasets.open_folder(demo) == turned
    assert datasets.undo_last_edit(opened.id) == opened
    assert datasets.load_dataset_as_of(opened.id, turned.fingerprint) == turned


def test_the_order_of_classes_that_was_there_first_has_the_first_fingerprint(opened):
    datasets.order_classes(opened.id, ["dogs", "cats"])
    assert datasets.order_classes(opened.id, ["cats", "dogs"]).fingerprint == opened.fingerprint


def test_choices_and_splits_hold_in_another_order_of_classes(opened):
    before = datasets.resplit(opened.id, seed=4)
    datasets.undo_last_edit(opened.id)
    datasets.order_classes(opened.id, ["dogs", "cats"])
    turned = datasets.resplit(opened.id, seed=4)
    assert found(turned) == found(before)
    changed = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "relabel", "dogs")])
    assert found(changed)[CAT][0] == "dogs"
    cats = [item.file for item in changed.items("validation") if item.label == 1]
    with pytest.raises(DatasetError, match="validation would have no photos of cats"):
        datasets.edit_photos(opened.id, [PhotoEdit(file, "exclude") for file in cats])


def test_a_class_that_came_later_is_counted_last(workspace, demo, tmp_path):
    shutil.copytree(demo / "train", tmp_path / "set")
    plain = datasets.open_folder(tmp_path / "set")
    datasets.order_classes(plain.id, ["dogs", "cats"])
    shutil.copytree(plain.root / "cats", plain.root / "birds")
    assert datasets.open_folder(plain.root).classes == ("dogs", "cats", "birds")


@pytest.mark.parametrize("order", [["cats"], ["dogs", "birds"], ["cats", "dogs", "dogs"], []])
def test_an_order_of_other_classes_is_refused(opened, order):
    with pytest.raises(DatasetError, match="List each class once: cats, dogs"):
        datasets.order_classes(opened.id, order)


def test_a_run_keeps_its_order_of_classes(opened):
    from catdog_core import runs
    from catdog_core.config import Training
    from catdog_core.training import run_photos

    turned = datasets.order_classes(opened.id, ["dogs", "cats"])
    run = runs.load_run(runs.create_run(turned, Training(), None))
    datasets.undo_last_edit(opened.id)
    assert (
        run.classes
        == run_photos.load_run_dataset(run, "{name} has changed.").classes
        == ("dogs", "cats")
    )
