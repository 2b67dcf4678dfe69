"""One workspace for every process, however CATDOG_WORKSPACE names it."""

import os
import subprocess
import sys

import fakes
import pytest

from benchmarks import server
from catdog_core.base import files
from catdog_core.base.errors import SettingsError


def run(code, cwd, **variables):
    """What a process prints that works in a folder, with variables of its own."""
    environment = {**os.environ, "PYTHONPATH": str(server.PROJECT), **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


CHAIN = """
import os, subprocess, sys
from catdog_core.base import files
print(files.resolve_workspace())
os.chdir(os.environ["ELSEWHERE"])
print(files.workspace_folder())
ask = "from catdog_core.base import files; print(files.workspace_folder())"
print(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout)
"""


@pytest.mark.parametrize("named", ["rel", "./rel", "a/../rel", "~", "~/rel", "link/rel"])
def test_a_process_and_its_children_elsewhere_have_one_workspace(tmp_path, named):
    home, start, elsewhere = (tmp_path / name for name in ("home", "start", "elsewhere"))
    for folder in (home, start, elsewhere):
        folder.mkdir()
    (start / "link").symlink_to(start)
    variables = {"HOME": str(home), "USERPROFILE": str(home), "ELSEWHERE": str(elsewhere)}
    workspaces = run(CHAIN, start, CATDOG_WORKSPACE=named, **variables)
    wanted = {"~": home, "~/rel": home / "rel"}.get(named, start / "rel")
    assert workspaces == [str(wanted.resolve())] * 3


def test_the_first_look_settles_where_a_relative_workspace_is(tmp_path, monkeypatch):
    monkeypatch.setenv(files.WORKSPACE, "rel")
    monkeypatch.chdir(tmp_path)
    assert files.workspace_folder() == tmp_path / "rel"
    monkeypatch.chdir("/")
    assert files.workspace_folder() == tmp_path / "rel"


def faulty(tmp_path):
    """Values that name no folder, by what is wrong with them."""
    (tmp_path / "file").touch()
    (tmp_path / "broken").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    yield from ("", " ", "~nobody-has-this-name/x", "file", "file/below", "broken", "broken/below")
    yield from (str(tmp_path / "file"), str(tmp_path / "broken"), "loop", "x" * 300)


def test_what_cannot_be_a_workspace_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for named in faulty(tmp_path):
        monkeypatch.setenv(files.WORKSPACE, named)
        with pytest.raises(SettingsError, match="CATDOG_WORKSPACE is"):
            files.resolve_workspace()
        status, _, error = fakes.run_cli(capsys, "runs")
        assert status == 1 and len(error.splitlines()) == 1, named
        assert os.environ[files.WORKSPACE] == named and not (tmp_path / "gone").exists()


def test_a_workspace_nobody_can_make_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)  # root may write all
    monkeypatch.setenv(files.WORKSPACE, str(tmp_path / "new"))
    with pytest.raises(SettingsError, match="can't be made"):
        files.resolve_workspace()


def test_without_the_variable_it_lies_beside_the_project(monkeypatch):
    monkeypatch.delenv(files.WORKSPACE, raising=False)
    assert files.resolve_workspace() == files.workspace_folder() == server.PROJECT / "workspace"


SERVED = """
import os, runpy, sys
from catdog_core import cli
from catdog_core.base import files
runpy.run_module = lambda *names, **options: print(files.workspace_folder(), os.getcwd())
sys.exit(cli.main(["serve", "--port", sys.argv[1]]))
"""


def test_a_server_started_elsewhere_has_the_workspace_of_the_command_line(tmp_path):
    environment = {**server.with_workspace("rel"), "PYTHONPATH": str(server.PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", SERVED, str(server.free_port())],
        **{"cwd": tmp_path, "env": environment, "capture_output": True, "text": True},
    )
    assert f"{tmp_path / 'rel'} {server.PROJECT}" in done.stdout, done.stderr


def test_a_server_without_a_workspace_does_not_start(tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "streamlit", "run", str(server.PROJECT / "streamlit_app.py")]
    done = subprocess.run(
        [*command, "--server.headless", "true", "--server.port", str(server.free_port())],
        env=server.with_workspace(tmp_path / "file"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "it is no folder" in done.stderr and "Traceback" not in done.stderr
