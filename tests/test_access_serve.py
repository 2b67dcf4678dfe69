"""One command starts the lab for oneself or for a class; a stranger stays outside."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from itertools import pairwise

import fakes
import knocking
import psutil
import pytest

from benchmarks import server, wire
from catdog_core import access
from catdog_core.commands import cli_serve
from catdog_core.errors import CatDogError


@pytest.fixture
def started(workspace, monkeypatch):
    """The command lines and environments of servers that would be started."""
    found = []
    monkeypatch.setattr(
        cli_serve, "_run", lambda arguments, environment: found.append((arguments, environment))
    )
    monkeypatch.setattr(cli_serve, "lan_address", lambda: "192.168.1.20")
    return found


def test_without_lan_it_listens_on_this_machine_only(started, capsys):
    assert fakes.shell(capsys, "serve")[0] == 0
    arguments, environment = started[0]
    assert arguments[arguments.index("--server.address") + 1] == "127.0.0.1"
    assert access.OVERRIDES not in environment


def test_for_a_class_it_answers_to_its_own_address_and_tells_two_codes(started, capsys):
    status, said, _ = fakes.shell(capsys, "serve", "--lan", "--port", 8600, "--name", "lab.local")
    arguments, environment = started[0]
    hosts = [b for a, b in pairwise(arguments) if a.endswith("Hosts")]
    assert status == 0 and hosts == ["192.168.1.20", "lab.local"]
    assert "http://192.168.1.20:8600" in said and "docs/class.md" in said
    codes = [line.split()[-1] for line in said.splitlines() if "code" in line and ":  " in line]
    told = json.loads(environment[access.OVERRIDES])
    assert len(codes) == 2 and told["shared"]
    assert not any(code in environment[access.OVERRIDES] for code in codes)


def test_the_codes_it_tells_are_those_that_count(started, capsys, monkeypatch):
    fakes.shell(capsys, "serve", "--lan", "--code", "meow", "--teacher-code", "woof")
    monkeypatch.setenv(access.OVERRIDES, started[0][1][access.OVERRIDES])
    assert access.settings().shared and access.settings().everyone == "audience"
    assert access.role_by_code("meow") == "student"
    assert access.role_by_code("woof") == "teacher"


def test_the_file_says_the_rest(workspace, monkeypatch):
    workspace.mkdir()
    (workspace / access.FILE).write_text('{"runs_each": 3, "shared": false}')
    monkeypatch.setenv(access.OVERRIDES, '{"shared": true}')
    assert access.settings().runs_each == 3 and access.settings().shared


def test_a_damaged_file_is_told_before_anything_starts(started, capsys, workspace):
    workspace.mkdir()
    (workspace / access.FILE).write_text('{"everyone": "boss"}')
    status, _, told = fakes.shell(capsys, "serve", "--lan")
    assert status == 1 and "everyone" in told and not started


def test_codes_are_new_each_time_and_hold_40_bits():
    codes = {cli_serve.made_up() for _ in range(100)}
    assert len(codes) == 100 and {len(code) for code in codes} == {9}
    assert len(set(cli_serve._LETTERS)) >= 31


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (["8.8.8.8", "10.0.0.5"], "10.0.0.5"),
        (["127.0.0.1", "169.254.1.1", "172.16.0.9"], "172.16.0.9"),
    ],
)
def test_the_address_is_a_private_one(monkeypatch, cards, expected):
    monkeypatch.setattr(cli_serve, "_on_the_way_out", lambda: "")
    monkeypatch.setattr(cli_serve, "_of_all_cards", lambda: cards)
    assert cli_serve.lan_address() == expected


def test_without_a_network_it_says_so(monkeypatch):
    monkeypatch.setattr(cli_serve, "_on_the_way_out", lambda: "")
    monkeypatch.setattr(cli_serve, "_of_all_cards", lambda: ["127.0.0.1", "8.8.8.8"])
    with pytest.raises(CatDogError, match="--address"):
        cli_serve.lan_address()


def test_a_class_is_let_in_at_the_lan_address_and_nobody_under_another_name(workspace):
    try:
        place = cli_serve.lan_address()
    except CatDogError:
        pytest.skip("this machine is in no local network")
    port = server.free_port(place)
    command = [sys.executable, "-m", "catdog_core", "serve", "--lan", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--code", "meow"],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"{place}:{port}"
    try:
        _wait(f"http://{address}/_stcore/health")
        assert knocking.websocket(address) == 101
        assert knocking.websocket(address, host="evil.example") == 403
        assert knocking.websocket(address, origin="http://evil.example") == 403
        with pytest.raises(OSError):
            knocking.http_status(f"127.0.0.1:{port}", "GET", "/")
        with wire.visitor(address) as one:
            told = b"".join(each.message.SerializeToString() for each in one.open(""))
        assert b"Audience" in told and not one.faults
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        for each in (*children, process):
            each.kill()
        process.wait(60)


@pytest.mark.skipif(os.name == "nt", reason="sends the signals of POSIX")
@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(n, marks=pytest.mark.long) for n in ("SIGINT", "SIGHUP"))]
)
def test_a_signal_for_the_command_ends_the_pages(workspace, name):
    port = server.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "catdog_core", "serve", "--port", str(port)],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        process.send_signal(getattr(signal, name))
        said = process.communicate(timeout=60)[1].splitlines()
        assert process.returncode == 128 + getattr(signal, name)
        assert said[-1].endswith(".") and "Traceback" not in "".join(said)
        with pytest.raises(OSError):
            knocking.http_status(f"127.0.0.1:{port}", "GET", "/")
    finally:
        process.kill()
        process.communicate()


def _wait(url):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")
