"""Names: no two runs, models, datasets or experiments share one, and each is found by it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import history_import
from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.base.names import shorten_middle, shorten_names, unique_name
from catdog_core.cli import program
from catdog_core.data import datasets
from catdog_core.runs import model_registry, run_names

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.mark.parametrize(
    ("wanted", "taken", "given"),
    [
        ("pets", [], "pets"),
        ("pets", ["pets"], "pets (2)"),
        (" Pets  here ", ["pets here"], "Pets here (2)"),
        ("pets", ["PETS", "pets (2)"], "pets (3)"),
        ("pets (2)", ["pets (2)"], "pets (3)"),
        ("seed 42", ["seed 42"], "seed 42 (2)"),
        ("x" * 99, ["x" * 5 + "…" + "x" * 4], "xxx…xx (2)"),
    ],
)
def test_a_name_that_is_taken_gets_a_number(wanted, taken, given):
    assert unique_name(wanted, taken, 10 if "x" in wanted else 60) == given


@pytest.mark.parametrize(
    "names",
    [
        ["short", "names"],
        [f"learning rate {r}, batch size 32, dropout 0.1, rotation 10, zoom 0.2" for r in (1, 2)],
        [f"a sweep about the cats and dogs of all the shelters of the town, {n}" for n in (1, 22)],
        ["a" * 90 + end + "b" * 90 for end in ("x", "y", "z")],
        ["a" * 30 + "1" + "b" * 90, "a" * 30 + "2" + "c" * 90 + "b" * 40],
        ["only one " * 20],
        [f"{'x' * n}" for n in range(60, 90)],
    ],
)
def test_short_names_fit_and_keep_what_differs(names):
    short = shorten_names(names, 40)
    assert all(0 < len(name) <= 40 for name in short)
    assert len(set(short)) == len(set(names))


def test_a_name_is_cut_in_the_middle():
    assert shorten_middle("abcdefghij", 7) == "abc…hij"


def test_of_a_trials_name_what_differs_stays_and_its_experiments_is_cut_first():
    own, title = "learning rate 0.001, batch size 40, dropout 0.5", "Which settings matter for us?"
    folder = fakes.make_run(f"{own} · {title}")
    runs.add_to_group(folder, {"id": "g", "kind": "sweep", "name": title})
    run = runs.load_run(folder)
    assert run_names.short_name(run) == run.name
    assert run_names.short_name(run, 60) == f"{own} · Which…us?"
    assert run_names.short_name(run, 50) == own
    assert run_names.short_name(run, 20) == shorten_middle(own, 20)


def history(name=""):
    path = Path("log.csv").absolute()
    path.write_text("epoch,loss,accuracy,val_loss,val_accuracy\n0,1,0.5,1,0.5\n")
    return history_import.import_history(path, name)


def test_runs_histories_and_models_share_no_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [fakes.make_run("first"), fakes.make_run("First"), history("first"), fakes.make_run("x")]
    model = model_registry.register_imported_model(b"x", "first", ["a", "b"], "0..1")
    default = fakes.make_run("default")
    names = [runs.load_run(folder).name for folder in made]
    assert names == ["first", "First (2)", "first (3)", "x"]
    assert (model.name, runs.load_run(default).name) == ("first (4)", "default (2)")
    assert runs.rename_run(made[3], "first") == "first (5)"
    assert runs.rename_run(made[0], "first") == "first"
    assert model_registry.rename_model(model, "x") == "x"
    assert [run.is_imported for run in map(runs.load_run, made)] == [False, False, True, False]
    assert model.is_imported


def test_a_restored_run_whose_name_is_taken_gets_a_number():
    first = fakes.make_run("first")
    entry = runs.remove_run(first)
    second = fakes.make_run("first")
    runs.restore_from_trash(entry)
    assert [runs.load_run(folder).name for folder in (first, second)] == ["first (2)", "first"]


def test_datasets_share_no_name_and_keep_theirs(tmp_path):
    folders = []
    for parent in ("one", "two"):
        folder = tmp_path / parent / "pets"
        datasets.make_demo(folder, 4, 2, 32)
        folders.append(folder)
    opened = [datasets.open_folder(folder) for folder in [*folders, *folders]]
    assert [dataset.name for dataset in opened] == ["pets", "pets (2)"] * 2
    datasets.remove_dataset(opened[0].id)
    assert datasets.open_folder(folders[1]).name == "pets (2)"


def run_command(capsys, *words):
    status = program.main([*map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.mark.parametrize("command", ["diagnose", "stop", "resume"])
def test_every_command_finds_a_run_by_its_name(capsys, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    folder = fakes.make_run("my first run")
    Path("my first run").mkdir()  # a folder of photos may have the same name
    by_name, by_id = (run_command(capsys, command, key) for key in ("my first run", folder.name))
    assert by_name == by_id
    assert "There's no run" not in by_name[1]


def test_a_name_of_several_runs_lists_their_ids(capsys):
    folders = [fakes.make_run(name) for name in ("one", "two")]
    for folder in folders:  # as a workspace of an earlier version has them
        about = files.read_json_object(folder / "about.json")
        files.write_json(folder / "about.json", {**about, "name": "twice"})
    for words in (["diagnose", "twice"], ["export", "twice", "report", "out.html"]):
        status, text = run_command(capsys, *words)
        assert status == 1 and "2 runs or models are named 'twice'." in text
        assert all(folder.name in text for folder in folders)
    with pytest.raises(CatDogError, match="There's no run at none"):
        model_registry.find_run("none")


def test_a_run_outside_the_workspace_keeps_its_name_and_is_said_to_be_outside(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(program, "_train_and_report", lambda folder: None)
    datasets.make_demo(tmp_path / "pets", 4, 2, 32)
    inside = run_command(capsys, "train", tmp_path / "pets", "--name", "first")
    again = run_command(capsys, "train", tmp_path / "pets", "--name", "first")
    outside = run_command(
        capsys, "train", tmp_path / "pets", "--name", "first", "--run", tmp_path / "away"
    )
    assert [status for status, _ in (inside, again, outside)] == [0, 0, 0]
    assert "'first'" in inside[1] and "outside the workspace" not in inside[1]
    assert "'first (2)'" in again[1] and "has a number" in again[1]
    assert "outside the workspace" in outside[1] and "'first'" in outside[1]
    assert sorted(run.name for run in runs.list_runs()) == ["first", "first (2)"]


def test_those_who_ask_at_once_get_different_names():
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: fakes.make_run("same", epochs=0), range(4)))
    names = sorted(runs.load_run(folder).name for folder in made)
    assert names == ["same", "same (2)", "same (3)", "same (4)"]
