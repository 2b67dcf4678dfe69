"""A real server, as it is shipped, and requests it must refuse."""

import http.client
import json
import socket

import http_client
import psutil
import pytest

from benchmarks import server, websocket_client

HOSTILE = "http://evil.example"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The lab on a free port; its address and process id."""
    with server.process(tmp_path_factory.mktemp("lab")) as address_and_pid:
        yield address_and_pid


@pytest.fixture(scope="module")
def address(running):
    return running[0]


def test_it_listens_on_the_loopback_address_only(running):
    address, pid = running
    port = int(address.split(":")[1])
    listening = [c for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
    assert {c.laddr.ip for c in listening if c.laddr.port == port} == {"127.0.0.1"}
    others = [
        each.address
        for card in psutil.net_if_addrs().values()
        for each in card
        if each.family == socket.AF_INET and not each.address.startswith("127.")
    ]
    for other in others:
        with pytest.raises(OSError):
            socket.create_connection((other, port), timeout=5)


def test_the_own_page_is_let_in(address):
    assert http_client.websocket_status(address) == 101
    port = address.split(":")[1]
    assert http_client.websocket_status(address, host=f"localhost:{port}") == 101


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused_even_with_a_matching_origin(address, host):
    assert http_client.websocket_status(address, host=host, origin=f"http://{host}") == 403


@pytest.mark.parametrize(
    "origin",
    [
        HOSTILE,
        "null",
        "https://127.0.0.1.evil.example",
        "file://",
        "http://127.0.0.1:9999",
        "http://localhost:9999",
        "http://127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}0",
        "http://user@127.0.0.1:{port}",
        "http://127.0.0.1:{port}/",
        "chrome-extension://127.0.0.1:{port}",
    ],
)
def test_a_foreign_origin_is_refused(address, origin):
    origin = origin.format(port=address.split(":")[1])
    assert http_client.websocket_status(address, origin=origin) == 403
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert http_client.http_status(address, method, "/_stcore/health", Origin=origin) == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "user@127.0.0.1"])
def test_nothing_but_health_is_answered_under_another_name(address, host):
    for path in ("/", "/Data", "/_stcore/host-config", "/static/x.js", "/api/v1/models"):
        assert http_client.http_status(address, "GET", path, Host=host) == 403
    for path in ("/_stcore/health", "/api/v1/health"):
        assert http_client.http_status(address, "GET", path, Host=host) == 200


def test_the_api_beside_the_pages_knows_this_machine_from_others(address):
    assert http_client.http_status(address, "GET", "/api/v1/models") == 200
    forwarded = {"X_Forwarded_For": "127.0.0.1"}
    assert http_client.http_status(address, "GET", "/api/v1/models", **forwarded) == 401
    assert http_client.http_status(address, "POST", "/api/v1/predict", Origin=HOSTILE) == 403


def test_a_program_that_is_no_browser_may_leave_the_origin_out(address):
    assert http_client.websocket_status(address, origin=None) == 101


def test_a_page_is_the_labs_own_through_a_tunnel_to_another_port(address):
    assert http_client.websocket_status(address, host="127.0.0.1:9999") == 101


def test_a_file_is_taken_only_with_the_token_against_cross_site_requests(address):
    with websocket_client.visitor(address) as one:
        one.open("Predict")
        path = f"/_stcore/upload_file/{one._session}/some-file"
        for method in ("PUT", "DELETE"):
            assert http_client.http_status(address, method, path, Origin=HOSTILE) == 403
            cookie = {"Cookie": f"_streamlit_xsrf={websocket_client.token(address)}"}
            assert http_client.http_status(address, method, path, **cookie) == 403


@pytest.mark.parametrize("path", ["/_stcore/health", "/_stcore/host-config", "/"])
def test_no_answer_is_readable_by_a_foreign_page(address, path):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path, headers={"Origin": HOSTILE})
    allowed = connection.getresponse().headers.get("Access-Control-Allow-Origin", "")
    connection.close()
    assert allowed not in ("*", HOSTILE)


@pytest.mark.parametrize(
    "path",
    [
        "/../workspace/access.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/../../README.md",
        "/media/../../etc/passwd",
        "/app/static/../.streamlit/config.toml",
        "/component/x/../../../README.md",
        "//etc/passwd",
    ],
)
def test_no_path_leads_to_a_file_of_the_machine(address, path):
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert b"root:" not in body and b"CatDog Lab\n" not in body and b"allowedHosts" not in body
    assert answer.status >= 300 or b"<title>Streamlit</title>" in body


def test_the_server_tells_nobody_of_its_use(address):
    with websocket_client.visitor(address) as one:
        messages = [each.message for each in one.open("")]
    news = next(each.new_session for each in messages if each.WhichOneof("type") == "new_session")
    assert not news.config.gather_usage_stats


def test_a_session_is_told_no_path_of_the_machine(address):
    with websocket_client.visitor(address) as one:
        payload = b"".join(each.message.SerializeToString() for each in one.open("Data"))
    assert json.dumps(str(server.PROJECT / "catdog_core")).encode() not in payload
    assert b"Traceback" not in payload


def test_a_fault_on_a_page_is_told_without_its_details(tmp_path):
    script = tmp_path / "faulty.py"
    script.write_text(
        "import streamlit as st\nst.title('Before')\nraise RuntimeError('secret-4711')"
    )
    with server.process(tmp_path, script) as (address, _), websocket_client.visitor(address) as one:
        payload = b"".join(each.message.SerializeToString() for each in one.open(""))
    assert one.faults and b"Before" in payload
    assert b"secret-4711" not in payload and b"faulty.py" not in payload.split(b"Before")[1]
