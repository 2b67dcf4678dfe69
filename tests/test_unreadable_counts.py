"""Counts of photos name those that can't be read, wherever photos are counted."""

from __future__ import annotations

import shutil

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import histories
from catdog_core.base import report_language
from catdog_core.config import Training
from catdog_core.data import audit, datasets, unreadable
from catdog_core.data.datasets import PhotoEdit
from catdog_core.export import report_text
from catdog_core.runs import training_photos


@pytest.fixture
def dataset(workspace, tmp_path):
    """31 photos, one of them broken."""
    folder = tmp_path / "pets"
    datasets.make_demo(folder, train=20, validation=11, size=32)
    broken = sorted((folder / "train" / "cats").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:200])
    return datasets.open_folder(folder)


def test_a_broken_photo_is_counted_apart(dataset):
    assert str(unreadable.count_photos(dataset).describe()) == "30 photos, 1 can't be read"
    assert str(unreadable.count_photos(dataset, "validation").describe()) == "11 photos"
    counts = unreadable.count_readable(dataset)
    assert sum(counts["train"].values()) == 19 and sum(counts["validation"].values()) == 11


def test_a_large_dataset_is_known_after_its_check(dataset, monkeypatch):
    monkeypatch.setattr(unreadable, "CHECKED_AT_ONCE", 30)
    assert unreadable.count_photos(dataset).unreadable == 0
    audit.audit_dataset(dataset)
    assert unreadable.count_photos(dataset).unreadable == 1


def test_an_excluded_photo_is_no_longer_left_out(dataset):
    (file,) = unreadable.list_unreadable(dataset)
    changed = datasets.edit_photos(dataset.id, [PhotoEdit(file, "exclude")])
    assert str(unreadable.count_photos(changed).describe()) == "30 photos"


def test_the_pages_name_it_with_the_way_to_the_data_check(dataset):
    for path in ("", "1_Data"):
        app = fakes.open_page(path)
        assert not app.exception
        links = [link.proto for link in app.get("page_link")]
        assert any("1 photo can't be read" in link.label for link in links), path
        if not path:
            assert "19 for training, 11 for validation" in fakes.joined_text(app.caption)


def test_the_command_line_names_it(dataset, tmp_path, capsys):
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", dataset.root)
    code, out, _ = fakes.run_cli(capsys, "import", archive)
    assert code == 0 and "30 photos in " in out and ", 1 can't be read" in out


def test_a_report_names_it(dataset):
    run = runs.load_run(runs.create_run(dataset, Training(epochs=1), None))
    match = training_photos.find_training_dataset(run)
    facts = report_text.ReportData(run, histories.diagnose_run(run), match=match)
    rows = report_text.list_dataset_properties(facts, report_language.get_translator("en"))
    shown = {label: value for label, value, _ in rows}
    assert shown["Training photos"] == "19 photos, 1 can't be read"
    assert shown["Validation photos"] == "11"
