"""Photos built to cost much or to confuse: a clear answer to each, within 3 s and 300 MB."""

import csv
import shutil
import struct
import subprocess
import sys

import hostile_photos
import numpy as np
import pytest
from fuzz import seeds
from hostile_photos import measure_costs, store_files, too_costly
from PIL import Image

from catdog_core.base import files
from catdog_core.base.errors import PhotoError
from catdog_core.data import audit, datasets
from catdog_core.imaging import decode, format_guard, image_header
from catdog_core.imaging.photo_formats import photo_extensions


@pytest.mark.long
@pytest.mark.slow
def test_odd_photos_cost_little_and_are_told_in_a_sentence(tmp_path):
    costs = measure_costs(store_files(hostile_photos.costly_photos(), tmp_path))
    assert len(costs) > 70
    assert too_costly(costs) == {}


@pytest.mark.long
def test_files_of_millions_of_parts_cost_little(tmp_path):
    costs = measure_costs(store_files(hostile_photos.many_parts(4_000_000), tmp_path))
    assert {name for name, cost in costs.items() if cost.said == "taken"} == set()
    assert too_costly(costs) == {}


@pytest.mark.parametrize("name", sorted(hostile_photos.many_parts(1)))
def test_a_file_of_too_many_parts_is_refused_unread(name, monkeypatch):
    data = hostile_photos.many_parts(1_000_000)[name]
    monkeypatch.setattr(Image, "open", None)
    for read in (decode.decode_photo, image_header.read_image_header):
        with pytest.raises(PhotoError, match=r"parts|a part of"):
            read(data)


def test_ordinary_photos_have_few_parts(tmp_path):
    for name, data in seeds.seed_photos().items():
        format_guard.check_part_count(data)
        (tmp_path / name).write_bytes(data)
        assert decode.read_dimensions(tmp_path / name) in ((60, 45), (45, 60))
        assert decode.decode_photo(data).shape[2] == 3


def test_other_limits_hold_for_photos(set_limits):
    photo = seeds.seed_photos()["rgb.png"]  # 60 × 45
    for limit in ({"photo_pixels": 2699}, {"photo_bytes": len(photo) - 1}):
        set_limits(**limit)
        with pytest.raises(PhotoError, match="but the limit is"):
            decode.decode_photo(photo)
    set_limits(photo_pixels=2700, photo_bytes=len(photo))
    assert decode.decode_photo(photo).shape == (45, 60, 3)


def test_the_largest_tiles_of_a_tiff_are_no_flood(tmp_path):
    buffer = tmp_path / "a.tif"
    Image.fromarray(np.zeros((2000, 2000), np.uint8)).save(buffer, tiffinfo={278: 1})
    assert decode.decode_photo(buffer.read_bytes()).shape == (2000, 2000, 3)


HITS = {
    "a directory beyond 2**63": b"II+\0" + struct.pack("<HHQ", 8, 0, 2**64 - 1),
    "a directory at the end": b"II*\0" + struct.pack("<I", 8),
}
"""Files that got past an earlier version."""


@pytest.mark.parametrize("name", HITS)
def test_what_once_got_through_is_refused(name):
    for read in (decode.decode_photo, image_header.read_image_header):
        with pytest.raises(PhotoError):
            read(HITS[name])


@pytest.mark.parametrize("size", [(70_000, 1), (1, 70_000)])
def test_a_picture_of_one_endless_row_is_refused(tmp_path, size):
    Image.new("L", size).save(tmp_path / "a.png")
    with pytest.raises(PhotoError, match="65,535 pixels per side"):
        decode.decode_photo((tmp_path / "a.png").read_bytes())


def test_the_head_of_a_png_is_read_without_its_pixels(monkeypatch):
    data = hostile_photos.make_png(hostile_photos._header(39_000, 1000), hostile_photos._rows(9, 9))
    assert image_header.read_image_header(data).width == 39_000  # its pixels are not there


@pytest.mark.skipif(sys.platform != "linux", reason="libjpeg's words were seen on Linux")
def test_what_libjpeg_says_of_a_damaged_photo_does_not_reach_stderr(tmp_path, capfd):
    good = seeds.seed_photos()["plain.jpg"]
    path = tmp_path / "damaged.jpg"
    path.write_bytes(good[:-300] + good[-150:])
    decode.decode_photo(path.read_bytes())
    assert "Corrupt JPEG" in capfd.readouterr().err
    command = [sys.executable, "-m", "catdog_core", "augment", path, tmp_path / "out.png"]
    done = subprocess.run([*command, "--count", "1"], cwd=files.PROJECT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_other_native_messages_are_passed_on():
    code = (
        "import os\nfrom catdog_core.base import library_output\n"
        "with library_output.suppress_decoder_warnings():\n"
        "    os.write(2, b'Corrupt JPEG data: x\\nlibpng warning: y\\nout of memory\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=files.PROJECT, capture_output=True)
    assert done.stderr == b"out of memory\n"


@pytest.fixture(scope="module")
def rows(bad_inputs):
    """What the manifest says of each photo."""
    with open(bad_inputs / "manifest.csv", encoding="utf-8") as file:
        manifest_rows = [
            row for row in csv.DictReader(file) if row["kind"].startswith(("image", "name"))
        ]
    assert len(manifest_rows) > 50
    return manifest_rows


def test_in_class_folders_every_one_is_told_as_its_manifest_says(rows, bad_inputs, demo, tmp_path):
    shutil.copytree(demo / "train", tmp_path / "set")
    for row in rows:
        shutil.copy(bad_inputs / "files" / row["file"], tmp_path / "set" / "cats")
    dataset = datasets.scan_folder(tmp_path / "set")
    findings = [f for f in audit.audit_dataset(dataset) if f.kind in ("unreadable", "truncated")]
    reported_names = {finding.files[0].removeprefix("cats/") for finding in findings}
    for row in rows:
        if row["file"].endswith(photo_extensions()):
            assert (row["file"] in reported_names) == row["expectation"].startswith("reject"), row[
                "file"
            ]
    left_out = ", ".join(str(values.get("files", "")) for _, values in dataset.note["warnings"])
    assert "svg.svg" in left_out and "ok.avif" not in left_out
    assert ("heic_header.heic" in left_out) != ("heic_header.heic" in reported_names)


def test_every_collected_photo_costs_little(rows, bad_inputs):
    assert too_costly(measure_costs(bad_inputs / "files" / row["file"] for row in rows)) == {}


def large(mode, side):
    if mode in ("F", "I"):
        kind = np.float32 if mode == "F" else np.int32
        return Image.fromarray(np.zeros((side, side), kind))
    return Image.new(mode, (side, side), 9)


LARGEST = {
    "a.png": ("RGBA", 6300, {}),
    "a.gif": ("L", 6300, {}),
    "p.png": ("P", 6300, {"transparency": 9}),
    "f.tif": ("F", 6300, {"compression": "tiff_adobe_deflate"}),
    "i.tif": ("I", 6300, {"compression": "tiff_adobe_deflate"}),
    "c.jpg": ("CMYK", 3990, {"progressive": True}),
    "a.webp": ("RGBA", 3990, {"method": 0}),
}


@pytest.mark.long
@pytest.mark.slow
def test_the_largest_photos_cost_no_more(tmp_path):
    paths = [tmp_path / name for name in LARGEST]
    for path, (mode, side, options) in zip(paths, LARGEST.values(), strict=True):
        large(mode, side).save(path, **options)
    costs = measure_costs(paths)
    assert too_costly(costs) == {}
    assert {name: cost.said for name, cost in costs.items()} == dict.fromkeys(LARGEST, "taken")
