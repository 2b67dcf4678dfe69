"""The lines on the Export page that ask the API: they run as they stand, against a real server."""

import json
import shutil
import subprocess
import sys
import threading
import time

import fakes
import numpy as np
import pytest
import uvicorn

from benchmarks import server
from catdog_core.base import access
from catdog_core.imaging import decode
from catdog_core.runs import model_registry
from catdog_core.server import examples, loaded_models, standalone, tokens
from catdog_core.server.origin_check import KnownNames


class Bright:
    """A model that says how bright a photo is."""

    classes, size, batch = ("dark", "bright"), (8, 8), 32
    remote = None

    def predict_with_scores(self, photos):
        bright = photos.mean(axis=(1, 2, 3)) / 255
        return np.stack([1 - bright, bright], axis=1), bright[:, np.newaxis]


@pytest.fixture
def address(workspace, monkeypatch):
    """A server of the API on a port of this machine, with a model that takes no TensorFlow."""
    monkeypatch.setenv("CATDOG_WARM_UP", "0")
    monkeypatch.setattr(loaded_models, "load_model", lambda model: Bright())
    port = server.free_port()
    app = standalone.build_app(KnownNames(("127.0.0.1",)))
    serving = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    serving.should_exit = True
    thread.join(30)


@pytest.fixture
def folder(tmp_path):
    """Where the lines are run: beside a photo."""
    photo = decode.encode_photo(np.full((32, 32, 3), 204, np.uint8))
    (tmp_path / "photo.jpg").write_bytes(photo)
    return tmp_path


def run_lines(command, folder, **options):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shared", [False, True])
def test_the_lines_run_as_they_stand(address, folder, monkeypatch, shared):
    if shared:
        monkeypatch.setenv(access.OVERRIDES, json.dumps({"shared": True}))
        monkeypatch.setenv(examples.TOKEN_VARIABLE, tokens.add_token("lines", "audience"))
    model = model_registry.load_default_run().id
    python = examples.build_python_example(address, model, shared)
    assert run_lines([sys.executable, "-c", python], folder).startswith("bright {'bright': 0.8")
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    curl = examples.build_curl_example(address, model, shared)
    reply = json.loads(run_lines(curl, folder, shell=True))
    assert reply["predictions"][0]["file"] == "photo.jpg"
    assert reply["predictions"][0]["label"] == "bright"


def test_the_export_page_shows_them_and_speaks_of_a_token_only_where_one_is_needed(
    workspace, monkeypatch
):
    run_folder = fakes.make_run("first")
    fakes.add_fake_model(run_folder)
    app = fakes.open_page("7_Export", run=run_folder.name)
    curl, python = [each.value for each in app.code if "/api/v1/predict" in each.value]
    assert curl == examples.build_curl_example("http://127.0.0.1:8501", run_folder.name, False)
    compile(python, "example", "exec")
    assert "token" not in fakes.joined_text(app.caption) + curl + python
    monkeypatch.setenv(access.OVERRIDES, json.dumps({"shared": True}))
    app = fakes.open_page("7_Export", run=run_folder.name)
    assert "token add" in fakes.joined_text(app.caption)
    assert all("Bearer" in each.value for each in app.code if "/api/v1/predict" in each.value)
