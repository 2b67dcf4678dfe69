"""TensorBoard's event files of a run, made when asked for."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.errors import CatDogError, RunError
from catdog_core.training import tensorboard_export
from tests import fakes


def read(folder):
    """All of a folder's events, as TensorBoard itself reads them."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return accumulator


def scalars(folder, tag):
    """(step, value) of a tag."""
    events = read(folder).Tensors(tag)
    return [
        (e.step, pytest.approx(float(tensor_util.make_ndarray(e.tensor_proto)), nan_ok=True))
        for e in events
    ]


def rows(run, name):
    return [(row["epoch"] + 1, row[name]) for row in run.epochs]


@pytest.fixture
def run(workspace):
    return runs.load_run(fakes.make_run(name="first", epochs=3))


def add(run, **row):
    """One more line of a run's metrics, as its worker writes it."""
    known = {"accuracy": 0.5, "val_loss": 0.7, "val_accuracy": 0.5, "learning_rate": 0.1}
    with open(run.folder / "metrics.jsonl", "a") as file:
        file.write(json.dumps({**known, **row}) + "\n")
    return runs.load_run(run.folder)


@pytest.mark.slow
def test_event_files_hold_the_epochs_and_the_settings(run):
    folder = tensorboard_export.write_event_files(run, tensorboard_export.default_logdir())
    assert folder == files.workspace_folder() / "tensorboard" / run.id
    for part, tags in tensorboard_export.TAGS.items():
        for name, tag in tags.items():
            if name in run.epochs[0]:
                assert scalars(folder / part, tag) == rows(run, name)
    content = read(folder).SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(content).hparams
    assert hparams["model"].string_value == run.training.model
    assert hparams["learning_rate"].number_value == run.training.learning_rate


@pytest.mark.slow
def test_an_epoch_that_a_resume_trained_again_stands_once(run):
    tensorboard_export.write_event_files(run, tensorboard_export.default_logdir())
    again = add(run, epoch=2, loss=0.123)
    folder = tensorboard_export.write_event_files(again, tensorboard_export.default_logdir())
    points = scalars(folder / "train", "epoch_loss")
    assert [step for step, _ in points] == [1, 2, 3] and points[-1] == (3, 0.123)
    assert len(list((folder / "train").iterdir())) == 1


@pytest.mark.slow
def test_a_loss_that_broke_is_told_as_it_is_and_a_missing_one_left_out(run):
    broken = add(run, epoch=3, loss=float("nan"), val_loss=None)
    folder = tensorboard_export.write_event_files(broken, tensorboard_export.default_logdir())
    assert len(scalars(folder / "train", "epoch_loss")) == 4
    assert len(scalars(folder / "validation", "epoch_loss")) == 3


def test_a_run_without_an_epoch_and_a_missing_package_are_told(workspace, monkeypatch):
    with pytest.raises(RunError, match=r"has no epochs yet\."):
        tensorboard_export.write_event_files(
            runs.load_run(fakes.make_run(epochs=0)), tensorboard_export.default_logdir()
        )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CatDogError, match="pip install tensorboard"):
        tensorboard_export.write_event_files(
            runs.load_run(fakes.make_run(epochs=1)), tensorboard_export.default_logdir()
        )


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told_and_keeps_what_was_there(run):
    folder = tensorboard_export.write_event_files(run, tensorboard_export.default_logdir())
    before = sorted(path.name for path in folder.rglob("*"))
    (tensorboard_export.default_logdir() / "taken").write_text("in the way")
    with pytest.raises(CatDogError, match="written"):
        tensorboard_export.write_event_files(run, tensorboard_export.default_logdir() / "taken")
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
def test_the_command_writes_runs_and_prints_how_to_start_tensorboard(run, capsys, tmp_path, named):
    old = run.folder / "tensorboard"
    old.mkdir()
    (old / "events.out.tfevents.1.catdog").write_bytes(b"of an earlier version")
    chosen = [run.id] if named else []
    out = tmp_path / "my logs"
    assert fakes.run_cli(capsys, "tensorboard", *chosen, "--logdir", out) == (
        0,
        f"3 epochs of first\nShow them with: {tensorboard_export.tensorboard_command(out)}\n",
        "",
    )
    assert scalars(out / run.id / "train", "epoch_loss") == rows(run, "loss")
    assert [path.read_bytes() for path in old.iterdir()] == [b"of an earlier version"]


@pytest.mark.slow
def test_the_train_page_writes_them_and_shows_the_command(run):
    page = fakes.open_page("3_Train", run=run.id)
    page.button("tensorboard_write").click().run(timeout=120)
    assert not page.exception
    command = tensorboard_export.tensorboard_command(tensorboard_export.default_logdir())
    assert command in [code.value for code in page.code]
    assert scalars(Path(tensorboard_export.default_logdir()) / run.id / "train", "epoch_loss")
