"""The lab's web server: Streamlit's own, with the lab's routes and checks before every request."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.data import allowed_roots
from catdog_core.server import api, live, recording, review, shutdown
from catdog_core.server.origin_check import KnownNames, OriginCheck, parse_origin

from . import uploads

_START_SECONDS = 0.05  # between two looks whether the server has started


def known_names(port: int) -> KnownNames:
    """Return who the server is: ``server.allowedHosts``, and the origins the owner listed in
    ``server.corsAllowedOrigins`` or as the address that people see, ``browser.serverAddress`` and
    ``browser.serverPort``.

    Args:
        port: this server's own.
    """
    listed = [str(each).strip().rstrip("/") for each in st.get_option("server.corsAllowedOrigins")]
    seen = str(st.get_option("browser.serverAddress") or "localhost")
    if seen != "localhost":  # which it is where nobody set it
        outside = int(st.get_option("browser.serverPort"))
        tls = bool(st.get_option("server.sslCertFile"))
        schemes = [*(["http"] if not tls else []), *(["https"] if tls or outside != port else [])]
        listed += [f"{scheme}://{seen}:{outside}" for scheme in schemes]
    origins = tuple(origin for origin in map(parse_origin, listed) if origin)
    return KnownNames(tuple(st.get_option("server.allowedHosts")), origins)


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
    routes: list[BaseRoute] = [
        *api.build_routes(),
        *live.build_routes(),
        *recording.build_routes(),
        *review.build_routes(),
    ]
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return [Mount(f"/{base}", routes=routes)] if base else routes


def build_middleware() -> list[Middleware]:
    """Return what every request passes before Streamlit sees it, the first one first."""
    return [Middleware(OriginCheck, names=known_names), Middleware(uploads.UploadCheck)]


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Care for uploads while the server runs; open the browser where Streamlit would."""
    serving = shutdown.install_signal_handlers()
    uploads.attach_upload_check()
    sweep = asyncio.create_task(uploads.close_stale_sessions_forever(), name="uploads")
    at_once = asyncio.create_task(_send_at_once(serving), name="no delay")
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


async def _send_at_once(serving: Any) -> None:
    """Let the system send every answer at once, as asyncio does for sockets it makes itself.

    Streamlit makes its socket in a way that asyncio doesn't recognize as TCP. The body of an answer
    then waits up to 40 ms for a receipt of its headers (Nagle's algorithm).

    Args:
        serving: uvicorn's server; None where another one serves this app.
    """
    while serving is not None and not getattr(serving, "started", True):
        await asyncio.sleep(_START_SECONDS)
    for server in getattr(serving, "servers", ()):
        for listening in server.sockets:  # connections inherit the option
            with suppress(OSError):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
