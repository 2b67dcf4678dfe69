"""Uploads to a real server: only what an uploader asked for, cut ones too, and freed in the end."""

import asyncio
import http.client
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from starlette.exceptions import HTTPException

from benchmarks import server, websocket_client
from catdog_core.server import bodies

MB = 2**20
EDGE = "an-edge"
HEAD = f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
TAIL = f"\r\n--{EDGE}--\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A lab that takes 60 MB a file and soon forgets a session: its address and process."""
    script = server.PROJECT / "streamlit_app.py"
    options = "--server.disconnectedSessionTTL", "4", "--server.maxUploadSize", "60"
    with server.process(tmp_path_factory.mktemp("lab"), script, *options) as (address, pid):
        yield address, psutil.Process(pid)


@pytest.fixture
def visitor(running):
    """A visitor on the Export page, whose uploader takes 60 MB."""
    with websocket_client.visitor(running[0]) as one:
        one.open("Export")
        yield one


def held(address):
    """The bytes of uploads in the server's memory, as its own metrics say."""
    sizes = re.findall(r"\{[^}]*UploadedFileManager[^}]*\} ([\d.e+]+)", metrics(address))
    return sum(map(float, sizes))


def metrics(address):
    """What the server tells of itself; memory as it was at most 5 s ago."""
    return urllib.request.urlopen(f"http://{address}/_stcore/metrics", timeout=60).read().decode()


def until(condition, seconds=45):
    """Wait for a state; the last answer."""
    end = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return result


def request(address, path, length, method="PUT", **headers):
    """The head of an upload with everything a browser of the lab sends."""
    mark = websocket_client.token(address)
    lines = {
        "Host": address,
        "Origin": f"http://{address}",
        "Cookie": f"_streamlit_xsrf={mark}",
        "X-Xsrftoken": mark,
        "Content-Type": f"multipart/form-data; boundary={EDGE}",
        "Content-Length": str(length),
        **headers,
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} /{path.lstrip('/')} HTTP/1.1\r\n{text}\r\n".encode()


def status(address, path, body=b"1", method="PUT", length=None, **headers):
    """The status of an upload; only its head is sent where the length is told apart."""
    payload = HEAD.encode() + body + TAIL.encode() if length is None else b""
    ip, port = address.split(":")
    with socket.create_connection((ip, int(port)), timeout=60) as line:
        line.sendall(request(address, path, length or len(payload), method, **headers) + payload)
        answer = http.client.HTTPResponse(line)
        answer.begin()
        return answer.status


def test_a_file_an_uploader_asked_for_is_taken(running, visitor):
    url_info = visitor._request_upload_urls(["a.zip"])[0]
    assert status(running[0], url_info.upload_url, b"x" * MB) == 204
    assert until(lambda: held(running[0]) >= MB)
    assert status(running[0], url_info.upload_url, method="DELETE") == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_file_no_uploader_asked_for_is_refused(running, visitor, method):
    address, url_info = running[0], visitor._request_upload_urls(["a.zip"])[0]
    own = f"_stcore/upload_file/{visitor._session}/"
    other = f"_stcore/upload_file/another-session/{url_info.file_id}"
    for path in (
        own + "made-up",
        other,
        own + url_info.file_id.upper(),
        own + "../" + url_info.file_id,
    ):
        assert status(address, path, method=method) in (400, 403)
    visitor.open("Learn")  # a page without an uploader
    late = visitor._request_upload_urls(["a.zip"])[0]
    assert status(address, late.upload_url, method=method) == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9999", "http://evil.example", "null"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_page_uploads_and_deletes_nothing(running, visitor, origin, method):
    url_info = visitor._request_upload_urls(["a.zip"])[0]
    assert status(running[0], url_info.upload_url, method=method, Origin=origin) == 403
    quiet = {"Origin": "", "Sec-Fetch-Site": "same-site"}
    assert status(running[0], url_info.upload_url, method=method, **quiet) == 403


def test_a_file_larger_than_its_uploader_takes_is_refused_before_it_is_sent(running, visitor):
    visitor.open("Predict")  # 50 MB a photo
    url_info = visitor._request_upload_urls(["a.jpg"])[0]
    assert status(running[0], url_info.upload_url, length=51 * MB) == 413
    assert status(running[0], url_info.upload_url, b"x" * (50 * MB + 1)) == 413
    assert status(running[0], url_info.upload_url, b"x" * (50 * MB)) == 204


def test_a_session_has_no_endless_room(running, visitor):
    body = b"x" * (50 * MB)
    answers = [
        status(running[0], url_info.upload_url, body)
        for url_info in visitor._request_upload_urls(["1", "2", "3"])
    ]
    assert answers == [204, 204, 413]


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked up in /proc")
@pytest.mark.parametrize("abrupt", [False, True])
def test_an_upload_that_is_cut_leaves_nothing(running, visitor, abrupt):
    address, process = running
    url_info = visitor._request_upload_urls(["a.zip"])[0]
    ip, port = address.split(":")
    with socket.create_connection((ip, int(port)), timeout=60) as line:
        line.sendall(request(address, url_info.upload_url, 50 * MB) + HEAD.encode())
        line.sendall(b"x" * (20 * MB))
        assert until(lambda: temporary(process.pid))
        if abrupt:  # a reset instead of an orderly end
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert until(lambda: not temporary(process.pid))
    assert status(address, url_info.upload_url, b"again") == 204


def temporary(pid):
    """Files without a name that a process has open: what of an upload is on the disk."""
    link_targets = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            link_targets.append(str(each.readlink()))
        except OSError:
            continue
    return [path for path in link_targets if path.endswith("(deleted)")]


def test_an_upload_that_ends_after_its_session_is_not_kept(running):
    address = running[0]
    ip, port = address.split(":")
    with socket.create_connection((ip, int(port)), timeout=60) as line:
        with websocket_client.visitor(address) as one:
            one.open("Export")
            url_info = one._request_upload_urls(["a.zip"])[0]
            payload = HEAD.encode() + b"x" * MB + TAIL.encode()
            line.sendall(request(address, url_info.upload_url, len(payload)) + payload[:-100])
        assert until(lambda: "active_sessions 0" in metrics(address))
        line.sendall(payload[-100:])
        answer = http.client.HTTPResponse(line)
        answer.begin()
    assert answer.status == 403


def test_uploads_of_a_closed_session_are_freed(running):
    address, process = running
    until(lambda: held(address) == 0)
    with websocket_client.visitor(address) as one:
        one.open("Export")
        one.upload("export_bundle", {"b.zip": b"x" * (58 * MB)})
        assert until(lambda: held(address) == 58 * MB) and not one.faults
        full = process.memory_info().rss
    assert until(lambda: held(address) == 0) is True
    assert until(lambda: process.memory_info().rss < full - 40 * MB)


def test_an_upload_that_stops_coming_is_given_up(monkeypatch):
    monkeypatch.setattr(bodies, "SILENCE", 0.05)
    with pytest.raises(HTTPException) as caught:
        asyncio.run(bodies.LimitedBody(asyncio.Event().wait, MB).read())
    assert caught.value.status_code == 408


@pytest.mark.skipif(sys.platform == "win32", reason="a signal there ends a process at once")
@pytest.mark.long  # tests/test_access_serve.py ends one without an upload
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_server_with_open_pages_and_a_stalled_upload(tmp_path, name):
    port = server.free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(server.PROJECT / "streamlit_app.py")]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--server.headless", "true", "--server.port", str(port)],
            env=server.with_workspace(tmp_path / "workspace"),
            stdout=log,
            stderr=log,
        )
    try:
        address = f"127.0.0.1:{port}"
        assert until(lambda: answers(address), 90)
        with (
            websocket_client.visitor(address) as one,
            socket.create_connection(("127.0.0.1", port)) as line,
        ):
            one.open("Export")
            url_info = one._request_upload_urls(["a.zip"])[0]
            line.sendall(request(address, url_info.upload_url, MB) + HEAD.encode())
            process.send_signal(getattr(signal, name))
            assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(30)
    assert b"Traceback" not in (tmp_path / "log").read_bytes()


def answers(address):
    try:
        return metrics(address)
    except OSError:
        return ""


def test_every_uploader_says_what_it_takes():
    takes = re.compile(r"st\.(file_uploader|camera_input|audio_input|chat_input)\(")
    for path in [*(server.PROJECT / "catdog_ui").rglob("*.py"), *server.PROJECT.glob("pages/*.py")]:
        text = path.read_text("utf-8")
        assert len(takes.findall(text)) == text.count("uploads.register_upload_limit("), path
