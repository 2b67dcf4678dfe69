"""What was read is kept while its files stay the same, and read anew once they change."""

import json
import os

import fakes
import pytest

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.file_cache import FileCache
from catdog_core.data import datasets


@pytest.fixture
def reads(workspace, monkeypatch):
    """The names of the JSON and JSON-lines files read since, in order."""
    seen = []
    original_read_json, lines = files.read_json, files.read_json_lines

    def read_json(path, known=None):
        seen.append(path.name)
        return original_read_json(path, known)

    monkeypatch.setattr(files, "read_json", read_json)
    monkeypatch.setattr(
        files, "read_json_lines", lambda path: (seen.append(path.name), lines(path))[1]
    )
    return seen


def test_a_value_is_made_again_only_when_a_file_of_it_changes(tmp_path):
    file, other = tmp_path / "a.txt", tmp_path / "b.txt"
    file.write_text("one")
    cache = FileCache(10)

    def ask():
        return cache.get("key", [file, other], file.read_text)

    assert [ask(), ask()] == ["one", "one"] and cache.miss_count == 1
    file.write_text("three")
    assert ask() == "three"
    other.write_text("it appeared")
    assert ask() == "three" and cache.miss_count == 3


def test_a_file_replaced_by_one_of_equal_size_and_time_is_another(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("one")
    before = file.stat()
    cache = FileCache(10)
    assert cache.get("key", [file], file.read_text) == "one"
    beside = tmp_path / "b.txt"
    beside.write_text("two")
    os.utime(beside, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(beside, file)
    assert cache.get("key", [file], file.read_text) == "two"


def test_what_was_not_asked_for_longest_is_dropped_first_and_the_latest_never():
    cache = FileCache(10, len)
    for key, size in (("a", 4), ("b", 4), ("a", 4), ("c", 4)):
        cache.get(key, [], lambda size=size: "x" * size)
    assert cache.miss_count == 3
    cache.get("a", [], str)
    assert cache.miss_count == 3
    cache.get("b", [], lambda: "y" * 50)
    cache.get("b", [], str)
    assert cache.miss_count == 4


def test_what_making_raises_is_passed_on_and_not_kept(tmp_path):
    cache = FileCache(10)
    with pytest.raises(OSError):
        cache.get("key", [], (tmp_path / "gone").read_text)
    assert cache.get("key", [], lambda: "there") == "there"


def test_a_second_look_at_all_runs_reads_no_file(reads):
    for number in range(20):
        fakes.make_run(f"run {number}")
    assert len(runs.list_runs()) == 20
    assert len(reads) >= 80
    reads.clear()
    assert len(runs.list_runs()) == 20
    assert reads == []


def test_a_changed_run_alone_is_read_again(reads):
    folders = [fakes.make_run(f"run {number}") for number in range(5)]
    runs.list_runs()
    runs.rename_run(folders[2], "another name")
    reads.clear()
    assert "another name" in {run.name for run in runs.list_runs()}
    assert 4 <= len(reads) < 15  # one of the five, and once for the change itself


def test_who_changes_what_was_listed_changes_no_later_look(workspace):
    folder = fakes.make_run("first")
    run = runs.load_run(folder)
    run.epochs.clear()
    run.state.clear()
    assert len(runs.load_run(folder).epochs) == 3 and runs.load_run(folder).state


def test_a_second_look_at_the_datasets_reads_no_record(reads, demo):
    datasets.open_folder(demo)
    datasets.list_datasets()
    reads.clear()
    first, second = (
        datasets.list_datasets()[0],
        datasets.load_dataset(datasets.list_datasets()[0].id),
    )
    assert reads == [] and first is second


def test_a_decision_about_a_dataset_is_seen_at_the_next_look(workspace, demo):
    dataset = datasets.open_folder(demo)
    assert not datasets.load_dataset(dataset.id).excluded
    datasets.edit_photos(dataset.id, [datasets.PhotoEdit(dataset.photos[0][0], "exclude")])
    assert datasets.load_dataset(dataset.id).excluded == (dataset.photos[0][0],)


def test_a_damaged_record_stays_told_until_it_is_mended(workspace, demo):
    dataset = datasets.open_folder(demo)
    record = datasets.datasets_folder() / dataset.id / "dataset.json"
    sound = record.read_text()
    record.write_text("[]")
    assert len(datasets.list_damaged_datasets()) == 1
    record.write_text(sound)
    assert datasets.load_dataset(dataset.id).photos == dataset.photos
    assert json.loads(sound)["id"] == dataset.id
