"""Datasets: folders understood as people make them, split by a rule, never changed."""

import shutil

import numpy as np
import pytest

from catdog_core import datasets, demo, health, images
from catdog_core.errors import DatasetError

JPEG = images.encode(np.full((8, 8, 3), 90, np.uint8))


def tree(root, *names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + bytes([number]))
    return root


def classes_of(folder, *per_class):
    return [f"{name}/{i}.jpg" for name, count in per_class for i in range(count)]


def test_the_demo_set_is_split_and_balanced(demo):
    found = datasets.scan(demo)
    assert found.classes == ("cats", "dogs")
    assert found.counts() == {
        "train": {"cats": 24, "dogs": 24},
        "validation": {"cats": 12, "dogs": 12},
    }
    assert found.items("train")[0].file == "train/cats/cat.0000.jpg"


def test_the_same_seed_draws_the_same_photos(tmp_path):
    for name in ("a", "b"):
        datasets.make_demo(tmp_path / name, train=4, validation=2, size=48, seed=5)
    datasets.make_demo(tmp_path / "c", train=4, validation=2, size=48, seed=6)
    a, b, c = (datasets.scan(tmp_path / name).fingerprint for name in "abc")
    assert a == b != c


def test_nothing_is_drawn_into_a_folder_with_something_in_it(tmp_path):
    tree(tmp_path, "letter.jpg")
    with pytest.raises(DatasetError, match="already holds something"):
        datasets.make_demo(tmp_path, train=2, validation=2)
    assert len(list(tmp_path.iterdir())) == 1


def test_cartoon_colours_do_not_give_the_class_away():
    means = [
        np.mean(
            [
                np.asarray(demo.draw_pet(label, 32, np.random.default_rng((label, i)))).mean((0, 1))
                for i in range(150)
            ],
            axis=0,
        )
        for label in (0, 1)
    ]
    assert np.abs(means[0] - means[1]).max() < 12


def test_class_folders_are_divided_by_a_seeded_rule(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 8), ("dogs", 12)))
    found = datasets.scan(tmp_path)
    assert found.note["layout"] == "seeded"
    assert found.counts() == {
        "train": {"cats": 6, "dogs": 9},
        "validation": {"cats": 2, "dogs": 3},
    }
    assert found.items() == datasets.scan(tmp_path).items()
    assert found.items("train") != datasets.scan(tmp_path, seed=1).items("train")


def test_one_photo_more_changes_no_other_ones_side_but_at_the_border(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 40), ("dogs", 40)))
    before = {item.file: item.split for item in datasets.scan(tmp_path).items()}
    tree(tmp_path, "cats/new.jpg")
    after = {item.file: item.split for item in datasets.scan(tmp_path).items()}
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
    found = datasets.scan(tmp_path)
    assert found.root.name == "data_v2"
    assert found.classes == ("Cats", "Dogs")
    assert {item.split for item in found.items()} == {"train", "validation"}
    assert found.note["ignored"] == 1


def test_a_given_class_order_gives_the_label_numbers(tmp_path):
    tree(tmp_path, *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    found = datasets.scan(tmp_path, classes=("dogs", "cats"))
    assert {item.file[0]: item.label for item in found.items()} == {"c": 1, "d": 0}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no class folders"),
        (["a.jpg", "b.jpg"], "no class folders"),
        (["cats/a.jpg", "cats/b.jpg"], "only one class, cats"),
        (["cats/a.jpg", "cats/b.jpg", "dogs/readme.txt"], "Class dogs holds no photo"),
        (["cats/a.jpg", "dogs/a.jpg", "dogs/b.jpg"], "Class cats holds 1 photo"),
        (["train/c/a.jpg", "train/d/a.jpg", "val/c/a.jpg", "val/e/a.jpg"], "val holds the classes"),
        ([f"{i}/a.jpg" for i in range(201)], "201 class folders"),
    ],
)
def test_what_is_no_dataset_is_refused_in_a_sentence(tmp_path, names, words):
    tree(tmp_path, *names)
    with pytest.raises(DatasetError, match=words):
        datasets.scan(tmp_path)


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        datasets.scan(tmp_path / "gone")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DatasetError, match="is a file"):
        datasets.scan(tmp_path / "a.jpg")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    tree(tmp_path / "set", *classes_of(tmp_path, ("cats", 2), ("dogs", 2)))
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (tmp_path / "set" / "cats" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    assert len(datasets.scan(tmp_path / "set").items()) == 4


def test_an_opened_folder_is_remembered_and_untouched(workspace, demo):
    before = sorted(demo.rglob("*"))
    first = datasets.open_folder(demo)
    assert datasets.open_folder(demo).id == first.id
    assert datasets.load(first.id) == first
    assert [dataset.id for dataset in datasets.listing()] == [first.id]
    assert sorted(demo.rglob("*")) == before


def test_deleting_a_dataset_keeps_the_users_photos_and_a_copy_of_the_record(workspace, demo):
    found = datasets.open_folder(demo)
    trash = datasets.remove(found.id)
    assert datasets.listing() == []
    assert demo.is_dir()
    assert (trash / "dataset.json").is_file()


def test_a_dataset_whose_photos_are_gone_is_told_and_others_go_on(workspace, demo, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(demo, copy)
    gone, good = datasets.open_folder(copy), datasets.open_folder(demo)
    shutil.rmtree(copy)
    assert [dataset.id for dataset in datasets.listing()] == [good.id]
    assert [name for name, _ in datasets.damaged()] == [gone.id]
    with pytest.raises(DatasetError, match="are gone"):
        datasets.load(gone.id)


@pytest.mark.parametrize("name", ["../runs", "no-such", "", "A", "/etc"])
def test_an_id_is_never_taken_for_a_path(workspace, name):
    with pytest.raises(DatasetError, match="no dataset"):
        datasets.load(name)


def test_health_names_every_trouble(workspace, tmp_path):
    root = tree(tmp_path / "set", *classes_of(tmp_path, ("train/cats", 9), ("train/dogs", 3)))
    tree(root, *classes_of(tmp_path, ("validation/cats", 3), ("validation/dogs", 3)))
    photos = [images.encode(np.full((50, 50, 3), 9 * i, np.uint8)) for i in range(20)]
    for place, path in enumerate(sorted(root.rglob("*.jpg"))):
        path.write_bytes(photos[place])
    (root / "train/cats/0.jpg").write_bytes(b"no photo")
    (root / "train/cats/1.jpg").write_bytes(JPEG)
    (root / "train/cats/3.jpg").write_bytes((root / "train/cats/2.jpg").read_bytes())
    (root / "validation/cats/0.jpg").write_bytes((root / "train/cats/4.jpg").read_bytes())
    (root / "train/dogs/0.jpg").write_bytes((root / "train/cats/5.jpg").read_bytes())
    found = {finding.kind: finding.files for finding in health.check(datasets.scan(root))}
    assert found == {
        "unreadable": ("train/cats/0.jpg",),
        "tiny": ("train/cats/1.jpg",),
        "duplicate": ("train/cats/2.jpg", "train/cats/3.jpg"),
        "leak": ("train/cats/4.jpg", "validation/cats/0.jpg"),
        "two_labels": ("train/cats/5.jpg", "train/dogs/0.jpg"),
        "imbalance": (),
    }


def test_a_clean_dataset_has_no_findings(demo):
    assert health.check(datasets.scan(demo)) == []
