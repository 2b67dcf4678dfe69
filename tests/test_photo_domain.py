"""A dataset knows whether its pictures are drawn pets or photos, wherever they were copied."""

import shutil

import numpy as np
import pytest
from PIL import Image

from catdog_core.base import files
from catdog_core.data import datasets, imports


def _write_photos(folder, count=6):
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (24, 24, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}{number}.jpg")
    return folder


def _strip_comments(folder):
    """Draw as earlier versions did, without the comment in the files."""
    for path in folder.rglob("*.jpg"):
        path.write_bytes(path.read_bytes().replace(b"\xff\xfe\x00\x15Drawn by CatDog Lab", b""))


def test_drawn_pets_of_any_seed_and_size_stay_drawn_in_a_copy_and_a_zip(tmp_path, workspace):
    datasets.make_demo(tmp_path / "pets", train=8, validation=4, size=40, seed=9)
    assert datasets.open_folder(tmp_path / "pets").domain == "drawn"
    archive = shutil.make_archive(str(tmp_path / "renamed"), "zip", tmp_path / "pets")
    imported = imports.import_archive(tmp_path / "renamed.zip", "renamed.zip")
    assert archive and imported.domain == "drawn"
    edited = datasets.edit_photos(
        imported.id, [datasets.PhotoEdit(imported.photos[0][0], "exclude")]
    )
    assert edited.domain == "drawn"


@pytest.mark.parametrize(("photos", "domain"), [(0, "drawn"), (2, "drawn"), (30, "photos")])
def test_the_larger_part_decides(tmp_path, workspace, photos, domain):
    datasets.make_demo(tmp_path / "pets", train=8, validation=4, size=32)
    mixed = shutil.copytree(tmp_path / "pets" / "train", tmp_path / "mixed")
    _write_photos(mixed, photos)
    assert datasets.open_folder(mixed).domain == domain


def test_a_record_of_an_earlier_version_is_drawn_by_its_source_or_its_files(
    tmp_path, workspace, monkeypatch
):
    draw = datasets.synthetic.make_demo

    def draw_as_before(folder, progress=None):
        draw(folder, train=8, validation=4, size=32)
        _strip_comments(folder)

    monkeypatch.setattr(datasets.synthetic, "make_demo", draw_as_before)
    demo = datasets.create_demo()
    copy = datasets.open_folder(shutil.copytree(demo.root, tmp_path / "copy"))
    photos = datasets.open_folder(_write_photos(tmp_path / "photos"))
    expected = {demo.id: "drawn", copy.id: "drawn", photos.id: "photos"}
    assert copy.domain == "drawn"
    for path in datasets.datasets_folder().glob("*/dataset.json"):
        record = files.read_json(path)
        files.write_json(path, {name: record[name] for name in record if name != "domain"})
    assert {d.id: d.domain for d in datasets.list_datasets()} == expected
