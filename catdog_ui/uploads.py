"""Uploads: only files that an uploader on the visitor's page asked for, freed soon after a visit.

Streamlit takes a file for any active session and keeps it until that session is collected. Here

- every page says by `register_upload_limit` which uploaders it has, and what they take;
- `UploadCheck` refuses a file whose id no uploader asked for, one that is too large, and one that
  stops coming, before it takes memory;
- a session that lost its browser is closed after `GRACE` seconds where it holds files.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from catdog_core.server.bodies import LimitedBody

log = logging.getLogger("catdog")

GRACE = 40.0
"""Seconds a session that lost its browser keeps its uploads: a reload or a short gap in the net."""
_SWEEP_SECONDS = 5.0  # seconds between two sweeps
_MEGABYTE = 2**20  # as Streamlit counts
_FORM_OVERHEAD = 2**16  # bytes that a form adds to its file
_MAX_FILE_IDS = 20_000  # file ids remembered of a session
_TOTAL_FACTOR = 2  # times server.maxUploadSize, that all files of a session may take
_UPLOAD_PATH = re.compile(r".*/_stcore/upload_file/([^/]+)/([^/]+)")


@dataclass
class _Session:
    """What is known of a session: its page, the largest file an uploader there takes, in bytes,
    the limit of each file id asked for, since when it has no browser, and Streamlit's own object.
    """

    page: str = ""
    largest: int = 0
    size_limits: dict[str, int] = field(default_factory=dict)
    disconnected_at: float | None = None
    streamlit: weakref.ref[Any] | None = None


_sessions: dict[str, _Session] = {}
_lock = threading.Lock()


def register_upload_limit(megabytes: int | None = None) -> int:
    """Say that the page has an uploader, just before it is drawn.

    Args:
        megabytes: the largest file it takes; by default, and at most, ``server.maxUploadSize``.

    Returns:
        The same number, for its `max_upload_size`.
    """
    most = int(st.get_option("server.maxUploadSize"))
    taken = most if megabytes is None else max(1, min(megabytes, most))
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        with _lock:
            session = _enter_page(context.session_id, context.page_script_hash)
            session.largest = max(session.largest, taken * _MEGABYTE)
    return taken


def begin_page() -> None:
    """Forget the uploaders of the page that was left; at the start of every page."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is not None:
        with _lock:
            if context.session_id in _sessions:
                _enter_page(context.session_id, context.page_script_hash)


def _enter_page(session_id: str, page: str) -> _Session:
    session = _sessions.setdefault(session_id, _Session(page))
    if session.page != page:  # uploads that were asked for may still be on their way
        session.page, session.largest = page, 0
    return session


def max_upload_bytes(session_id: str, file_id: str) -> int | None:
    """Return the most bytes a file may have, None where no uploader asked for it."""
    with _lock:
        session = _sessions.get(session_id)
        return session.size_limits.get(file_id) if session else None


class UploadCheck:
    """ASGI middleware: takes a file only where an uploader asked for it, up to its limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it before its body is read."""
        match = _UPLOAD_PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is None or scope["method"] in ("OPTIONS", "GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        most = max_upload_bytes(*match.groups())
        if most is None:
            await PlainTextResponse("No uploader asked for this file.", 403)(scope, receive, send)
            return
        content_length = Headers(scope=scope).get("content-length", "")
        if content_length.isdecimal() and int(content_length) > most + _FORM_OVERHEAD:
            await PlainTextResponse("This file is too large.", 413)(scope, receive, send)
            return
        try:
            await self._app(scope, LimitedBody(receive, most + _FORM_OVERHEAD).read, send)
        except ClientDisconnect:
            log.info("An upload broke off")


def attach_upload_check() -> None:
    """Let Streamlit's store of uploads ask here; once, when the server has started."""
    server = runtime.get_instance()
    files: Any = server.uploaded_file_mgr
    give_urls, add_file = files.get_upload_urls, files.add_file

    def get_upload_urls(session_id: str, file_names: Sequence[str]) -> list[Any]:
        upload_urls: list[Any] = give_urls(session_id, file_names)
        with _lock:
            session = _sessions.get(session_id)
            if session is not None and session.largest:
                known = server.get_app_session(session_id)
                session.streamlit = weakref.ref(known) if known else session.streamlit
                session.size_limits.update({each.file_id: session.largest for each in upload_urls})
                for oldest in list(session.size_limits)[
                    : max(len(session.size_limits) - _MAX_FILE_IDS, 0)
                ]:
                    del session.size_limits[oldest]
        return upload_urls

    def add_checked_file(session_id: str, file: Any) -> None:
        most = max_upload_bytes(session_id, file.file_id)
        if most is None or not server.is_active_session(session_id):
            raise HTTPException(403, "The page that asked for this file is closed.")
        held = files.file_storage.get(session_id, {})
        total_limit = _TOTAL_FACTOR * int(st.get_option("server.maxUploadSize")) * _MEGABYTE
        others = sum(len(each.data) for key, each in held.items() if key != file.file_id)
        if len(file.data) > most or others + len(file.data) > total_limit:
            raise HTTPException(413, "This file is too large.")
        add_file(session_id, file)

    files.get_upload_urls, files.add_file = get_upload_urls, add_checked_file


def close_stale_sessions(now: float) -> int:
    """Close sessions that hold files and lost their browser a while ago; on the server's loop.

    Args:
        now: seconds of `time.monotonic`.

    Returns:
        How many sessions were closed.
    """
    server = runtime.get_instance()
    files: Any = server.uploaded_file_mgr
    # Streamlit forgets the session itself after this time, and would no longer close it.
    patience = min(GRACE, int(st.get_option("server.disconnectedSessionTTL")) / 2)
    closed = 0
    for session_id, session in list(_sessions.items()):
        if server.is_active_session(session_id):
            session.disconnected_at = None
        elif session.disconnected_at is None:
            session.disconnected_at = now
        elif now - session.disconnected_at >= patience:
            with _lock:
                _sessions.pop(session_id, None)
            known = session.streamlit() if session.streamlit else None
            if known is not None:
                server.close_session(session_id)
                # Its widgets hold the files, too. No garbage collection may free these: the first
                # visitors' are among what `loaded_models.freeze_gc` leaves out of every later one.
                known.session_state.clear()
                closed += 1
            files.remove_session_files(session_id)  # of one that is forgotten already, too
    return closed


async def close_stale_sessions_forever() -> None:
    """Sweep every few seconds, until cancelled."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            if close_stale_sessions(time.monotonic()):
                gc.collect()  # what a page made of its uploads may be in cycles
        except Exception:
            log.exception("Uploads could not be freed")
