"""What folders and files mean when they are not named as one would wish."""

import numpy as np
import pytest

from catdog_core import datasets, images

JPEG = images.encode(np.full((8, 8, 3), 90, np.uint8))


def tree(root, *names):
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + number.to_bytes(2, "big"))
    return root


@pytest.mark.parametrize("other", ["cats", "CATS"])
def test_a_class_written_otherwise_in_another_split_is_that_class(tmp_path, other):
    tree(tmp_path, "train/Cats/a.jpg", "train/dogs/b.jpg", f"val/{other}/c.jpg", "val/dogs/d.jpg")
    found = datasets.scan(tmp_path)
    assert found.counts()["validation"] == {"Cats": 1, "dogs": 1}
    ((message, values),) = found.note["warnings"]
    assert message.format(**values).startswith(f"val/{other} is taken for the class Cats")


@pytest.mark.parametrize("others", [["Cats", "cats"], ["cats", "CATS", "cats."]])
def test_spellings_beside_each_other_are_one_class_and_named(tmp_path, others):
    classes = ["Cats", "dogs"]
    train = [f"train/{c}/{i}.jpg" for c in [*classes, "cats "] for i in range(2)]
    tree(tmp_path, *train, *[f"val/{c}/0.jpg" for c in [*others, "dogs"]])
    found = datasets.scan(tmp_path)
    assert found.counts() == {
        "train": {"Cats": 4, "dogs": 2},
        "validation": {"Cats": len(others), "dogs": 1},
    }
    told = " ".join(message.format(**values) for message, values in found.note["warnings"])
    assert "only written otherwise" in told and "train/cats" in told


def test_pictures_in_formats_that_cannot_be_read_are_not_left_out_in_silence(tmp_path):
    tree(tmp_path, "cats/a.jpg", "cats/b.jpg", "dogs/c.jpg", "dogs/d.jpg", "dogs/notes.txt")
    assert datasets.scan(tmp_path).note["warnings"] == []
    tree(tmp_path, "cats/IMG_1.HEIC", "dogs/e.avif")
    found = datasets.scan(tmp_path)
    ((message, values),) = found.note["warnings"]
    assert "2 pictures are left out" in message.format(**values)
    assert "IMG_1.HEIC, e.avif" in message.format(**values)
    assert found.note["ignored"] == 3 and "foreign" not in found.note
