"""Which requests the lab's server answers: by Host, Origin and port, also behind a proxy."""

import pytest

from catdog_core.server import origin_check
from catdog_ui import server

OPTIONS = {
    "server.allowedHosts": ["lab.school.org", "127.0.0.1"],
    "server.corsAllowedOrigins": [],
    "browser.serverAddress": "localhost",
    "browser.serverPort": 8501,
    "server.sslCertFile": None,
}


@pytest.fixture
def options(monkeypatch):
    """The server's settings, to be changed."""
    changed = dict(OPTIONS)
    monkeypatch.setattr(server.st, "get_option", changed.__getitem__)
    return changed


def refused(kind="websocket", scheme="ws", method="GET", path="/_stcore/stream", **headers):
    """Whether a request to a server on port 8501 is refused."""
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    scope = {"type": kind, "scheme": scheme, "path": path, "headers": pairs}
    scope |= {"method": method, "server": ("127.0.0.1", 8501)}
    return bool(origin_check.refusal_reason(scope, server.known_names(8501)))


@pytest.mark.parametrize(
    ("host", "origin", "scheme", "let_in"),
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501", "ws", True),
        ("127.0.0.1:8501", "http://127.0.0.1:9999", "ws", False),
        ("127.0.0.1:8501", "https://127.0.0.1:8501", "ws", False),
        ("127.0.0.1:8501", "HTTP://127.0.0.1:8501", "ws", True),
        ("lab.school.org", "https://lab.school.org", "ws", True),  # a proxy ended TLS
        ("lab.school.org", "https://lab.school.org", "wss", True),  # and said so
        ("lab.school.org", "http://lab.school.org", "wss", False),
        ("lab.school.org", "http://lab.school.org", "ws", True),
        ("lab.school.org", "https://lab.school.org:444", "ws", False),
        ("lab.school.org:444", "https://lab.school.org:444", "ws", True),
        ("lab.school.org", "https://lab.school.org.evil.example", "ws", False),
        ("lab.school.org", "https://www.lab.school.org", "ws", False),
        ("evil.example", "https://evil.example", "ws", False),
        ("lab.school.org", "https://lab.school.org, https://evil.example", "ws", False),
        ("lab.school.org", "https://lab.school.org\\@evil.example", "ws", False),
        ("lab.school.org", "", "ws", False),
        ("lab.school.org", "https://lab.school.org:99999", "ws", False),
        ("", "http://127.0.0.1:8501", "ws", False),
    ],
)
def test_only_the_labs_own_pages_are_let_in(options, host, origin, scheme, let_in):
    assert refused(scheme=scheme, host=host, origin=origin) == (not let_in)


def test_headers_that_come_twice_are_refused(options):
    own, other = "http://127.0.0.1:8501", "http://evil.example"
    assert not refused(host="127.0.0.1:8501", origin=[own])
    assert refused(host="127.0.0.1:8501", origin=[own, other])
    assert refused(host=["127.0.0.1:8501", "evil.example"], origin=[own])


@pytest.mark.parametrize("host", ["[::1]:8501", "[fd00::20]:8501"])
def test_addresses_of_ipv6_have_ports_too(options, host):
    options["server.allowedHosts"] = ["::1", "fd00::20"]
    assert not refused(host=host, origin=f"http://{host}")
    assert refused(host=host, origin=f"http://{host.replace('8501', '9999')}")
    assert refused(host="[::2]:8501", origin="http://[::2]:8501")


def test_the_owner_lists_further_origins_with_their_ports(options):
    options["server.corsAllowedOrigins"] = ["https://portal.school.org/", "http://10.0.0.5:3000"]
    for origin in ("https://portal.school.org", "http://10.0.0.5:3000"):
        assert not refused(host="127.0.0.1:8501", origin=origin)
    for origin in ("http://portal.school.org", "http://10.0.0.5:3001", "https://10.0.0.5:3000"):
        assert refused(host="127.0.0.1:8501", origin=origin)


def test_the_address_people_see_is_an_origin(options):
    options.update({"browser.serverAddress": "lab.school.org", "browser.serverPort": 443})
    assert not refused(host="127.0.0.1:8501", origin="https://lab.school.org")
    assert refused(host="127.0.0.1:8501", origin="https://lab.school.org:8443")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_names_no_origin_still_says_it_comes_from_elsewhere(options, site):
    asks = {"host": "127.0.0.1:8501", "sec_fetch_site": site}
    assert refused(**asks)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert refused("http", "http", method, "/x", **asks)
    assert not refused("http", "http", "GET", "/", **asks)  # somebody follows a link
    assert not refused("http", "http", "PUT", "/x", host="127.0.0.1:8501")


def test_names_may_be_left_open_or_given_by_a_pattern(options):
    options["server.allowedHosts"] = ["*.school.org"]
    assert not refused(host="lab.school.org", origin="https://lab.school.org")
    assert refused(host="school.org.evil.example", origin="https://school.org.evil.example")
    options["server.allowedHosts"] = []
    assert not refused(host="any.example", origin="https://any.example")
