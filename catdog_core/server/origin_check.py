"""A check of Host and Origin before every request, whatever answers it.

Streamlit compares the names in Host and Origin, not their ports, and does so for websockets only.
A page of another program on this machine, at ``http://127.0.0.1:9999``, would pass. `OriginCheck`
looks at each request first: its Origin must be the scheme, name and port the lab was called by, or
one the owner listed. A browser sends an Origin with every websocket and with whatever changes
something. A program that is no browser may leave it out: it carries no cookie of a person's browser
that could be misused.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..base.files import truncate_for_display

log = logging.getLogger("catdog")

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEALTH_PATHS = ("/_stcore/health", "/api/v1/health")
"""What load balancers ask under whatever name; the answer says only that the server runs."""
_CROSS_SITE = "it comes from another page"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
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


def is_allowed_host(host: str, names: Iterable[str]) -> bool:
    """Return whether a Host header is one of the names; any is where there are none.

    Args:
        host: the header.
        names: ``*`` for any, ``*.example.org`` for all below.
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


@dataclass(frozen=True)
class KnownNames:
    """Who a server is: the names it answers to, as `is_allowed_host` takes them, and the origins
    whose pages may ask besides its own."""

    hosts: tuple[str, ...]
    origins: tuple[Origin, ...] = ()


class OriginCheck:
    """ASGI middleware: refuses with 403 what comes from another origin or under another name.

    Args:
        app: answers what is not refused.
        names: returns who the server is, by its port.
    """

    def __init__(self, app: ASGIApp, names: Callable[[int], KnownNames]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = refusal_reason(scope, self._names(_port(scope)))
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


def _port(scope: Scope) -> int:
    return int((scope.get("server") or ("", 0))[1] or 0)


def refusal_reason(scope: Scope, names: KnownNames) -> str:
    """Return why a request is refused; empty where it is not.

    Args:
        scope: of an HTTP request or a websocket, as ASGI has it.
        names: who the server is.
    """
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    host = hosts[0] if len(hosts) == 1 else ""
    if not str(scope["path"]).endswith(_HEALTH_PATHS) and not is_allowed_host(host, names.hosts):
        return "the lab has another name"
    if not origins:
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        site = headers.get("sec-fetch-site", "none")
        return _CROSS_SITE if changes and site in ("cross-site", "same-site") else ""
    origin = parse_origin(origins[0]) if len(origins) == 1 else None
    secure = scope.get("scheme") in ("https", "wss")
    if origin and (is_own_origin(origin, host, secure, _port(scope)) or origin in names.origins):
        return ""
    return _CROSS_SITE
