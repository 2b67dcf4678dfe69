"""What folders and files mean when they are not named as one would wish."""

import numpy as np
import pytest

from catdog_core import datasets, images
from catdog_core.errors import DatasetError

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


@pytest.mark.parametrize(
    "names",
    [
        ["train/Cats/a.jpg", "train/dogs/b.jpg", "val/cats/c.jpg", "val/CATS/d.jpg"],
        ["train/Cats/a.jpg", "train/CATS/b.jpg", "val/cats/c.jpg", "val/Cats/d.jpg"],
    ],
)
def test_classes_that_could_be_either_are_refused(tmp_path, names):
    tree(tmp_path, *names)
    with pytest.raises(DatasetError, match="Expected the same in both"):
        datasets.scan(tmp_path)


def test_pictures_in_formats_that_cannot_be_read_are_not_left_out_in_silence(tmp_path):
    tree(tmp_path, "cats/a.jpg", "cats/b.jpg", "dogs/c.jpg", "dogs/d.jpg", "dogs/notes.txt")
    assert datasets.scan(tmp_path).note["warnings"] == []
    tree(tmp_path, "cats/IMG_1.HEIC", "dogs/e.avif")
    found = datasets.scan(tmp_path)
    ((message, values),) = found.note["warnings"]
    assert "2 pictures are left out" in message.format(**values)
    assert "IMG_1.HEIC, e.avif" in message.format(**values)
    assert found.note["ignored"] == 3 and "foreign" not in found.note
