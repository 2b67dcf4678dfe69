"""Ray, where it is wanted: its import, a connection to a cluster, and the end of both.

Ray is an optional dependency: no module may import it at its top, unless it is itself loaded only
when somebody asked for a cluster. `import_ray` is the way to it.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..base import files, processes, stale_files
from ..base.errors import ClusterError

LOCAL = "local"
"""The address that starts a Ray of one's own on this machine, for as long as it is needed."""
LOOPBACK = "127.0.0.1"
OBJECT_STORE_BYTES = 100 * 2**20
"""Bytes of shared memory of a local Ray: the lab sends no photos through it."""
_RUNNING_FILE = "ray_current_cluster"
"""In Ray's temporary folder while a Ray of this machine runs: the address of its head."""
_CONNECT_TIMEOUT = 10.0  # seconds for an address to answer; Ray itself would try for minutes
_QUIET_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # and CUDA_VISIBLE_DEVICES stays as it is
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    # Ray would give trials the least priority (15): beside other work they hardly ran. Workers set
    # their own.
    "RAY_worker_niceness": "0",
}


def is_installed() -> bool:
    """Return whether Ray is installed, without importing it."""
    return find_spec("ray") is not None


def has_cluster() -> bool:
    """Return whether a cluster can be had: Ray runs on this machine, or `RAY_ADDRESS` names one."""
    if not is_installed():
        return False
    home = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    running = [folder / "ray" / _RUNNING_FILE for folder in (home, Path("/tmp"))]
    return bool(os.environ.get("RAY_ADDRESS")) or any(file.is_file() for file in running)


def check_ray_installed() -> None:
    """Raise ClusterError with what to do when Ray is not installed; imports nothing."""
    if not is_installed():
        raise ClusterError(
            "Sweeps need Ray, which isn't installed. Install it with 'pip install -r "
            "requirements-cluster.txt', then try again."
        )


def import_ray() -> Any:
    """Import the module `ray`.

    Raises:
        ClusterError: it is not installed, or cannot be loaded here.
    """
    for name, value in _QUIET_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    check_ray_installed()
    try:
        import ray
    except ImportError as error:
        raise ClusterError(
            "Ray can't be loaded here: {reason}. Reinstall it with 'pip install -r "
            "requirements-cluster.txt'.",
            reason=str(error)[:200],
        ) from error
    return ray


def parse_cluster_address(address: str) -> str:
    """Check a cluster's address and return it without spaces.

    Args:
        address: "local" for a Ray of one's own, "auto" for the one that runs on this machine,
            "host:port" or "ray://host:port" for another.

    Raises:
        ClusterError: it is none of these.
    """
    stripped = address.strip()
    if stripped in (LOCAL, "auto"):
        return stripped
    host, colon, port = stripped.removeprefix("ray://").rpartition(":")
    if not colon or not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ClusterError(
            "The cluster address can't be '{address}'. Use local, auto, HOST:PORT such as "
            "10.0.0.5:6379, or ray://HOST:PORT such as ray://10.0.0.5:10001.",
            address=files.truncate_for_display(stripped) or "nothing",
        )
    return stripped


def check_reachable(address: str) -> None:
    """Raise ClusterError for an address where nobody listens, before anything is made for it."""
    address = parse_cluster_address(address)
    if address not in (LOCAL, "auto"):  # these are started, or found, when it comes to it
        _check_port_open(address)


@contextmanager
def ray_session(address: str = LOCAL, **options: Any) -> Iterator[Any]:
    """Connect to a cluster while the block runs; a Ray started for it ends with it.

    Where this process is connected already, that connection is used and stays.

    Args:
        address: as in `parse_cluster_address`.
        options: more for `ray.init`, such as ``runtime_env``.

    Returns:
        The module `ray`.

    Raises:
        ClusterError: Ray is not installed, or nothing answers at the address.
    """
    address = parse_cluster_address(address)
    if address == LOCAL:
        _enable_token_auth()
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    folder = _temporary_folder() if address == LOCAL else None
    try:
        _init_ray(ray, address, folder, options)
        yield ray
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _enable_token_auth() -> None:
    """Have a Ray of our own refuse other users of this machine, who reach the loopback as well.

    Ray reads these variables when it is imported; its processes inherit them.
    """
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _bind_to_loopback() -> None:
    """Have Ray take 127.0.0.1 for this machine's address, in this process.

    Told ``_node_ip_address`` alone, it would still listen on all interfaces (Ray 2.60), and run
    whatever it is sent by one who reaches its ports. Ray has no public setting for this, so its
    function that finds the address is replaced.
    """
    from ray._private import services, worker

    def node_address(address: str | None = None) -> str:
        node = worker._global_node
        return LOOPBACK if node is None else str(node.node_ip_address)

    services.get_node_ip_address = node_address


def _init_ray(ray: Any, address: str, folder: Path | None, options: dict[str, Any]) -> None:
    init_options: dict[str, Any] = {"address": address, "logging_level": logging.ERROR, **options}
    if not address.startswith("ray://"):
        init_options["log_to_driver"] = False
    if address == LOCAL:
        _bind_to_loopback()
        init_options |= {
            "include_dashboard": False,
            "_node_ip_address": LOOPBACK,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        if folder is not None:
            init_options["_temp_dir"] = str(folder)
    elif address != "auto":
        _check_port_open(address)
    try:
        with warnings.catch_warnings():  # Ray's notes about itself are none of the user's
            warnings.simplefilter("ignore")
            ray.init(**init_options)
    except Exception as error:  # Ray raises a dozen kinds, down to plain RuntimeError
        raise _unreachable_error(address, f"{type(error).__name__}: {error}") from error


def _check_port_open(address: str) -> None:
    """Find out whether anybody listens at an address, which Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT):
            pass
    except OSError as error:
        raise _unreachable_error(address, error.strerror or str(error)) from error


def _unreachable_error(address: str, reason: str) -> ClusterError:
    if address == LOCAL:
        return ClusterError(
            "Ray couldn't start on this machine: {reason}. Close other programs or free some "
            "memory and disk space, then try again.",
            reason=" ".join(reason.split())[:300],
        )
    return ClusterError(
        "No Ray cluster answered at '{address}': {reason}. Start one (docs/cluster.md), check the "
        "address, or use local.",
        address=address,
        reason=" ".join(reason.split())[:300],
    )


def _temporary_folder() -> Path | None:
    """Make a folder with a short path for a local Ray: socket paths have 107 letters at most."""
    if os.name == "nt":
        return None
    for base in (tempfile.gettempdir(), "/tmp"):
        if len(base) <= 30 and os.access(base, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="catdog-", dir=base))
            # The name has no room for it: see `stale_files`.
            (folder / stale_files.MAKER_FILE).write_text(f"-{processes.maker_tag()}-00000000")
            return folder
    return None
