"""What the tests share: a workspace of their own, a small drawn dataset, the real photos."""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest

# Read by TensorFlow at import: its start-up notes are no part of a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Read by NumPy, scikit-learn and TensorFlow at import. Tests run in as many processes as there are
# cores: more threads in each would spend their time waiting for each other.
for _threads in ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    os.environ.setdefault(f"{_threads}_THREADS", "1")

# They start over a hundred Python processes, each of which would compile the whole project again
# where the environment forbids to keep what was compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadfile`, files of the browser run in one process: they share a server."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "browser" if file.startswith("tests/browser/") else file

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)  # after those that aren't asked for have been left out
def pytest_collection_modifyitems(items):
    """Among several processes files with slow tests come first, so that none ends last and alone.

    It counts with `--no-loadscope-reorder`.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        browser = Path(__file__).parent / "browser"
        items.sort(key=lambda item: (browser not in item.path.parents, -slow[item.path]))


def pytest_collection_finish():
    """The garbage collector leaves out what was imported: to go through TensorFlow's and Keras's
    objects again and again took 8% of the tests' time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty workspace that `files.workspace_folder` and child processes find."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("CATDOG_WORKSPACE", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def default_signals():
    """Processes of the tests hear Ctrl-C and a hangup, though a shell that started the tests in the
    background had both ignored, which they would inherit."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A small drawn dataset: 48 training and 24 validation photos of 64 pixels."""
    from catdog_core.data import datasets

    folder = tmp_path_factory.mktemp("demo") / "cartoons"
    datasets.make_demo(folder, train=48, validation=24, size=64, seed=0)
    return folder


@pytest.fixture
def dataset(workspace, demo):
    """The drawn dataset, opened in this test's workspace."""
    from catdog_core.data import datasets

    return datasets.open_folder(demo)


@pytest.fixture(scope="session")
def photos():
    """The real photographs, where they lie beside the project."""
    folder = SHARED / "data" / "cat_dog_small"
    if not folder.is_dir():
        pytest.skip("the real photographs are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def bad_inputs():
    """The collection of nasty files, where it lies beside the project."""
    folder = SHARED / "bad_inputs"
    if not folder.is_dir():
        pytest.skip("the collection of bad inputs is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def field():
    """Files as people sent them, where they lie beside the project."""
    folder = SHARED / "field"
    if not folder.is_dir():
        pytest.skip("the collection of files from the field is not beside this checkout")
    return folder


@pytest.fixture
def set_limits(monkeypatch):
    """Sets limits for untrusted files, also below what the settings accept."""
    from catdog_core.base import limits

    def change(**values):
        changed = limits.Limits().model_copy(update=values)
        monkeypatch.setattr(limits, "current_limits", lambda: changed)

    return change


@pytest.fixture
def apart():
    """Untrusted models are checked in a process of their own, as they are outside of tests."""


@pytest.fixture(autouse=True)
def check_models_in_process(request, monkeypatch):
    """Untrusted models are only looked at, in this process: that saves seconds for each."""
    if "apart" in request.fixturenames:
        return
    from catdog_core.models import model_sandbox, untrusted_models

    def check(path, name, digest):
        untrusted_models.inspect_model_file(path, name)

    monkeypatch.setattr(model_sandbox, "check_model", check)


@pytest.fixture
def jobs_in_process(monkeypatch):
    """What `run_subprocess` starts works in this process instead, which has TensorFlow already."""
    from catdog_core.base import subprocess_jobs

    def run(module, request, on_event, silent, quiet=False):
        def emit(**values):
            on_event(json.loads(json.dumps(values)))

        monkeypatch.setattr(subprocess_jobs, "emit", emit)
        given = json.loads(json.dumps(request))
        monkeypatch.setattr(subprocess_jobs, "handle_request", lambda work: work(given))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'catdog_core.* found in sys.modules", RuntimeWarning)
            runpy.run_module(module, run_name="__main__")

    monkeypatch.setenv("CATDOG_LANGUAGE", "en")  # a job may set it for its process
    monkeypatch.setattr(subprocess_jobs, "run_subprocess", run)


@pytest.fixture(scope="session")
def default_predictor():
    """The model that comes with the lab, which takes seconds to load."""
    from catdog_core.analysis import predict
    from catdog_core.runs import model_registry

    return predict.load_predictor(model_registry.default_model_folder())


@pytest.fixture
def default_model_loaded(default_predictor, monkeypatch):
    """Commands and pages that load the model that comes with the lab get it as loaded before."""
    from catdog_core.analysis import predict
    from catdog_core.runs import model_registry

    def load(path, real=predict.load_predictor):
        file = model_registry.find_model_file(path)
        is_default = file == model_registry.default_model_folder() / "best.keras"
        return default_predictor if is_default else real(path)

    monkeypatch.setattr(predict, "load_predictor", load)


@pytest.fixture
def photo(tmp_path):
    """A small grey photo in a file."""
    import numpy as np
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def exported_run(demo, tmp_path_factory):
    """A run stopped after two of four epochs and asked about its photos, and its bundle."""
    from catdog_core import export, runs
    from catdog_core.analysis import evaluate, predict
    from catdog_core.config import Training
    from catdog_core.data import datasets
    from catdog_core.training.execution import execute_run

    folder = tmp_path_factory.mktemp("elsewhere")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(folder / "workspace"))
        dataset = datasets.open_folder(demo)
        training = Training(epochs=4, image_size=32, batch_size=12, learning_rate=1e-3)
        run = runs.create_run(dataset, training, None, name="far *away*")
        runs.set_note(run, "What a run.")
        stop = lambda state: state.get("epoch") == 2 and (run / "stop").touch()  # noqa: E731
        execute_run(run, stop)
        assert runs.load_run(run).status == "stopped" and len(runs.load_run(run).epochs) == 2
        evaluate.evaluate_and_cache(run, predict.load_predictor, dataset, "validation")
        path = export.export_in_process(run, "bundle", folder / "run.zip")
    return run, path
