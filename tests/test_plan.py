"""What a preview counts is what is stored and what a training gets, for every kind of archive."""

import csv
import io
import tarfile
import warnings
import zipfile

import numpy as np
import pytest

from catdog_core import cli
from catdog_core.base.errors import DatasetError
from catdog_core.data import archives, audit, datasets, folder_names, imports, preview
from catdog_core.imaging import decode
from tests.conftest import SHARED

TWO = [f"{c}/{i}.jpg" for c in ("cats", "dogs") for i in range(4)]
NFC, NFD = "\uace0\uc591\uc774", "\u1100\u1169\u110b\u1163\u11bc\u110b\u1175"


def of(*folders, count=3):
    return [f"{folder}/{i}.jpg" for folder in folders for i in range(count)]


def photo(number):
    return decode.encode_photo(np.full((16, 16, 3), number * 7 % 256, np.uint8)) + bytes(
        [number % 256]
    )


def zipped(names, empty=(), same=()):
    """A zip of different photos; those in `empty` hold nothing, those in `same` are one photo."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for number, name in enumerate(names):
            data = b"" if name in empty else photo(255 if name in same else number)
            archive.writestr(name, b"" if name.endswith("/") else data)
    return buffer.getvalue()


def tarred(names, empty=(), same=()):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, name in enumerate(names):
            data = b"" if name in empty else photo(255 if name in same else number)
            member = tarfile.TarInfo(name.rstrip("/"))
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.size = 0 if name.endswith("/") else len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


GENERATED = {
    "case across splits": of("train/Cats", "train/Dogs", "validation/cats", "validation/dogs"),
    "case within a split": of("Cats", "cats", "DOGS", "dogs", "birds"),
    "train is a class": of("Train/train", "Train/plane", "Validation/train", "Validation/plane"),
    "Unicode forms within a split": of(NFC, NFD, "\uac15\uc544\uc9c0"),
    "Unicode forms across splits": of(f"train/{NFD}", "train/b", f"val/{NFC}", "val/b"),
    "ends and no width": of("cats", "cats.", "cats ", "c\u200bats", "dogs"),
    "letters that look alike": of("cats", "c\u0430ts", "dogs"),
    "full-width and no-break": of("big cats", "big\u00a0cats", "\uff42\uff49\uff47 cats"),
    "direction marks": of("cats", "\u202ecats", "dogs"),
    "long and alike": of("x" * 90 + "1" + "y" * 90, "x" * 90 + "2" + "y" * 90),
    "sets": of("d/training_set/a", "d/training_set/b", "d/test_set/a", "d/test_set/b"),
    "doubled sets": of(*[f"{s}/{s}/{c}" for s in ("training_set", "test_set") for c in "ab"]),
    "splits inside classes": of("cats/train", "cats/test", "dogs/train", "dogs/test"),
    "Korean splits": of(*[f"{s}/{c}" for s in ("학습", "검증", "시험") for c in ("개", "고양이")]),
    "spelled wrappers": of("Pets/cats", "pets/dogs"),
    "one name twice": [*TWO, "cats/0.jpg", "cats/0.jpg", "dogs/1.jpg"],
    "odd file names": [
        *TWO,
        "cats/a b.jpg",
        "cats/개.jpg",
        "cats/CON.jpg",
        "cats/A.jpg",
        "cats/a.jpg",
    ],
    "folders below classes": of("cats/a", "cats/b/c", "dogs"),
    "photos in no class": [*TWO, "stray.jpg", "cats/x.txt"],
    "empty folders": [*TWO, *(f"cats/{i}/a/b/" for i in range(300))],
}


@pytest.mark.parametrize("name", GENERATED)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_preview_counts_what_is_stored(workspace, name, pack):
    agree(pack(GENERATED[name]), "x.zip" if pack is zipped else "x.tar")


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "same", [["cats/0.jpg", "dogs/0.jpg"], [f"cats/{i}.jpg" for i in range(3)]]
)
def test_copies_and_empty_files_are_counted_alike(workspace, pack, same):
    data = pack([*TWO, "cats/e.jpg", "dogs/e.jpg"], ["cats/e.jpg", "dogs/e.jpg"], same)
    dataset = agree(data, "x.zip" if pack is zipped else "x.tar")
    assert "2 empty files are skipped: cats/e.jpg, dogs/e.jpg." in told(dataset)
    assert ("The same photo" in told(dataset)) == ("dogs/0.jpg" in same)


def agree(data, name):
    """Hold preview, record, stored files, health and the folder itself against each other."""
    seen = archives.inspect_archive(io.BytesIO(data), name)
    dataset = imports.import_archive(io.BytesIO(data), name)
    assert seen.counts == dataset.counts() and seen.warnings == dataset.note["warnings"]
    again = datasets.load_dataset(dataset.id)
    assert again == dataset and set(seen.counts["train"]) == set(again.classes)
    stored = {path for path in dataset.root.rglob("*") if path.is_file()}
    assert stored == {item.path for item in dataset.items()} | set(dataset.unlabeled)
    folders = [path for path in dataset.root.rglob("*") if path.is_dir()]
    assert all(any(path.is_file() for path in folder.rglob("*")) for folder in folders)
    kinds = {finding.kind for finding in audit.audit_dataset(dataset)}
    assert not kinds & {"unreadable", "truncated"}
    return dataset


def told(dataset):
    return " ".join(text.format(**values) for text, values in dataset.note["warnings"])


@pytest.mark.parametrize("name", [*GENERATED])
def test_a_folder_is_previewed_checked_and_opened_alike(workspace, tmp_path, name):
    root = tmp_path / "set"
    with zipfile.ZipFile(io.BytesIO(zipped(GENERATED[name]))) as archive:
        archive.extractall(root)
    seen = preview.preview_folder(root)
    assert seen.counts == datasets.scan_folder(root).counts() == datasets.open_folder(root).counts()
    assert seen.warnings == datasets.read_folder(root).note["warnings"]


def test_copies_and_empty_files_of_a_folder_are_counted_alike(workspace, tmp_path):
    data = zipped([*TWO, "cats/e.jpg"], ["cats/e.jpg"], ["cats/0.jpg", "cats/1.jpg", "dogs/2.jpg"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "set")
    seen = preview.preview_folder(tmp_path / "set")
    dataset = datasets.open_folder(tmp_path / "set")
    assert (
        seen.counts
        == dataset.counts()
        == archives.inspect_archive(io.BytesIO(data), "x.zip").counts
    )
    kinds = {finding.kind: finding.files for finding in audit.audit_dataset(dataset)}
    assert kinds["unreadable"] == ("cats/e.jpg",)
    assert kinds["two_labels"] == ("cats/0.jpg", "cats/1.jpg", "dogs/2.jpg")


def test_the_command_prints_what_is_stored_and_a_training_packs(workspace, tmp_path, capsys):
    from catdog_core.storage import tfrecord

    names = [f"PetImages/{c}/{i}.jpg" for c in ("Cat", "Dog") for i in range(6)]
    odd = ["PetImages/Cat/666.jpg", "PetImages/Dog/11702.jpg"]
    path = tmp_path / "petimages.zip"
    path.write_bytes(zipped([*names, *odd], odd))
    assert cli.main(["import", str(path), "--look"]) == 0
    looked = capsys.readouterr().out
    assert cli.main(["import", str(path)]) == 0
    assert capsys.readouterr().out.startswith(looked)
    (dataset,) = datasets.list_datasets()
    packed = tfrecord.pack_to_cache(dataset, 16)
    assert packed.counts == {"train": 8, "validation": 4} and packed.unreadable == []
    assert "train: 4 Cat, 4 Dog" in looked


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_dataset_of_empty_files_only_is_refused(workspace, tmp_path, pack):
    name = "x.zip" if pack is zipped else "x.tar"
    with pytest.raises(DatasetError, match="All 8 photos are empty files"):
        archives.inspect_archive(io.BytesIO(pack(TWO, TWO)), name)
    with pytest.raises(DatasetError, match="All 8 photos are empty files"):
        imports.import_archive(io.BytesIO(pack(TWO, TWO)), name)
    for photo_name in TWO:
        (tmp_path / photo_name).parent.mkdir(exist_ok=True)
        (tmp_path / photo_name).touch()
    with pytest.raises(DatasetError, match="All 8 photos are empty files"):
        datasets.scan_folder(tmp_path)


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["first/cats", "first/dogs", "second/cats", "second/dogs"], "look like splits"),
        (["x/train/a", "x/train/b", "x/other/a", "x/other/b"], "other has the same classes"),
        (
            [f"{site}/{c}" for site in ("x/train", "x/test", "y/train", "y/test") for c in "ab"],
            "Open",
        ),
        (["train/a", "train/b", "trainset/a", "trainset/b"], "both stand for train"),
        (["test_set/a", "test_set/b", "val2/a", "val2/b"], "none for training"),
        (["train/cats", "train/b", "val/c\u0430ts", "val/b"], r"c.ts \(U\+0430\)"),
    ],
)
def test_splits_nobody_can_be_sure_of_are_refused(workspace, folders, words):
    with pytest.raises(DatasetError, match=words):
        archives.inspect_archive(io.BytesIO(zipped(of(*folders))), "x.zip")
    with pytest.raises(DatasetError, match=words):
        imports.import_archive(io.BytesIO(zipped(of(*folders))), "x.zip")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *((name, "train") for name in ("train", "Training_Set", "trainset", "train-data", "훈련")),
        *((name, "validation") for name in ("val", "valid", "dev", "Validation Set", "검증용")),
        *((name, "test") for name in ("test", "test1", "TEST_SET", "testing", "테스트", "시험")),
        *((name, None) for name in ("trains", "cats", "tested", "value", "device", "시험관", "")),
    ],
)
def test_the_names_of_splits(name, split):
    assert folder_names.split_from_name(name) == split


def test_only_folders_that_receive_photos_are_made(workspace):
    names = [*TWO, *(f"cats/{i}/" for i in range(3000)), "cats/deep/a/b/c/d/e/f/g/h/"]
    dataset = agree(zipped(names), "x.zip")
    assert len([path for path in dataset.root.rglob("*") if path.is_dir()]) == 2
    with pytest.raises(DatasetError, match="Class empty has no photos"):
        imports.import_archive(io.BytesIO(zipped([*TWO, "empty/"])), "x.zip")


def test_true_names_are_in_the_record(workspace):
    dataset = agree(zipped([*of("고양이", "CON"), "CON/my cat.jpg"]), "x.zip")
    assert set(dataset.classes) == {"고양이", "CON"}
    item = next(item for item in dataset.items() if item.file in dataset.names)
    assert dataset.names[item.file] == "my cat.jpg"
    assert dataset.names[item.file.split("/")[0]] == "CON"
    assert all(each.file.isascii() for each in dataset.items())


def test_every_collected_archive_is_stored_as_it_was_previewed(workspace, bad_inputs):
    field = SHARED / "field" / "files"
    if not field.is_dir():
        pytest.skip("the field's files are not beside this checkout")
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row["file"] for row in csv.DictReader(file) if row["kind"].startswith("zip/")]
    good = 0
    for path in [*sorted(field.glob("*.zip")), *(bad_inputs / "files" / row for row in rows)]:
        try:
            archives.inspect_archive(path, path.name)
        except DatasetError as error:
            with pytest.raises(DatasetError) as refused:
                imports.import_archive(path, path.name)
            assert str(refused.value) == str(error), path.name
        else:
            agree(path.read_bytes(), path.name)
            good += 1
    assert good >= 15
