"""Who calls the API: the owner on this machine, or who has a token."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from ..base import access
from ..base.access import Visitor
from ..base.errors import AccessError
from . import tokens
from .origin_check import parse_origin

_SCHEME = "bearer"
_FORWARDING = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")
"""Headers by which a proxy says for whom it asks; those of ``x-forwarded-`` as well."""


@dataclass(frozen=True)
class Caller:
    """Who calls.

    Attributes:
        visitor: whom the work is done for.
        token: the name of the token; empty for the owner, who needs none.
    """

    visitor: Visitor
    token: str


def identify_caller(scope: Scope) -> Caller:
    """Return who a request is from.

    Raises:
        AccessError: it needs a token and has none, or a wrong one.
    """
    scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() == _SCHEME:
        visitor = tokens.find_visitor(secret.strip())
        if visitor is None:
            raise AccessError(
                "This token is wrong or was revoked. Ask whoever runs the lab for a new one."
            )
        return Caller(visitor, visitor.name)
    if access.load_access_settings().shared or not is_from_this_machine(scope):
        raise AccessError(
            "The API needs a token here. Ask whoever runs the lab for one, and send it as "
            "'Authorization: Bearer TOKEN'."
        )
    return Caller(access.OWNER, "")


def is_from_this_machine(scope: Scope) -> bool:
    """Return whether a program of this machine asks, and asks for itself.

    The address of the socket's other end tells, never what a header claims. A proxy here asks for
    others: it adds a header, or passes on the name that they called.
    """
    headers = Headers(scope=scope)
    if any(name in _FORWARDING or name.startswith("x-forwarded-") for name in headers):
        return False
    called = parse_origin(f"http://{headers.get('host', '')}")
    host = called.host.strip("[]") if called else ""
    peer = (scope.get("client") or ("", 0))[0]
    return _is_loopback(peer) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback
