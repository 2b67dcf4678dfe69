"""A cluster of Ray on this machine alone: started, looked at and stopped, a process group a node.

What was started is written down in the workspace, so that exactly that is stopped: processes by
their number and their start, never by a name. Only the start and the look at the nodes need Ray.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock, Timeout

from .. import files
from ..errors import ClusterError
from ..training import launch
from . import loopback

FORMAT = 1
MARK = "CATDOG_CLUSTER"
"""Variable that all processes of a cluster have from the node they belong to: the cluster's id."""
MEMORY = 200_000_000
"""Bytes of shared memory a node keeps objects in; the lab passes little through it."""
_PATIENCE = 120.0  # seconds for a node to come up; a busy machine takes half a minute
_GRACE = 10.0  # seconds for a node to end by itself


@dataclass(frozen=True)
class Node:
    """A node: one process of the lab's, under which all of Ray's for that node run."""

    name: str
    pid: int
    identity: str
    """What tells the process from a later one of the same number: see `launch.identity`."""

    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return bool(self.identity) and launch.identity(self.pid) == self.identity


@dataclass(frozen=True)
class Cluster:
    """A cluster as it was started."""

    id: str
    address: str
    """Host and port of the head, for ``--address``."""
    temporary: Path
    """Where Ray keeps its sockets and logs while it runs."""
    nodes: tuple[Node, ...]
    """The head comes first."""
    host: str = ""
    """The machine it runs on: others may see the same workspace."""

    def status(self) -> Literal["running", "lost"]:
        """A cluster is there as long as its head is."""
        return "running" if self.nodes and self.nodes[0].is_alive() else "lost"


def folder() -> Path:
    """Where it is written down what runs."""
    return files.workspace() / "cluster"


def token() -> Path:
    """The file with the token of the cluster; only the one who started it may read it."""
    return folder() / "token"


def current() -> Cluster | None:
    """The cluster that was started and not stopped; it may have died since."""
    told = files.read_object(folder() / "cluster.json")
    try:
        files.refuse_newer(folder() / "cluster.json", told, FORMAT)
        nodes = [Node(each["name"], each["pid"], each["identity"]) for each in told["nodes"]]
        place, host = Path(told["temporary"]), str(told.get("host", ""))
        return Cluster(told["id"], told["address"], place, tuple(nodes), host)
    except (KeyError, TypeError):
        return None


def address() -> str | None:
    """The address of the cluster of this workspace, None when none runs."""
    found = current()
    return found.address if found and found.status() == "running" else None


def start(workers: int = 2, cores: int | None = None, memory: int = MEMORY) -> Cluster:
    """Start a head and `workers` - 1 further nodes, and wait until all take work.

    Args:
        workers: nodes in all, from 1 on.
        cores: of each node, by default an equal part of this machine's, at least one.
        memory: bytes of shared memory of each node, at least 80 MB.

    Raises:
        ClusterError: Ray is missing, a cluster runs already, or a node does not come up.
    """
    from .ray_here import require  # which in turn looks here for the cluster that runs

    require()
    with _alone():
        if at := address():
            raise ClusterError(
                "A cluster runs already at {address}. Use it, or end it by 'cluster stop'.",
                address=at,
            )
        _stop()  # what a cluster that died may have left behind
        cores = cores or max((os.cpu_count() or 1) // workers, 1)
        try:
            return _started(workers, cores, memory)
        except BaseException:
            _stop()
            raise


def stop() -> int:
    """End the cluster: every process it consists of, and no other.

    Returns:
        How many processes were ended; 0 when none was left.

    Raises:
        ClusterError: it is just being started or stopped.
    """
    with _alone():
        return _stop()


def processes() -> list[psutil.Process]:
    """Every process of the cluster that was started here and not stopped.

    Those of its nodes, what descends from them, and what carries the cluster's mark: a worker
    whose node was killed belongs to nobody any more.
    """
    cluster = current()
    if cluster is None:
        return []
    found: dict[int, psutil.Process] = {}
    for node in cluster.nodes:
        if node.is_alive():
            with suppress(psutil.Error):
                top = psutil.Process(node.pid)
                found |= {each.pid: each for each in (top, *top.children(recursive=True))}
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.pid not in found and each.environ().get(MARK) == cluster.id:
                found[each.pid] = each
    found.pop(os.getpid(), None)
    return list(found.values())


@contextmanager
def _alone() -> Iterator[None]:
    with files.telling(folder()):
        folder().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder() / "lock", timeout=0):
            yield
    except Timeout:
        raise ClusterError(
            "The cluster is just being started or stopped. Wait until that is done."
        ) from None


def _started(workers: int, cores: int, memory: int) -> Cluster:
    loopback.new_token(token())
    head, client = _free_ports(2)
    # Short, as sockets lie in it: their whole path may have 107 characters.
    short = "/tmp" if Path("/tmp").is_dir() else None
    cluster = Cluster(
        secrets.token_hex(8),
        f"{loopback.ADDRESS}:{head}",
        Path(tempfile.mkdtemp(prefix="cdl-", dir=short)),
        (),
        socket.gethostname(),
    )
    common = [f"--num-cpus={cores}", f"--object-store-memory={memory}"]
    common += ["--min-worker-port=0", "--max-worker-port=0"]
    for number in range(workers):
        name = f"node-{number + 1}"
        if number:
            options = [f"--address={cluster.address}"]
        else:
            options = ["--head", f"--port={head}", f"--ray-client-server-port={client}"]
            options += [f"--temp-dir={cluster.temporary}", "--include-dashboard=false"]
        node = _spawn(cluster, name, [*common, *options])
        cluster = replace(cluster, nodes=(*cluster.nodes, node))
        # Before anything is waited for: what was started can be stopped from now on.
        told = {"format": FORMAT, **asdict(cluster), "temporary": str(cluster.temporary)}
        files.write_json(folder() / "cluster.json", told)
        _wait_for(cluster, node)
    return cluster


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback nothing listens on: all held at once, so that none comes twice."""
    with_all = [socket.socket() for _ in range(count)]
    try:
        for each in with_all:
            each.bind((loopback.ADDRESS, 0))
        return [int(each.getsockname()[1]) for each in with_all]
    finally:
        for each in with_all:
            each.close()


def _spawn(cluster: Cluster, name: str, options: list[str]) -> Node:
    command = [sys.executable, "-m", loopback.__name__, "start", "--block"]
    command += ["--disable-usage-stats", f"--node-name={name}"]
    command += [f"--node-ip-address={loopback.ADDRESS}", *options]
    environment = {**os.environ, **loopback.environment(token()), MARK: cluster.id}
    environment.pop("RAY_ADDRESS", None)  # of another cluster
    environment["CATDOG_WORKSPACE"] = str(files.workspace())
    log = folder() / f"{name}.log"
    with files.telling(log), open(log, "wb") as file:
        pid = launch.detached(command, file, environment)
    return Node(name, pid, launch.identity(pid))


def _wait_for(cluster: Cluster, node: Node) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        launch.reap()
        if not node.is_alive():
            break
        with suppress(ConnectionError):
            if node.name in loopback.nodes(cluster.address, token()):
                return
        time.sleep(0.3)
    raise ClusterError(
        "Node {name} of the cluster did not come up. What Ray said stands in {log}.",
        name=node.name,
        log=folder() / f"{node.name}.log",
    )


def _stop() -> int:
    cluster = current()
    if cluster is None:
        return 0
    if cluster.host not in ("", socket.gethostname()):
        raise ClusterError(
            "The cluster of this workspace was started on the machine '{host}'. Stop it there. If"
            " that machine is gone, delete {file}.",
            host=files.shown(cluster.host),
            file=folder() / "cluster.json",
        )
    found = processes()
    tops = {node.pid for node in reversed(cluster.nodes)}
    # The nodes end what is theirs when they are asked; what is left after that is ended here.
    for each in sorted(found, key=lambda each: each.pid not in tops):
        if each.pid in tops:
            with suppress(psutil.Error):
                each.terminate()
    _, left = psutil.wait_procs(found, timeout=_GRACE)
    for each in left:
        with suppress(psutil.Error):
            each.kill()  # psutil looks at the start first: never one that took the number over
    _, left = psutil.wait_procs(left, timeout=_GRACE)
    launch.reap()
    if left:
        raise ClusterError(
            "{count} processes of the cluster could not be ended. Try again, or restart the"
            " machine.",
            count=len(left),
        )
    files.remove_tree(cluster.temporary)
    for name in ("cluster.json", "token"):
        files.discard(folder() / name)
    return len(found)
