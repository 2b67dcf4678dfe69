"""An untrusted zip: safe ones become datasets, others one sentence, and nothing is left behind."""

import csv
import io
import shutil
import stat
import struct
import time
import zipfile

import numpy as np
import pytest

from catdog_core.base.errors import DatasetError
from catdog_core.data import archive_safety, archives, datasets, imports
from catdog_core.imaging import decode

PLAIN = [f"{name}/{i}.jpg" for name in ("cats", "dogs") for i in range(4)]


def packed(names=PLAIN, content=None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(names):
            photo = decode.encode_photo(np.full((20, 20, 3), 8 * number % 256, np.uint8))
            archive.writestr(name, photo if content is None else content)
    return buffer


def left_behind(workspace):
    return [p for p in workspace.rglob("*") if p.is_file()] if workspace.exists() else []


def test_a_zip_becomes_a_dataset_in_the_workspace(workspace):
    dataset = imports.import_archive(packed(), "my pets.zip")
    assert (dataset.name, dataset.source, dataset.classes) == ("my pets", "zip", ("cats", "dogs"))
    assert dataset.root.is_relative_to(workspace)
    assert datasets.load_dataset(dataset.id) == dataset
    assert all(item.path.is_file() for item in dataset.items())


def test_strange_class_names_are_kept_as_names_never_as_paths(workspace):
    names = [f"{c}/{i}.jpg" for c in ("<b>고양이", "CON") for i in range(3)]
    dataset = imports.import_archive(packed(names), "../../x.zip")
    assert set(dataset.classes) == {"<b>고양이", "CON"}
    assert all(item.file.isascii() for item in dataset.items())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../evil.jpg", "unsafe path"),
        ("/etc/evil.jpg", "unsafe path"),
        ("cats\\..\\..\\evil.jpg", "unsafe path"),
        ("C:/evil.jpg", "unsafe path"),
        ("cats/inner.7z", "another archive"),
        ("cats/inner.zip", "isn't a complete archive"),
    ],
)
def test_unsafe_entries_are_refused_and_nothing_is_left(workspace, tmp_path, name, words):
    with pytest.raises(DatasetError, match=words):
        imports.import_archive(packed([*PLAIN, name]), "x.zip")
    assert left_behind(workspace) == []
    assert not list(tmp_path.rglob("evil*"))


def test_a_link_is_refused(workspace):
    buffer = packed()
    link = zipfile.ZipInfo("cats/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="link or device"):
        imports.import_archive(buffer, "x.zip")


def test_a_bomb_is_refused_by_its_table_of_contents(workspace):
    with pytest.raises(DatasetError, match="unpacks from"):
        imports.import_archive(packed(PLAIN, b"\0" * 20_000_000), "x.zip")
    assert left_behind(workspace) == []


def test_an_entry_that_unpacks_to_more_than_it_claims_is_refused(workspace, set_limits):
    set_limits(photo_bytes=100)
    with pytest.raises(DatasetError, match="larger than allowed"):
        imports.import_archive(packed(), "x.zip")
    assert left_behind(workspace) == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"text" * 99])
def test_what_is_no_zip_is_refused(workspace, data):
    with pytest.raises(
        DatasetError, match=r"isn't a complete archive|isn't a zip file but a tar\.gz"
    ):
        imports.import_archive(io.BytesIO(data), "x.zip")


def test_a_zip_cut_short_is_refused(workspace):
    data = packed().getvalue()
    with pytest.raises(DatasetError):
        imports.import_archive(io.BytesIO(data[: len(data) // 2]), "x.zip")
    assert left_behind(workspace) == []


def test_a_table_of_a_million_entries_is_refused_before_it_is_parsed(workspace, monkeypatch):
    monkeypatch.setattr(archive_safety.zipfile, "ZipFile", None)
    entry = b"PK\x01\x02" + bytes(24) + b"\x01" + bytes(17) + b"a"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, len(entry) * 200_000, 0, 0)
    with pytest.raises(DatasetError, match="150,001 entries or more"):
        imports.import_archive(io.BytesIO(entry * 200_000 + end), "x.zip")


def test_the_table_of_contents_is_located_where_zipfile_reads_it():
    """By a function of zipfile's that is not public: notice where that changes."""
    buffer = io.BytesIO(b"something before the zip")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("cats/1.jpg", b"meow")
        archive.comment = b"a comment"
    with zipfile.ZipFile(buffer) as archive:
        start = archive.start_dir
    offset, size = archive_safety._locate_table(buffer)
    assert offset == start
    assert buffer.getvalue()[offset : offset + 4] == b"PK\x01\x02"
    assert buffer.getvalue()[offset + size :][:4] == b"PK\x05\x06"
    assert archive_safety._locate_table(io.BytesIO(b"no zip")) is None


def test_a_password_is_named_as_the_reason(workspace):
    data = bytearray(packed().getvalue())
    offset = data.find(b"PK\x01\x02")
    data[offset + 8] |= 1
    with pytest.raises(DatasetError, match="password"):
        imports.import_archive(io.BytesIO(data), "x.zip")


def test_an_archive_larger_than_the_free_disk_is_refused(workspace, monkeypatch):
    full = shutil._ntuple_diskusage(10, 10, 0)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: full)
    with pytest.raises(DatasetError, match="only 0 free"):
        imports.import_archive(packed(), "x.zip")
    assert left_behind(workspace) == []


def test_what_is_no_photo_is_counted_and_not_unpacked(workspace):
    dataset = imports.import_archive(packed([*PLAIN, "cats/film.mp4", "read.me"]), "x.zip")
    assert dataset.note["ignored"] == 2
    assert len(list(dataset.root.rglob("*.*"))) == len(PLAIN)


def test_class_names_packed_on_korean_windows_are_read_as_meant(workspace):
    names = [f"{c}/{i}.jpg" for c in ("AAAAAA", "dogs") for i in range(2)]
    data = packed(names).getvalue().replace(b"AAAAAA", "고양이".encode("cp949"))
    assert imports.import_archive(io.BytesIO(data), "x.zip").classes == ("dogs", "고양이")


def test_folders_that_differ_in_their_case_are_one_class_and_long_names_stay_two(workspace):
    names = ["Cats", "cats", "c" * 70, "c" * 70 + "d"]
    dataset = imports.import_archive(
        packed([f"{c}/{i}.jpg" for c in names for i in range(2)]), "x.zip"
    )
    assert len(dataset.classes) == 3 and dataset.classes[0] == "Cats"
    assert len({item.file.split("/")[0].lower() for item in dataset.items()}) == 3
    assert len(dataset.items()) == 8


def test_an_error_names_folders_as_the_user_knows_them(workspace):
    names = [f"{c}/{i}.jpg" for c in ("개", "고양이") for i in range(2)]
    with pytest.raises(DatasetError, match="Class 새 has no photos"):
        imports.import_archive(packed([*names, "새/read.me"]), "x.zip")
    with pytest.raises(DatasetError, match="pets has no class folders"):
        imports.import_archive(packed(["a.jpg"]), "pets.zip")


def test_every_collected_zip_ends_as_its_manifest_says(workspace, bad_inputs):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"].startswith("zip/")]
    assert len(rows) > 20
    for row in rows:
        path, start = bad_inputs / "files" / row["file"], time.monotonic()
        outcome = "accept"
        try:
            archives.inspect_archive(path, path.name)
        except DatasetError:
            outcome = "reject with message"
        inspection_outcome = outcome
        try:
            if imports.import_archive(path, path.name).note["warnings"]:
                outcome = "accept with warning"
        except DatasetError:
            outcome = "reject with message"
        assert outcome in row["expectation"], (row["file"], outcome)
        assert inspection_outcome[:6] == outcome[:6], row["file"]
        assert time.monotonic() - start < 6, row["file"]


def test_a_collected_tar_under_its_right_name_is_taken(workspace, bad_inputs):
    dataset = imports.import_archive(bad_inputs / "files" / "targz_renamed.zip", "pets.tar.gz")
    assert (dataset.classes, len(dataset.items())) == (("cats", "dogs"), 12)
