"""What is deleted goes to the trash, and comes back from there."""

import json

import fakes
import pytest

from catdog_core import cli, runs
from catdog_core.augmentation import presets
from catdog_core.base import files, trash
from catdog_core.base.errors import CatDogError, RunError
from catdog_core.config import Augmentation, Training
from catdog_core.data import datasets
from catdog_core.tuning import groups, plans


@pytest.fixture
def pets(workspace, demo):
    return datasets.open_folder(demo)


def only():
    (entry,) = trash.list_trash()
    return entry


def test_a_run_goes_to_the_trash_and_comes_back_as_it_was(workspace):
    folder = fakes.make_run("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    key = runs.remove_run(folder)
    assert (only().id, only().kind, only().name) == (key, "run", "mine")
    assert only().bytes > 1000 and only().at > 1e9
    assert not folder.exists()
    trash.restore_from_trash(key)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert trash.list_trash() == [] and list(trash.trash_folder().iterdir()) == []


def test_the_entry_tells_what_when_and_from_where(workspace):
    key = runs.remove_run(fakes.make_run("mine"))
    entry = json.loads((trash.trash_folder() / key / "entry.json").read_text())
    assert (entry["format"], entry["kind"], entry["name"], entry["from"]) == (
        1,
        "run",
        "mine",
        "runs",
    )


def test_a_dataset_comes_back_with_what_was_decided(pets):
    file = pets.items("train")[0].file
    datasets.edit_photos(pets.id, [datasets.PhotoEdit(file, "exclude")])
    key = runs.remove_unused_dataset(pets.id)
    assert datasets.list_datasets() == []
    trash.restore_from_trash(key)
    assert datasets.load_dataset(pets.id).excluded == (file,)


def test_imported_photos_come_back_too(workspace):
    dataset = datasets.register_dataset(
        "drawn", "Drawn", "demo", lambda to: datasets.make_demo(to, 4, 4, 32)
    )
    trash.restore_from_trash(runs.remove_unused_dataset(dataset.id))
    assert all(item.path.is_file() for item in datasets.load_dataset("drawn").items())


def test_an_experiment_goes_and_comes_back_whole(pets):
    key = groups.create_group(
        plans.plan_paired_experiment(pets, Training(epochs=2), Augmentation()), "pair"
    )
    ids = {run.id for run in groups.load_group(key).runs}
    entry = groups.remove_group(key)
    assert runs.list_runs() == [] and groups.list_groups() == []
    assert (only().kind, only().name, len(only().parts)) == ("experiment", "pair", 2)
    trash.restore_from_trash(entry)
    assert {run.id for run in groups.load_group(key).runs} == ids


def test_an_experiment_that_trains_is_not_deleted(pets, monkeypatch):
    key = groups.create_group(
        plans.plan_paired_experiment(pets, Training(), Augmentation()), "pair"
    )
    files.write_json(groups.load_group(key).runs[0].folder / "state.json", {"status": "running"})
    monkeypatch.setattr("catdog_core.base.locks.is_locked", lambda path: True)
    with pytest.raises(RunError, match="Stop it before"):
        groups.remove_group(key)


def test_what_is_taken_meanwhile_is_told_and_nothing_moves(pets, demo):
    key = runs.remove_unused_dataset(pets.id)
    datasets.open_folder(demo)
    with pytest.raises(CatDogError, match=r"datasets/cartoons-\w+ already exists \(dataset\)"):
        trash.restore_from_trash(key)
    assert only().id == key


def test_a_preset_whose_file_is_taken_gets_another_and_one_whose_name_is_does_not(workspace):
    presets.save_preset("A", Augmentation(rotation_range=1))
    first = presets.remove_preset("a")
    presets.save_preset("a!", Augmentation(rotation_range=2))
    trash.restore_from_trash(first)
    assert sorted(preset.name for preset in presets.list_presets()) == ["A", "a!"]
    second = presets.remove_preset(presets.find_preset("A").id)
    presets.save_preset("A", Augmentation(rotation_range=3))
    with pytest.raises(CatDogError, match="preset named 'A' already exists"):
        trash.restore_from_trash(second)


def test_what_an_earlier_version_put_there_is_known_by_what_it_holds(workspace):
    folder = fakes.make_run("earlier")
    trash.trash_folder().mkdir(parents=True)
    folder.rename(trash.trash_folder() / f"{folder.name}-0a1b2c")
    presets.save_preset("old", Augmentation())
    (presets.presets_folder() / "old.json").rename(trash.trash_folder() / "old-d4e5f6.json")
    (trash.trash_folder() / "letter.txt").touch()
    assert {(entry.kind, entry.name) for entry in trash.list_trash()} == {
        ("run", "earlier"),
        ("preset", "old"),
    }
    for entry in trash.list_trash():
        trash.restore_from_trash(entry.id)
    assert runs.load_run(folder).name == "earlier"
    assert presets.find_preset("old")


def test_an_entry_of_a_newer_program_is_told_and_one_that_is_damaged_left_alone(workspace):
    key = runs.remove_run(fakes.make_run("mine"))
    entry_path = trash.trash_folder() / key / "entry.json"
    entry_path.write_text(json.dumps({**json.loads(entry_path.read_text()), "format": 99}))
    with pytest.raises(CatDogError, match="from a newer version"):
        trash.restore_from_trash(key)
    entry_path.write_text("{")
    assert trash.list_trash() == []
    with pytest.raises(CatDogError, match=r"no '.*' in the trash"):
        trash.restore_from_trash(key)


@pytest.mark.parametrize("key", ["", "..", "../runs", "/etc", "nothing"])
def test_an_id_leads_nowhere_but_into_the_trash(workspace, key):
    runs.remove_run(fakes.make_run("mine"))
    with pytest.raises(CatDogError, match="in the trash"):
        trash.restore_from_trash(key)


def test_emptying_removes_all_for_good(workspace):
    runs.remove_run(fakes.make_run("one"))
    presets.save_preset("two", Augmentation())
    presets.remove_preset("two")
    assert trash.empty_trash() > 1000
    assert list(trash.trash_folder().iterdir()) == []
    assert trash.empty_trash() == 0


def test_the_command_line_lists_restores_and_empties(workspace, capsys, monkeypatch):
    assert fakes.run_cli(capsys, "trash", "list")[:2] == (0, "The trash is empty.\n")
    key = runs.remove_run(fakes.make_run("mine"))
    assert key in fakes.run_cli(capsys, "trash", "list")[1]
    assert fakes.run_cli(capsys, "trash", "restore", key)[1] == "Restored the run 'mine'.\n"
    runs.remove_run(runs.list_runs()[0].folder)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert cli.main(["trash", "empty"]) == 1
    capsys.readouterr()
    assert len(trash.list_trash()) == 1
    assert fakes.run_cli(capsys, "trash", "empty", "--yes")[0] == 0
    assert trash.list_trash() == []
    status, _, error = fakes.run_cli(capsys, "trash", "restore", "gone")
    assert status == 1 and "no 'gone' in the trash" in error


def test_undo_right_after_a_deletion(workspace):
    fakes.make_run("mine")
    app = fakes.open_page("4_Compare")
    app.button("delete").click().run()
    app.button("delete_sure").click().run()
    assert runs.list_runs() == []
    assert "Moved to the trash" in fakes.joined_text(app.markdown)
    app.button("trash_undo_page").click().run()
    assert [run.name for run in runs.list_runs()] == ["mine"]
    assert not app.exception


def test_the_trash_on_the_home_page_restores_and_asks_before_it_is_emptied(workspace):
    for name in ("one", "two"):
        runs.remove_run(fakes.make_run(name))
    app = fakes.open_page()
    app.selectbox("trash_chosen").set_value(trash.list_trash()[1].id).run()
    app.button("trash_restore").click().run()
    assert [run.name for run in runs.list_runs()] == ["one"]
    app.button("trash_empty").click().run()
    assert len(trash.list_trash()) == 1
    app.button("trash_empty_sure").click().run()
    assert trash.list_trash() == [] and not app.exception


def test_deleting_an_experiment_asks_first(pets):
    key = groups.create_group(
        plans.plan_paired_experiment(pets, Training(epochs=2), Augmentation()), "pair"
    )
    app = fakes.open_page("4_Compare", group=key)
    app.button("group_delete").click().run()
    assert groups.list_groups()
    app.button("group_delete_sure").click().run()
    assert groups.list_groups() == [] and not app.exception


def test_an_experiment_whose_worker_is_gone_says_so_and_how_to_go_on(pets):
    key = groups.create_group(
        plans.plan_paired_experiment(pets, Training(epochs=2), Augmentation()), "pair"
    )
    first = groups.load_group(key).runs[0].folder
    files.write_json(first / "state.json", {"format": 1, "status": "running", "beat": 3})
    app = fakes.open_page("4_Compare", group=key)
    assert "the experiment is paused" in fakes.joined_text(app.warning)
    assert app.button("group_start")


def test_a_damaged_record_is_deleted_after_asking_and_comes_back(pets):
    (datasets.datasets_folder() / pets.id / "dataset.json").write_text("{")
    app = fakes.open_page("1_Data")
    app.button(f"damaged_{pets.id}").click().run()
    assert datasets.list_damaged_datasets()
    app.button("record_delete_sure").click().run()
    assert datasets.list_damaged_datasets() == [] and not app.exception
    app.button("trash_undo_page").click().run()
    assert [name for name, _ in datasets.list_damaged_datasets()] == [pets.id]
