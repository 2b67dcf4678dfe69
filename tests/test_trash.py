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
    (entry,) = trash.listing()
    return entry


def test_a_run_goes_to_the_trash_and_comes_back_as_it_was(workspace):
    folder = fakes.run("mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    key = runs.remove(folder)
    assert (only().id, only().kind, only().name) == (key, "run", "mine")
    assert only().bytes > 1000 and only().at > 1e9
    assert not folder.exists()
    trash.restore(key)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert trash.listing() == [] and list(trash.root().iterdir()) == []


def test_the_entry_tells_what_when_and_from_where(workspace):
    key = runs.remove(fakes.run("mine"))
    told = json.loads((trash.root() / key / "entry.json").read_text())
    assert (told["format"], told["kind"], told["name"], told["from"]) == (1, "run", "mine", "runs")


def test_a_dataset_comes_back_with_what_was_decided(pets):
    file = pets.items("train")[0].file
    datasets.change(pets.id, [datasets.Choice(file, "exclude")])
    key = runs.remove_dataset(pets.id)
    assert datasets.listing() == []
    trash.restore(key)
    assert datasets.load(pets.id).excluded == (file,)


def test_imported_photos_come_back_too(workspace):
    made = datasets.adopt("drawn", "Drawn", "demo", lambda to: datasets.make_demo(to, 4, 4, 32))
    trash.restore(runs.remove_dataset(made.id))
    assert all(item.path.is_file() for item in datasets.load("drawn").items())


def test_an_experiment_goes_and_comes_back_whole(pets):
    key = groups.create(plans.twin(pets, Training(epochs=2), Augmentation()), "pair")
    ids = {run.id for run in groups.load(key).runs}
    entry = groups.remove(key)
    assert runs.listing() == [] and groups.listing() == []
    assert (only().kind, only().name, len(only().parts)) == ("experiment", "pair", 2)
    trash.restore(entry)
    assert {run.id for run in groups.load(key).runs} == ids


def test_an_experiment_that_trains_is_not_deleted(pets, monkeypatch):
    key = groups.create(plans.twin(pets, Training(), Augmentation()), "pair")
    files.write_json(groups.load(key).runs[0].folder / "state.json", {"status": "running"})
    monkeypatch.setattr("catdog_core.base.locks.is_locked", lambda path: True)
    with pytest.raises(RunError, match="Stop it before"):
        groups.remove(key)


def test_what_is_taken_meanwhile_is_told_and_nothing_moves(pets, demo):
    key = runs.remove_dataset(pets.id)
    datasets.open_folder(demo)
    with pytest.raises(CatDogError, match=r"there is a dataset at .* already"):
        trash.restore(key)
    assert only().id == key


def test_a_preset_whose_file_is_taken_gets_another_and_one_whose_name_is_does_not(workspace):
    presets.save("A", Augmentation(rotation_range=1))
    first = presets.remove("a")
    presets.save("a!", Augmentation(rotation_range=2))
    trash.restore(first)
    assert sorted(preset.name for preset in presets.listing()) == ["A", "a!"]
    second = presets.remove(presets.find("A").id)
    presets.save("A", Augmentation(rotation_range=3))
    with pytest.raises(CatDogError, match="a preset 'A' already"):
        trash.restore(second)


def test_what_an_earlier_version_put_there_is_known_by_what_it_holds(workspace):
    folder = fakes.run("earlier")
    trash.root().mkdir(parents=True)
    folder.rename(trash.root() / f"{folder.name}-0a1b2c")
    presets.save("old", Augmentation())
    (presets.root() / "old.json").rename(trash.root() / "old-d4e5f6.json")
    (trash.root() / "letter.txt").touch()
    assert {(entry.kind, entry.name) for entry in trash.listing()} == {
        ("run", "earlier"),
        ("preset", "old"),
    }
    for entry in trash.listing():
        trash.restore(entry.id)
    assert runs.load(folder).name == "earlier"
    assert presets.find("old")


def test_an_entry_of_a_newer_program_is_told_and_one_that_is_damaged_left_alone(workspace):
    key = runs.remove(fakes.run("mine"))
    place = trash.root() / key / "entry.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "format": 99}))
    with pytest.raises(CatDogError, match="made by a newer program"):
        trash.restore(key)
    place.write_text("{")
    assert trash.listing() == []
    with pytest.raises(CatDogError, match=r"no '.*' in the trash"):
        trash.restore(key)


@pytest.mark.parametrize("key", ["", "..", "../runs", "/etc", "nothing"])
def test_an_id_leads_nowhere_but_into_the_trash(workspace, key):
    runs.remove(fakes.run("mine"))
    with pytest.raises(CatDogError, match="in the trash"):
        trash.restore(key)


def test_emptying_removes_all_for_good(workspace):
    runs.remove(fakes.run("one"))
    presets.save("two", Augmentation())
    presets.remove("two")
    assert trash.empty() > 1000
    assert list(trash.root().iterdir()) == []
    assert trash.empty() == 0


def test_the_command_line_lists_restores_and_empties(workspace, capsys, monkeypatch):
    assert fakes.shell(capsys, "trash", "list")[:2] == (0, "The trash is empty.\n")
    key = runs.remove(fakes.run("mine"))
    assert key in fakes.shell(capsys, "trash", "list")[1]
    assert fakes.shell(capsys, "trash", "restore", key)[1] == "The run 'mine' is back.\n"
    runs.remove(runs.listing()[0].folder)
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    assert cli.main(["trash", "empty"]) == 1
    capsys.readouterr()
    assert len(trash.listing()) == 1
    assert fakes.shell(capsys, "trash", "empty", "--yes")[0] == 0
    assert trash.listing() == []
    status, _, error = fakes.shell(capsys, "trash", "restore", "gone")
    assert status == 1 and "no 'gone' in the trash" in error


def test_undo_right_after_a_deletion(workspace):
    fakes.run("mine")
    app = fakes.page("4_Compare")
    app.button("delete").click().run()
    app.button("delete_sure").click().run()
    assert runs.listing() == []
    assert "Moved to the trash" in fakes.said(app.markdown)
    app.button("trash_undo_page").click().run()
    assert [run.name for run in runs.listing()] == ["mine"]
    assert not app.exception


def test_the_trash_on_the_home_page_restores_and_asks_before_it_is_emptied(workspace):
    for name in ("one", "two"):
        runs.remove(fakes.run(name))
    app = fakes.page()
    app.selectbox("trash_chosen").set_value(trash.listing()[1].id).run()
    app.button("trash_restore").click().run()
    assert [run.name for run in runs.listing()] == ["one"]
    app.button("trash_empty").click().run()
    assert len(trash.listing()) == 1
    app.button("trash_empty_sure").click().run()
    assert trash.listing() == [] and not app.exception


def test_deleting_an_experiment_asks_first(pets):
    key = groups.create(plans.twin(pets, Training(epochs=2), Augmentation()), "pair")
    app = fakes.page("4_Compare", group=key)
    app.button("group_delete").click().run()
    assert groups.listing()
    app.button("group_delete_sure").click().run()
    assert groups.listing() == [] and not app.exception


def test_an_experiment_whose_worker_is_gone_says_so_and_how_to_go_on(pets):
    key = groups.create(plans.twin(pets, Training(epochs=2), Augmentation()), "pair")
    first = groups.load(key).runs[0].folder
    files.write_json(first / "state.json", {"format": 1, "status": "running", "beat": 3})
    app = fakes.page("4_Compare", group=key)
    assert "The experiment stands still since" in fakes.said(app.warning)
    assert app.button("group_start")


def test_a_damaged_record_is_deleted_after_asking_and_comes_back(pets):
    (datasets.root() / pets.id / "dataset.json").write_text("{")
    app = fakes.page("1_Data")
    app.button(f"damaged_{pets.id}").click().run()
    assert datasets.damaged()
    app.button("record_delete_sure").click().run()
    assert datasets.damaged() == [] and not app.exception
    app.button("trash_undo_page").click().run()
    assert [name for name, _ in datasets.damaged()] == [pets.id]
