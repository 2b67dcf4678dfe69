"""A download goes on where it broke off, ends with the right file, or says in words why not."""

import errno
import json
import random
import shutil
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
from servers import running_site

from catdog_core.base.errors import DownloadError
from catdog_core.data import download, http_errors
from catdog_core.data.download import Download

BODY = b"PK" + random.Random(0).randbytes(3_000_000)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def job(site, folder, **changes):
    values = {"limit": 10_000_000, "magic": b"PK", "timeout": 5, "tries": 3, "pause": 0.01}
    url = site if isinstance(site, str) else site.url
    return Download(url, folder, **{**values, **changes})


def ranges(site):
    return [headers.get("Range") for _, headers in site.asked]


def test_a_whole_download_tells_its_progress_and_leaves_one_file(tmp_path):
    updates = []
    with running_site(BODY) as site:
        path = job(site, tmp_path, progress=lambda *now: updates.append(now)).run()
    assert path.read_bytes() == BODY
    assert updates[0] == (0, len(BODY)) and updates[-1] == (len(BODY), len(BODY))
    assert {p.name for p in tmp_path.iterdir()} <= {"pets.zip", "pets.zip.lock"}


def test_a_file_that_is_there_is_not_fetched_again(tmp_path):
    with running_site(BODY) as site:
        job(site, tmp_path).run()
        job(site, tmp_path).run()
    assert len(site.asked) == 1


def test_a_connection_cut_half_way_is_taken_up_there(tmp_path):
    with running_site(BODY, cut_at=1_500_000) as site:
        assert job(site, tmp_path).run().read_bytes() == BODY
    assert ranges(site) == [None, "bytes=1500000-"]
    assert site.asked[1][1]["If-Range"] == '"v1"'


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(tmp_path):
    with running_site(BODY, cut_at=500_000, cuts=3) as site:
        with pytest.raises(DownloadError, match="broke after 1,500,000 of 3,000,002 bytes"):
            job(site, tmp_path).run()
        updates = []
        path = job(site, tmp_path, progress=lambda *now: updates.append(now)).run()
    assert path.read_bytes() == BODY
    assert updates[0] == (1_500_000, len(BODY)) and ranges(site)[-1] == "bytes=1500000-"


def test_every_connection_that_brings_a_megabyte_counts_anew(tmp_path):
    with running_site(BODY, cut_at=1_100_000, cuts=2) as site:
        assert job(site, tmp_path, tries=2).run().read_bytes() == BODY


def test_a_server_that_ignores_the_range_is_read_from_the_start(tmp_path):
    with running_site(BODY, cut_at=1_500_000, ignores_range=True) as site:
        assert job(site, tmp_path).run().read_bytes() == BODY
    assert ranges(site) == [None, "bytes=1500000-"]


@pytest.mark.parametrize("ignores_mark", [False, True])
def test_another_version_between_is_fetched_whole(tmp_path, ignores_mark):
    with running_site(BODY, cut_at=1_500_000, ignores_mark=ignores_mark) as site:
        with pytest.raises(DownloadError):
            job(site, tmp_path, tries=1).run()
        site.body, site.etag = b"PK" + BODY[::-1], '"v2"'
        assert job(site, tmp_path).run().read_bytes() == site.body


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_sure_mark_nothing_is_joined(tmp_path, etag):
    with running_site(BODY, cut_at=1_500_000, etag=etag) as site:
        assert job(site, tmp_path).run().read_bytes() == BODY
    assert ranges(site) == [None, None]


def test_a_part_longer_than_the_file_is_thrown_away(tmp_path):
    with running_site(BODY) as site:
        (tmp_path / "pets.zip.part").write_bytes(BODY + b"more")
        (tmp_path / "pets.zip.json").write_text(json.dumps({"url": site.url, "mark": '"v1"'}))
        assert job(site, tmp_path).run().read_bytes() == BODY
    assert len(site.asked) == 2


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"url": 5, "mark": null}'])
def test_a_damaged_record_begins_anew(tmp_path, record):
    (tmp_path / "pets.zip.part").write_bytes(b"PK" + bytes(100))
    (tmp_path / "pets.zip.json").write_text(record)
    with running_site(BODY) as site:
        assert job(site, tmp_path).run().read_bytes() == BODY


def test_a_server_that_stalls_is_given_up_and_asked_again(tmp_path):
    with running_site(BODY, stall_at=1_000_000) as site:
        assert job(site, tmp_path, timeout=0.3).run().read_bytes() == BODY
    assert ranges(site)[1].startswith("bytes=")


def test_a_server_that_never_answers_costs_a_bounded_time(tmp_path):
    with (
        running_site(BODY, stall_at=0) as site,
        pytest.raises(DownloadError, match="sent almost nothing"),
    ):
        job(site, tmp_path, timeout=0.2, tries=1).run()


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(tmp_path):
    with (
        running_site(BODY, trickle=0.02) as site,
        pytest.raises(DownloadError, match="sent almost nothing"),
    ):
        job(site, tmp_path, patience=0.2, tries=2).run()
    assert len(site.asked) == 2


def test_a_log_in_page_is_told_at_its_first_bytes(tmp_path):
    with (
        running_site(b"<html>Log in", kind="text/html") as site,
        pytest.raises(DownloadError, match=r"something other than the file \(text/html\)"),
    ):
        job(site, tmp_path).run()
    assert not (tmp_path / "pets.zip").exists() and len(site.asked) == 1


@pytest.mark.parametrize(
    ("status", "words", "asked"),
    [
        (404, "no longer exists", 1),
        (403, "refused to send", 1),
        (503, "busy or unavailable", 3),
        (500, "busy", 3),
    ],
)
def test_a_refusal_is_told_in_words(tmp_path, status, words, asked):
    with running_site(BODY, status=status) as site, pytest.raises(DownloadError, match=words):
        job(site, tmp_path).run()
    assert len(site.asked) == asked


def test_a_file_larger_than_expected_is_refused_even_without_a_length(tmp_path):
    for length in (True, False):
        with (
            running_site(BODY, length=length) as site,
            pytest.raises(DownloadError, match="instead of at most 9,000"),
        ):
            job(site, tmp_path, limit=9000).run()


def test_the_checksum_the_server_gives_is_compared(tmp_path):
    with running_site(BODY) as site:
        site.md5 = site.sum()
        assert job(site, tmp_path / "good").run().is_file()
        site.body = BODY[:-1] + b"?"
        with pytest.raises(DownloadError, match="was damaged during download"):
            job(site, tmp_path / "bad").run()
    assert not list((tmp_path / "bad").glob("*.part"))


def test_no_network_is_one_sentence_at_once_and_names_the_demo_set(tmp_path, monkeypatch):
    with running_site(BODY) as site:
        gone = site.url
    for url in (gone, "http://no-such-host.invalid/pets.zip"):
        with pytest.raises(DownloadError, match=r"Can't connect to .*demo dataset") as caught:
            job(url, tmp_path, pause=60).run()
        assert str(caught.value).count("\n") == 0


def test_a_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    with running_site(BODY) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/pets.zip"))
        url = "http://datasets.example/pets.zip"
        assert job(url, tmp_path).run().read_bytes() == BODY
    assert proxy.asked[0][0] == url


def test_a_proxy_that_wants_a_password_is_named_without_one(tmp_path, monkeypatch):
    with running_site(BODY, status=407) as proxy:
        address = proxy.url.removesuffix("/pets.zip").replace("http://", "http://me:secret@")
        monkeypatch.setenv("http_proxy", address)
        with pytest.raises(DownloadError, match="needs a name and password") as caught:
            job("http://datasets.example/pets.zip", tmp_path).run()
    assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_a_proxy_that_lets_nothing_through_is_named(tmp_path, monkeypatch):
    with running_site(BODY) as proxy:  # it knows no CONNECT, and answers 501
        monkeypatch.setenv("https_proxy", proxy.url.removesuffix("/pets.zip"))
        with pytest.raises(DownloadError, match=r"proxy 127\.0\.0\.1:\d+ couldn't connect to"):
            job("https://datasets.example/pets.zip", tmp_path, pause=60).run()


def test_an_address_that_is_not_encrypted_is_not_followed_from_one_that_is():
    request = urllib.request.Request("https://datasets.example/pets.zip")
    for other in ("http://elsewhere.example/x", "ftp://elsewhere.example/x"):
        with pytest.raises(DownloadError, match="isn't encrypted"):
            http_errors._Redirects().redirect_request(request, None, 302, "", {}, other)


def test_a_redirection_is_followed(tmp_path):
    with running_site(BODY) as site, running_site(location=site.url) as first:
        assert job(first, tmp_path).run().read_bytes() == BODY


def test_a_certificate_nobody_vouches_for_is_refused(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    words = r"certificate of 127\.0\.0\.1 can't be verified"
    with running_site(BODY, tls=context) as site, pytest.raises(DownloadError, match=words):
        job(site, tmp_path / "x", pause=60).run()
    assert site.asked == []


def test_a_full_disk_is_told_before_and_during(tmp_path, monkeypatch):
    full = shutil._ntuple_diskusage(10, 10, 0)
    with running_site(BODY) as site:
        monkeypatch.setattr(download.shutil, "disk_usage", lambda _: full)
        with pytest.raises(DownloadError, match="only 0 free"):
            job(site, tmp_path).run()
        monkeypatch.undo()

        def refuse(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(download, "_append_bytes", refuse)
        with pytest.raises(DownloadError, match="No space left on device"):
            job(site, tmp_path, pause=60).run()


def test_a_stop_is_heard_and_what_came_is_kept(tmp_path):
    stop = threading.Event()
    with running_site(BODY) as site:
        with pytest.raises(DownloadError, match="was stopped"):
            job(site, tmp_path, progress=lambda *_: stop.set(), stopped=stop.is_set).run()
        partial_size = Path(tmp_path / "pets.zip.part").stat().st_size
        assert 0 < partial_size < len(BODY)
        assert job(site, tmp_path).run().read_bytes() == BODY
    assert ranges(site)[-1] == f"bytes={partial_size}-"


def test_a_second_download_of_the_same_file_is_refused(tmp_path):
    with running_site(BODY, stall_at=1000) as site:
        going = threading.Event()
        first = job(site, tmp_path, progress=lambda done, _: done and going.set())
        thread = threading.Thread(target=first.run, daemon=True)
        thread.start()
        assert going.wait(60)
        with pytest.raises(DownloadError, match="is already downloading"):
            job(site, tmp_path).run()
        site.done.set()
        thread.join(60)
    assert (tmp_path / "pets.zip").read_bytes() == BODY
