"""The health of a dataset: every trouble by kind and file, and never an exception."""

import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

from catdog_core.base.errors import PhotoError
from catdog_core.data import audit, datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.imaging import decode


def photo(shade, side=50):
    return decode.encode_photo(np.full((side, side, 3), shade, np.uint8))


@pytest.fixture
def sound(tmp_path):
    """Six cats and six dogs to train on, three and three to validate; no two alike."""
    number = 0
    for class_folder, count in (
        ("train/cats", 6),
        ("train/dogs", 6),
        ("val/cats", 3),
        ("val/dogs", 3),
    ):
        (tmp_path / class_folder).mkdir(parents=True)
        for index in range(count):
            number += 1
            (tmp_path / class_folder / f"{index}.jpg").write_bytes(photo(9 * number))
    return tmp_path


def checked(folder):
    return {
        finding.kind: finding.files for finding in audit.audit_dataset(datasets.scan_folder(folder))
    }


def test_a_clean_dataset_has_no_findings(demo, sound):
    assert checked(demo) == {}
    assert checked(sound) == {}


@pytest.mark.parametrize("data", [b"", b"no photo", photo(7)[:200]])
def test_a_damaged_photo_is_told_with_its_reason(sound, data):
    (sound / "train/cats/0.jpg").write_bytes(data)
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert (finding.kind, finding.files) == ("unreadable", ("train/cats/0.jpg",))
    assert isinstance(finding.params["reason"], PhotoError)
    assert str(finding.params["reason"]) in str(finding)


def test_a_photo_that_vanishes_after_the_scan_is_told(sound):
    dataset = datasets.scan_folder(sound)
    (sound / "val/dogs/2.jpg").unlink()
    (finding,) = audit.audit_dataset(dataset)
    assert (finding.kind, finding.files) == ("unreadable", ("val/dogs/2.jpg",))


@pytest.mark.parametrize(
    ("kind", "copy", "of"),
    [
        ("duplicate", "train/cats/1.jpg", "train/cats/0.jpg"),
        ("leak", "val/cats/0.jpg", "train/cats/0.jpg"),
        ("two_labels", "train/dogs/0.jpg", "train/cats/0.jpg"),
        ("two_labels", "val/dogs/0.jpg", "train/cats/0.jpg"),
    ],
)
def test_copies_are_told_apart_by_where_they_lie(sound, kind, copy, of):
    (sound / copy).write_bytes((sound / of).read_bytes())
    assert checked(sound) == {kind: tuple(sorted((copy, of)))}


def test_a_tiny_photo_is_told_with_its_size(sound):
    (sound / "train/cats/0.jpg").write_bytes(photo(3, side=16))
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert finding.kind == "tiny"
    assert "16 × 16 px" in str(finding)


def test_unequal_classes_are_told_with_their_numbers(sound):
    for index in range(3, 6):
        (sound / f"train/dogs/{index}.jpg").unlink()
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert finding.kind == "imbalance"
    assert (finding.params["high"], finding.params["low"]) == (6, 3)


def test_troubles_come_worst_first(sound):
    (sound / "train/cats/0.jpg").write_bytes(photo(3, side=16))
    (sound / "train/cats/1.jpg").write_bytes((sound / "train/cats/2.jpg").read_bytes())
    (sound / "val/cats/0.jpg").write_bytes(b"no photo")
    kinds = [finding.kind for finding in audit.audit_dataset(datasets.scan_folder(sound))]
    assert kinds == ["unreadable", "duplicate", "tiny"]


def test_progress_ends_at_the_number_of_photos(sound):
    progress_updates = []
    audit.audit_dataset(
        datasets.scan_folder(sound), progress=lambda *numbers: progress_updates.append(numbers)
    )
    assert progress_updates[-1] == (18, 18)


def test_a_name_made_to_deceive_is_shown_escaped(sound):
    (sound / "train/cats/cat\u202egpj.jpg").write_bytes(b"no photo")
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert "\u202e" not in str(finding)
    assert "\u202e" in finding.files[0]


@pytest.fixture
def drawn(demo, tmp_path):
    """A copy of the drawn set, to spoil."""
    return shutil.copytree(demo, tmp_path / "drawn")


def changed_copy(source, target):
    photo = decode.decode_photo(source.read_bytes())
    target.write_bytes(
        decode.encode_photo(cv2.resize(photo[1:-1, 1:-1, ::1], (70, 60)), quality=60)
    )


CAT = "train/cats/cat.0000.jpg"


@pytest.mark.parametrize(
    ("kind", "copy"),
    [
        ("near_duplicate", "train/cats/copy.jpg"),
        ("near_leak", "validation/cats/copy.jpg"),
        ("near_two_labels", "train/dogs/copy.jpg"),
    ],
)
def test_changed_copies_are_told_apart_by_where_they_lie(drawn, kind, copy):
    changed_copy(drawn / CAT, drawn / copy)
    assert checked(drawn) == {kind: tuple(sorted((CAT, copy)))}


def test_an_exact_and_a_changed_copy_are_told_as_what_they_are(drawn):
    shutil.copy(drawn / CAT, drawn / "train/cats/same.jpg")
    changed_copy(drawn / CAT, drawn / "validation/cats/copy.jpg")
    files_by_kind = checked(drawn)
    assert files_by_kind["duplicate"] == (CAT, "train/cats/same.jpg")
    assert files_by_kind["near_leak"] == (CAT, "train/cats/same.jpg", "validation/cats/copy.jpg")


def test_a_copy_in_the_test_split_is_told_of_the_test(drawn):
    shutil.copytree(drawn / "validation", drawn / "test")
    findings = audit.audit_dataset(datasets.scan_folder(drawn))
    assert {finding.kind for finding in findings} == {"leak"}
    assert "Test results look too good" in str(findings[0])


def as_jpeg(photo, **options):
    def write(path):
        Image.fromarray(photo).save(path, "JPEG", **options)

    return write


PICTURE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
TURNED = Image.Exif()
TURNED[0x0112] = 6
ODD = {
    "wrong_extension": lambda path: Image.fromarray(PICTURE).save(path, "PNG"),
    "rotated": as_jpeg(PICTURE, exif=TURNED),
    "cmyk": lambda path: Image.fromarray(PICTURE).convert("CMYK").save(path, "JPEG"),
    "grey": lambda path: Image.fromarray(PICTURE).convert("L").save(path, "JPEG"),
    "extreme_shape": as_jpeg(np.tile(PICTURE, (1, 3, 1))),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_photos_are_told_and_usable_all_the_same(sound, kind):
    ODD[kind](sound / "train/cats/0.jpg")
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert (finding.kind, finding.files) == (kind, ("train/cats/0.jpg",))
    assert decode.decode_and_fit((sound / "train/cats/0.jpg").read_bytes(), 32).shape == (32, 32, 3)


def test_the_size_of_a_turned_photo_is_that_seen(sound):
    as_jpeg(np.tile(PICTURE, (1, 3, 1)), exif=TURNED)(sound / "train/cats/0.jpg")
    findings_by_kind = {
        finding.kind: finding for finding in audit.audit_dataset(datasets.scan_folder(sound))
    }
    assert "60 × 240 px" in str(findings_by_kind["extreme_shape"])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_a_photo_without_its_end_is_told_as_cut_off(sound, kind):
    path = sound / "train/cats/0.jpg"
    Image.fromarray(PICTURE).save(path, kind)
    path.write_bytes(path.read_bytes()[:-2000])
    (finding,) = audit.audit_dataset(datasets.scan_folder(sound))
    assert (finding.kind, finding.files) == ("truncated", ("train/cats/0.jpg",))


def test_a_kept_finding_is_told_no_more_others_of_its_photos_are(workspace, drawn):
    changed_copy(drawn / CAT, drawn / "validation/cats/copy.jpg")
    (drawn / "train/dogs/small.jpg").write_bytes(photo(3, side=16))
    opened = datasets.open_folder(drawn)
    (leak, tiny) = audit.audit_dataset(opened)
    edited_dataset = datasets.edit_photos(
        opened.id, [PhotoEdit(file, "keep", leak.kind) for file in leak.files]
    )
    assert audit.audit_dataset(edited_dataset) == [tiny]
    shutil.copy(drawn / CAT, drawn / "train/cats/same.jpg")
    again = [finding.kind for finding in audit.audit_dataset(datasets.open_folder(drawn))]
    assert again == ["near_leak", "duplicate", "tiny"]


def test_an_excluded_photo_is_found_no_more(workspace, drawn):
    changed_copy(drawn / CAT, drawn / "validation/cats/copy.jpg")
    opened = datasets.open_folder(drawn)
    clean = datasets.edit_photos(opened.id, [PhotoEdit("validation/cats/copy.jpg", "exclude")])
    assert audit.audit_dataset(clean) == []


def test_a_second_check_decodes_only_what_changed(workspace, drawn, monkeypatch):
    first = audit.audit_dataset(datasets.open_folder(drawn))
    (drawn / CAT).write_bytes(photo(3))
    decoded, real = [], decode.decode_photo
    monkeypatch.setattr(decode, "decode_photo", lambda *a, **k: decoded.append(1) or real(*a, **k))
    assert audit.audit_dataset(datasets.open_folder(drawn)) == first == []
    assert len(decoded) == 1


def test_a_damaged_memory_of_looks_costs_nothing_but_time(workspace, drawn):
    changed_copy(drawn / CAT, drawn / "train/cats/copy.jpg")
    opened = datasets.open_folder(drawn)
    first = audit.audit_dataset(opened)
    memory = datasets.datasets_folder() / opened.id / "looks-2.npy"
    for damage in (b"", b"junk", memory.read_bytes()[:200], memory.read_bytes()[:-9]):
        memory.write_bytes(damage)
        assert audit.audit_dataset(opened) == first


def test_a_check_given_up_ends_soon(sound):
    def give_up(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit.audit_dataset(datasets.scan_folder(sound), progress=give_up)


@pytest.mark.long
def test_the_leak_nobody_planted_is_found_in_the_real_photos(photos):
    files_by_kind = {
        finding.kind: finding.files for finding in audit.audit_dataset(datasets.scan_folder(photos))
    }
    assert files_by_kind["near_leak"] == ("train/dogs/dog.980.jpg", "validation/dogs/dog.1273.jpg")
    assert files_by_kind["near_duplicate"] == ("train/dogs/dog.180.jpg", "train/dogs/dog.74.jpg")
