"""An address that gives no photos says what happened: nobody there, an error, a loop, no links."""

import http.server
import socket
import ssl
import threading

import pytest
from fakes import shell as run

from catdog_core.errors import DownloadError
from catdog_core.sources import places

pytest.importorskip("aiohttp")


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    def do_GET(self):
        whole = self.path.strip("/")
        part = whole if whole == "empty" else whole.split("/")[0].replace("empty", "404")
        if part == "loop":
            self.send_response(302)
            self.send_header("Location", "/loop/again")
        elif part in ("empty", "cut"):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "900" if part == "cut" else "6")
        else:
            self.send_response(int(part) if part.isdigit() else 404)
        self.end_headers()
        if part in ("empty", "cut"):
            self.wfile.write(b"<html>")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def odd():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("500/pets", "status 500"),
        ("403/pets", "status 403"),
        ("404", "is not there"),
        ("loop", "redirects again and again"),
        ("cut", "broke off"),
    ],
)
def test_a_server_that_gives_no_folder_is_told_by_its_answer(odd, path, words):
    with pytest.raises(DownloadError, match=words):
        _ = places.of(f"http://{odd}/{path}").listing


def test_a_page_without_links_is_told_as_such(workspace, capsys, odd):
    status, _, err = run(capsys, "check", f"http://{odd}/empty")
    assert (status, err.count("\n")) == (1, 1)
    assert "shows no links" in err


def test_where_nobody_listens_it_is_said(workspace, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/pets"
        for command in ("check", "train"):
            status, _, err = run(capsys, command, address)
            assert (status, err.count("\n")) == (1, 1)
            assert f"Nothing answers at {address}" in err


def test_a_host_nobody_has_and_a_certificate_nobody_signed_are_told_apart(odd, monkeypatch):
    with pytest.raises(DownloadError, match="No host is called"):
        _ = places.of("http://nowhere.invalid/pets").listing
    with pytest.raises(DownloadError, match="certificate"):
        _ = places.of(f"https://{odd}/pets").listing
    assert isinstance(
        places._unanswered("https://h/x", ssl.SSLCertVerificationError("self-signed")),
        DownloadError,
    )


def test_a_server_that_takes_the_call_and_says_nothing_is_waited_for_a_while(monkeypatch):
    monkeypatch.setattr(places, "_SILENCE", 0.5)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(DownloadError, match="gives no answer"):
            _ = places.of(f"http://127.0.0.1:{mute.getsockname()[1]}/pets").listing


def test_import_takes_files_and_says_so_of_an_address(workspace, capsys):
    status, _, err = run(capsys, "import", "http://127.0.0.1:9/pets.zip?key=hunter2")
    assert status == 1 and "files of this computer" in err and "hunter2" not in err
