"""Run folders that came to harm: told as damaged, and the others are none the worse."""

from __future__ import annotations

import os
import shutil

import fakes
import pytest

from catdog_core import cli, runs
from catdog_core.analysis import histories
from catdog_core.base import files
from catdog_core.base.errors import RunError
from catdog_core.tuning import groups

FILES = (
    *("settings.json", "about.json", "state.json", "metrics.jsonl", "batches.jsonl"),
    *("best.keras", "backup.keras", "backup.json", "lock", "log.txt", "stop", "crash.txt"),
)
NEEDED = {
    # what makes a run damaged by being in this state
    "settings.json": {"emptied", "truncated", "garbage", "removed", "folder", "list"},
    "about.json": {"emptied", "truncated", "garbage", "removed", "folder", "list"},
    "state.json": {"emptied", "truncated", "garbage", "removed", "folder", "list"},
    "metrics.jsonl": {"emptied", "truncated", "garbage", "removed", "folder", "list"},
    "best.keras": {"emptied", "truncated", "garbage", "removed", "folder", "list"},
    "backup.keras": {"emptied", "truncated", "garbage", "folder", "list"},
}


def harm(path, how):
    data = path.read_bytes() if path.is_file() else b"x" * 100
    if path.exists():
        path.unlink()
    match how:
        case "emptied":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(data[: len(data) // 2])
        case "garbage":
            path.write_bytes(os.urandom(300))
        case "list":
            path.write_bytes(b'[1, {"epoch": "x"}, null]\n')
        case "folder":
            path.mkdir()
            (path / "something").touch()


def whole(name):
    """A run that stopped after two epochs, with all its files."""
    folder = fakes.make_run(name, status="stopped", epochs=2)
    for file in ("best.keras", "backup.keras"):
        fakes.add_fake_model(folder, file)
    files.write_json(folder / "backup.json", {"format": 1, "epoch": 1})
    for file in ("lock", "log.txt"):
        (folder / file).write_text("")
    return folder


@pytest.mark.parametrize("how", ["emptied", "truncated", "garbage", "removed", "folder", "list"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_came_to_harm_is_told_and_spares_the_others(workspace, capsys, name, how):
    good, bad = whole("good"), whole("bad")
    harm(bad / name, how)
    runs_by_id = {run.id: run for run in runs.list_runs()}
    assert runs_by_id[good.name].status == "stopped" and not runs_by_id[good.name].problem
    bad_run = runs_by_id[bad.name]
    assert (bad_run.status == "damaged") == (how in NEEDED.get(name, ())), bad_run.problem
    if bad_run.status == "damaged":
        assert str(bad_run.problem).startswith(f"{name} ") or str(bad) in str(bad_run.problem)
    histories.diagnose_run(bad_run)
    runs.read_batches(bad)
    assert groups.list_groups() == []
    assert cli.main(["runs"]) == 0
    assert "good" in capsys.readouterr().out
    runs.rename_run(good, "still good")
    runs.remove_run(bad)  # what is damaged can be put away
    assert [run.name for run in runs.list_runs()] == ["still good"]


@pytest.mark.parametrize(
    "page",
    [
        "3_Train",
        *(pytest.param(p, marks=pytest.mark.long) for p in ("", "4_Compare", "5_Evaluate")),
        *(pytest.param(p, marks=pytest.mark.long) for p in ("6_Predict", "7_Export")),
    ],
)
def test_every_page_opens_beside_damaged_runs(workspace, page):
    good = whole("good")
    for number, name in enumerate(NEEDED):
        harm(whole(f"bad {name}") / name, ("garbage", "folder", "removed")[number % 3])
    app = fakes.open_page(page, run=good.name)
    assert not app.exception
    assert not [e.value for e in app.error if "Something went wrong" in e.value]


def test_the_pages_show_what_is_wrong_and_what_to_do(workspace):
    run = whole("bad")
    harm(run / "state.json", "truncated")
    app = fakes.open_page("3_Train", run=run.name)
    assert "state.json is missing or damaged" in fakes.joined_text(app.error)
    assert app.button("resume_run")
    app = fakes.open_page("4_Compare", run=run.name)
    assert "state.json is missing or damaged" in fakes.joined_text(app.error)


def test_naming_a_run_anew_mends_its_lost_name(workspace):
    run = whole("bad")
    harm(run / "about.json", "folder")
    assert runs.load_run(run).status == "damaged"
    runs.rename_run(run, "mended")
    assert (runs.load_run(run).status, runs.load_run(run).name) == ("stopped", "mended")


def test_a_half_deleted_folder_is_told_and_one_that_is_no_run_too(workspace):
    half = whole("half")
    for name in ("settings.json", "best.keras", "metrics.jsonl"):
        (half / name).unlink()
    (runs.runs_folder() / "letters").mkdir()
    (runs.runs_folder() / "note.txt").touch()
    assert {run.id: run.status for run in runs.list_runs()} == {
        half.name: "damaged",
        "letters": "damaged",
    }


@pytest.mark.parametrize("name", ["settings.json", "about.json", "state.json"])
def test_a_run_of_a_newer_program_is_told_and_not_touched(workspace, name):
    run = whole("tomorrow")
    files.write_json(run / name, {**files.read_json(run / name), "format": 99})
    before = (run / name).read_bytes()
    loaded_run = runs.load_run(run)
    assert loaded_run.status == "damaged"
    assert "from a newer version" in str(loaded_run.problem)
    assert not loaded_run.can_resume
    if name == "about.json":
        with pytest.raises(Exception, match="newer version"):
            runs.rename_run(run, "mine")
    assert (run / name).read_bytes() == before


def test_a_run_whose_resume_point_is_damaged_refuses_to_start(workspace):
    run = whole("bad")
    harm(run / "backup.keras", "truncated")
    assert not runs.load_run(run).can_resume
    with pytest.raises(RunError, match=r"backup\.keras is damaged, so the run can't resume"):
        runs.start_run(run)


def test_a_copy_of_a_run_made_by_hand_stands_beside_it(workspace):
    run = whole("one")
    shutil.copytree(run, runs.runs_folder() / "copy")
    assert sorted(loaded_run.id for loaded_run in runs.list_runs()) == sorted([run.name, "copy"])


def test_what_is_wrong_with_a_run_is_told_in_the_pages_language(workspace):
    run = fakes.make_run()
    (run / "state.json").write_text("[]", encoding="utf-8")
    app = fakes.open_page("3_Train", run=run.name, lang="ko")
    assert not app.exception
    error_text = fakes.joined_text(app.error)
    assert "state.json" in error_text and "missing or damaged" not in error_text
