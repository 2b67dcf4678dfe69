"""The health of a dataset: every trouble by kind and file, and never an exception."""

import numpy as np
import pytest

from catdog_core import datasets, health, images
from catdog_core.errors import PhotoError


def photo(shade, side=50):
    return images.encode(np.full((side, side, 3), shade, np.uint8))


@pytest.fixture
def sound(tmp_path):
    """Six cats and six dogs to train on, three and three to validate; no two alike."""
    number = 0
    for place, count in (("train/cats", 6), ("train/dogs", 6), ("val/cats", 3), ("val/dogs", 3)):
        (tmp_path / place).mkdir(parents=True)
        for index in range(count):
            number += 1
            (tmp_path / place / f"{index}.jpg").write_bytes(photo(9 * number))
    return tmp_path


def checked(folder):
    return {finding.kind: finding.files for finding in health.check(datasets.scan(folder))}


def test_a_clean_dataset_has_no_findings(demo, sound):
    assert checked(demo) == {}
    assert checked(sound) == {}


@pytest.mark.parametrize("data", [b"", b"no photo", photo(7)[:200]])
def test_a_damaged_photo_is_told_with_its_reason(sound, data):
    (sound / "train/cats/0.jpg").write_bytes(data)
    (found,) = health.check(datasets.scan(sound))
    assert (found.kind, found.files) == ("unreadable", ("train/cats/0.jpg",))
    assert isinstance(found.params["reason"], PhotoError)
    assert str(found.params["reason"]) in str(found)


def test_a_photo_that_vanishes_after_the_scan_is_told(sound):
    dataset = datasets.scan(sound)
    (sound / "val/dogs/2.jpg").unlink()
    (found,) = health.check(dataset)
    assert (found.kind, found.files) == ("unreadable", ("val/dogs/2.jpg",))


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
    (found,) = health.check(datasets.scan(sound))
    assert found.kind == "tiny"
    assert "16 × 16 px" in str(found)


def test_unequal_classes_are_told_with_their_numbers(sound):
    for index in range(3, 6):
        (sound / f"train/dogs/{index}.jpg").unlink()
    (found,) = health.check(datasets.scan(sound))
    assert found.kind == "imbalance"
    assert (found.params["high"], found.params["low"]) == (6, 3)


def test_troubles_come_worst_first(sound):
    (sound / "train/cats/0.jpg").write_bytes(photo(3, side=16))
    (sound / "train/cats/1.jpg").write_bytes((sound / "train/cats/2.jpg").read_bytes())
    (sound / "val/cats/0.jpg").write_bytes(b"no photo")
    kinds = [finding.kind for finding in health.check(datasets.scan(sound))]
    assert kinds == ["unreadable", "duplicate", "tiny"]


def test_progress_ends_at_the_number_of_photos(sound):
    told = []
    health.check(datasets.scan(sound), progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (18, 18)


def test_a_name_made_to_deceive_is_shown_escaped(sound):
    (sound / "train/cats/cat\u202egpj.jpg").write_bytes(b"no photo")
    (found,) = health.check(datasets.scan(sound))
    assert "\u202e" not in str(found)
    assert "\u202e" in found.files[0]
