"""What the lab's processes keep to themselves, and what they leave to each other."""

import os
import subprocess
import sys
from pathlib import Path

import fakes

from benchmarks import server
from catdog_core import runs
from catdog_core.base import access, files
from catdog_core.runs import run_process

GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
SECRET = "hunter2-4711"


def said_by(code, **environment):
    """What a fresh interpreter prints."""
    fresh = {key: value for key, value in os.environ.items() if key != GROWTH}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=server.PROJECT,
        env={**fresh, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip()


def test_memory_of_a_graphics_card_is_taken_as_it_is_needed():
    code = f"import catdog_core, os; print(os.environ.get({GROWTH!r}))"
    assert said_by(code) == "true"
    assert said_by(code, **{GROWTH: "false"}) == "false"


def test_a_training_takes_memory_of_a_graphics_card_as_the_server_does(workspace, monkeypatch):
    started = []

    class Process:
        pid = os.getpid()

        def __init__(self, *_, **options):
            started.append(options["env"])

        def poll(self):
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(run_process.psutil.Process, "nice", lambda *_: None)
    run_process.start_worker(fakes.make_run(status=None, epochs=0))
    assert started[0][GROWTH] == "true"


def test_no_secret_of_the_environment_comes_into_a_run(workspace, monkeypatch, capfd):
    folder = fakes.make_run(status=None, epochs=0)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@proxy.example:3128")
    log = "".join(map(str, fakes.run_cli(capfd, "resume", folder)))  # what its process would log
    assert runs.load_run(folder).status == "failed" and "Error: " in log
    written = [path.read_bytes() for path in workspace.rglob("*") if path.is_file()]
    assert len(written) >= 3
    assert not any(SECRET.encode() in text for text in [log.encode(), *written])


def test_no_code_of_a_class_is_written_anywhere(workspace, monkeypatch):
    monkeypatch.setenv(access.OVERRIDES, f'{{"student_code": "{access.hash_code(SECRET)}"}}')
    assert access.role_by_code(SECRET) == "student"
    assert SECRET not in os.environ[access.OVERRIDES]
    assert not workspace.exists() or SECRET not in "".join(map(str, workspace.rglob("*")))


def test_no_secret_lies_in_the_repository():
    ignored = (Path(server.PROJECT) / ".gitignore").read_text("utf-8").split()
    assert ".streamlit/secrets.toml" in ignored and "workspace/" in ignored
    assert not (files.PROJECT / ".streamlit" / "secrets.toml").exists()
