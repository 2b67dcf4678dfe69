"""The command line: results on stdout, mistakes as one line on stderr, flags from settings."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys

import pytest
from fakes import run_cli as run
from timeouts import wait_until

from catdog_core import cli, runs
from catdog_core.analysis import photo_overlap
from catdog_core.base import files
from catdog_core.base.field_specs import describe_fields
from catdog_core.cli import output
from catdog_core.config import Augmentation, Training
from catdog_core.data import datasets


def test_help_is_shown_without_a_command(capsys, workspace):
    status, out, _ = run(capsys)
    assert status == 0
    assert "evaluate" in out and "resume" in out


@pytest.mark.parametrize("group", [[], ["experiment"], ["models"], ["trash"]])
def test_each_command_in_a_list_has_its_line_in_full(capsys, monkeypatch, workspace, group):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = run(capsys, *group, "--help")
    listed = out.partition("Commands:")[2].splitlines()[1:]
    assert status == 0 and len(listed) >= 3
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("model, command", [(Training, "train"), (Augmentation, "augment")])
def test_every_setting_has_a_flag(capsys, model, command):
    _, out, _ = run(capsys, command, "--help")
    for control in describe_fields(model):
        assert f"--{control.name.replace('_', '-')}" in out


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["bogus"], "bogus"),
        (["train"], "DIR"),
        (["train", "x", "--epochs", "0"], "1 to 1000"),
        (["train", "x", "--epochs", "many"], "whole number"),
        (["train", "x", "--model", "resnet"], "notes-deep"),
        (["train", "x", "--augment", "wild"], "gentle"),
        (["train", "no-such-folder"], "no-such-folder"),
        (["resume", "no-such-run"], "no-such-run"),
        (["evaluate", "m.keras", "x", "--split", "half"], "validation"),
        (["predict", "m.keras", "no-such-photo.jpg"], "no-such-photo.jpg"),
        (["augment", "no-such-photo.jpg", "out.png"], "no-such-photo.jpg"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(capsys, workspace, arguments, word):
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert word in err


@pytest.fixture
def mistakes(tmp_path, photo):
    """Folders and files that are not what a command wants."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "single" / "cats").mkdir(parents=True)
    (tmp_path / "single" / "cats" / "one.png").write_bytes(photo.read_bytes())
    (tmp_path / "junk.keras").write_bytes(b"no model, no photo")
    (tmp_path / "torn.json").write_text('{"rotation_range": ')
    return tmp_path


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "empty"], "empty has no photos"),
        (["check", "empty", "--json"], "empty has no photos"),
        (["train", "single"], "only one class, cats"),
        (["evaluate", "photo.png", "single"], "only one class, cats"),
        (["predict", "junk.keras", "photo.png"], "junk.keras isn't a Keras model"),
        (["augment", "junk.keras", "out.png"], "junk.keras: The lab can't read"),
        (
            ["augment", "photo.png", "out.png", "--augment", "torn.json"],
            "torn.json isn't valid JSON",
        ),
        (["export", "empty", "h5", "out.h5"], "no model at empty"),
    ],
)
def test_wrong_files_are_named_in_one_line(
    capsys, workspace, mistakes, monkeypatch, arguments, words
):
    monkeypatch.chdir(mistakes)
    status, out, err = run(capsys, *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert words in err
    assert not (mistakes / "out.png").exists()


def test_a_damaged_preset_is_no_reason_to_delete_a_folder(capsys, mistakes, photo):
    _, _, err = run(
        capsys, "augment", photo, mistakes / "o.png", "--augment", mistakes / "torn.json"
    )
    assert "delete" not in err.lower()
    assert "gentle" in err


def test_long_work_without_a_terminal_tells_on_stderr_alone(capsys, workspace, demo, monkeypatch):
    monkeypatch.setattr(output, "PROGRESS_INTERVAL", -1.0)
    status, out, err = run(capsys, "check", demo, "--json")
    assert status == 0
    assert json.loads(out)["findings"] == []
    assert "checking: 72 of 72" in err


def test_a_mistake_is_told_in_the_language_asked_for(capsys, workspace, monkeypatch):
    monkeypatch.setenv("CATDOG_LANGUAGE", "ko")
    status, _, err = run(capsys, "train", "/nowhere")
    assert status == 1
    assert err.startswith("오류: /nowhere") and "폴더" in err


def test_a_mistake_ends_the_process_with_1_and_no_traceback(workspace):
    command = [sys.executable, "-m", "catdog_core", "train", "no-such-folder"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=files.PROJECT)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ") and ended.stderr.count("\n") == 1


def test_no_runs_yet_is_said(capsys, workspace):
    status, out, _ = run(capsys, "runs")
    assert status == 0
    assert "No runs yet" in out


def test_demo_draws_a_dataset_that_check_reads_as_json(capsys, workspace, tmp_path):
    folder = tmp_path / "cartoons"
    sizes = ["--train", 8, "--validation", 4, "--size", 32]
    assert run(capsys, "demo", folder, *sizes)[0] == 0
    assert len(list(folder.rglob("*.jpg"))) == 12
    (folder / "train" / "cats" / "broken.jpg").write_bytes(b"no photo")
    status, out, _ = run(capsys, "check", folder, "--json")
    files_by_kind = {finding["kind"]: finding["files"] for finding in json.loads(out)["findings"]}
    assert status == 0
    assert files_by_kind["unreadable"] == ["train/cats/broken.jpg"]


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    """A run of two epochs made by the command line, and what it printed."""
    folder = tmp_path_factory.mktemp("trained")
    command = ["train", str(demo), "--run", str(folder / "run")]
    command += ["--epochs", "2", "--image-size", "32", "--batch-size", "12"]
    printed = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed[0]),
        contextlib.redirect_stderr(printed[1]),
    ):
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        status = cli.main(command)
    return folder / "run", (status, *(stream.getvalue() for stream in printed))


@pytest.mark.slow
def test_train_prints_a_line_an_epoch_and_nothing_on_stderr(trained):
    folder, (status, out, err) = trained
    epochs = [line[:10] for line in out.splitlines() if "val_loss" in line]
    assert (status, err) == (0, "")
    assert epochs == ["Epoch 1/2:", "Epoch 2/2:"]
    assert runs.load_run(folder).status == "done"


@pytest.mark.slow
def test_evaluate_takes_validation_or_all_photos_of_plain_folders(capsys, trained, demo):
    split = json.loads(run(capsys, "evaluate", trained[0], demo, "--json")[1])
    plain = json.loads(run(capsys, "evaluate", trained[0], demo / "train", "--json")[1])
    assert {"accuracy", "loss", "n", "classes", "confusion"} <= set(split)
    assert (split["scale"], split["scale_assumed"]) == ("0..255", False)
    assert split["n"] == 24 == sum(map(sum, split["confusion"]))
    assert plain["n"] == 48


@pytest.mark.slow
def test_evaluate_needs_no_training_photos(capsys, trained, demo, tmp_path):
    validation = demo / "validation"
    for name in ("test_set", "both/val", "both/test"):
        shutil.copytree(validation, tmp_path / name)
    (tmp_path / "one").mkdir()
    (tmp_path / "test_set").rename(tmp_path / "one" / "test_set")
    shutil.rmtree(tmp_path / "both/test/cats")
    shutil.copytree(validation / "dogs", tmp_path / "both/test/cats")
    known = json.loads(run(capsys, "evaluate", trained[0], validation, "--json")[1])
    assert json.loads(run(capsys, "evaluate", trained[0], tmp_path / "one", "--json")[1]) == known
    both = [trained[0], tmp_path / "both", "--json"]
    assert json.loads(run(capsys, "evaluate", *both)[1]) == known
    assert json.loads(run(capsys, "evaluate", *both, "--split", "test")[1]) != known
    status, _, error = run(capsys, "check", tmp_path / "one")
    assert status == 1 and "none for training" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "trained_on", "chosen_on", "says"),
    [
        ("validation", 0, 24, "best epoch was chosen with these photos"),
        ("train", 48, 0, "trained on these very photos"),
    ],
)
def test_evaluate_says_which_photos_made_the_model(
    capsys, trained, demo, split, trained_on, chosen_on, says
):
    arguments = ("evaluate", trained[0], demo, "--split", split)
    told = json.loads(run(capsys, *arguments, "--json")[1])
    assert (told["trained_on"], told["epoch_chosen_on"]) == (trained_on, chosen_on)
    assert says in " ".join(told["notes"])
    assert says in run(capsys, *arguments)[1]


@pytest.mark.slow
def test_evaluate_says_that_it_does_not_know_what_trained_a_file(capsys, trained, demo, tmp_path):
    shutil.copyfile(trained[0] / "best.keras", tmp_path / "model.keras")
    told = json.loads(run(capsys, "evaluate", tmp_path / "model.keras", demo, "--json")[1])
    assert (told["trained_on"], told["epoch_chosen_on"]) == (None, None)
    assert told["notes"] == [photo_overlap.UNKNOWN_TEXT]
    assert 0 <= told["calibration_error"] <= 1 and 0.5 <= told["confidence"] <= 1


@pytest.mark.slow
def test_predict_writes_a_table_with_a_column_a_class(capsys, trained, photo, tmp_path):
    table = tmp_path / "table.any"
    assert run(capsys, "predict", trained[0], photo, "--csv", table)[0] == 0
    header, row = table.read_text().splitlines()
    assert header == "file,label,p_cats,p_dogs"
    assert row.startswith(f"{photo},")


@pytest.mark.slow
def test_a_done_run_cannot_be_resumed_or_stopped(capsys, trained):
    for command, words in (
        ("resume", "has finished all its epochs"),
        ("stop", "is done, so there's nothing to stop"),
    ):
        status, _, err = run(capsys, command, trained[0])
        assert status == 1
        assert words in err


@pytest.mark.long
@pytest.mark.slow
def test_ctrl_c_stops_a_training_that_resume_goes_on_with(capsys, workspace, demo, tmp_path):
    folder = tmp_path / "run"
    flags = ["--epochs", "3", "--steps-per-epoch", "200", "--image-size", "32", "--batch-size", "4"]
    command = [sys.executable, "-m", "catdog_core", "train", str(demo), "--run", str(folder)]
    process = subprocess.Popen(
        [*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=files.PROJECT
    )
    wait_until(
        lambda: files.read_json_lines(folder / "metrics.jsonl") or process.poll() is not None
    )
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert b"Stopped. Resume with" in out
    assert runs.load_run(folder).status == "stopped"

    assert run(capsys, "resume", folder)[0] == 0
    assert [row["epoch"] for row in runs.load_run(folder).epochs] == [0, 1, 2]


@pytest.mark.slow
def test_a_photo_that_cannot_be_read_does_not_lose_the_others(capsys, workspace, photo, tmp_path):
    from catdog_core.models import keras_models

    model, bad = tmp_path / "m.keras", tmp_path / "bad.jpg"
    keras_models.save_model(
        keras_models.build_model("notes", 32), model, {"classes": ["cats", "dogs"]}
    )
    bad.write_bytes(b"no photo")
    status, out, err = run(capsys, "predict", model, bad, photo)
    assert status == 0
    assert "photo.png" in out and "bad.jpg" in err
    assert run(capsys, "predict", model, bad)[0] == 1


def test_runs_are_listed_with_whole_ids_and_plain_names(capsys, workspace, demo):
    folder = runs.create_run(datasets.open_folder(demo), Training(), None, name="[bold]mine")
    out = run(capsys, "runs")[1]
    assert folder.name in out
    assert "[bold]mine" in out


def test_plot_draws_a_run_and_refuses_one_without_epochs(workspace, demo, tmp_path, capsys):
    run = runs.create_run(datasets.open_folder(demo), Training(), None, name="young")
    assert cli.main(["plot", str(run), str(tmp_path / "curve.png")]) == 1
    assert "has no finished epoch" in capsys.readouterr().err
    numbers = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), 0.5)
    files.append_json_line(run / "metrics.jsonl", {"epoch": 0, **numbers})
    assert cli.main(["plot", str(run), str(tmp_path / "curve.png")]) == 0
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
