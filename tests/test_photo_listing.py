"""Which files of folders and patterns are predicted, in which order, and what is named instead."""

import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import run_cli

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.natural_order import natural_key
from catdog_core.data import photo_listing
from catdog_core.imaging import decode


def photo(shade=120):
    return decode.encode_photo(np.full((30, 40, 3), shade, np.uint8))


@pytest.fixture
def pile(tmp_path):
    """A folder of twelve numbered photos, one in a subfolder, and files that are no photos."""
    folder = tmp_path / "pile"
    (folder / "sub").mkdir(parents=True)
    for number in range(1, 13):
        (folder / f"{number}.jpg").write_bytes(photo(10 * number))
    (folder / "sub" / "3.PNG").write_bytes(photo())
    (folder / "notes.txt").write_text("text")
    (folder / "Thumbs.db").write_bytes(b"junk")
    (folder / ".hidden.jpg").write_bytes(photo())
    return folder


NUMBERED = [f"{number}.jpg" for number in range(1, 13)]


@pytest.mark.parametrize(
    "names",
    [
        ["1.jpg", "2.jpg", "10.jpg"],
        ["cat.9.jpg", "cat.10.jpg", "dog.1.jpg"],
        ["a/2.jpg", "a/10.jpg", "a-b/1.jpg"],
        ["IMG_001.jpg", "img_2.jpg", "IMG_010.jpg"],
        ["9.jpg", f"{'9' * 6000}.jpg"],
        ["a.jpg", "a1.jpg", "b.jpg"],
        ["x2y3.jpg", "x2y10.jpg", "x10y1.jpg"],
    ],
)
def test_numbers_in_names_are_compared_by_value(names):
    backwards = list(reversed(names))
    assert sorted(backwards, key=natural_key) == names


def test_names_that_differ_only_in_zeros_or_case_have_different_keys():
    assert len({natural_key(name) for name in ("1.jpg", "01.jpg", "001.JPG", "1.JPG")}) == 4


def test_a_folder_is_listed_in_natural_order_with_names_relative_to_it(pile):
    listing = photo_listing.list_photos([pile])
    names = [each.name for each in listing.photos]
    assert names == [*NUMBERED, "sub/3.PNG"]
    assert listing.skipped == ["notes.txt"]
    assert all(each.path.is_file() for each in listing.photos)


def test_patterns_are_resolved_where_the_shell_did_not(pile, monkeypatch):
    monkeypatch.chdir(pile)
    listing = photo_listing.list_photos([Path("*.jpg")])
    assert [each.name for each in listing.photos] == NUMBERED


def test_a_pattern_of_everything_names_no_photo_twice(pile):
    for pattern in ("**", "*"):
        listing = photo_listing.list_photos([pile / pattern])
        assert len(listing.photos) == 13
        assert any(name.endswith("notes.txt") for name in listing.skipped)


def test_a_file_with_the_letters_of_a_pattern_in_its_name_is_that_file(tmp_path):
    for name in ("cat[1].jpg", "cat1.jpg"):
        (tmp_path / name).write_bytes(photo())
    (listed,) = photo_listing.list_photos([tmp_path / "cat[1].jpg"]).photos
    assert listed.path.name == "cat[1].jpg"


def test_files_that_are_named_are_listed_whatever_their_ending_and_sorted(pile):
    paths = [pile / name for name in ("10.jpg", "2.jpg", "notes.txt")]
    names = [each.path.name for each in photo_listing.list_photos(paths).photos]
    assert names == ["2.jpg", "10.jpg", "notes.txt"]


def test_files_that_are_named_in_an_order_of_their_own_keep_it(pile):
    paths = [pile / name for name in ("3.jpg", "10.jpg", "1.jpg")]
    names = [each.path.name for each in photo_listing.list_photos(paths).photos]
    assert names == ["3.jpg", "10.jpg", "1.jpg"]


def test_several_folders_keep_their_names_and_order(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(photo())
    listing = photo_listing.list_photos([tmp_path / "b", tmp_path / "a"])
    assert [each.name for each in listing.photos] == [
        str(tmp_path / name / "1.jpg") for name in ("b", "a")
    ]


@pytest.mark.parametrize("name", ["gone.jpg", "*.nothing", "n" * 300 + ".jpg"])
def test_what_names_nothing_is_refused(tmp_path, name):
    with pytest.raises(PhotoError, match="doesn't exist"):
        photo_listing.list_photos([tmp_path / name])


def test_a_folder_without_photos_is_refused(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    with pytest.raises(CatDogError, match="has no photo"):
        photo_listing.list_photos([tmp_path / "text"])


def test_too_many_photos_are_refused(pile, monkeypatch):
    monkeypatch.setattr(photo_listing, "MAX_PHOTOS", 5)
    with pytest.raises(PhotoError, match="more than 5 photos"):
        photo_listing.list_photos([pile])


@pytest.mark.parametrize(
    "paths, names",
    [
        (["pile/1.jpg", "pile/sub/2.jpg"], ["1.jpg", "sub/2.jpg"]),
        (["a/1.jpg", "b/1.jpg"], ["a/1.jpg", "b/1.jpg"]),
        (["1.jpg", "pile/2.jpg"], ["1.jpg", "pile/2.jpg"]),
        (["1.jpg"], ["1.jpg"]),
    ],
)
def test_an_uploaded_folder_gives_relative_names(paths, names):
    assert photo_listing.relative_names(paths) == names


def test_uploads_are_sorted_and_what_is_no_photo_is_named():
    names = ["10.jpg", "a.txt", "2.jpg", ".DS_Store", "__MACOSX/1.jpg", "x.heic"]
    order, skipped = photo_listing.sort_uploads(names)
    assert [names[n] for n in order] == ["2.jpg", "10.jpg", "x.heic"]
    assert skipped == ["a.txt"]


@pytest.mark.slow
def test_a_folder_becomes_one_table_and_broken_photos_do_not_lose_the_others(
    capsys, workspace, pile, tmp_path, default_model_loaded
):
    (pile / "5.jpg").write_bytes(b"no photo")
    table = tmp_path / "out.csv"
    status, out, err = run_cli(capsys, "predict", "default", pile, "--csv", table)
    assert status == 0
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert rows[0][:2] == ["file", "label"]
    assert [row[0] for row in rows[1:]] == [*NUMBERED, "sub/3.PNG"]
    assert rows[5][1] == ""  # the broken one has no label
    assert "5.jpg" in err and "Skipped 1 file" in err and "notes.txt" in err
    assert out.count("\n") == 12
    described = json.loads(run_cli(capsys, "predict", "default", pile, "--json")[1])
    assert len(described["predictions"]) == 13 and described["skipped"] == ["notes.txt"]


@pytest.fixture
def archives(pile, tmp_path):
    """The pile as a zip, and a tar of one photo."""
    with zipfile.ZipFile(tmp_path / "pile.zip", "w") as archive:
        for path in sorted(pile.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(pile.parent))
    with tarfile.open(tmp_path / "one.tar.gz", "w:gz") as archive:
        archive.add(pile / "1.jpg", "x/1.jpg")
    return tmp_path / "pile.zip", tmp_path / "one.tar.gz"


def test_archives_are_listed_as_folders_are(archives, tmp_path):
    room = tmp_path / "room"
    room.mkdir()
    listing = photo_listing.list_photos(archives[:1], room)
    names = [each.name for each in listing.photos]
    assert names == [*(f"pile/{name}" for name in NUMBERED), "pile/sub/3.PNG"]
    assert listing.skipped == ["pile/notes.txt"]
    assert all(each.path.read_bytes()[:2] in (b"\xff\xd8", b"\x89P") for each in listing.photos)
    both = photo_listing.list_photos(archives, room)
    assert len(both.photos) == 14
    assert both.photos[-1].name == f"{archives[1]}/x/1.jpg"


def test_an_archive_keeps_its_limits(archives, tmp_path, set_limits):
    """Photos are unpacked nowhere else, no more of them than allowed, and nothing stays."""
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../up.jpg", photo())
    (tmp_path / "text.zip").write_text("no archive")
    room = tmp_path / "room"
    room.mkdir()
    for name in ("out.zip", "text.zip"):
        with pytest.raises(CatDogError):
            photo_listing.list_photos([tmp_path / name], room)
    set_limits(archive_entries=5)
    with pytest.raises(CatDogError):
        photo_listing.list_photos(archives[:1], room)
    assert not list(room.rglob("*.jpg"))


def test_a_zip_of_photos_is_predicted(archives, capsys, default_model_loaded):
    status, out, err = run_cli(capsys, "predict", "default", archives[0], "--json")
    described = json.loads(out)
    assert status == 0 and len(described["predictions"]) == 13
    assert described["trained_on"] == "photos" and "drawings" not in err
