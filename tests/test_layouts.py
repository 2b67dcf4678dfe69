"""Folders as people bring them: splits by any name, classes by names, and what is set aside."""

import io
import os
import unicodedata
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import run_cli

from catdog_core.base.errors import DatasetError
from catdog_core.config import Training
from catdog_core.data import (
    archives,
    datasets,
    folder_names,
    imports,
    layout,
    photo_names,
    preview,
)
from catdog_core.data.datasets import FolderReading
from catdog_core.export import code_data
from catdog_core.imaging import decode, photo_formats

JPEG = decode.encode_photo(np.full((8, 8, 3), 90, np.uint8))


def of(*folders, count=6):
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(count)]


def named(folder, *classes, form="{}.{}.jpg", count=6):
    return [f"{folder}/{form.format(name, i)}" for name in classes for i in range(count)]


def split_ab(*splits):
    """Photos of the classes a and b in each split."""
    return of(*[f"{split}/{name}" for split in splits for name in "ab"])


def nfd(text):
    return unicodedata.normalize("NFD", text)


def make(root, names):
    """A folder of different photos; names of other files hold a word, or what a dict gives them."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_photo = path.suffix in photo_formats.photo_extensions()
        data = JPEG + number.to_bytes(3, "big") if is_photo else b"text"
        path.write_bytes(names[name] if isinstance(names, dict) else data)
    return root


def twice(names, above):
    """The content of photos by name, once as they are and once more below a folder."""
    once = {name: JPEG + number.to_bytes(3, "big") for number, name in enumerate(names)}
    return once | {f"{above}/{name}": data for name, data in once.items()}


def zipped(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, JPEG + number.to_bytes(3, "big"))
    return buffer.getvalue()


def said(root, reading=datasets.DEFAULT_READING):
    """What a preview counts, by split and class; and all that it says."""
    seen = preview.preview_folder(root, reading)
    return seen.counts, " ".join(map(str, [*seen.sentences(), *seen.odd]))


TRAINED = {"train": 4, "validation": 2}
TESTED = {**TRAINED, "test": 6}
VALIDATED = {"train": 6, "validation": 6}
DIVIDED = [
    ("hyphens and spaces", split_ab("Training Set", "val-set"), VALIDATED),
    ("doubled", split_ab("training_set/training_set", "test_set/test_set"), TESTED),
    ("an inner folder of any name", split_ab("train/pets", "dev/pets"), VALIDATED),
    ("deep", split_ab("a/b/c/d/images/train", "a/b/c/d/images/val"), VALIDATED),
    ("Korean", split_ab(nfd("학습용"), nfd("검증_데이터")), VALIDATED),
    ("Korean test", split_ab("훈련", "평가용"), TESTED),
    ("words before", split_ab("images_train", "images_val"), VALIDATED),
    ("one word more", split_ab("seg_train/seg_train", "seg_test/seg_test"), TESTED),
    ("classes first", of("a/train", "a/test", "b/train", "b/test"), TESTED),
    ("classes first, training beside", of("a", "a/val", "b", "b/val"), VALIDATED),
    ("class and split in one name", of("a_train", "a_test", "b_train", "b_test"), TESTED),
    ("test beside the classes", of("a", "b", "test/a", "test/b"), TESTED),
    ("documents beside", [*of("data/a", "data/b"), "docs/read.me", "model/m.bin"], TRAINED),
    ("a picture beside", [*of("data/a", "data/b"), "docs/logo.png", "images/1.png"], TRAINED),
    ("notes among the classes", [*of("a", "b"), "notes/a.txt", "code/run.py"], TRAINED),
    ("a wrapper beside files", [*of("images/Images/a", "images/Images/b"), "lists/x"], TRAINED),
    ("German", split_ab("Trainingsdaten", "Validierungsdaten"), VALIDATED),
    ("French", split_ab("apprentissage", "test"), TESTED),
    ("one word more for the test", split_ab("pets", "pets-test-set"), TESTED),
    ("the word beside the classes", of("a", "b", "dev-pets/a", "dev-pets/b"), VALIDATED),
    ("marked classes", of("train/train_a", "train/train_b", "val/val_a", "val/val_b"), VALIDATED),
    (
        "AI Hub",
        [
            *of("1.Training/01.원천데이터/TS_a", "1.Training/01.원천데이터/TS_b"),
            *of("2.Validation/01.원천데이터/VS_a", "2.Validation/01.원천데이터/VS_b"),
            *[f"1.Training/02.라벨링데이터/TL_{name}/1.json" for name in "ab"],
        ],
        VALIDATED,
    ),
    ("bins of systems", [*of("a", "b"), "$RECYCLE.BIN/1.jpg", "#recycle/1.jpg"], TRAINED),
]


@pytest.mark.parametrize(("names", "counts"), [c[1:] for c in DIVIDED], ids=[c[0] for c in DIVIDED])
def test_a_split_never_becomes_a_class(tmp_path, names, counts):
    counted, _ = said(make(tmp_path / "set", names))
    assert {split: dict(row) for split, row in counted.items()} == {
        split: {"a": n, "b": n} for split, n in counts.items()
    }


@pytest.mark.parametrize(
    ("names", "classes", "aside"),
    [
        (of("cats", "dogs", "test"), {"cats", "dogs"}, 6),
        (of("cats", "dogs", "unknown"), {"cats", "dogs"}, 6),
        (of("cats", "dogs", "미분류"), {"cats", "dogs"}, 6),
        (of("train/a", "train/b", "test/unknown"), {"a", "b"}, 6),
        (of("train/a", "train/b", "test1/test1"), {"a", "b"}, 6),
        (of("train/a", "train/b", "test/all_classes"), {"a", "b"}, 6),
        (
            of("train/a", "train/b", "test/a", "test/b", "test-several", "to predict"),
            {"a", "b"},
            12,
        ),
        (of("cats", "dogs", "Unlabelled Images"), {"cats", "dogs"}, 6),
        (of("pets/a", "pets/b", "pets-test/a", "pets-test/b", "pets-val"), {"a", "b"}, 6),
        (of("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b", "seg_pred"), {"a", "b"}, 6),
        (named("train", "cat", "dog") + of("test1"), {"cat", "dog"}, 6),
        (named("train/train", "cat", "dog") + of("test1/test1"), {"cat", "dog"}, 6),
        (named("train", "cat", "dog") + named("test", "x", "y"), {"cat", "dog"}, 12),
    ],
)
def test_unlabeled_photos_are_set_aside_counted_and_kept_for_predictions(
    workspace, tmp_path, names, classes, aside
):
    counts, text = said(make(tmp_path / "set", names))
    assert set(counts["train"]) == classes
    assert f"{aside} photos without a label are set aside" in text
    opened = datasets.open_folder(tmp_path / "set")
    imported = imports.import_archive(io.BytesIO(zipped(names)), "x.zip")
    for dataset in (opened, imported, datasets.load_dataset(imported.id)):
        assert len(dataset.unlabeled) == aside
        assert all(path.is_file() for path in dataset.unlabeled)
        assert not {item.path for item in dataset.items()} & set(dataset.unlabeled)
    assert imported.counts() == counts == opened.counts()


def test_a_class_of_an_unusual_name_is_one_where_all_splits_or_a_person_say_so(tmp_path):
    names = [
        f"{split}/{name}" for split in ("train", "val") for name in ("cats", "dogs", "unknown")
    ]
    make(tmp_path / "both", of(*names))
    assert datasets.scan_folder(tmp_path / "both").classes == ("cats", "dogs", "unknown")
    make(tmp_path / "asked", of("cats", "dogs", "unknown"))
    order = ("cats", "dogs", "unknown")
    assert datasets.scan_folder(tmp_path / "asked", classes=order).classes == order


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (named(".", "cat", "dog", form="{}_{}.jpg"), ["cat", "dog"]),
        (named("pets", "Cat", "dog", form="{} ({}).jpg"), ["Cat", "dog"]),
        (named("images", "Abyssinian", "big_pug", form="{}_{}.jpg"), ["Abyssinian", "big_pug"]),
        (named("사진", "고양이", nfd("강아지"), form="{}_{}.jpg"), ["강아지", "고양이"]),
        (named("train", "cat", "dog") + named("val", "cat", "dog"), ["cat", "dog"]),
        (named(".", "cat", "dog", form="{1:03d}_{0}.png"), ["cat", "dog"]),
        (named("x", "big_pug", "cat", form="{1}.{0}.jpg"), ["big_pug", "cat"]),
        (named("x", "cat", "dog", form="{0}_{1}f2a9c1b.jpg"), ["cat", "dog"]),
        (named("x", "cat", "dog", form="{0}_{1}_jpg.rf.9c1d{1}e8f7a.jpg"), ["cat", "dog"]),
        (named("x", "cat", "dog", form="{}.{}.jpg.jpg"), ["cat", "dog"]),
        (named("x", "IMG_cat", "IMG_dog", form="{}_{:02d}.jpg"), ["cat", "dog"]),
        ([*named("x", "cat", "dog"), "x/cat.1 copy.jpg", "x/dog.1 (2).jpg"], ["cat", "dog"]),
    ],
)
def test_names_of_files_give_the_classes_and_it_is_said(tmp_path, names, classes):
    counts, text = said(make(tmp_path, names))
    assert list(counts["train"]) == classes
    assert "The classes come from the file names" in text


@pytest.mark.parametrize(
    "names",
    [
        named(".", "IMG", "DSC", form="{}_{:04d}.jpg"),
        named("x", "cat", "dog") + of("x"),
        named(".", "train", "test", form="{}{}.jpg"),
        [*named(".", "cat"), "dog.1.jpg"],
        named("photos", "holiday 2019-12", "holiday 2020-01", form="{}-{}.jpg"),
        named("x", "original", "augmented", form="{1}_{0}.jpg"),
        [f"x/{i}_{name}.jpg" for i, name in enumerate(("beach", "house", "tree", "sea"))],
    ],
)
def test_names_that_are_not_unambiguous_are_no_labels(tmp_path, names):
    with pytest.raises(DatasetError, match=r"no class folders|only one class"):
        said(make(tmp_path / "set", names))


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("cat.0", "cat"),
        ("cat_0", "cat"),
        ("cat-07", "cat"),
        ("cat (3)", "cat"),
        ("cat12", "cat"),
        ("Maine_Coon_9", "Maine_Coon"),
        ("개 1", "개"),
        ("cat", None),
        ("12", None),
        ("", None),
        ("IMG_0001", None),
        ("PXL_20230105_1", None),
        ("test_3", None),
        ("스크린샷 3", None),
    ],
)
def test_the_class_in_a_name(stem, label):
    assert photo_names.label_from_name(stem) == label


ENDS = ("", "_mask", "_mask_1")
TRIMAPS = named("annotations/trimaps", "a", "b", form="{}_{}.png")


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ([f"{c}/{c} ({i}){m}.png" for c in "ab" for i in range(6) for m in ENDS], 12),
        (of("images/a", "images/b", "masks/a", "masks/b"), 12),
        (of("a", "b", "annotations"), 12),
        (of("a/images", "a/masks", "b/images", "b/masks"), 12),
        (of("a", "b", "SegmentationClass", "ground_truth"), 12),
        (named("images", "a", "b", form="{}_{}.jpg") + TRIMAPS, 12),
        (of("mask", "no_mask"), 12),
        (of("with_mask", "without_mask"), 12),
        ([*of("a", "b"), "a/face_mask.jpg"], 13),
        (of("label", "barcode", "stamp"), 18),
        (of("a", "b", "masks"), 12),
    ],
)
def test_masks_beside_the_photos_are_no_photos_of_a_class(tmp_path, names, kept):
    counts, text = said(make(tmp_path / "set", names))
    assert sum(sum(row.values()) for row in counts.values()) == kept
    assert ("masks and annotation images are skipped" in text) == (kept < len(names))


ODD = [
    ("images", "annotations"),
    ("images", "masks"),
    ("2021", "2022"),
    ("2023-01", "2023-02"),
    ("fold_1", "fold_2"),
    ("part1", "part2"),
    ("100APPLE", "101APPLE"),
    ("original", "augmented"),
    ("test", "plane"),
    ("새 폴더", "새 폴더 (2)"),
    ("pets_images_part_1", "pets_images_part_2"),
    ("images_001", "images_002"),
]


@pytest.mark.parametrize("folders", ODD, ids="-".join)
def test_folders_that_hardly_are_classes_need_a_confirmation(workspace, tmp_path, folders):
    root = make(tmp_path / "set", of(*folders))
    assert preview.preview_folder(root).odd
    with pytest.raises(DatasetError, match="--as-classes"):
        datasets.open_folder(root)
    with pytest.raises(DatasetError, match="--as-classes"):
        imports.import_archive(io.BytesIO(zipped(of(*folders))), "x.zip")
    confirmed = datasets.open_folder(root, FolderReading(is_confirmed=True))
    assert set(confirmed.classes) == set(folders)
    assert datasets.open_folder(root).classes == confirmed.classes  # asked once
    assert not preview.preview_folder(root, recall=datasets.recall_reading).odd
    reading = FolderReading(is_confirmed=True)
    imported = imports.import_archive(io.BytesIO(zipped(of(*folders))), "x.zip", None, reading)
    assert imported.classes == confirmed.classes


@pytest.mark.parametrize(
    "names",
    [
        ("cats", "dogs"),
        ("0", "1", "2"),
        ("train", "plane"),
        ("photo", "sketch"),
        ("mask", "face"),
        ("train_station", "train_interior"),
        ("small", "large"),
        ("1950s", "1960s"),
    ],
)
def test_usual_classes_need_none(names):
    assert folder_names.odd_class_names(names) == []


@pytest.mark.parametrize("above", ["pets", "all/pets", "backup"])
def test_classes_that_are_there_twice_count_once(workspace, tmp_path, above):
    files = twice(of("no", "yes"), above)
    counts, text = said(make(tmp_path / "pets", files))
    assert counts == {"train": {"no": 4, "yes": 4}, "validation": {"no": 2, "yes": 2}}
    assert "12 photos are copies of photos in the class folders and are skipped" in text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"pets/{name}", data)
    assert imports.import_archive(buffer, "pets.zip").counts() == counts


@pytest.mark.parametrize("change", ["other photos", "one more", "other content"])
def test_the_same_classes_with_other_photos_are_no_class_either(tmp_path, change):
    files = twice(of("no", "yes"), "new")
    if change == "one more":
        files["new/no/9.jpg"] = JPEG
    for name in [name for name in files if name.startswith("new/")][:12]:
        if change != "one more":
            files[name] = files[name][:-1] + b"x" + b"x" * (change == "other photos")
    root = make(tmp_path / "pets", files)
    with pytest.raises(DatasetError, match=r"new contains no, yes, too"):
        datasets.scan_folder(root)


def test_a_class_that_was_one_before_stays_one_though_it_holds_the_others(
    workspace, tmp_path, monkeypatch
):
    root = make(tmp_path / "pets", twice(of("no", "yes"), "pets"))
    with monkeypatch.context() as earlier:
        earlier.setattr(layout._ClassAssignment, "set_copies_aside", lambda self, keep: None)
        before = datasets.open_folder(root)
    assert before.classes == ("no", "pets", "yes")
    assert datasets.open_folder(root) == before


def test_a_folder_of_classes_beside_a_flat_split_needs_a_confirmation(tmp_path):
    _, text = said(make(tmp_path / "set", of("pets/a", "pets/b", "kaggle pet testset")))
    assert "The folders kaggle pet testset look like splits" in text


def test_splits_inside_some_classes_only_need_a_confirmation(tmp_path):
    counts, text = said(make(tmp_path / "set", of("cats/train", "cats/test", "dogs")))
    assert set(counts) == {"train", "validation"}
    assert "The folders in cats look like splits" in text


def test_the_command_confirms_with_a_flag(workspace, tmp_path, capsys):
    root = make(tmp_path / "set", of("2021", "2022"))
    status, _, error = run_cli(capsys, "check", root)
    assert status == 1 and "2021, 2022 don't look like classes" in error
    assert run_cli(capsys, "check", root, "--as-classes")[0] == 0
    path = tmp_path / "set.zip"
    path.write_bytes(zipped(of("2021", "2022")))
    status, out, error = run_cli(capsys, "import", path)
    assert status == 1 and "look like dates" in out + error
    assert run_cli(capsys, "import", path, "--as-classes")[0] == 0


def test_a_dataset_opened_before_there_were_questions_still_opens(workspace, tmp_path, monkeypatch):
    root = make(tmp_path / "set", of("2021", "2022"))
    with monkeypatch.context() as earlier:
        earlier.setattr(folder_names, "odd_class_names", lambda names: [])
        before = datasets.open_folder(root)
    assert datasets.open_folder(root) == before


@pytest.mark.parametrize(
    ("names", "is_listed"),
    [
        (split_ab("train", "validation"), False),
        ([*split_ab("train", "validation"), "train/a/0_mask.jpg"], True),
        (named("data/train/x", "a", "b") + named("data/val/x", "a", "b"), True),
        (of("a/train", "a/val", "b/train", "b/val"), True),
    ],
)
def test_the_code_of_a_run_lists_photos_that_folders_alone_do_not_tell(tmp_path, names, is_listed):
    dataset = datasets.scan_folder(make(tmp_path / "set", names))
    run = SimpleNamespace(training=Training(), augmentation=None)
    listing = code_data.list_run_photos(run, dataset)
    assert bool(listing.listed) == is_listed
    assert not is_listed or sum(map(len, listing.listed["train"])) == 12


def test_a_class_called_unknown_of_an_earlier_version_stays_one(workspace, tmp_path, monkeypatch):
    root = make(tmp_path / "set", of("cats", "dogs", "unknown"))
    with monkeypatch.context() as earlier:
        earlier.setattr(folder_names, "is_unlabeled", lambda name, any_word=False: False)
        before = datasets.open_folder(root)
    assert before.classes == ("cats", "dogs", "unknown")
    assert datasets.open_folder(root) == before


def test_splits_inside_classes_become_splits_of_an_archive(workspace):
    names = of("a/train", "a/test", "b/train", "b/test")
    seen = archives.inspect_archive(io.BytesIO(zipped(names)), "x.zip")
    dataset = imports.import_archive(io.BytesIO(zipped(names)), "x.zip")
    assert seen.counts == dataset.counts() and dataset.counts()["test"] == {"a": 6, "b": 6}


@pytest.mark.parametrize(
    "name",
    ["a" * 200, "0a_" * 80, "data" * 60, "_" * 250, "set1" * 60, "label" * 50 + "!", "1:11" * 60],
)
def test_no_name_takes_long_to_judge(name):
    folder_names.odd_class_names([name, f"{name}x"])
    folder_names.split_and_rest(name)
    photo_names.label_from_name(name + "0")
    photo_names.label_from_other_name(name + "0")
    photo_names.mask_base(name)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_linked_photos_and_classes_are_followed_where_they_may_lead(tmp_path, monkeypatch):
    outside = make(tmp_path / "blobs", of("cats", "dogs"))
    root = make(tmp_path / "set", of("birds"))
    (root / "cats").symlink_to(outside / "cats")
    (root / "dogs").mkdir()
    for number in range(6):
        (root / "dogs" / f"{number}.jpg").symlink_to(outside / "dogs" / f"{number}.jpg")
    (outside / "cats" / "again").symlink_to(outside)  # a circle
    counts, text = said(root)
    assert list(counts["train"]) == ["birds", "cats", "dogs"]
    assert sum(sum(row.values()) for row in counts.values()) == 18
    assert "1 unreadable files or folders are skipped: cats/again" in text
    monkeypatch.setenv("CATDOG_ROOTS", str(outside / "dogs"))
    make(root, of("cows"))
    counts, text = said(root)
    assert list(counts["train"]) == ["birds", "cows", "dogs"]
    assert "1 links lead out of the allowed folders and are skipped: cats." in text
    assert "CATDOG_ROOTS" in text


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
@pytest.mark.parametrize("linked", ["photos", "classes"])
def test_where_all_photos_are_links_that_lead_out_the_error_names_them(
    tmp_path, monkeypatch, linked
):
    outside = make(tmp_path / "blobs", of("cats", "dogs"))
    (tmp_path / "set").mkdir()
    for name in ("cats", "dogs"):
        if linked == "classes":
            (tmp_path / "set" / name).symlink_to(outside / name)
            continue
        (tmp_path / "set" / name).mkdir()
        for number in range(6):
            link = tmp_path / "set" / name / f"{number}.jpg"
            link.symlink_to(outside / name / f"{number}.jpg")
    assert said(tmp_path / "set")[0]["train"] == {"cats": 4, "dogs": 4}
    monkeypatch.setenv("CATDOG_ROOTS", str(tmp_path / "set"))
    with pytest.raises(DatasetError, match=r"links lead out .* cats.*CATDOG_ROOTS"):
        datasets.scan_folder(tmp_path / "set")
