"""The dataset of the class: fetched once, checked by what it holds, found again; any way in."""

import io
import sys
import zipfile

import numpy as np
import pytest
from servers import running_site

from catdog_core import cli
from catdog_core.base.errors import DatasetError, DownloadError
from catdog_core.cli import data
from catdog_core.data import cats_vs_dogs, datasets
from catdog_core.data.cats_vs_dogs import Fetch
from catdog_core.imaging import decode

COUNTS = {"train": {"cats": 4, "dogs": 4}, "validation": {"cats": 2, "dogs": 2}}


def packed(counts=COUNTS):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cats_and_dogs_filtered/vectorize.py", "# not a photo")
        for split, row in counts.items():
            for name, count in row.items():
                for n in range(count):
                    shade = (31 * len(split) + 7 * ord(name[0]) + 9 * n) % 256
                    photo = decode.encode_photo(np.full((20, 20, 3), shade, np.uint8))
                    file = f"cats_and_dogs_filtered/{split}/{name}/{name[:-1]}.{n}.jpg"
                    archive.writestr(file, photo)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch, workspace):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def fetch(site, **changes):
    return Fetch(url=site.url, counts=COUNTS, **changes)


def test_it_becomes_a_dataset_and_the_zip_goes(workspace):
    updates = []
    with running_site(packed()) as site:
        dataset = cats_vs_dogs.fetch_cats_vs_dogs(
            fetch(site, tell=lambda *now: updates.append(now))
        )
        again = cats_vs_dogs.fetch_cats_vs_dogs(fetch(site))
    assert dataset == again and len(site.asked) == 1
    assert (dataset.id, dataset.source, dataset.counts()) == (cats_vs_dogs.ID, "download", COUNTS)
    assert dataset.items()[0].file.endswith("train/cats/cat.0.jpg")
    assert {phase for phase, _, _ in updates} == {cats_vs_dogs.DOWNLOADING, cats_vs_dogs.UNPACKING}
    assert not list(workspace.rglob("*.zip"))


def test_it_goes_on_after_a_cut_in_the_middle(workspace):
    body = packed()
    with running_site(body, cut_at=len(body) // 2) as site:
        assert cats_vs_dogs.fetch_cats_vs_dogs(fetch(site)).counts() == COUNTS
    assert site.asked[1][1]["Range"] == f"bytes={len(body) // 2}-"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (packed({**COUNTS, "validation": {"cats": 2, "dogs": 1}}), r"12 photos it should \(11\)"),
        (packed({"train": {"cats": 4, "birds": 4}, "validation": {"cats": 2, "birds": 2}}), "12"),
        (packed()[:-100], "isn't a complete archive"),
        (b"PK" + bytes(1000), "isn't a complete archive"),
        (b"<html>", "sent something other than the file"),
    ],
)
def test_another_content_is_refused_and_removed(workspace, body, words):
    with running_site(body) as site, pytest.raises(DownloadError, match=words):
        cats_vs_dogs.fetch_cats_vs_dogs(fetch(site))
    assert datasets.list_datasets() == []
    assert not [p for p in workspace.rglob("*") if p.suffix in (".zip", ".part")]


def test_a_zip_that_could_not_be_unpacked_is_not_fetched_again(workspace, monkeypatch):
    with running_site(packed()) as site:
        with monkeypatch.context() as patch:
            patch.setattr(cats_vs_dogs.archives.shutil, "disk_usage", full_at(len(site.body)))
            with pytest.raises(DatasetError, match="only 0 free"):
                cats_vs_dogs.fetch_cats_vs_dogs(fetch(site))
        assert cats_vs_dogs.fetch_cats_vs_dogs(fetch(site)).counts() == COUNTS
    assert len(site.asked) == 1


def full_at(size):
    """A disk that holds the download, and then nothing more."""
    left = [size + 1]

    def usage(_):
        class Usage:
            free = left[0]

        left[0] = 0
        return Usage

    return usage


def test_the_command_fills_a_folder_without_its_wrapper(workspace, tmp_path, capsys, monkeypatch):
    target = tmp_path / "pets"
    target.mkdir()
    with running_site(packed()) as site:
        monkeypatch.setattr("catdog_core.cli.data.Fetch", lambda **told: fetch(site, **told))
        assert cli.main(["download", str(target)]) == 0
    out, err = capsys.readouterr()
    assert "train: 4 cats, 4 dogs" in out and f"12 photos in {target}" in out and err == ""
    assert "Asirra" in out and "Petfinder.com" in out and "Kaggle" in out
    assert datasets.scan_folder(target).counts() == COUNTS
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "workspace") == ["pets"]


def test_the_command_fills_the_workspace_and_no_folder_that_holds_something(
    workspace, tmp_path, capsys, monkeypatch
):
    (tmp_path / "mine.txt").touch()
    with running_site(packed()) as site:
        monkeypatch.setattr("catdog_core.cli.data.Fetch", lambda **told: fetch(site, **told))
        assert cli.main(["download", str(tmp_path)]) == 1
        assert "isn't empty" in capsys.readouterr().err and site.asked == []
        assert cli.main(["download"]) == 0
    assert "12 photos in" in capsys.readouterr().out
    assert datasets.list_datasets()[0].id == cats_vs_dogs.ID


def test_without_a_network_the_command_says_so_in_one_line(workspace, capsys, monkeypatch):
    with running_site() as site:
        gone = site
    monkeypatch.setattr(data, "Fetch", lambda **told: fetch(gone, **told))
    assert cli.main(["download"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "use the demo dataset" in err


def test_import_tells_what_is_inside_then_takes_it(workspace, tmp_path, capsys):
    path = tmp_path / "pets.zip"
    path.write_bytes(packed())
    assert cli.main(["import", str(path), "--look"]) == 0
    output = capsys.readouterr().out
    assert "train: 4 cats, 4 dogs" in output and "folder cats_and_dogs_filtered" in output
    assert datasets.list_datasets() == []
    assert cli.main(["import", str(path)]) == 0
    assert capsys.readouterr().out.startswith(output)
    assert datasets.list_datasets()[0].counts() == COUNTS


@pytest.mark.parametrize(
    ("source", "words"), [("gone.zip", "doesn't exist"), ("tfds:x", "isn't installed")]
)
def test_import_of_nothing_is_one_sentence(workspace, capsys, monkeypatch, source, words):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    assert cli.main(["import", source]) == 1
    assert words in capsys.readouterr().err
