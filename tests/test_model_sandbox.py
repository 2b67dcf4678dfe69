"""The process that opens an untrusted model: what it sees and may do, what is believed of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from catdog_core.analysis import model_sandbox_process
from catdog_core.base import files
from catdog_core.base.errors import ModelError
from catdog_core.base.limits import Limits
from catdog_core.models import model_sandbox


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


@pytest.fixture
def model(tmp_path):
    """A file to hand over; these processes never open it."""
    (tmp_path / "model.h5").write_bytes(b"model")
    return tmp_path / "model.h5"


def test_the_process_knows_no_secrets_and_holds_no_files(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    known = model_sandbox.child_environment(tmp_path)
    assert "hush" not in known.values()
    assert set(known) <= {
        *model_sandbox._PASSED_ENVIRONMENT,
        *model_sandbox.child_environment(tmp_path),
    }
    assert not [key for key in known if "KEY" in key or "TOKEN" in key or key == "PYTHONSTARTUP"]
    assert known["HOME"] == str(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_real_process_sees_neither_secrets_nor_files_nor_our_folder(
    model, workspace, tmp_path, monkeypatch
):
    monkeypatch.setenv("GITHUB_TOKEN", "hush")
    (tmp_path / "secret").write_text("hush")
    code = (
        "import json, os; links = [os.path.realpath(f'/proc/self/fd/{n}') for n in range(3, 99)];"
        " seen = [*os.environ.values(), *links, os.getcwd(), str(os.listdir())];"
        " os.write(1, json.dumps({'message': '{x}', 'params': {'x': ' '.join(seen)}}).encode())"
    )
    monkeypatch.setattr(model_sandbox, "_START", code.replace("{", "{{").replace("}", "}}"))
    with open(tmp_path / "secret") as file, pytest.raises(ModelError) as caught:
        os.set_inheritable(file.fileno(), True)
        model_sandbox._run_check(model, "a.h5", Limits())
    assert "catdog-check-" in str(caught.value) and "[]" in str(caught.value)
    for private in ("hush", str(tmp_path / "secret"), str(Path.cwd())):
        assert private not in str(caught.value).replace(str(Path(sys.executable).parent), "")


def run_inside(tmp_path, code):
    """Run code in a process and folder as a model has them; the process that ended."""
    home = tmp_path / "home"
    home.mkdir()
    text = f"""
import json, sys, os
sys.path.insert(0, {str(files.PROJECT)!r})
from pathlib import Path
import catdog_core.analysis.model_sandbox_process as process
sys.addaudithook(process._warden(Path.cwd()))
{code}
"""
    return subprocess.run([sys.executable, "-c", text], cwd=home, capture_output=True, text=True)


LEAVING = (
    "os.system('touch {marker}')",
    "import subprocess; subprocess.run(['touch', '{marker}'])",
    "open('{marker}', 'w')",
    "os.open('{marker}', os.O_CREAT | os.O_WRONLY)",
    "Path('../marker').write_text('x')",
    "import socket; socket.create_connection(('127.0.0.1', 9))",
    "import urllib.request; urllib.request.urlopen('http://localhost:9')",
    "import pickle; pickle.loads(pickle.dumps(os.system))",
    *(["os.fork()"] if hasattr(os, "fork") else []),
)
STAYING = "open('note', 'w').write('x'); open(os.devnull, 'w')"


def test_whatever_runs_in_the_process_cannot_leave_it(tmp_path, marker):
    codes = [code.format(marker=marker) for code in LEAVING] + [STAYING]
    done = run_inside(
        tmp_path,
        f"""
class Left(BaseException): pass
def leave(status): raise Left(status)
os._exit = leave  # where the process would end, the next code has its turn
statuses = []
for code in {codes!r}:
    try:
        exec(code)
        statuses.append("stayed")
    except Left as left:
        statuses.append(left.args[0])
print(json.dumps(statuses))
""",
    )
    statuses = json.loads(done.stdout)
    assert statuses == [model_sandbox_process.BREACH_STATUS] * len(LEAVING) + ["stayed"]
    assert not marker.exists()


def test_the_process_ends_at_once_even_where_its_code_catches_everything(tmp_path, marker):
    code = f"try:\n    os.system('touch {marker}')\nexcept BaseException:\n    pass"
    assert run_inside(tmp_path, code).returncode == model_sandbox_process.BREACH_STATUS
    assert not marker.exists()


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (0, b"", "crashed the process"),
        (0, b"[]", "crashed the process"),
        (0, b'{"ok": 1}', "crashed the process"),
        (1, b'{"ok": true}', "crashed the process"),
        (-11, b"", "crashed the process"),
        (-24, b"", "more than 10 s"),
        (0, b'{"memory": true}', "bytes of memory"),
        (
            model_sandbox_process.BREACH_STATUS,
            b'{"ok": true}',
            "tried to start a program",
        ),
        (
            0,
            b'{"message": "{x.__class__}", "params": {"x": "a"}}',
            "crashed the process",
        ),
        (
            0,
            b'{"message": "{x:>9999999999}", "params": {"x": "a"}}',
            "crashed the process",
        ),
        (
            0,
            b'{"message": "{y}", "params": {"x": "a"}}',
            "crashed the process",
        ),
        (0, b'{"message": "{x} it is", "params": {"x": "so"}}', "so it is"),
        (0, b"\xff" * 100, "crashed the process"),
    ],
)
def test_only_the_form_of_an_answer_is_believed(status, answer, words):
    with pytest.raises(ModelError, match=words):
        model_sandbox._raise_for_outcome("a.keras", Limits(), status, answer)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds these limits")
def test_memory_and_time_are_bounded_by_the_system(tmp_path):
    start = f"import sys; sys.path.insert(0, {str(files.PROJECT)!r})\n"
    start += "import catdog_core.analysis.model_sandbox_process as c\n"
    flood = "c.limit_memory(300_000_000)\n"
    flood += "try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('refused', flush=True)\n"
    hang = "c._limit_cpu_time(0)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", start + flood + hang], stdout=subprocess.PIPE)
    assert done.stdout == b"refused\n" and done.returncode in (-24, -9)


def test_a_process_that_sleeps_or_grows_is_ended_from_here(model, workspace, monkeypatch):
    def start(code, allowed):
        monkeypatch.setattr(model_sandbox, "_START", code + "  # {path}")
        model_sandbox._run_check(model, "a.h5", allowed)

    hog = "import time; x = bytearray(200_000_000); time.sleep(60)"
    with pytest.raises(ModelError, match="bytes of memory"):
        start(hog, Limits().model_copy(update={"model_memory": 100_000_000}))
    clock = iter([0.0, *[1e9] * 99])
    monkeypatch.setattr(model_sandbox.time, "monotonic", lambda: next(clock))
    with pytest.raises(ModelError, match="more than 10 s"):
        start("import time; time.sleep(60)", Limits())
