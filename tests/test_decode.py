"""The one decoder: every kind of photo becomes upright RGB, everything else one sentence."""

import csv
import os
import threading
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.imaging import decode, jpeg, photo_formats


def saved(image, kind="PNG", **options):
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def scene():
    """Red above, blue below: 60 wide, 40 high."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :, 0] = 250
    pixels[20:, :, 2] = 250
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", [kind for kind in photo_formats.EXTENSIONS_OF if kind != "HEIF"])
def test_every_promised_format_is_read(scene, kind):
    photo = decode.decode_photo(saved(scene, kind))
    assert (photo.shape, photo.dtype) == ((40, 60, 3), np.uint8)
    assert photo[5, 30, 0] > 200
    assert photo[35, 30, 2] > 200


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(scene, mode):
    grey = mode == "I;16"
    image = Image.fromarray(np.full((40, 60), 30_000, np.uint16)) if grey else scene.convert(mode)
    photo = decode.decode_photo(saved(image, "TIFF"))
    assert photo.shape == (40, 60, 3)
    assert 0 < photo.mean() < 255


def test_sixteen_bit_grey_keeps_its_tone():
    deep = Image.fromarray(np.full((4, 4), 32_768, np.uint16))
    assert decode.decode_photo(saved(deep)).tolist() == [[[128] * 3] * 4] * 4


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert decode.decode_photo(saved(clear)).min() == 255


def test_the_first_frame_of_an_animation_is_taken(scene):
    data = saved(scene, "GIF", save_all=True, append_images=[scene.rotate(180)])
    assert decode.decode_photo(data)[5, 30, 0] > 200


def test_a_large_jpeg_is_decoded_smaller_but_never_below_the_wish():
    photo = decode.decode_photo(saved(Image.new("RGB", (1600, 1200)), "JPEG"), at_least=150)
    assert 150 <= min(photo.shape[:2]) < 600


def slowly(monkeypatch, data, at_least):
    """Decode as if there were no quick way; None for a file that is refused."""
    with monkeypatch.context() as patch:
        patch.setattr(jpeg, "decode_plain_jpeg", lambda *_: None)
        patch.setattr(jpeg, "decode_plainest_jpeg", lambda *_: None)
        try:
            return decode.decode_photo(data, at_least)
        except PhotoError:
            return None


def quickest(data, at_least):
    """Decode without Pillow; None for a file that is left to the other ways."""
    return jpeg.decode_plainest_jpeg(data, at_least, 40_000_000)


def quickly(data, at_least):
    """Decode by the quick way alone; None for a file that it leaves to the usual one."""
    try:
        with Image.open(BytesIO(data)) as head:
            return jpeg.decode_plain_jpeg(head, data, at_least)
    except Exception:
        return None


@pytest.fixture(scope="module")
def texture():
    """Noise at several scales, 402 wide, 301 high."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).resize((402, 301))
    fine = rng.integers(-20, 20, (301, 402, 3))
    return Image.fromarray((np.asarray(coarse) + fine).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("at_least", [None, 301, 150, 70, 30])
def test_the_quick_way_gives_the_very_pixels_of_the_usual_one(
    texture, monkeypatch, options, at_least
):
    data = saved(texture, "JPEG", **options)
    usual = slowly(monkeypatch, data, at_least)
    assert np.array_equal(quickly(data, at_least), usual)
    assert np.array_equal(quickest(data, at_least), usual)


def test_a_jpeg_that_is_not_plain_goes_the_usual_way(texture):
    turned = Image.Exif()
    turned[0x0112] = 6
    jpeg_bytes = saved(texture, "JPEG")
    for data in (
        saved(texture, "JPEG", progressive=True),
        saved(texture, "JPEG", exif=turned),
        saved(texture.convert("CMYK"), "JPEG"),
        saved(texture.convert("L"), "JPEG"),
        saved(texture),
        jpeg_bytes[:-2],
        jpeg_bytes + b"more",
    ):
        assert quickly(data, None) is quickest(data, None) is None


def test_a_photo_with_marks_of_its_own_is_taken_by_the_quick_way_but_not_by_the_quickest(texture):
    upright = Image.Exif()
    upright[0x0112] = 1
    data = saved(texture, "JPEG", exif=upright)
    assert quickly(data, None).shape == (301, 402, 3)
    assert quickest(data, None) is None
    assert jpeg.decode_plainest_jpeg(saved(texture, "JPEG"), None, 301 * 402 - 1) is None


@pytest.mark.parametrize("way", [quickly, quickest])
def test_damage_ends_the_quick_ways_as_it_ends_the_usual_one(texture, monkeypatch, way):
    jpeg_bytes = saved(texture, "JPEG")
    rng = np.random.default_rng(0)
    taken = 0
    for _ in range(300):
        data = bytearray(jpeg_bytes)
        for position in rng.integers(2, rng.choice([len(data), 700]), rng.integers(1, 5)):
            data[position] = rng.choice([0xFF, 0xD8, 0xDA, rng.integers(256)])
        photo = way(bytes(data), 150)
        if photo is not None:
            taken += 1
            assert np.array_equal(photo, slowly(monkeypatch, bytes(data), 150))
    assert taken > 30


def test_fit_makes_squares_and_averages_when_it_shrinks():
    stripes = np.zeros((300, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    small = decode.resize_photo(stripes, 50)
    assert small.shape == (50, 50, 3)
    assert abs(small.astype(int) - 127).max() < 20
    assert decode.resize_photo(small, 80).shape == (80, 80, 3)


@pytest.mark.parametrize("size", [290, 220, 150, 110, 100, 70])
def test_fit_shrinks_nearly_as_whole_areas_would(texture, size):
    exact = cv2.resize(np.asarray(texture), (size, size), interpolation=cv2.INTER_AREA)
    difference = np.abs(decode.resize_photo(np.asarray(texture), size).astype(int) - exact)
    assert difference.mean() < 4  # of noise; of photographs it is 0.8


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\x00\x00\x00\x18ftypheic" + b"\0" * 60, "Convert it to JPEG"),
        (b"\xff\xd8" + b"\xff\xda\0\0" * 101, "101 scans"),
        (b"GIF89a", "The lab can't read this file as a photo."),
    ],
)
def test_what_is_no_photo_is_refused_in_a_sentence(data, words):
    with pytest.raises(PhotoError, match=words):
        decode.decode_photo(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_truncated_photo_is_refused(scene, kind):
    data = saved(scene.resize((300, 200)), kind)
    with pytest.raises(PhotoError, match="damaged or incomplete"):
        decode.decode_photo(data[: len(data) // 2])


def test_a_picture_beyond_the_pixel_limit_is_refused_unread():
    with pytest.raises(PhotoError, match=r"81,000,000|9,000 × 9,000"):
        decode.decode_photo(saved(Image.new("1", (9_000, 9_000))))


def test_files_are_read_in_order_and_a_bad_one_is_told(scene, tmp_path):
    for name, data in (("a.png", saved(scene)), ("b.png", b"no"), ("c.png", saved(scene))):
        (tmp_path / name).write_bytes(data)
    names = ["a.png", "b.png", "gone.png", "c.png"]
    results = list(decode.load_photos([tmp_path / name for name in names], 32))
    assert [isinstance(f, PhotoError) for f in results] == [False, True, True, False]


def test_a_file_that_comes_in_pieces_is_read_whole(scene, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(saved(scene))
    content, read = path.read_bytes(), os.read
    monkeypatch.setattr(decode.os, "read", lambda file, size: read(file, min(size, 50)))
    assert decode.read_photo_bytes(path) == content


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path, monkeypatch):
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(50_000_001)
    monkeypatch.setattr(decode.os, "read", None)
    with pytest.raises(PhotoError, match="50,000,001 bytes"):
        decode.read_photo_bytes(tmp_path / "large.jpg")


def test_whoever_stops_asking_for_photos_ends_their_reading(scene, tmp_path):
    (tmp_path / "a.png").write_bytes(saved(scene))
    photos = decode.load_photos([tmp_path / "a.png"] * 5_000, 32)
    before = threading.active_count()
    assert next(photos).shape == (32, 32, 3)
    photos.close()
    assert threading.active_count() == before


def test_every_collected_photo_ends_as_its_manifest_says(bad_inputs):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["kind"].startswith(("image/", "name"))]
    assert len(rows) > 50
    for row in rows:
        data = (bad_inputs / "files" / row["file"]).read_bytes()
        try:
            accepted = decode.decode_photo(data, at_least=150).ndim == 3
        except CatDogError:
            accepted = False
        expected = {True: "accept", False: "reject"}[accepted]
        assert expected in row["expectation"], row["file"]
