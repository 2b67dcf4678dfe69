"""Datasets: folders understood as people make them, split by a rule, never changed."""

import os
import shutil
import sys

import numpy as np
import pytest

from catdog_core import runs
from catdog_core.base import trash
from catdog_core.base.errors import DatasetError
from catdog_core.data import content_hashes, datasets
from catdog_core.imaging import decode

JPEG = decode.encode_photo(np.full((8, 8, 3), 90, np.uint8))


def tree(root, *names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + number.to_bytes(2, "big"))
    return root


def classes_of(folder, *per_class):
    return [f"{name}/{i}.jpg" for name, count in per_class for i in range(count)]


def test_the_demo_set_is_split_and_balanced(demo):
    dataset = datasets.scan_folder(demo)
    assert dataset.classes == ("cats", "dogs")
    assert dataset.counts() == {
        "train": {"cats": 24, "dogs": 24},
        "validation": {"cats": 12, "dogs": 12},
    }
    assert dataset.items("train")[0].file == "train/cats/cat.0000.jpg"


def test_class_folders_are_divided_by_a_seeded_rule(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 8), ("dogs", 12)))
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.note["layout"] == "seeded"
    assert dataset.counts() == {
        "train": {"cats": 6, "dogs": 9},
        "validation": {"cats": 2, "dogs": 3},
    }
    assert dataset.items() == datasets.scan_folder(tmp_path).items()
    assert dataset.items("train") != datasets.scan_folder(tmp_path, seed=1).items("train")


def test_one_photo_more_changes_no_other_ones_side_but_at_the_border(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 40), ("dogs", 40)))
    before = {item.file: item.split for item in datasets.scan_folder(tmp_path).items()}
    tree(tmp_path, "cats/new.jpg")
    after = {item.file: item.split for item in datasets.scan_folder(tmp_path).items()}
    assert sum(before[file] != after[file] for file in before) <= 1


def test_wrappers_junk_mixed_case_and_other_names_of_splits_are_understood(tmp_path):
    tree(
        tmp_path,
        "data_v2/Training/Cats/a.JPG",
        "data_v2/Training/Dogs/b.jpeg",
        "data_v2/val/Cats/c.png",
        "data_v2/val/Dogs/d.webp",
        "data_v2/Training/Cats/.DS_Store",
        "data_v2/Training/Dogs/Thumbs.db",
        "data_v2/Training/Dogs/notes.txt",
        "__MACOSX/data_v2/Training/Cats/._a.JPG",
    )
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.root.name == "data_v2"
    assert dataset.classes == ("Cats", "Dogs")
    assert {item.split for item in dataset.items()} == {"train", "validation"}
    assert dataset.note["ignored"] == 1


def test_a_given_class_order_gives_the_label_numbers(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    dataset = datasets.scan_folder(tmp_path, classes=("dogs", "cats"))
    assert {item.file[0]: item.label for item in dataset.items()} == {"c": 1, "d": 0}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "has no photos"),
        (["a.jpg", "b.jpg"], "no class folders"),
        (["cats/a.jpg", "cats/b.jpg"], "only one class, cats"),
        (["cats/a.jpg", "cats/b.jpg", "dogs/readme.txt"], "Class dogs has no photos"),
        (["cats/a.jpg", "dogs/a.jpg", "dogs/b.jpg"], "Class cats has only 1 photo"),
        (["train/c/a.jpg", "train/d/a.jpg", "val/c/a.jpg", "val/e/a.jpg"], "val has the classes"),
        (["train/c/a.jpg", "val/c/a.jpg", "valid/c/a.jpg"], "val and valid both stand for"),
        (["val/c/a.jpg", "test/d/a.jpg"], "none for training"),
        (["train/a.jpg", "train/b.jpg", "val/a.jpg"], "no class folders"),
        ([f"{i}/a.jpg" for i in range(201)], "201 class folders"),
    ],
)
def test_what_is_no_dataset_is_refused_in_a_sentence(tmp_path, names, words):
    tree(tmp_path, *names)
    with pytest.raises(DatasetError, match=words):
        datasets.scan_folder(tmp_path)


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(DatasetError, match="doesn't exist"):
        datasets.scan_folder(tmp_path / "gone")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DatasetError, match="is a file"):
        datasets.scan_folder(tmp_path / "a.jpg")


def test_a_link_out_of_the_allowed_folders_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_ROOTS", str(tmp_path / "set"))
    tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (tmp_path / "set" / "cats" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    assert len(datasets.scan_folder(tmp_path / "set").items()) == 4


def test_an_opened_folder_is_remembered_and_untouched(workspace, demo):
    before = sorted(demo.rglob("*"))
    first = datasets.open_folder(demo)
    assert datasets.open_folder(demo).id == first.id
    assert datasets.load_dataset(first.id) == first
    assert [dataset.id for dataset in datasets.list_datasets()] == [first.id]
    assert sorted(demo.rglob("*")) == before


def test_deleting_a_dataset_keeps_the_users_photos_and_a_copy_of_the_record(workspace, demo):
    dataset = datasets.open_folder(demo)
    entry = trash.get_trash_entry(runs.remove_unused_dataset(dataset.id))
    assert datasets.list_datasets() == []
    assert demo.is_dir()
    assert (entry.parts[0][0] / "dataset.json").is_file()


def test_a_dataset_whose_photos_are_gone_is_told_and_others_go_on(workspace, demo, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(demo, copy)
    gone, good = datasets.open_folder(copy), datasets.open_folder(demo)
    shutil.rmtree(copy)
    assert [dataset.id for dataset in datasets.list_datasets()] == [good.id]
    assert [name for name, _ in datasets.list_damaged_datasets()] == [gone.id]
    with pytest.raises(DatasetError, match="are gone"):
        datasets.load_dataset(gone.id)


@pytest.mark.parametrize("name", ["../runs", "no-such", "", "A", "/etc"])
def test_an_id_is_never_taken_for_a_path(workspace, name):
    with pytest.raises(DatasetError, match="no dataset"):
        datasets.load_dataset(name)


def test_trains_may_be_a_class_beside_planes(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("train", 3), ("plane", 3)))
    assert datasets.scan_folder(tmp_path).classes == ("plane", "train")


def test_a_train_folder_alone_is_divided_and_its_test_photos_stay(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("train/c", 8), ("train/d", 8), ("test/c", 2)))
    tree(tmp_path, *classes_of(tmp_path, ("test/d", 2)))
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.note["layout"] == "train-divided"
    assert {k: sum(v.values()) for k, v in dataset.counts().items()} == {
        "train": 12,
        "validation": 4,
        "test": 4,
    }


def test_some_classes_may_be_chosen_of_a_split_dataset(tmp_path):
    names = [(f"{split}/{c}", 2) for split in ("train", "val") for c in "abc"]
    tree(tmp_path, *classes_of(tmp_path, *names))
    dataset = datasets.scan_folder(tmp_path, classes=("c", "a"))
    assert dataset.classes == ("c", "a")
    assert len(dataset.items()) == 8


def test_a_path_too_long_to_exist_does_not_exist(tmp_path):
    with pytest.raises(DatasetError, match="doesn't exist"):
        datasets.scan_folder(tmp_path / ("a" * 5000))


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(DatasetError, match="can't be read: Permission denied"):
        datasets.scan_folder(tmp_path)


def test_a_linked_class_folder_outside_is_no_class_and_a_link_inside_is_a_photo(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CATDOG_ROOTS", str(tmp_path / "set"))
    root = tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    tree(tmp_path / "private", "a.jpg", "b.jpg")
    (root / "private").symlink_to(tmp_path / "private")
    (root / "cats" / "again.jpg").symlink_to(root / "cats" / "0.jpg")
    dataset = datasets.scan_folder(root)
    assert dataset.classes == ("cats", "dogs")
    assert len(dataset.items()) == 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_named_like_a_photo_is_left_out(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    os.mkfifo(tmp_path / "cats" / "pipe.jpg")
    dataset = datasets.scan_folder(tmp_path)
    assert (len(dataset.items()), dataset.note["ignored"]) == (4, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems store names as Unicode")
def test_names_that_are_no_utf8_are_remembered(workspace, tmp_path):
    root = tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    (root / "cats" / os.fsdecode(b"\xb0\xed.jpg")).write_bytes(JPEG)
    dataset = datasets.open_folder(root)
    assert datasets.load_dataset(dataset.id) == dataset
    assert all(item.path.is_file() for item in dataset.items())


def test_the_same_photos_are_split_alike_however_a_system_spells_an_accent(tmp_path):
    splits = []
    for number, name in enumerate(("\u00e9", "e\u0301")):
        root = tmp_path / str(number)
        tree(root, *[f"{c}/{name}{i}.jpg" for c in ("cats", "dogs") for i in range(8)])
        splits.append([item.split for item in datasets.scan_folder(root).items()])
    assert splits[0] == splits[1]


def test_another_photo_label_or_split_gives_another_fingerprint(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 4), ("dogs", 4)))
    first = datasets.scan_folder(tmp_path).fingerprint
    assert first == datasets.scan_folder(tmp_path).fingerprint
    assert first != datasets.scan_folder(tmp_path, seed=3).fingerprint
    assert first != datasets.scan_folder(tmp_path, classes=("dogs", "cats")).fingerprint
    (tmp_path / "cats" / "0.jpg").write_bytes(JPEG + b"changed")
    assert first != datasets.scan_folder(tmp_path).fingerprint


def test_a_second_look_reads_only_what_changed(workspace, tmp_path, monkeypatch):
    root = tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 3), ("dogs", 3)))
    first = datasets.open_folder(root)
    (root / "cats" / "0.jpg").write_bytes(JPEG + b"other")
    read, digest = [], content_hashes.digest_file
    monkeypatch.setattr(
        content_hashes, "digest_file", lambda path: read.append(path.name) or digest(path)
    )
    assert datasets.open_folder(root).fingerprint != first.fingerprint
    assert read == ["0.jpg"]


def test_a_damaged_record_is_told_and_damaged_digests_are_made_anew(workspace, demo):
    dataset = datasets.open_folder(demo)
    folder = workspace / "datasets" / dataset.id
    (folder / "contents.json").write_text('{"format": 1, "files": {"a": [1]}}')
    assert datasets.open_folder(demo).fingerprint == dataset.fingerprint
    (folder / "dataset.json").write_text('{"format": 1}')
    with pytest.raises(DatasetError, match="is damaged"):
        datasets.load_dataset(dataset.id)


def test_a_record_is_read_without_a_look_at_its_photos(workspace, tmp_path):
    root = tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 15), ("dogs", 15)))
    dataset = datasets.open_folder(root)
    for photo in root.rglob("*.jpg"):
        photo.unlink()
    assert len(datasets.load_dataset(dataset.id).items()) == 30


@pytest.mark.parametrize("other", ["cats", "CATS"])
def test_a_class_written_otherwise_in_another_split_is_that_class(tmp_path, other):
    tree(tmp_path, "train/Cats/a.jpg", "train/dogs/b.jpg", f"val/{other}/c.jpg", "val/dogs/d.jpg")
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.counts()["validation"] == {"Cats": 1, "dogs": 1}
    ((message, values),) = dataset.note["warnings"]
    assert message.format(**values).startswith(f"val/{other} is treated as the class Cats")


@pytest.mark.parametrize("others", [["Cats", "cats"], ["cats", "CATS", "cats."]])
def test_spellings_beside_each_other_are_one_class_and_named(tmp_path, others):
    classes = ["Cats", "dogs"]
    train = [f"train/{c}/{i}.jpg" for c in [*classes, "cats "] for i in range(2)]
    tree(tmp_path, *train, *[f"val/{c}/0.jpg" for c in [*others, "dogs"]])
    dataset = datasets.scan_folder(tmp_path)
    assert dataset.counts() == {
        "train": {"Cats": 4, "dogs": 2},
        "validation": {"Cats": len(others), "dogs": 1},
    }
    text = " ".join(message.format(**values) for message, values in dataset.note["warnings"])
    assert "only the spelling differs" in text and "train/cats" in text


def test_pictures_in_formats_that_cannot_be_read_are_not_left_out_in_silence(tmp_path):
    tree(tmp_path, "cats/a.jpg", "cats/b.jpg", "dogs/c.jpg", "dogs/d.jpg", "dogs/notes.txt")
    assert datasets.scan_folder(tmp_path).note["warnings"] == []
    tree(tmp_path, "cats/IMG_1.CR2", "dogs/e.jxl")
    dataset = datasets.scan_folder(tmp_path)
    ((message, values),) = dataset.note["warnings"]
    assert "2 images are skipped" in message.format(**values)
    assert "IMG_1.CR2, e.jxl" in message.format(**values)
    assert dataset.note["ignored"] == 3 and "foreign" not in dataset.note
