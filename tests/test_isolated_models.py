"""Models from elsewhere on a shared lab: asked in a process of their own, one checked at a time."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import psutil
import pytest
from filelock import FileLock
from keras import layers
from timeouts import wait_until

from catdog_core.analysis import activations, gradcam, isolated_models, predict
from catdog_core.analysis.embedding_recorder import EmbeddingRecorder
from catdog_core.base import files
from catdog_core.base.errors import ModelError
from catdog_core.models import model_sandbox
from catdog_core.server import loaded_models


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A small model that nobody here has written."""
    keras.utils.set_random_seed(0)
    x = keras.Input((32, 32, 3))
    y = layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(x)))
    y = layers.Dense(1, activation="sigmoid")(layers.Flatten()(layers.Conv2D(4, 3)(y)))
    path = tmp_path_factory.mktemp("foreign") / "foreign.keras"
    keras.Model(x, y).save(path)
    return path


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 255, (5, 32, 32, 3), np.uint8)


@pytest.fixture
def ended():
    """No process is left after a test."""
    yield
    isolated_models.end_all_processes()
    assert not isolated_models.list_process_ids()


def test_a_process_apart_answers_as_this_one_does(file, photos, ended):
    own, apart = predict.load_predictor(file), isolated_models.load_isolated(file)
    assert (apart.classes, apart.size, apart.batch) == (own.classes, own.size, own.batch)
    assert np.allclose(apart.predict(photos), own.predict(photos))
    pids = isolated_models.list_process_ids()
    labels = [0, 1, 0, 1, 1]
    assert np.allclose(
        gradcam.heat_maps(apart, photos, labels), gradcam.heat_maps(own, photos, labels)
    )
    for got, expected in zip(
        *(gradcam.predict_with_maps(model, photos) for model in (apart, own)), strict=True
    ):
        assert np.allclose(got, expected)
    map_layers = activations.list_map_layers(apart)
    assert map_layers == activations.list_map_layers(own) and len(map_layers) == 4
    layer_index = map_layers[2].index
    assert np.allclose(
        activations.compute_activations(apart, photos, layer_index),
        activations.compute_activations(own, photos, layer_index),
    )
    assert activations.pooling_of_layer(apart, layer_index) == activations.pooling_of_layer(
        own, layer_index
    )
    assert activations.receptive_field(apart, 3, 1, 2) == activations.receptive_field(own, 3, 1, 2)
    assert np.allclose(activations.first_layer_filters(apart), activations.first_layer_filters(own))
    best = [activations.top_activations(model, photos, layer_index, 1) for model in (apart, own)]
    assert [one.photo for one in best[0]] == [one.photo for one in best[1]]
    watch = EmbeddingRecorder(apart, list("abcde"))
    watch.predictor.predict(photos)
    watch.record(list("abcde"), photos)
    assert watch.build_embedding().values == 13 * 13 * 4
    assert isolated_models.list_process_ids() == pids  # one process for all of it


def test_pages_of_a_shared_lab_ask_models_from_elsewhere_apart(file, workspace, monkeypatch):
    isolated_paths = []
    monkeypatch.setattr(
        isolated_models, "load_isolated", lambda path: isolated_paths.append(path) or "apart"
    )
    monkeypatch.setattr(predict, "load_predictor", lambda path: "here")
    own = workspace / "runs" / "first" / "best.keras"
    own.parent.mkdir(parents=True)
    shutil.copy(file, own)
    monkeypatch.setattr(loaded_models, "freeze_gc", lambda: None)
    assert loaded_models.load_model(file) == "here"
    monkeypatch.setenv("CATDOG_ACCESS", json.dumps({"shared": True}))
    assert loaded_models.load_model(file) == "apart" and loaded_models.load_model(own) == "here"
    assert isolated_paths == [file]
    files.write_json(own.parent / "about.json", {"format": 1, "imported": True})
    loaded_models.forget_models()
    assert loaded_models.load_model(own) == "apart"  # it came in as a bundle
    loaded_models.forget_models()


_LINES = (
    "import json, os, sys, time\n"
    "def say(**v): os.write(1, json.dumps({{'arrays': [], **v}}).encode() + b'\\n')\n"
    "sys.stdin.buffer.readline()\n"
    "for line in sys.stdin.buffer:\n    asked = json.loads(line)['function']\n    "
)


@pytest.fixture
def scripted(monkeypatch, file, tmp_path, ended):
    """Makes models whose process runs some lines instead of TensorFlow."""

    def make(lines, name="a.keras"):
        monkeypatch.setattr(model_sandbox, "_START", _LINES + lines + "  # {path}")
        copy = tmp_path / name
        shutil.copy(file, copy)
        return isolated_models.IsolatedModel(copy, name)

    return make


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("sys.exit(3)", "stopped unexpectedly"),
        ("os.abort()", "stopped unexpectedly"),
        ("os.write(1, b'[]\\n')", "stopped unexpectedly"),
        ('os.write(1, b\'{{"arrays": [["0", "object", [1]]]}}\\n\')', "stopped unexpectedly"),
        ('os.write(1, b\'{{"arrays": [["0", "float32", [-4]]]}}\\n\')', "stopped unexpectedly"),
        (
            'os.write(1, b\'{{"arrays": [["0", "float32", [9999999999]]]}}\\n\')',
            "stopped unexpectedly",
        ),
        ("os.write(1, b'no json\\n')", "stopped unexpectedly"),
        ("os.write(1, b'x' * 5000000)", "stopped unexpectedly"),
        ("say(message='{{x.__class__}}', params=dict(x=1))", "stopped unexpectedly"),
        ("say(message='so it is', params=dict())", "so it is"),
        ("say(memory=True)", "bytes of memory"),
    ],
)
def test_only_the_form_of_an_answer_is_believed(scripted, lines, words):
    model = scripted(lines)
    with pytest.raises(ModelError, match=words):
        model.call("answer", values=np.zeros((1, 2, 2, 3), np.float32))


def test_arrays_of_another_shape_are_not_taken(scripted):
    lines = 'os.write(1, b\'{{"arrays": [["0", "float32", [2, 1]]]}}\\n\' + bytes(8))'
    with pytest.raises(ModelError, match="stopped unexpectedly"):
        scripted(lines).call("heat_maps", values=np.zeros((2, 2, 2, 3), np.float32))


def test_a_process_that_takes_too_long_or_too_much_is_ended(scripted, monkeypatch, set_limits):
    set_limits(model_memory=100_000_000)
    model = scripted("x = bytearray(300_000_000); time.sleep(60)")
    with pytest.raises(ModelError, match="bytes of memory"):
        model.call("layers")
    set_limits(model_seconds=0)
    quick = scripted("time.sleep(0 if asked == 'describe' else 60); say(value=1)")
    assert quick.call("describe") == 1
    with pytest.raises(ModelError, match="more than 0 s"):
        quick.call("layers")
    assert not isolated_models.list_process_ids() and quick.call("describe") == 1


def test_a_process_that_was_killed_is_told_once_and_another_is_started(scripted):
    model = scripted("say(value=os.getpid())")
    pid = model.call("layers")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")
    with pytest.raises(ModelError, match="stopped unexpectedly"):
        model.call("layers")
    assert model.call("layers") != pid


def test_at_most_two_are_alive_and_the_one_not_asked_for_longest_goes(scripted):
    models = [scripted("say(value=os.getpid())", f"{n}.keras") for n in range(3)]
    first, second = (model.call("layers") for model in models[:2])
    assert models[0].call("layers") == first
    third = models[2].call("layers")
    assert isolated_models.list_process_ids() == [first, third] and not psutil.pid_exists(second)


def test_an_idle_process_ends_by_itself(scripted, monkeypatch):
    monkeypatch.setattr(isolated_models, "IDLE_SECONDS", 0.2)
    pid = scripted("say(value=os.getpid())").call("layers")
    wait_until(lambda: not isolated_models.list_process_ids() and not psutil.pid_exists(pid))


def test_a_question_that_waits_too_long_for_others_is_told_so(scripted, monkeypatch):
    monkeypatch.setattr(isolated_models, "BUSY_TIMEOUT", 0.1)
    model = scripted("say(value=1)")
    assert model.call("layers") == 1
    process = isolated_models._acquire_process(model)
    with pytest.raises(ModelError, match="busy"):
        model.call("layers")
    isolated_models._release_process(process)
    assert model.call("layers") == 1


def test_no_process_outlives_a_server_that_is_killed(tmp_path):
    code = f"""
import sys, pathlib
sys.path.insert(0, {str(files.PROJECT)!r})
from catdog_core.base import limits
from catdog_core.models import model_sandbox
home, allowed = pathlib.Path(sys.argv[1]), limits.current_limits()
with model_sandbox.start_model_process(home) as process:
    first = model_sandbox.open_request(home / "nowhere.keras", "a", allowed, check=False)
    model_sandbox.write_message(process.stdin, first, {{}})  # nothing heavy is loaded for it
    model_sandbox.write_message(process.stdin, {{"function": "describe", "arguments": {{}}}}, {{}})
    model_sandbox.read_message(process.stdout, 10_000)
    print(process.pid, flush=True)
    sys.stdin.read()
"""
    server = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = psutil.Process(int(server.stdout.readline()))
    assert child.is_running()
    server.kill()
    server.communicate()
    assert psutil.wait_procs([child], timeout=60)[1] == []


def test_one_model_is_checked_at_a_time_and_the_next_is_told(workspace, file, apart, monkeypatch):
    at_work, most, waiting_flags = [], [], []

    def check(*_):
        at_work.append(1)
        most.append(len(at_work))
        wait_until(lambda: waiting_flags or len(most) > 1)
        at_work.pop()

    monkeypatch.setattr(model_sandbox, "_run_check", check)
    monkeypatch.setattr(
        model_sandbox,
        "_wait_callback",
        lambda: waiting_flags.append(model_sandbox.is_check_running()),
    )
    threads = [
        threading.Thread(target=model_sandbox.check_model, args=(file, "a", name * 64))
        for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1] and all(waiting_flags) and not model_sandbox.is_check_running()


def test_a_queue_that_does_not_move_is_told_in_a_sentence(workspace, file, apart, monkeypatch):
    monkeypatch.setattr(model_sandbox, "_QUEUE_SECONDS", 0.1)
    monkeypatch.setattr(model_sandbox, "_run_check", lambda *_: pytest.fail("checked"))
    with FileLock(model_sandbox._lock_file()), pytest.raises(ModelError, match="one at a time"):
        model_sandbox.check_model(file, "a", "d" * 64)


def test_a_check_that_was_killed_keeps_nobody_waiting(workspace):
    code = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire()"
    code += "; print(1, flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(model_sandbox._lock_file())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()
    assert model_sandbox.is_check_running()
    holder.kill()
    holder.communicate()
    assert not model_sandbox.is_check_running()


def test_the_queue_is_this_users_where_the_workspace_is_read_only(workspace, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert workspace not in model_sandbox._lock_file().parents
    assert isinstance(model_sandbox._lock_file(), Path)
