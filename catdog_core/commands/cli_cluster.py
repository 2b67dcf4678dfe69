"""The commands of a cluster on this machine: start it, look at it, stop it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from ..cluster import local_cluster, loopback, ray_here
from ..errors import ClusterError

app = typer.Typer(
    help="A cluster of Ray on this machine alone, for --address auto.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@app.command()
def start(
    workers: Annotated[int, typer.Option(min=1, max=64, help="Nodes, the head included.")] = 2,
    cores: Annotated[
        int | None,
        typer.Option(min=1, help="Of each node; unset, an equal part of this machine's."),
    ] = None,
    memory: Annotated[
        int,
        typer.Option(min=80, metavar="MB", help="Shared memory of each node, for passed objects."),
    ] = local_cluster.MEMORY // 1_000_000,
) -> None:
    """Start a cluster of nodes that are processes of this machine, and reachable only from it."""
    print(f"Starting {workers} nodes …", flush=True)
    cluster = local_cluster.start(workers, cores, memory * 1_000_000)
    _tell(cluster)
    print("Use it by --address auto; end it by 'cluster stop'.")


@app.command()
def status() -> int:
    """Tell which nodes of the cluster live, and where it is reached. Ends with 1 where none is."""
    cluster = local_cluster.current()
    if cluster is None:
        print("No cluster was started here. 'cluster start --workers 2' starts one.")
        return 1
    if cluster.status() == "lost":
        print("The head of the cluster is gone. 'cluster stop' clears what it left behind.")
        return 1
    _tell(cluster)
    return 0


@app.command()
def stop() -> None:
    """End the cluster: all its processes, and no others. What trains on it can be resumed."""
    ended = local_cluster.stop()
    print(f"Ended {ended} processes." if ended else "No cluster was started here.")


def _tell(cluster: local_cluster.Cluster) -> None:
    alive = {}
    if ray_here.is_installed():
        with suppress(ConnectionError, ClusterError):
            alive = loopback.nodes(cluster.address, local_cluster.token())
    print(f"Cluster at {cluster.address}, for this machine only, by a token.")
    for node in cluster.nodes:
        # Ray itself takes a while to miss a node that was killed.
        here = node.is_alive() and node.name in alive
        what = f"takes work, cores: {alive[node.name]:g}" if here else "gone"
        print(f"{node.name}: {what} (process {node.pid})")
