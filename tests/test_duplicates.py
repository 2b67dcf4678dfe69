"""Likeness: the same picture in other bytes is found, other pictures are not."""

import cv2
import numpy as np
import pytest

from catdog_core.data import datasets, duplicates
from catdog_core.imaging import decode


@pytest.fixture(scope="module")
def pictures(demo):
    return [
        decode.decode_photo(item.path.read_bytes())
        for item in datasets.scan_folder(demo).items("train")
    ]


def smaller(photo):
    return cv2.resize(photo, (40, 48), interpolation=cv2.INTER_AREA)


def turned(photo):
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 2, 1)
    return cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


COPIES = {
    "smaller": smaller,
    "recompressed": lambda photo: decode.decode_photo(decode.encode_photo(photo, quality=20)),
    "brighter": lambda photo: cv2.add(photo, (40, 40, 40, 0)),
    "grey": lambda photo: np.repeat(photo.mean(axis=2, keepdims=True).astype(np.uint8), 3, 2),
    "cropped": lambda photo: photo[1:-1, 1:-1],
    "turned": turned,
    "mirrored": lambda photo: np.ascontiguousarray(photo[:, ::-1]),
}


def groups(photos):
    return duplicates.find_duplicate_groups(
        np.stack([duplicates.make_grey_thumbnail(photo) for photo in photos])
    )


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_changed_copy_is_found_among_other_pictures(pictures, copy):
    assert groups([*pictures, copy(pictures[7])]) == [[7, len(pictures)]]


def test_other_pictures_are_not_alike(pictures):
    assert groups(pictures) == []


def test_pictures_without_structure_are_like_no_other():
    plain = [np.full((50, 50, 3), shade, np.uint8) for shade in (0, 90, 91, 255)]
    assert groups(plain) == []


def test_likeness_is_passed_on_and_joined_with_known_copies(pictures):
    photos = [*pictures[:5], smaller(pictures[2]), turned(pictures[2])]
    thumbs = np.stack([duplicates.make_grey_thumbnail(photo) for photo in photos])
    assert duplicates.find_duplicate_groups(thumbs) == [[2, 5, 6]]
    assert duplicates.find_duplicate_groups(thumbs, known=[[0, 4], [4, 6]]) == [[0, 2, 4, 5, 6]]


def test_large_sets_are_compared_in_parts_with_the_same_result(pictures, monkeypatch):
    photos = [*pictures, smaller(pictures[3]), smaller(pictures[40])]
    expected = groups(photos)
    monkeypatch.setattr(duplicates, "_CELLS", 100)
    monkeypatch.setattr(duplicates, "_CHECKED", 1)
    assert groups(photos) == expected == [[3, 48], [40, 49]]
