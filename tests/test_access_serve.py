"""One command starts the lab for oneself or for a class; nobody else comes in."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from itertools import pairwise

import fakes
import http_client
import psutil
import pytest

from benchmarks import server, websocket_client
from catdog_core.base import access
from catdog_core.base.errors import CatDogError
from catdog_core.cli import serve


@pytest.fixture
def started(workspace, monkeypatch):
    """The command lines and environments of servers that would be started."""
    calls = []
    monkeypatch.setattr(
        serve,
        "_run_streamlit",
        lambda arguments, environment: calls.append((arguments, environment)),
    )
    monkeypatch.setattr(serve, "find_lan_address", lambda: "192.168.1.20")
    return calls


def test_without_lan_it_listens_on_this_machine_only(started, capsys):
    assert fakes.run_cli(capsys, "serve")[0] == 0
    arguments, environment = started[0]
    assert arguments[arguments.index("--server.address") + 1] == "127.0.0.1"
    assert access.OVERRIDES not in environment


def test_for_a_class_it_answers_to_its_own_address_and_tells_two_codes(started, capsys):
    status, stdout, _ = fakes.run_cli(
        capsys, "serve", "--lan", "--port", 8600, "--name", "lab.local"
    )
    arguments, environment = started[0]
    hosts = [b for a, b in pairwise(arguments) if a.endswith("Hosts")]
    assert status == 0 and hosts == ["192.168.1.20", "lab.local"]
    assert "http://192.168.1.20:8600" in stdout and "docs/classroom.md" in stdout
    codes = [line.split()[-1] for line in stdout.splitlines() if "code" in line and ":  " in line]
    overrides = json.loads(environment[access.OVERRIDES])
    assert len(codes) == 2 and overrides["shared"]
    assert not any(code in environment[access.OVERRIDES] for code in codes)


def test_it_prints_what_the_documentation_shows(started, capsys):
    page = (server.PROJECT / "docs/classroom.md").read_text("utf-8")
    shown = [line.strip() for line in page.splitlines() if line.startswith("    ")][:3]
    codes = [line.split()[-1] for line in shown[1:]]
    _, out, _ = fakes.run_cli(
        capsys, "serve", "--lan", "--code", codes[0], "--teacher-code", codes[1]
    )
    assert out.splitlines()[:3] == shown


def test_the_codes_it_tells_are_those_that_count(started, capsys, monkeypatch):
    fakes.run_cli(capsys, "serve", "--lan", "--code", "meow", "--teacher-code", "woof")
    monkeypatch.setenv(access.OVERRIDES, started[0][1][access.OVERRIDES])
    assert (
        access.load_access_settings().shared
        and access.load_access_settings().everyone == "audience"
    )
    assert access.role_by_code("meow") == "student"
    assert access.role_by_code("woof") == "teacher"


def test_the_file_says_the_rest(workspace, monkeypatch):
    workspace.mkdir()
    (workspace / access.FILE).write_text('{"runs_each": 3, "shared": false}')
    monkeypatch.setenv(access.OVERRIDES, '{"shared": true}')
    assert access.load_access_settings().runs_each == 3 and access.load_access_settings().shared


def test_a_damaged_file_is_told_before_anything_starts(started, capsys, workspace):
    workspace.mkdir()
    (workspace / access.FILE).write_text('{"everyone": "boss"}')
    status, _, stderr = fakes.run_cli(capsys, "serve", "--lan")
    assert status == 1 and "everyone" in stderr and not started


def test_codes_are_new_each_time_and_hold_40_bits():
    codes = {serve.generate_code() for _ in range(100)}
    assert len(codes) == 100 and {len(code) for code in codes} == {9}
    assert len(set(serve._CODE_LETTERS)) >= 31


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        (["8.8.8.8", "10.0.0.5"], "10.0.0.5"),
        (["127.0.0.1", "169.254.1.1", "172.16.0.9"], "172.16.0.9"),
    ],
)
def test_the_address_is_a_private_one(monkeypatch, cards, expected):
    monkeypatch.setattr(serve, "_find_outgoing_address", lambda: "")
    monkeypatch.setattr(serve, "_list_interface_addresses", lambda: cards)
    assert serve.find_lan_address() == expected


def test_without_a_network_it_says_so(monkeypatch):
    monkeypatch.setattr(serve, "_find_outgoing_address", lambda: "")
    monkeypatch.setattr(serve, "_list_interface_addresses", lambda: ["127.0.0.1", "8.8.8.8"])
    with pytest.raises(CatDogError, match="--address"):
        serve.find_lan_address()


def test_a_class_is_let_in_at_the_lan_address_and_nobody_under_another_name(workspace):
    try:
        lan_address = serve.find_lan_address()
    except CatDogError:
        pytest.skip("this machine is in no local network")
    port = server.free_port(lan_address)
    command = [sys.executable, "-m", "catdog_core", "serve", "--lan", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--code", "meow"],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"{lan_address}:{port}"
    try:
        _wait(f"http://{address}/_stcore/health")
        assert http_client.websocket_status(address) == 101
        assert http_client.websocket_status(address, host="evil.example") == 403
        assert http_client.websocket_status(address, origin="http://evil.example") == 403
        with pytest.raises(OSError):
            http_client.http_status(f"127.0.0.1:{port}", "GET", "/")
        with websocket_client.visitor(address) as one:
            page_bytes = b"".join(each.message.SerializeToString() for each in one.open(""))
        assert b"Audience" in page_bytes and not one.faults
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
        stderr_lines = process.communicate(timeout=60)[1].splitlines()
        assert process.returncode == 128 + getattr(signal, name)
        assert stderr_lines[-1].endswith(".") and "Traceback" not in "".join(stderr_lines)
        with pytest.raises(OSError):
            http_client.http_status(f"127.0.0.1:{port}", "GET", "/")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="sends the signals of POSIX")
@pytest.mark.parametrize(
    "name", ["SIGTERM", *(pytest.param(n, marks=pytest.mark.long) for n in ("SIGINT", "SIGHUP"))]
)
def test_the_api_alone_is_served_on_this_machine_until_a_signal_ends_it(workspace, name):
    port = server.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "catdog_core", "serve", "--api", "--port", str(port)],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"127.0.0.1:{port}"
    try:
        _wait(f"http://{address}/api/v1/health")
        if psutil.LINUX:  # answered before TensorFlow is loaded, which nothing has asked for here
            maps = psutil.Process(process.pid).memory_maps()
            assert not any("libtensorflow" in each.path for each in maps)
        listening = psutil.Process(process.pid).net_connections()
        assert {c.laddr.ip for c in listening if c.status == "LISTEN"} == {"127.0.0.1"}
        assert http_client.http_status(address, "GET", "/api/v1/models") == 200
        assert http_client.http_status(address, "GET", "/") == 404
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            assert http_client.http_status(address, "GET", "/api/v1/models", **headers) == 403
        forwarded = {"X_Forwarded_For": "127.0.0.1"}
        assert http_client.http_status(address, "GET", "/api/v1/models", **forwarded) == 401
        process.send_signal(getattr(signal, name))
        stdout, stderr = process.communicate(timeout=60)
        assert f"http://{address}/api/v1" in stdout
        assert process.returncode == 128 + getattr(signal, name)
        assert stderr.splitlines()[-1].endswith(".") and "Traceback" not in stderr
    finally:
        process.kill()
        process.communicate()


def test_the_api_on_a_network_asks_everyone_for_a_token(workspace):
    try:
        lan_address = serve.find_lan_address()
    except CatDogError:
        pytest.skip("this machine is in no local network")
    port = server.free_port(lan_address)
    command = [sys.executable, "-m", "catdog_core", "serve", "--api", "--lan", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--name", "lab.local"],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"{lan_address}:{port}"
    try:
        _wait(f"http://{address}/api/v1/health")
        assert http_client.http_status(address, "GET", "/api/v1/models") == 401
        secret = subprocess.run(
            [sys.executable, "-m", "catdog_core", "token", "add", "laptop"],
            cwd=server.PROJECT,
            env=server.with_workspace(workspace),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        token = {"Authorization": f"Bearer {secret}"}
        for host in (address, f"lab.local:{port}"):
            assert (
                http_client.http_status(address, "GET", "/api/v1/runs", Host=host, **token) == 200
            )
        other = {"Host": "evil.example", **token}
        assert http_client.http_status(address, "GET", "/api/v1/runs", **other) == 403
    finally:
        process.kill()
        process.wait(60)


@pytest.mark.parametrize("flags", [("--code", "meow"), ("--teacher-code", "w"), ("--root", ".")])
def test_what_is_for_pages_is_not_passed_over_without_them(started, capsys, flags):
    status, _, stderr = fakes.run_cli(capsys, "serve", "--api", "--lan", *flags)
    assert status == 1 and "is for the pages" in stderr and not started


def _wait(url):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8.8", "", " ", "lab.local", "127.1", "1", "127.0.0.1:8501", "[::1", "::g", "1\n2"),
        *("0.0.0.0", "::", "[::]", "::ffff:0.0.0.0", "224.0.0.1", "255.255.255.255"),
        *("fe80::1%eth0", "192.0.2.7", "2001:db8::7"),  # the last two of documentation
    ],
)
def test_an_address_this_machine_does_not_have_is_told_in_a_sentence(started, capsys, address):
    status, _, stderr = fakes.run_cli(capsys, "serve", "--lan", "--address", address)
    assert status == 1 and len(stderr.splitlines()) == 1 and "--address" in stderr
    assert "Traceback" not in stderr and not started


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (" 10.0.0.5 ", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("[FD00::20]", "fd00::20"),
        ("fd00:0::0:20", "fd00::20"),
    ],
)
def test_an_address_is_understood_as_it_is_usually_written(typed, meant):
    assert serve.parse_listen_address(typed) == meant


@pytest.mark.parametrize("name", ["", "*", "*.org", "http://lab", "lab:80", "a b", "-a", "a..b"])
def test_what_is_no_host_name_is_refused(started, capsys, name):
    status, _, stderr = fakes.run_cli(capsys, "serve", "--lan", "--name", name)
    assert status == 1 and "isn't a host name" in stderr and not started


def test_a_name_in_another_script_is_written_as_browsers_do():
    assert serve.parse_host_name("Lab.학교.kr.") == "lab.xn--9d0b527e.kr"


@pytest.mark.parametrize("flags", [(), ("--lan", "--address", "127.0.0.1")])
def test_a_port_in_use_is_told_in_a_sentence(workspace, capsys, flags):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, stderr = fakes.run_cli(capsys, "serve", *flags, "--port", port)
    assert status == 1 and "is in use" in stderr and len(stderr.splitlines()) == 1


@pytest.mark.parametrize("port", [0, -1, 80, 65536, "x", ""])
def test_a_port_out_of_range_is_told_in_a_sentence(started, capsys, port):
    status, _, stderr = fakes.run_cli(capsys, "serve", "--port", port)
    assert status == 1 and "--port" in stderr and len(stderr.splitlines()) == 1 and not started


@pytest.mark.parametrize("code", ["", " ", "\t", "\u200b", "x" * 101])
@pytest.mark.parametrize("flag", ["--code", "--teacher-code"])
def test_a_blank_code_starts_nothing(started, capsys, flag, code):
    status, _, stderr = fakes.run_cli(capsys, "serve", "--lan", flag, code)
    assert status == 1 and "blank or has characters" in stderr and not started


@pytest.mark.parametrize("teacher", ["meow", " meow ", "MEOW", "\uff4deow", "me ow"])
def test_one_code_for_teachers_and_students_starts_nothing(started, capsys, teacher):
    status, _, stderr = fakes.run_cli(
        capsys, "serve", "--lan", "--code", "meow", "--teacher-code", teacher
    )
    assert status == 1 and "are the same" in stderr and not started


@pytest.mark.parametrize("flag", ["--address", "--name", "--code", "--teacher-code"])
def test_what_is_for_a_class_is_not_passed_over_without_one(started, capsys, flag):
    status, _, stderr = fakes.run_cli(capsys, "serve", flag, "127.0.0.1")
    assert status == 1 and "Add --lan" in stderr and not started


@pytest.mark.parametrize("text", ["{", "[]", '{"shared": "yes"}', '{"student_code": "x"}'])
@pytest.mark.parametrize("flags", [(), ("--lan",)])
def test_a_damaged_environment_starts_nothing(started, capsys, monkeypatch, flags, text):
    monkeypatch.setenv(access.OVERRIDES, text)
    status, _, stderr = fakes.run_cli(capsys, "serve", *flags)
    assert status == 1 and access.OVERRIDES in stderr and not started
