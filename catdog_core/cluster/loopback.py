"""Ray kept to this machine: its processes listen on 127.0.0.1 alone, and ask for a token.

Ray runs whatever it is sent by one who reaches its ports. Told ``--node-ip-address=127.0.0.1`` it
still takes the machine's address in its network and listens on all interfaces; only where the
machine's own address *is* the loopback does it listen there alone. So both those who start a node
and those who use one have Ray take it for that (`keep`). A token keeps out other users of the same
machine, who reach the loopback as well. Run as a program, this is Ray's own command line, kept so.
"""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Any

from .. import files

ADDRESS = "127.0.0.1"
_ALIVE = 0  # of the states in Ray's GcsNodeInfo
_PATIENCE = 5.0  # seconds for the head to answer what nodes there are


def environment(token: Path) -> dict[str, str]:
    """The variables by which a process may start a node of a cluster with this token, or join it.

    Args:
        token: the file that holds it.
    """
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "",  # one that is told so would count more than a file
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray has more than one node on Windows and macOS only where it is asked to.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
    }


def keep() -> None:
    """Have Ray take the loopback for this machine's address, in this process. Imports Ray."""
    from ray._private import services, worker

    def here(address: str | None = None) -> str:
        node = worker._global_node
        return ADDRESS if node is None else str(node.node_ip_address)

    services.get_node_ip_address = here


def new_token(path: Path) -> Path:
    """Make a token in a file that only its owner can read; its place again.

    Ray by itself would keep one in the home folder, readable by everybody.

    Raises:
        CatDogError: it cannot be written.
    """
    with files.telling(path):
        path.unlink(missing_ok=True)
        with open(path, "w", opener=_private) as file:
            file.write(secrets.token_hex(32))
    return path


def join(token: Path) -> dict[str, str | None]:
    """Make this process ready for ``ray.init(address="127.0.0.1:…")``. Imports Ray.

    Args:
        token: the file with the token of the cluster.

    Returns:
        What to give `leave`.
    """
    ours = environment(token)
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    keep()
    _read_again()
    return before


def leave(before: dict[str, str | None]) -> None:
    """Take back what `join` told this process."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _read_again()


def nodes(address: str, token: Path) -> dict[str, float]:
    """The nodes of a cluster that are alive, by name, with the cores each gives to work.

    Args:
        address: of the head, host and port.
        token: the file with the token of the cluster.

    Raises:
        ConnectionError: the head does not answer.
    """
    from ray.exceptions import RayError

    join(token)

    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=_PATIENCE):
        pass  # or Ray would go on trying for half a minute
    try:
        told = _inside().GcsClient(address=address).get_all_node_info(timeout=_PATIENCE)
    except (RayError, RuntimeError, OSError) as error:
        raise ConnectionError(str(error)) from error
    found = [node for node in told.values() if node.state == _ALIVE]
    return {node.node_name: node.resources_total.get("CPU", 0.0) for node in found}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read_again() -> None:
    """Have Ray read its variables again, which it did when it was imported, maybe long ago."""
    inside = _inside()
    inside.Config.initialize("")
    inside.AuthenticationTokenLoader.instance().reset_cache()


def _inside() -> Any:
    """The compiled part of Ray, which tells no types."""
    from ray import _raylet

    return _raylet


if __name__ == "__main__":
    keep()
    from ray.scripts import scripts

    scripts.main()  # type: ignore[no-untyped-call]
