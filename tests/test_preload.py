"""TensorFlow loaded in the background: when, and when not."""

import subprocess
import sys
import time

import fakes
import psutil
import pytest
from streamlit import runtime
from timeouts import load_factor

from benchmarks import server
from benchmarks.websocket_client import visitor
from catdog_core.server import loaded_models
from catdog_ui import loaders


@pytest.fixture
def real_server(monkeypatch):
    """As if this process were a server; what is loaded is counted instead."""
    loaded = []
    monkeypatch.delenv("CATDOG_WARM_UP", raising=False)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: object.__new__(runtime.Runtime))
    monkeypatch.setattr(loaded_models, "_preload_thread", None)
    monkeypatch.setattr(loaded_models, "_preload", lambda delay: loaded.append(1))
    return loaded


def test_a_server_loads_it_once(real_server):
    for _ in range(3):
        loaders.begin_preload()
    loaded_models.wait_for_preload()
    assert real_server == [1]


def test_it_can_be_switched_off(real_server, monkeypatch):
    monkeypatch.setenv("CATDOG_WARM_UP", "0")
    loaders.begin_preload()
    assert real_server == [] and loaded_models._preload_thread is None


def test_pages_in_tests_never_load_it(workspace, monkeypatch):
    monkeypatch.setattr(loaded_models, "_preload", lambda delay: pytest.fail("loaded"))
    monkeypatch.setattr(loaded_models, "_preload_thread", None)
    app = fakes.open_page()
    assert not app.exception and loaded_models._preload_thread is None


def test_nobody_waits_where_nothing_is_loaded(monkeypatch):
    monkeypatch.setattr(loaded_models, "_preload_thread", None)
    loaded_models.wait_for_preload()


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process has mapped")
def test_a_real_server_has_it_loaded_soon_after_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CATDOG_WARM_UP", "1")
    with server.running(tmp_path) as address:
        (process,) = (p for p in psutil.process_iter() if address.split(":")[1] in _line(p))
        assert not _has_tensorflow(process)
        with visitor(address) as one:
            one.open("")
            end = time.monotonic() + 60 * load_factor()
            while not _has_tensorflow(process) and time.monotonic() < end:
                time.sleep(0.2)
            assert _has_tensorflow(process)


def _line(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _has_tensorflow(process):
    return any("libtensorflow" in one.path for one in process.memory_maps())


def test_pandas_is_complete_before_a_page_draws_and_tensorflow_is_loaded_beside_it():
    code = "import sys, catdog_ui.startup; print('Series' in vars(sys.modules['pandas']))"
    result = subprocess.run([sys.executable, "-c", code], cwd=server.PROJECT, capture_output=True)
    assert result.stdout.strip().endswith(b"True"), result.stderr
