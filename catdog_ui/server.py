"""The lab's web server: Streamlit's own, with a check of Host and Origin before every request.

Streamlit compares the names in Host and Origin, not their ports, and does so for websockets only.
A page of another program on this machine, at ``http://127.0.0.1:9999``, would pass. `OriginCheck`
looks at each request first: its Origin must be the scheme, name and port the lab was called by, or
one the owner listed in ``server.corsAllowedOrigins``. A browser sends an Origin with every
websocket and with whatever changes something. A program that is no browser may leave it out: it
carries no cookie of a person's browser that could be misused.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.base.files import truncate_for_display
from catdog_core.data import allowed_roots
from catdog_core.server import api, live, review

from . import uploads

log = logging.getLogger("catdog")

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEALTH_PATH = "/_stcore/health"
"""What load balancers ask under whatever name; the answer says only that the server runs."""
_CROSS_SITE = "it comes from another page"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_SHUTDOWN_TIMEOUT = 5.0
"""Seconds that requests in progress have to end once the server is asked to."""
_START_SECONDS = 0.05  # between two looks whether the server has started
_serving: Any = None
"""Uvicorn's server; None where another one serves this app."""
_POLICY_VIOLATION = 1008  # of websockets; before one is accepted, it becomes the status 403


class Origin(NamedTuple):
    """What browsers tell pages apart by: scheme, name and port, the default one filled in."""

    scheme: str
    host: str
    port: int


def parse_origin(text: str) -> Origin | None:
    """Parse an Origin header; None for anything else, such as "null" or an address with a path."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    return Origin(scheme, host, number) if 0 < number < 2**16 else None


def is_own_origin(origin: Origin, host: str, secure: bool, port: int) -> bool:
    """Return whether an Origin is that of the lab's own pages.

    Args:
        origin: of the page that asks.
        host: the Host header, which the browser fills in: where the request went.
        secure: whether the request came by TLS, as far as this server knows.
        port: this server's own.
    """
    scheme = "https" if secure else "http"
    if origin == parse_origin(f"{scheme}://{host}"):
        return True
    called = parse_origin(f"http://{host}")
    # Another port in Host than this server's means something in between, which may end TLS there.
    ended_before = called is not None and not secure and called.port != port
    return ended_before and origin == parse_origin(f"https://{host}")


def is_allowed_origin(origin: Origin, port: int) -> bool:
    """Whether the owner listed an Origin: in ``server.corsAllowedOrigins``, or as the address that
    people see, ``browser.serverAddress`` and ``browser.serverPort``.

    Args:
        origin: of the page that asks.
        port: this server's own.
    """
    listed = [str(each).strip().rstrip("/") for each in st.get_option("server.corsAllowedOrigins")]
    seen = str(st.get_option("browser.serverAddress") or "localhost")
    if seen != "localhost":  # which it is where nobody set it
        outside = int(st.get_option("browser.serverPort"))
        tls = bool(st.get_option("server.sslCertFile"))
        schemes = [*(["http"] if not tls else []), *(["https"] if tls or outside != port else [])]
        listed += [f"{scheme}://{seen}:{outside}" for scheme in schemes]
    return origin in map(parse_origin, listed)


def is_allowed_host(host: str, names: Iterable[str]) -> bool:
    """Return whether a Host header is in ``server.allowedHosts``; all are where it is empty.

    Args:
        host: the header.
        names: as there: ``*`` for any, ``*.example.org`` for all below.
    """
    known = [name.strip().lower().rstrip(".") for name in names]
    called = parse_origin(f"http://{host}")
    if called is None:
        return False
    name = called.host.strip("[]").rstrip(".")
    return (
        not known
        or "*" in known
        or name in known
        or any(each.startswith("*.") and name.endswith(each[1:]) for each in known)
    )


class OriginCheck:
    """ASGI middleware: refuses with 403 what comes from another origin or under another name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = refusal_reason(scope)
        if not reason:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        log.warning(
            "Refused a request: %s (Host %s, Origin %s)",
            reason,
            *(truncate_for_display(headers.get(name, "none"), 200) for name in ("host", "origin")),
        )
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            answer = PlainTextResponse(f"Refused: {reason}.", 403)
            await answer(scope, receive, send)


def refusal_reason(scope: Scope) -> str:
    """Return why a request is refused; empty where it is not.

    Args:
        scope: of an HTTP request or a websocket, as ASGI has it.
    """
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    port = int((scope.get("server") or ("", 0))[1] or 0)
    host = hosts[0] if len(hosts) == 1 else ""
    if not str(scope["path"]).endswith(_HEALTH_PATH) and not is_allowed_host(
        host, st.get_option("server.allowedHosts")
    ):
        return "the lab has another name"
    if not origins:
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        site = headers.get("sec-fetch-site", "none")
        return _CROSS_SITE if changes and site in ("cross-site", "same-site") else ""
    origin = parse_origin(origins[0]) if len(origins) == 1 else None
    secure = scope.get("scheme") in ("https", "wss")
    if origin and (is_own_origin(origin, host, secure, port) or is_allowed_origin(origin, port)):
        return ""
    return _CROSS_SITE


def check_startup_config() -> None:
    """Check, before the server starts, what it would otherwise say on every page.

    Raises:
        SystemExit: there can be no workspace; with the reason on stderr.
    """
    try:
        files.resolve_workspace()
        allowed_roots.resolve_roots_variable()
    except CatDogError as error:
        sys.exit(f"Error: {error}")


def build_routes() -> list[BaseRoute]:
    """Return what the server answers besides the pages, under the same path as they."""
    routes: list[BaseRoute] = [*api.build_routes(), *live.build_routes(), *review.build_routes()]
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return [Mount(f"/{base}", routes=routes)] if base else routes


def build_middleware() -> list[Middleware]:
    """Return what every request passes before Streamlit sees it, the first one first."""
    return [Middleware(OriginCheck), Middleware(uploads.UploadCheck)]


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Care for uploads while the server runs; open the browser where Streamlit would."""
    _install_signal_handlers()
    uploads.attach_upload_check()
    sweep = asyncio.create_task(uploads.close_stale_sessions_forever(), name="uploads")
    at_once = asyncio.create_task(_send_at_once(), name="no delay")
    if not st.get_option("server.headless"):
        host = st.get_option("browser.serverAddress") or "localhost"
        scheme = "https" if st.get_option("server.sslCertFile") else "http"
        url = f"{scheme}://{host}:{st.get_option('browser.serverPort')}"
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    try:
        yield
    finally:
        for task in (sweep, at_once):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _send_at_once() -> None:
    """Let the system send every answer at once, as asyncio does for sockets it makes itself.

    Streamlit makes its socket in a way that asyncio doesn't recognize as TCP. The body of an answer
    then waits up to 40 ms for a receipt of its headers (Nagle's algorithm).
    """
    while _serving is not None and not getattr(_serving, "started", True):
        await asyncio.sleep(_START_SECONDS)
    for server in getattr(_serving, "servers", ()):
        for listening in server.sockets:  # connections inherit the option
            with suppress(OSError):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _install_signal_handlers() -> None:
    """Let a signal end the server with status 0, as Streamlit's own does.

    Uvicorn raises each signal again once it has ended, which would skip whatever is done at the
    exit of a process.
    """
    global _serving
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last on Windows only
        number = getattr(signal, name, None)
        serving = getattr(signal.getsignal(number), "__self__", None) if number else None
        if number is None or not hasattr(serving, "should_exit"):
            continue  # somebody else serves this app
        _serving = serving

        def stop(_number: int, _frame: object, serving: Any = serving) -> None:
            if serving.should_exit:
                serving.force_exit = True
                return
            serving.should_exit = True
            uploads.cancel_uploads()
            loop.call_soon_threadsafe(loop.call_later, _SHUTDOWN_TIMEOUT, _force_exit, serving)

        with suppress(ValueError):  # not the main thread
            signal.signal(number, stop)


def _force_exit(serving: Any) -> None:
    serving.force_exit = True
