"""The wheel: complete, with a command of its own, and it works where there is no checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

import catdog_core
from benchmarks import server, websocket_client

PROJECT = Path(__file__).resolve().parent.parent


def run(*command, **environment):
    """Run a program outside of the checkout; its output."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=Path(sys.executable).parent,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout. Skipped where the build tools can't be had."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    done = subprocess.run(build, cwd=PROJECT, capture_output=True, text=True, timeout=200)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("the build tools can't be installed here: hatchling")
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of programs of an environment with the wheel; the rest is from this one."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=names))
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", folder, "install", "--quiet", "--no-deps"]
    run(*pip, "--no-index", wheel)
    return Path(sysconfig.get_path("scripts", vars=names))


@pytest.mark.long
def test_the_wheel_has_the_version_and_every_file_the_lab_reads(wheel):
    assert wheel.name.startswith(f"catdog_lab-{catdog_core.__version__}-")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "catdog_core", "catdog_ui", "assets", "pages", "streamlit_app.py"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    inside = {
        name if name.startswith("catdog_") else f"catdog_core/project/{name}" for name in tracked
    }
    assert inside | {"catdog_core/project/.streamlit/config.toml"} <= names


@pytest.mark.long
def test_the_installed_command_names_itself_and_predicts(installed, tmp_path):
    catdog = installed / "catdog"
    assert catdog_core.__version__ in run(catdog, "--version")
    assert "Usage: catdog" in run(catdog, "predict", "--help")
    photo = PROJECT / "assets" / "samples" / "chelsea.jpg"
    workspace = {"CATDOG_WORKSPACE": tmp_path}
    answers = json.loads(run(catdog, "predict", "default", photo, "--json", **workspace))
    assert answers["predictions"][0]["label"] == "cats"


@pytest.mark.long
def test_an_installed_lab_keeps_its_work_at_home(installed, tmp_path, monkeypatch):
    monkeypatch.delenv("CATDOG_WORKSPACE", raising=False)
    code = "from catdog_core.base import files as f; print(f.resolve_workspace(), f.PROJECT)"
    home = {"HOME": tmp_path, "USERPROFILE": tmp_path}
    workspace, project = run(installed / "python", "-c", code, **home).split()
    assert Path(workspace) == tmp_path / "catdog_workspace"
    assert Path(project).name == "project" and PROJECT not in Path(project).parents


@pytest.mark.long
def test_an_installed_lab_serves_its_pages(installed, tmp_path):
    port = server.free_port()
    process = subprocess.Popen(
        [str(installed / "catdog"), "serve", "--port", str(port)],
        env={**os.environ, "CATDOG_WORKSPACE": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_server(f"http://127.0.0.1:{port}")
        with websocket_client.visitor(f"127.0.0.1:{port}") as visitor:
            for page in ("", "Predict"):
                visitor.open(page)
            assert not visitor.faults
    finally:
        process.kill()
        process.wait(60)


def wait_for_server(url):
    """Wait until a server that starts answers."""
    end = time.monotonic() + 100
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")
