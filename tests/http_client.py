"""Knocking at a real server as an attacker would: with headers that no browser of the lab sends."""

from __future__ import annotations

import http.client
import socket

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


def websocket_status(address: str, host: str = "", origin: str | None = "") -> int:
    """The status a websocket handshake is answered with: 101 lets in.

    Args:
        address: of the server, ``IP:port``.
        host: of the request; by default the server's own.
        origin: of the page it comes from; by default the server's own, None for none.
    """
    ip, port = address.split(":")
    host = host or address
    origin = f"http://{host}" if origin == "" else origin
    with socket.create_connection((ip, int(port)), timeout=60) as line:
        try:
            with connect(
                f"ws://{host}/_stcore/stream",
                sock=line,
                origin=origin,
                subprotocols=["streamlit"],
                open_timeout=60,
            ):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code


def http_status(address: str, method: str, path: str, **headers: str) -> int:
    """The status of a request."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        return connection.getresponse().status
    finally:
        connection.close()
