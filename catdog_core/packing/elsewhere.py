"""Packing to another place: the shards of a dataset, as they would be written here."""

from __future__ import annotations

from ..cluster.tasks import Hands, Progress
from ..datasets import Dataset
from ..errors import DatasetError
from ..sources.places import Place, Remote
from . import shard_index, shards
from .packed import Told


def pack(
    dataset: Dataset,
    out: Remote,
    size: int = 150,
    progress: Progress | None = None,
    hands: Hands | None = None,
) -> Told:
    """Write a dataset as shards to another place: the same bytes as `records.pack` writes here.

    Each appears whole; ``index.json``, which makes them a packed dataset, comes last. The next call
    goes on from the shards that are whole there.

    Args:
        dataset, size, progress: as for `records.pack`.
        out: a place that holds nothing, or shards.
        hands: who packs.

    Raises:
        DatasetError: `out` holds something else, or no photo of a split could be read.
        DownloadError: the place does not answer, or may not be written.
    """
    refuse_packed(dataset)
    plan = shards.plan(dataset, size)
    wanted = {f"{shard.name}{suffix}" for shard in plan for suffix in (".tfrecord", ".json")}
    there = set(out.fresh().listing)
    if not all(shard_index.is_name(name) for name in there - {"index.json"}) or (
        "index.json" in there and not shard_index.is_of(out, dataset, size)
    ):
        raise taken(out)
    index = shard_index.make(dataset, size, shards.write_all(plan, out, size, progress, hands))
    for name in there - wanted - {"index.json"}:  # of another plan
        (out / name).remove()
    (out / "index.json").write_bytes(shard_index.to_bytes(index))
    return Told.by(index)


def refuse_packed(dataset: Dataset) -> None:
    """Raise DatasetError for a dataset of shards: what they were made of is not there."""
    if dataset.source == "shards":
        raise DatasetError(
            "'{name}' is packed already. Expected photos: pack the folder the shards were made of.",
            name=dataset.name,
        )


def taken(out: Place) -> DatasetError:
    """The error that tells that a place for shards holds something else."""
    return DatasetError(
        "{folder} already holds something. Expected a new or empty folder for the shards. Name"
        " another.",
        folder=out,
    )
