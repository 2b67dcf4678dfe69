"""Archives built to get out, to flood or to confuse: refused in a sentence, or taken safely."""

import io
import re
import time
import zipfile
from pathlib import Path

import hostile_archives
import pytest

from catdog_core.base.errors import DatasetError
from catdog_core.data import archives, imports

SECONDS = 3
ZIPS, TARS = hostile_archives.odd_zips(), hostile_archives.odd_tars()
GOOD = hostile_archives.good_zips()


@pytest.mark.parametrize("name", [*ZIPS, *TARS])
def test_an_odd_archive_is_refused_and_leaves_nothing(workspace, tmp_path, name):
    data, file_name = (ZIPS[name], "theirs.zip") if name in ZIPS else (TARS[name], name)
    start = time.process_time()
    with pytest.raises(DatasetError) as caught:
        imports.import_archive(io.BytesIO(data), file_name)
    assert time.process_time() - start < SECONDS
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_but_harmless_zip_is_taken_under_safe_names(workspace, tmp_path, name):
    seen = archives.inspect_archive(io.BytesIO(GOOD[name]), "theirs.zip")
    dataset = imports.import_archive(io.BytesIO(GOOD[name]), "theirs.zip")
    assert seen.counts == dataset.counts() and seen.warnings == dataset.note["warnings"]
    assert {item.path for item in dataset.items()} == {
        p for p in dataset.root.rglob("*") if p.is_file()
    }
    assert set(dataset.classes) == {"cats", "dogs"}
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all(path.is_relative_to(dataset.root.parent) for path in written)
    photos = [path.name for path in written if path.is_relative_to(dataset.root)]
    assert all(re.fullmatch(r"[\w][\w.-]*", photo) and len(photo) < 100 for photo in photos)
    assert len({photo.lower() for photo in photos}) >= 3
    if Path("/proc").exists():
        assert not any(path.stat().st_mode & 0o111 for path in written if path.suffix == ".jpg")


def test_a_look_writes_nothing_and_says_the_same(workspace, tmp_path):
    for name, data in ZIPS.items():
        with pytest.raises(DatasetError):
            with archives.open_archives([(io.BytesIO(data), "theirs.zip")]) as source:
                archives.store_entries(source, tmp_path / name.replace("/", "-"), None)
            archives.inspect_archive(io.BytesIO(data), "theirs.zip")
    assert not workspace.exists()


def test_photos_of_one_name_are_all_kept(workspace):
    data = hostile_archives.make_zip([f"{c}/0.jpg" for c in ("cats", "dogs") for _ in range(3)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 6
    assert len(imports.import_archive(io.BytesIO(data), "theirs.zip").items()) == 6
