"""A web server on loopback that breaks off, changes its mind, stalls or lies, as it is told."""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeSite:
    """What the server does; `asked` are the requests so far, each as (path, headers)."""

    body: bytes
    etag: str | None = '"v1"'
    status: int = 200
    cut_at: int | None = None  # bytes sent of an answer before the connection ends
    cuts: int = 1  # answers that are cut
    stall_at: int | None = None  # bytes sent of the first answer before nothing more comes
    trickle: float = 0  # seconds before each byte
    ignores_range: bool = False
    ignores_mark: bool = False  # sends the rest of whatever the file is now
    length: bool = True
    md5: str | None = None
    location: str | None = None
    kind: str = "application/zip"
    tls: ssl.SSLContext | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def sum(self) -> str:
        """The checksum of the body as Google's storage writes it."""
        return base64.b64encode(hashlib.md5(self.body, usedforsecurity=False).digest()).decode()


@contextmanager
def running_site(body: bytes = b"", **behaviour: Any) -> Iterator[FakeSite]:
    """A running server; a request to it ends with the block."""
    site = FakeSite(body, **behaviour)
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"site": site}))
    if site.tls:
        server.socket = site.tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scheme = "https" if site.tls else "http"
    site.url = f"{scheme}://127.0.0.1:{server.server_port}/pets.zip"
    try:
        yield site
    finally:
        site.done.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Silence: that clients go away is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    site: FakeSite

    def log_message(self, *_: Any) -> None:
        """Silence."""

    def do_GET(self) -> None:
        site = self.site
        site.asked.append((self.path, dict(self.headers)))
        if site.location:
            self.send_response(302)
            self.send_header("Location", site.location)
            self.end_headers()
            return
        start, status = self._start(), site.status
        if start and status == 200:
            status = 206 if start < len(site.body) else 416
        body = site.body[start:] if status in (200, 206) else b"no"
        self._head(status, start, len(body))
        self._send(body)

    def _start(self) -> int:
        range_header = self.headers.get("Range", "")
        fresh = self.site.ignores_mark or self.headers.get("If-Range") in (None, self.site.etag)
        if not range_header or self.site.ignores_range or not fresh:
            return 0
        return int(range_header.removeprefix("bytes=").rstrip("-"))

    def _head(self, status: int, start: int, length: int) -> None:
        site = self.site
        self.send_response(status)
        self.send_header("Content-Type", site.kind)
        if site.length:
            self.send_header("Content-Length", str(length))
        if status == 206:
            total = len(site.body)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.md5:
            self.send_header("x-goog-hash", "crc32c=n03x6A==")
            self.send_header("x-goog-hash", f"md5={site.md5}")
        self.end_headers()

    def _send(self, body: bytes) -> None:
        site = self.site
        with suppress(OSError):
            if site.stall_at is not None:
                self.wfile.write(body[: site.stall_at])
                self.wfile.flush()
                site.stall_at = None
                site.done.wait(60)
            elif site.trickle:
                for index in range(len(body)):
                    self.wfile.write(body[index : index + 1])
                    if site.done.wait(site.trickle):
                        break
            elif site.cut_at is not None and site.cuts > 0:
                site.cuts -= 1
                self.wfile.write(body[: site.cut_at])
            else:
                self.wfile.write(body)
        self.close_connection = True
