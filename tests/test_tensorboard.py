"""TensorBoard's files of a run: whole, in step with its metrics, and never in its way."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from catdog_core import datasets, runs
from catdog_core.errors import CatDogError
from catdog_core.settings import RECIPES, Augmentation, Training
from catdog_core.training import hparams, tensorboard_log, tensorboard_server
from tests import fakes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    """A tiny run that was trained for two epochs."""
    training = Training(image_size=64, epochs=2, batch_size=12)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CATDOG_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        folder = runs.create(datasets.open_folder(demo), training, Augmentation(), name="first")
        runs.work(folder)
    return folder


@pytest.fixture
def run(trained, workspace):
    """A copy of it that a test may harm."""
    return Path(shutil.copytree(trained, workspace / "runs" / "first"))


def read(folder):
    """All of a folder's events, as TensorBoard itself reads them."""
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def scalars(folder, tag):
    """(step, value) of a tag."""
    events = read(folder).Tensors(tag)
    return [(e.step, pytest.approx(float(tf.make_ndarray(e.tensor_proto)))) for e in events]


def rows(run, name):
    return [(row["epoch"] + 1, row[name]) for row in runs.load(run).epochs]


def test_a_run_tells_tensorboard_its_epochs_its_graph_its_settings_and_a_batch(run):
    board = run / "tensorboard"
    for part, tags in tensorboard_log.TAGS.items():
        for name, tag in tags.items():
            assert scalars(board / part, tag) == rows(run, name)
    found = read(board)
    assert "first batch" in found.Tags()["tensors"] and found.Tags()["graph"]
    _, size, _ = tf.make_ndarray(found.Tensors("first batch")[0].tensor_proto)
    assert int(size) == 3 * 64  # twelve photos, five in a row
    assert any("Conv2D" in node.op for node in found.Graph().node)
    content = found.SummaryMetadata(hparams.START).plugin_data.content
    told = metadata.parse_session_start_info_plugin_data(content)
    assert told.hparams["learning_rate"].number_value == 1e-4
    assert told.hparams["model"].string_value == "notes"
    assert told.hparams["augmentation.horizontal_flip"].bool_value
    end = found.SummaryMetadata(hparams.END).plugin_data.content
    assert metadata.parse_session_end_info_plugin_data(end).status == 1


def again(run, count):
    """What a board of the run makes of its files, when so many epochs are whole."""
    found = runs.load(run)
    kept = found.epochs[:count]
    board = tensorboard_log.Board(found, kept, None)
    for row in found.epochs[count:]:
        kept.append(row)
        board.on_epoch_end(row["epoch"])
    return scalars(run / "tensorboard" / "train", "epoch_loss")


def test_an_epoch_trained_again_is_not_told_twice(run):
    assert again(run, 1) == rows(run, "loss")


@pytest.mark.parametrize("torn", [1, 30, 100])
def test_a_torn_end_is_cut_off(run, torn):
    path = next((run / "tensorboard" / "train").iterdir())
    path.write_bytes(path.read_bytes()[:-torn])
    assert again(run, 2) == rows(run, "loss")


def test_files_that_are_damaged_or_gone_are_made_anew(run):
    path = next((run / "tensorboard" / "train").iterdir())
    path.write_bytes(b"\x05" * 200)
    assert again(run, 2) == rows(run, "loss")
    path.unlink()
    assert again(run, 2) == rows(run, "loss")


def test_a_folder_that_cannot_be_written_never_ends_a_training(demo, workspace, caplog):
    training = Training(image_size=64, epochs=1, batch_size=24)
    folder = runs.create(datasets.open_folder(demo), training, None, name="first")
    (folder / "tensorboard").write_text("in the way")
    runs.work(folder)
    assert runs.load(folder).status == "done" and len(runs.load(folder).epochs) == 1
    assert "TensorBoard's files could not be written" in caplog.text


def test_what_failed_once_is_made_up_for_at_the_next_epoch(run, monkeypatch):
    found = runs.load(run)
    board = tensorboard_log.Board(found, kept := found.epochs[:0], None)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(tensorboard_log, "_append", full)
        kept.append(found.epochs[0])
        board.on_epoch_end(0)
    kept.append(found.epochs[1])
    board.on_epoch_end(1)
    assert scalars(run / "tensorboard" / "train", "epoch_loss") == rows(run, "loss")


def test_diverged_losses_are_told_as_they_are(workspace):
    folder = fakes.run()
    row = {"epoch": 3, "loss": float("nan"), "accuracy": 0.5, "val_loss": None, "val_accuracy": 0.5}
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
    found = runs.load(folder)
    tensorboard_log.Board(found, found.epochs, None)
    assert len(scalars(Path(folder) / "tensorboard" / "train", "epoch_loss")) == 4


@pytest.mark.long
def test_a_transfer_run_shows_the_whole_network(demo, workspace):
    update = {"image_size": 64, "epochs": 2}
    training = RECIPES["transfer"].training.model_copy(update=update)
    folder = runs.create(datasets.open_folder(demo), training, None, name="first")
    runs.work(folder)
    graph = read(folder / "tensorboard").Graph()
    assert sum("Conv2D" in node.op or "Depthwise" in node.op for node in graph.node) > 40


@pytest.mark.long
def test_the_server_shows_the_runs_and_ends_when_asked_or_with_its_owner(run):
    folder = run.parent
    url = tensorboard_server.start(folder)
    try:
        assert url.startswith(("http://127.0.0.1:", "http://localhost:"))
        assert tensorboard_server.start(folder) == url
        with urlopen(f"{url}data/runs", timeout=60) as answer:
            assert {"first/tensorboard/train"} <= {*json.load(answer)}
        process, _ = tensorboard_server._running[folder]
    finally:
        tensorboard_server.stop(folder)
    assert process.poll() is not None and not tensorboard_server.address(folder)


@pytest.mark.long
def test_a_server_whose_owner_is_killed_ends_by_itself(tmp_path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from catdog_core.training import tensorboard_server as board\n"
        "board.start(Path(sys.argv[1]))\n"
        "print(next(iter(board._running.values()))[0].pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    try:
        psutil.Process(int(done.stdout)).wait(timeout=30)
    except psutil.NoSuchProcess:
        return
    assert not psutil.pid_exists(int(done.stdout))


def test_where_it_is_not_installed_the_command_is_still_told(monkeypatch, tmp_path):
    monkeypatch.setattr(tensorboard_server, "is_installed", lambda: False)
    with pytest.raises(CatDogError, match="pip install tensorboard"):
        tensorboard_server.start(tmp_path)
    told = tensorboard_server.command(tmp_path / "my runs")
    assert told.startswith("tensorboard --logdir ") and "my runs" in told


def test_the_train_page_tells_the_command(workspace):
    folder = fakes.run()
    (folder / "tensorboard").mkdir()
    page = fakes.page("3_Train", run=folder.name)
    assert any("tensorboard --logdir" in code.value for code in page.code)
    assert any(button.key == "tensorboard_start" for button in page.button)


@pytest.mark.long
def test_a_run_killed_and_resumed_tells_every_epoch_once(demo, workspace):
    training = Training(image_size=64, epochs=12, batch_size=12, learning_rate=1e-3)
    folder = runs.create(datasets.open_folder(demo), training, None, name="first")
    for _ in range(2):
        worker = subprocess.Popen([sys.executable, "-m", "catdog_core", "resume", str(folder)])
        before = len(runs.load(folder).epochs)
        while len(runs.load(folder).epochs) < before + 2 and worker.poll() is None:
            time.sleep(0.05)
        worker.kill()
        worker.wait()
    runs.work(folder)
    found = [step for step, _ in scalars(folder / "tensorboard" / "train", "epoch_loss")]
    assert found == list(range(1, 13))
    assert scalars(folder / "tensorboard" / "validation", "epoch_loss") == rows(folder, "val_loss")
